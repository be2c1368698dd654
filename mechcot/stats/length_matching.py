"""Length matching for own-chain numbers: keep the items whose two chains are about equally long.

    item i is kept when |a_i - b_i| <= tolerance x max(a_i, b_i),  a, b = tokens of the two chains

Fine-tuning changes chain length and most statistics of a chain follow length, so a
number about each model's own chain may be compared only where lengths agree. The kept items are a selection:
they say nothing about items whose chains grew or shrank. Same-chain numbers have equal lengths by construction.
"""

from dataclasses import dataclass

import pandas as pd

from mechcot.core.wording import count_of
from mechcot.stats.measurement_tables import item_means, scalar_rows

TOLERANCE = 0.25


@dataclass(frozen=True)
class Matched:
    """Items that may be compared on own chains.

    Attributes:
        items: Kept items, sorted.
        considered: Items with a length on both sides.
        before: Mean tokens before, over the considered items (NaN without any).
        after: Mean tokens after.
        tolerance: Relative difference allowed.
        needed: Fewest items for a verdict.
        ok: True when enough items were kept.
        reason: One plain sentence.
    """

    items: tuple[str, ...]
    considered: int
    before: float
    after: float
    tolerance: float
    needed: int
    ok: bool
    reason: str


def match_lengths(
    scalars: pd.DataFrame,
    *,
    before: str,
    after: str,
    tolerance: float = TOLERANCE,
    needed: int = 20,
) -> Matched:
    """Pair items by the token counts (`n_tokens` of measure `gates`) of each model's own chains.

    Args:
        scalars: Tidy scalars table.
        before: First model; its chains are those it wrote and read itself.
        after: Second model, likewise.
        tolerance: Allowed relative difference, of the longer chain.
        needed: Fewest kept items for a verdict.
    """
    rows = scalar_rows(scalars, measure="gates", name="n_tokens")
    first, second = (item_means(rows, reader=name, author=None) for name in (before, after))
    both = pd.DataFrame({"before": first, "after": second}).dropna().sort_index()
    close = (both["before"] - both["after"]).abs() <= tolerance * both.max(axis=1)
    items = tuple(str(item) for item in both.index[close])
    means = (float(both["before"].mean()), float(both["after"].mean()))
    return Matched(
        items=items,
        considered=len(both),
        before=means[0],
        after=means[1],
        tolerance=tolerance,
        needed=needed,
        ok=len(items) >= needed,
        reason=_reason(len(items), len(both), *means, tolerance=tolerance, needed=needed),
    )


def _reason(
    kept: int, considered: int, before: float, after: float, *, tolerance: float, needed: int
) -> str:
    if not considered:
        return "no item has a chain of its own on both sides, so lengths cannot be compared"
    text = (
        f"{kept} of {count_of(considered, 'item')} have own chains whose lengths agree within {tolerance:.0%} "
        f"(mean {before:.0f} tokens before, {after:.0f} after)"
    )
    return text if kept >= needed else f"{text}; {needed} are needed, so lengths cannot be matched"
