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
        `name`, `readout`, `absent` (the model that has no such vector, and no cells), `cells` (`source`, `model` as base or tuned; change from the clean texts with interval; measured dose; mean changes by random vectors of that dose;
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
    if behaviour.absent:
        cells, contrasts = without_source(cells, contrasts, behaviour.absent)
    judged = all(
        row["judged"] for row in result["contrasts"] if row["what"] in ("models", "sources")
    )
    settings: dict[str, Any] = {"behaviours": behaviours, "either_way": name == "tokens"}
    said = judge_crossed(cells, contrasts, **settings) if judged else Judged("doses differ")
    named = {"name": behaviour.name, "readout": name, "site": behaviour.vector.site}
    named["absent"] = behaviour.absent
    return named | {"cells": cells, "contrasts": contrasts, "judged": judged, **asdict(said)}


def without_source(
    cells: Sequence[Mapping[str, Any]], contrasts: Sequence[Mapping[str, Any]], absent: str
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The cells and contrasts where one model has no vector. No vector changes nothing, so the other's change is the whole difference of sources; nothing is crossed.

    Args:
        cells: Four cells, those of `absent` made with the other model's vector.
        contrasts: Theirs.
        absent: base or tuned.
    """
    kept = [cell for cell in cells if cell["source"] != absent]
    own = {cell["model"]: cell for cell in kept}
    differences: list[Mapping[str, Any]] = []
    for contrast in contrasts:
        if contrast["what"] == "models" and contrast["source"] != absent:
            differences.append(contrast)
        elif contrast["what"] == "sources":  # the base's less the tuned model's
            ends = [own[contrast["model"]][end] for end in ("low", "mean", "high")]
            if absent == "base":
                ends = [None if end is None else -end for end in reversed(ends)]
            differences.append(
                {**contrast, **dict(zip(("low", "mean", "high"), ends, strict=True))}
            )
    return kept, differences


def _finished(arm: Mapping[str, Any]) -> float:
    """The share of an arm's texts that came to their end."""
    return arm["values"]["finished"]["mean"] or 0.0
