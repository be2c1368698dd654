"""A training run: more than two checkpoints, one line per measure.

Every point of a line is about the *same* items, those with a value at every checkpoint, so the line moves only because the model
did. Each later checkpoint is judged against the first; all of them are one Holm family.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from mechcot.core.card import MeasureCard
from mechcot.stats.bootstrap import RESAMPLES
from mechcot.stats.contrast import COLUMNS, judge, measured
from mechcot.stats.gate import Gate
from mechcot.stats.tables import pair_values

LINE_COLUMNS = ("checkpoint", "position", "value", "value_low", "value_high")


def series(
    readings: pd.DataFrame,
    cards: Sequence[MeasureCard],
    *,
    checkpoints: Sequence[str],
    author: str,
    gates: Mapping[str, Sequence[Gate]] | None = None,
    seed: int = 0,
    clusters: Mapping[str, str] | None = None,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """One row per measure and checkpoint, in that order.

    Args:
        readings: Tidy readings table.
        cards: Measures to follow.
        checkpoints: Readers in training order; the first one is the reference.
        author: Who wrote the chains that all of them read.
        gates: For each later checkpoint the gates of its comparison with the first.
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
        msg = f"a series needs at least two different checkpoints, got {', '.join(checkpoints) or 'none'}"
        raise ValueError(msg)
    parts: list[pd.DataFrame] = []
    held: list[Sequence[Gate]] = []
    for card in cards:
        items = shared_items(readings, card.name, checkpoints=checkpoints, author=author)
        seen = set(readings.loc[(readings["measure"] == card.name), "item"])
        for position, name in enumerate(checkpoints):
            row = measured(
                readings,
                [card],
                before=checkpoints[0],
                after=name,
                author=author,
                seed=seed,
                clusters=clusters,
                items=items,
                resamples=resamples,
            )
            parts.append(row.assign(checkpoint=name, position=position, dropped=len(seen - items)))
            held.append((gates or {}).get(name, ()) if position else (_reference(name),))
    stacked = judge(pd.concat(parts, ignore_index=True), gates=held)
    line = {"value": "after", "value_low": "after_low", "value_high": "after_high"}
    stacked = stacked.assign(**{new: stacked[old] for new, old in line.items()})
    return stacked[[*LINE_COLUMNS, *COLUMNS]]


def shared_items(
    readings: pd.DataFrame, measure: str, *, checkpoints: Sequence[str], author: str
) -> set[str]:
    """Items with a finite value of the measure at every checkpoint."""
    rows = readings[readings["measure"] == measure]
    first = checkpoints[0]
    kept = [
        set(pair_values(rows, before=first, after=name, author=author).items)
        for name in checkpoints
    ]
    return set.intersection(*kept)


def _reference(name: str) -> Gate:
    text = f"{name} is the reference"
    return Gate("reference", "both", float("nan"), float("nan"), ok=False, reason=text)
