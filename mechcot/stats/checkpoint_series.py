"""A training run: more than two checkpoints, one line per measure.

Every point of a line is about the *same* items, those with a value at every checkpoint, so the line moves only because the model
did. Each later checkpoint is judged against the first behind the gates of that pair; all of them are one Holm family.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mechcot.core.card import MeasureCard
from mechcot.core.display import Displayed
from mechcot.stats.bootstrap import RESAMPLES
from mechcot.stats.contrast import CONTRAST_COLUMNS, judge, measured
from mechcot.stats.gate_bounds import Gate, GateBounds
from mechcot.stats.gates import gates
from mechcot.stats.measurement_tables import pair_values, rows_of
from mechcot.stats.sentences import row_sentence

LINE_COLUMNS = ("checkpoint", "position", "value", "value_low", "value_high")
MISSING = "not measured at every checkpoint"


@dataclass(frozen=True, eq=False, repr=False)
class Series(Displayed):
    """Measures over the checkpoints of a training run, on the same traces.

    Attributes:
        checkpoints: Names in training order, the reference first.
        author: Who wrote the traces.
        table: One row per measure and checkpoint, see `to_frame`.
    """

    checkpoints: tuple[str, ...]
    author: str
    table: pd.DataFrame

    def __repr__(self) -> str:
        lines = [f"{' → '.join(self.checkpoints)}, on the chains of {self.author}"]
        later = self.table[self.table["position"] > 0]
        lines += [f"  {row['checkpoint']}: {row_sentence(row)}" for row in rows_of(later)]
        return "\n".join(lines)

    def to_frame(self) -> pd.DataFrame:
        """One row per measure and checkpoint: mean `value` with its 95 % interval, and the contrast with the first one (`delta`, `verdict`, ...)."""
        return self.table


def series(
    measurements: pd.DataFrame,
    scalars: pd.DataFrame,
    cards: Sequence[MeasureCard],
    *,
    checkpoints: Sequence[str],
    author: str,
    bounds: GateBounds | None = None,
    answers: Mapping[str, str] | None = None,
    seed: int = 0,
    clusters: Mapping[str, str] | None = None,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """One row per measure and checkpoint, in that order.

    Args:
        measurements: Tidy measurements table.
        scalars: Tidy scalars table, holding the scalars of measure `gates`.
        cards: Measures to follow.
        checkpoints: Readers in training order; the first one is the reference.
        author: Who wrote the chains that all of them read.
        bounds: Gate bounds; the defaults when None.
        answers: Reference answer of each item, for the chance level.
        seed: Seed of the study.
        clusters: Cluster of each item.
        resamples: Number of resamples.

    Returns:
        `LINE_COLUMNS` (value is the checkpoint's mean with its interval) and the columns of
        `contrast` against the first checkpoint; the first checkpoint's own row has delta 0 and verdict "not judged".

    Raises:
        ValueError: Fewer than two checkpoints, or one named twice.
    """
    if len(checkpoints) < 2 or len(set(checkpoints)) != len(checkpoints):
        raise ValueError(
            f"a series needs at least two different checkpoints, got {', '.join(checkpoints) or 'none'}"
        )
    first = checkpoints[0]
    pairs: dict[str, Any] = {"before": first, "author": author}
    shut: dict[str, Sequence[Gate]] = {first: (_reference(first),)}
    for name in checkpoints[1:]:
        shut[name] = gates(
            measurements, scalars, cards, after=name, bounds=bounds, answers=answers, **pairs
        )
    draws: dict[str, Any] = {"seed": seed, "clusters": clusters, "resamples": resamples}
    parts: list[pd.DataFrame] = []
    for card in cards:
        items = shared_items(measurements, card.name, checkpoints=checkpoints, author=author)
        lost = len(_seen(measurements, card.name, checkpoints=checkpoints, author=author) - items)
        because = {"dropped": lost, "dropped_because": f"{MISSING} ({lost})" if lost else ""}
        for position, name in enumerate(checkpoints):
            row = measured(measurements, [card], after=name, items=items, **pairs, **draws)
            parts.append(row.assign(checkpoint=name, position=position, **because))
    gates_of_rows = [shut[name] for _ in cards for name in checkpoints]
    stacked = judge(pd.concat(parts, ignore_index=True), gates=gates_of_rows)
    line = {"value": "after", "value_low": "after_low", "value_high": "after_high"}
    stacked = stacked.assign(**{new: stacked[old] for new, old in line.items()})
    return stacked[[*LINE_COLUMNS, *CONTRAST_COLUMNS]]


def shared_items(
    measurements: pd.DataFrame, measure: str, *, checkpoints: Sequence[str], author: str
) -> set[str]:
    """Items with a finite value of the measure at every checkpoint."""
    rows = measurements[measurements["measure"] == measure]
    first = checkpoints[0]
    kept = [
        set(pair_values(rows, before=first, after=name, author=author).items)
        for name in checkpoints
    ]
    return set.intersection(*kept)


def _seen(
    measurements: pd.DataFrame, measure: str, *, checkpoints: Sequence[str], author: str
) -> set[str]:
    """Items that any checkpoint was asked about."""
    rows = measurements[(measurements["measure"] == measure) & (measurements["author"] == author)]
    return set(rows[rows["reader"].isin(list(checkpoints))]["item"])


def _reference(name: str) -> Gate:
    text = f"{name} is the reference"
    return Gate("reference", "both", float("nan"), float("nan"), ok=False, reason=text)
