"""The ruler on further families: on how many kinds of task does a measure hold?

    models   AUROC: models that use their chain (base, its second seed, control, rationaliser) against those that answer without it (two seeds of bypass)
    alarms   share of the family's harmless tunings with a verdict
    scaled   the verdict on the base with its logits x 1.5
    late     AUROC: models that use their chain against a bypass that was only ever asked after a finished chain; reported, not in the bounds

A measure holds on a family where `models` and `alarms` keep the ruler's bounds and `scaled` is silent. What else the ruler scores cannot be had from these
families, for the reasons in `CANNOT`. DIR/FAMILY gets what the ruler's folder has, DIR/families.json the outcome.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mechcot.core.card import MeasureCard
from mechcot.core.measurement import Measurement
from mechcot.core.store import write_json
from mechcot.measures.registry import MEASURES, chosen_measures
from mechcot.ruler import scores
from mechcot.ruler.measurements import BASE, SCALED, measure_panel, panel_chains, tasks
from mechcot.ruler.panel import Panel, family_panel
from mechcot.ruler.results import finite
from mechcot.ruler.run import ready
from mechcot.ruler.table import SCORE_BOUNDS, family_rows, grid, verdict
from mechcot.runs.executor import Executor
from mechcot.stats.measurement_tables import measurements_table

CANNOT: Mapping[str, str] = {
    "items": "no organism of the family decides item by item",
    "reliance": "the family has fewer mixtures than the four that are needed",
    "step_to_answer": "the answer always reads the last step: any measure that favours late steps would pass",
    "step_to_step": "each step reads the one before: any measure that favours neighbours would pass",
}
"""Column of the ruler's scores to why these families have none."""
NO_VERDICTS = "gives no verdicts"


def run_families(
    families: Sequence[str],
    *,
    out: Path,
    seed: int,
    executor: Executor,
    measures: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Score every measure on every family, and give what `families.json` holds.

    Args:
        families: Names of families of plain statements.
        out: Folder; a second run resumes it.
        seed: Of problems, nulls and resampling.
        executor: Where models are read.
        measures: Names of measures; None: all but those that the panels leave out.
    """
    result: dict[str, Any] = {"schema": 1, "seed": seed, "cannot": dict(CANNOT), "families": {}}
    for family in families:
        panel = family_panel(family)
        ready(panel)
        wanted = chosen_measures(
            measures or [name for name in MEASURES if name not in panel.without]
        )
        folder = out / family
        chains = panel_chains(panel, out=folder, seed=seed)
        todo = tasks(panel, measures=wanted, headline=chains, stepwise=(), out=folder, seed=seed)
        measurements = measure_panel(todo, executor=executor)
        cards = [MEASURES[name].card for name in wanted if name != "gates"]
        entries = {card.name: entry(card, measurements, panel=panel, seed=seed) for card in cards}
        result["families"][family] = {"items": len(chains), "measures": entries}
        write_json(out / "families.json", result)
    return result


def entry(
    card: MeasureCard, measurements: Sequence[Measurement], *, panel: Panel, seed: int
) -> dict[str, Any]:
    """One measure on one family.

    Args:
        card: Its card.
        measurements: All measurements of the panel.
        panel: The family's models.
        seed: Of the resampling.

    Returns:
        `holds` is None, with the reason, where the measure cannot be scored on the family.
    """
    own = [m for m in measurements if m.measure == card.name]
    values, table = grid(own), measurements_table(own)
    using = family_rows(values, (BASE, *panel.names("uses")))
    fired = [verdict(table, card, after=name, seed=seed) for name in panel.names("harmless")]
    found = {
        "models": scores.models(using, family_rows(values, panel.names("bypasses")), seed=seed),
        "late": scores.models(using, family_rows(values, panel.names("late")), seed=seed),
        "alarms": scores.alarms([word in {"less", "more"} for word in fired]),
    }
    scaled = verdict(table, card, after=SCALED, seed=seed)
    reason = _unscored(card, own, found["models"])
    holds = (
        found["models"].value >= SCORE_BOUNDS["models"]
        and found["alarms"].value <= SCORE_BOUNDS["alarms"]
        and scaled not in {"less", "more"}
    )
    return {
        "title": card.title,
        "holds": None if reason else holds,
        "reason": reason,
        "scaled": scaled,
        "scores": {
            name: {key: finite(value) for key, value in asdict(score).items()}
            for name, score in found.items()
        },
    }


def _unscored(card: MeasureCard, own: Sequence[Measurement], models: scores.Score) -> str:
    """Why a measure cannot be scored; "" where it can."""
    if not card.direction:
        return NO_VERDICTS
    if not np.isnan(models.value):
        return ""
    reasons = Counter(m.reason for m in own if m.reader == BASE and m.reason)
    return reasons.most_common(1)[0][0] if reasons else models.n


def held_on_families(result: Mapping[str, Any]) -> dict[str, dict[str, bool | None]]:
    """Measure to family to whether it holds there; measures that give no verdicts are left out.

    Args:
        result: What `families.json` holds.
    """
    families = result["families"]
    names = dict.fromkeys(name for family in families.values() for name in family["measures"])
    held = {
        name: {family: entry["measures"][name] for family, entry in families.items()}
        for name in names
    }
    return {
        name: {family: entry["holds"] for family, entry in entries.items()}
        for name, entries in held.items()
        if any(entry["reason"] != NO_VERDICTS for entry in entries.values())
    }
