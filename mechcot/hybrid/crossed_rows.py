"""From the experiments of a 2 x 2 to its rows: four changes a behaviour, what random vectors of the same dose change there, contrasts and a verdict."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from mechcot.core.pair import Pair
from mechcot.core.trace import StepKind
from mechcot.hybrid.behaviours import Behaviour
from mechcot.hybrid.crossed_verdicts import Judged, judge_crossed, smallest_change
from mechcot.stats.dose_tolerance import same_dose


@dataclass(frozen=True)
class RandomChange:
    """What one random vector changes in one model.

    Attributes:
        model: Its name.
        dose: Measured, nats.
        means: Mean change from the clean texts, by readout.
    """

    model: str
    dose: float
    means: Mapping[str, float]


def random_changes(result: Mapping[str, Any], items: pd.DataFrame) -> list[RandomChange]:
    """What the random vectors of an experiment changed, in every readout.

    Args:
        result: What it gave.
        items: Its texts, one a row.
    """
    readouts = ["tokens", "correct", *map(str, StepKind)]
    changes = []
    for arm in result["arms"]:
        if arm["role"] == "vector":
            own = items[items["model"] == arm["model"]].set_index("item")
            steered = own[(own["role"] == "vector") & (own["source"] == arm["source"])]
            clean = own[own["role"] == "clean"]
            means = (steered[readouts].astype(float) - clean[readouts].astype(float)).mean()
            changes.append(RandomChange(arm["model"], arm["dose"]["kl"], means.to_dict()))
    return changes


def crossed_row(
    behaviour: Behaviour,
    specs: Pair[str],
    result: Mapping[str, Any],
    chance: Sequence[RandomChange],
    *,
    behaviours: int,
) -> dict[str, Any]:
    """What a behaviour's experiment says.

    Args:
        behaviour: What was tried.
        specs: The models by name.
        result: What its experiment gave.
        chance: What random vectors at the same places changed.
        behaviours: How many the run tries.

    Returns:
        `name`, `readout`, `cells` (`source`, `model` as base or tuned; change from the clean texts with interval; measured dose; mean changes by random vectors of that dose;
        smallest change that counts; share of texts that were cut), `contrasts` (of models, of sources, the interaction), `judged` (all doses alike), `verdict`, `needed`, `why`.
    """
    sides = {specs.before: "base", specs.after: "tuned"}
    name = behaviour.readout
    clean = {arm["model"]: arm for arm in result["arms"] if arm["role"] == "clean"}
    cells = [
        {
            "source": sides[arm["source"]],
            "model": sides[arm["model"]],
            "dose": arm["dose"]["kl"],
            "cut": 1 - min(_finished(arm), _finished(clean[arm["model"]])),
            "smallest": smallest_change(clean[arm["model"]]["values"][name]["mean"]),
            "chance": [
                random.means[name]
                for random in chance
                if random.model == arm["model"]
                and same_dose((random.dose, arm["dose"]["kl"]))
                and math.isfinite(random.means[name])
            ],
            **arm["change"][name],
        }
        for arm in result["arms"]
        if arm["role"] == "vector"
    ]
    contrasts = [
        {
            "what": row["what"],
            "source": sides[row["source"]],
            "model": sides[row["model"]],
            **row["values"][name],
        }
        for row in result["contrasts"]
        if row["what"] in ("models", "sources", "interaction")
    ]
    judged = all(
        row["judged"] for row in result["contrasts"] if row["what"] in ("models", "sources")
    )
    settings: dict[str, Any] = {"behaviours": behaviours, "either_way": name == "tokens"}
    said = judge_crossed(cells, contrasts, **settings) if judged else Judged("doses differ")
    named = {"name": behaviour.name, "readout": name, "site": behaviour.vector.site}
    return named | {"cells": cells, "contrasts": contrasts, "judged": judged, **asdict(said)}


def _finished(arm: Mapping[str, Any]) -> float:
    """The share of an arm's texts that came to their end."""
    return arm["values"]["finished"]["mean"] or 0.0
