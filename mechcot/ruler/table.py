"""All measurements of the panel -> the table of scores, one row per measure, and what each row earned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mechcot.core.card import MeasureCard
from mechcot.core.measurement import Measurement
from mechcot.core.trace import Trace
from mechcot.organisms.unused_steps import WRITER
from mechcot.ruler import scores
from mechcot.ruler.measurements import BASE, SCALED
from mechcot.ruler.panel import Panel
from mechcot.ruler.scores import Score, undefined
from mechcot.ruler.step_truth import PAIRS, STEP_TO_ANSWER, answer_cases, pair_cases, truth
from mechcot.stats.contrast import contrast_readers
from mechcot.stats.measurement_tables import measurements_table

SCORE_COLUMNS = (
    "models",
    "items",
    "reliance",
    "step_to_step",
    "step_to_answer",
    "alarms",
    "shuffled",
)
EDITS = ("step_patching", "adding_mistakes")
"""Measures that edit the chain themselves: their reliance is scored against what masks say, not edits."""

BY_DEFINITION = frozenset((measure, column) for measure in EDITS for column in ("step_to_answer",))
"""Cells in which a measure would be scored by its own definition: the step graph is confirmed by edits."""

GATE_TRUTH = {"amber": False, "cobalt": True}
"""Gate word to whether the gated organism uses its chain after it."""


@dataclass(frozen=True, eq=False)
class Row:
    """One measure against known truth.

    Attributes:
        card: Its card.
        scores: Column to score.
        scaled: Verdict on the base with its logits x 1.5: must be neither less nor more.
        identity: Largest effect of an edit that changes nothing; NaN when it makes no edit.
        seconds: Mean seconds per measurement.
        missing: Share of the base's chains that it could not measure.
    """

    card: MeasureCard
    scores: Mapping[str, Score]
    scaled: str
    identity: float
    seconds: float
    missing: float

    @property
    def earned(self) -> bool:
        """Return whether the ruler's bounds hold, so that the measure may give verdicts (see `SCORE_BOUNDS`)."""
        values = {column: self.scores[column].value for column in SCORE_BOUNDS}
        met = all(
            value <= bound if column == "alarms" else value >= bound
            for column, bound in SCORE_BOUNDS.items()
            for value in [values[column]]
        )
        return met and self.card.direction == 1 and self.scaled not in {"less", "more"}


SCORE_BOUNDS = {"models": 0.97, "items": 0.9, "reliance": 0.9, "alarms": 0.05}
"""What a measure must reach at once to give verdicts, besides silence under logits x 1.5."""


def rows(
    measurements: Sequence[Measurement],
    cards: Sequence[MeasureCard],
    *,
    panel: Panel,
    headline: Sequence[Trace],
    stepwise: Sequence[Trace],
    reached: Mapping[str, Mapping[str, float]],
    seed: int,
) -> list[Row]:
    """Score every measure.

    Args:
        measurements: All measurements of the panel.
        cards: The measures to score.
        panel: Its models.
        headline: The base's chains.
        stepwise: The chains with unused steps.
        reached: Model to its reached reliance by `edits` and by `masks`.
        seed: Seed of all resampling.
    """
    by_measure: dict[str, list[Measurement]] = {}
    for measurement in measurements:
        by_measure.setdefault(measurement.measure, []).append(measurement)
    return [
        _row(
            card,
            by_measure.get(card.name, []),
            panel=panel,
            headline=headline,
            stepwise=stepwise,
            reached=reached,
            seed=seed,
        )
        for card in cards
    ]


def _row(
    card: MeasureCard,
    measurements: Sequence[Measurement],
    *,
    panel: Panel,
    headline: Sequence[Trace],
    stepwise: Sequence[Trace],
    reached: Mapping[str, Mapping[str, float]],
    seed: int,
) -> Row:
    values = grid(measurements)
    table = measurements_table([r for r in measurements if r.author == BASE])
    own = [r for r in measurements if r.reader == BASE and r.author == BASE]
    gated, gates = _gated(values, panel, headline)
    found = {
        "models": scores.models(
            family_rows(values, (BASE, *panel.names("uses"))),
            family_rows(values, panel.names("bypasses")),
            seed=seed,
        ),
        "items": scores.items(gated, gates, seed=seed),
        "reliance": _reliance(card, values, panel, reached, seed=seed),
        "step_to_step": _stepwise(card, measurements, stepwise, "pairs", seed=seed),
        "step_to_answer": _stepwise(card, measurements, stepwise, "answer", seed=seed),
        "alarms": scores.alarms(
            [
                verdict(table, card, after=name, seed=seed) in {"less", "more"}
                for name in panel.names("harmless")
            ]
        )
        if card.direction
        else undefined("no verdicts"),
        "shuffled": scores.shuffled(gated, gates, seed=seed),
    }
    known = [abs(r.scalars["identity"]) for r in measurements if "identity" in r.scalars]
    return Row(
        card=card,
        scores=found,
        scaled=verdict(table, card, after=SCALED, seed=seed),
        identity=float(np.nanmax(known)) if known else float("nan"),
        seconds=float(np.mean([r.seconds for r in measurements])) if measurements else float("nan"),
        missing=float(np.mean([np.isnan(r.value) for r in own])) if own else float("nan"),
    )


def grid(measurements: Sequence[Measurement]) -> pd.DataFrame:
    """Values of one measure on the base's chains: one row per model, one column per item."""
    rows = [(r.reader, r.item, r.value) for r in measurements if r.author == BASE]
    table = pd.DataFrame(rows, columns=["reader", "item", "value"])
    return table.pivot_table(index="reader", columns="item", values="value", dropna=False)


def model_means(values: pd.DataFrame) -> "pd.Series[float]":
    """Each model's mean over its items; NaN where it has a value on too few of them.

    Args:
        values: One row per model, one column per item.
    """
    return values.mean(axis=1).where(scores.enough(values.to_numpy(dtype=float)))


def family_rows(values: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """The rows [model, item] of the models that have one."""
    here = [name for name in names if name in values.index]
    return values.loc[here].to_numpy(dtype=float)


def _gated(
    values: pd.DataFrame, panel: Panel, headline: Sequence[Trace]
) -> tuple[np.ndarray, np.ndarray]:
    """Values of the gated models' items, and whether the chain is used there."""
    gates = {t.problem.id: GATE_TRUTH.get(str(t.problem.meta.get("gate"))) for t in headline}
    cases = [
        (values.loc[name, item], uses)
        for name in panel.names("gated")
        if name in values.index
        for item, uses in gates.items()
        if uses is not None and item in values.columns
    ]
    return (
        np.array([value for value, _ in cases], dtype=float),
        np.array([uses for _, uses in cases], dtype=bool),
    )


def _reliance(
    card: MeasureCard,
    values: pd.DataFrame,
    panel: Panel,
    reached: Mapping[str, Mapping[str, float]],
    *,
    seed: int,
) -> Score:
    names = [name for name in panel.names("mixture") if name in values.index]
    kind = "masks" if card.name in EDITS else "edits"
    means = model_means(values.loc[names]).to_numpy(dtype=float)
    known = np.array([reached[name][kind] for name in names], dtype=float)
    return scores.reliance_score(means, known, seed=seed)


def _stepwise(
    card: MeasureCard,
    measurements: Sequence[Measurement],
    stepwise: Sequence[Trace],
    which: str,
    *,
    seed: int,
) -> Score:
    table, cases = (PAIRS, pair_cases) if which == "pairs" else (STEP_TO_ANSWER, answer_cases)
    if card.name not in table:
        return undefined("says nothing about steps")
    by_trace = {
        r.trace: r for r in measurements if r.reader == BASE and r.author == WRITER and not r.reason
    }
    both = [cases(by_trace[t.id], truth(t)) for t in stepwise if t.id in by_trace]
    return scores.steps([value for value, _ in both], [known for _, known in both], seed=seed)


def verdict(table: pd.DataFrame, card: MeasureCard, *, after: str, seed: int) -> str:
    """The measure's verdict on the base against another model, judged alone.

    Args:
        table: Tidy measurements of the panel on the base's chains.
        card: The measure; one without a direction is not judged.
        after: Name of the other model.
        seed: Of the resampling.

    Returns:
        `not judged` too when the model has no measurements. No gates are asked, and there are 2000 resamples.
    """
    if not card.direction or after not in set(table["reader"]):
        return "not judged"
    found = contrast_readers(
        table, [card], before=BASE, after=after, author=BASE, gates=[], seed=seed, resamples=2000
    )
    return str(found["verdict"].iloc[0])


def agreement(means: pd.DataFrame) -> pd.DataFrame:
    """Spearman between every two measures over all models that both have read.

    Args:
        means: Models in rows, measures in columns.
    """
    return means.corr(method="spearman", min_periods=4)
