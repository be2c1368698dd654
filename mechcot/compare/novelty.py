"""Does it fail on what is new, or on what is long? The 2 x 2 of novelty and length, before and after, on each model's own chains.

What a question is: `mechcot.text.novelty`. Items are paired between models and differ between cells. Source: Zhao et al. 2025 (DataAlchemy, arXiv 2508.01191),
where the two come together; held apart here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from mechcot.compare.shifted import StudyTables, frame_of_groups, own_values
from mechcot.core.card import MeasureCard
from mechcot.core.problem import Problem
from mechcot.core.store import nan_to_none
from mechcot.stats.accuracy_change import OWN_ACCURACY
from mechcot.stats.bootstrap import Interval
from mechcot.stats.combined_intervals import combined
from mechcot.stats.measurement_tables import pair_values, scalar_rows
from mechcot.stats.proportions import paired_interval
from mechcot.text.novelty import QuestionCell, question_cells
from mechcot.text.number_format import difference

_FEWEST = 8
"""Items of the smallest cell, for a sentence about what the change follows."""
_WORDS: Mapping[QuestionCell, str] = {
    (False, False): "seen, short",
    (False, True): "seen, long",
    (True, False): "novel, short",
    (True, True): "novel, long",
}
_OF_NOVELTY, _OF_LENGTH = (-0.5, -0.5, 0.5, 0.5), (-0.5, 0.5, -0.5, 0.5)
"""Weights of the cells, in the order of `_WORDS`."""


@dataclass(frozen=True)
class NoveltyChange:
    """How right answers changed in each cell, and what that follows.

    Attributes:
        cells: Change of the share of right answers by cell, such as `novel, short`; only cells with items.
        by_novelty: The change on novel questions minus the change on seen ones, lengths weighing alike; None unless every cell has items enough.
        by_length: The same of long against short ones.
    """

    cells: Mapping[str, Interval]
    by_novelty: Interval | None
    by_length: Interval | None


def novelty_frame(
    problems: Sequence[Problem],
    tables: StudyTables,
    cards: Sequence[MeasureCard],
    names: Sequence[str],
    *,
    author: str | None,
    seed: int,
) -> pd.DataFrame:
    """One row a cell, quantity and model: `cell`, `quantity`, `model`, `mean`, `low`, `high`, `n`; empty where nothing tells what is novel.

    Args:
        problems: All that were asked.
        tables: All that was measured.
        cards: What is judged, the leading measure first.
        names: The models.
        author: Who wrote the headline's chains; None for each model itself.
        seed: Of the study.
    """
    groups = [
        ({"cell": _WORDS[cell]}, f"novelty {_WORDS[cell]}", items)
        for cell, items in question_cells(problems).items()
    ]
    return frame_of_groups(groups, own_values(tables, cards[:1], names, author), seed=seed)


def novelty_change(
    problems: Sequence[Problem], scalars: pd.DataFrame, before: str, after: str, *, seed: int
) -> NoveltyChange | None:
    """The change of right answers by cell, each model on its own chains, paired by item; None where nothing tells what is novel.

    Args:
        problems: All that were asked.
        scalars: Tidy scalars of a study.
        before: First model.
        after: Second model.
        seed: Of the study.
    """
    measure, name = OWN_ACCURACY
    right = scalar_rows(scalars, measure=measure, name=name)
    found = {}
    for cell, items in question_cells(problems).items():
        pairs = pair_values(right, before=before, after=after, author=None, items=items)
        if len(pairs.before):
            purpose = f"novelty {_WORDS[cell]}"
            found[cell] = paired_interval(pairs.before, pairs.after, seed=seed, purpose=purpose)
    if not found:
        return None
    parts = [found[cell] for cell in _WORDS if cell in found]
    enough = len(parts) == len(_WORDS) and min(part.n for part in parts) >= _FEWEST
    return NoveltyChange(
        {_WORDS[cell]: part for cell, part in found.items()},
        combined(parts, _OF_NOVELTY) if enough else None,
        combined(parts, _OF_LENGTH) if enough else None,
    )


def novelty_sentence(change: NoveltyChange | None) -> str:
    """What the change of right answers follows; "" where nothing tells what is novel."""
    if change is None:
        return ""
    told = "; ".join(f"{name} {_text(part)}, n = {part.n}" for name, part in change.cells.items())
    start = f"Right answers, change by cell: {told}."
    if change.by_novelty is None or change.by_length is None:
        return f"{start} What it follows is not judged: it takes {_FEWEST} questions in each of the four cells."
    ways = (
        ("novel questions", "seen ones", change.by_novelty),
        ("long questions", "short ones", change.by_length),
    )
    return f"{start} {' '.join(_followed(*way) for way in ways)}"


def _followed(these: str, others: str, by: Interval) -> str:
    if not by.excludes(0.0):
        return f"It is not clear whether it differs between {these} and {others} ({_text(by)})."
    return (
        f"It is {'higher' if by.mean > 0 else 'lower'} on {these} than on {others} ({_text(by)})."
    )


def _text(part: Interval) -> str:
    return difference(part.mean, part.low, part.high)


def novelty_summary(change: NoveltyChange | None) -> dict[str, object] | None:
    """JSON-able data; None where nothing tells what is novel."""
    if change is None:
        return None
    return nan_to_none(asdict(change) | {"sentence": novelty_sentence(change)})
