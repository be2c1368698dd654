"""The gates of a single measure: items lost on one side, values outside the card's range, identity edits."""

import numpy as np
import pandas as pd

from mechcot.core.card import MeasureCard
from mechcot.stats.gate_bounds import Gate, GateBounds, GateSide
from mechcot.stats.tables import pair_values, scalar_rows

RANGE_SLACK = 1e-6


def measure_gates(
    measurements: pd.DataFrame,
    scalars: pd.DataFrame,
    card: MeasureCard,
    *,
    before: str,
    after: str,
    author: str | None,
    bounds: GateBounds,
) -> list[Gate]:
    """The gates that hold for this card's measure only.

    Args:
        measurements: Tidy measurements table; other measures in it are not looked at.
        scalars: Tidy scalars table, for the identity edits.
        card: The measure.
        before: Reader of the first side.
        after: Reader of the second side.
        author: Who wrote the chains; None for each model's own.
        bounds: The bounds.

    Returns:
        The gate of one-sided loss, that of the range, and one for each side that has an identity edit.
    """
    rows = measurements[measurements["measure"] == card.name]
    pairs = pair_values(rows, before=before, after=after, author=author)
    seen = len(pairs.items) + pairs.dropped
    lost = pairs.only_before + pairs.only_after
    share = lost / seen if seen else 0.0
    drop = Gate(
        name="one_sided_drop",
        side="both",
        value=share,
        bound=bounds.one_sided_drop,
        ok=share <= bounds.one_sided_drop,
        reason=f"{lost} of {seen} items could be measured on one side only "
        f"({pairs.only_before} only before, {pairs.only_after} only after)",
        measure=card.name,
    )
    values = np.concatenate([pairs.before, pairs.after])
    outside = int(np.sum((values < card.low - RANGE_SLACK) | (values > card.high + RANGE_SLACK)))
    in_range = Gate(
        name="range",
        side="both",
        value=float(outside),
        bound=0.0,
        ok=outside == 0,
        reason=f"{outside} of {len(values)} values lie outside the card's range {card.low:g} to {card.high:g}",
        measure=card.name,
    )
    cells: tuple[tuple[GateSide, str], ...] = (("before", before), ("after", after))
    identity = [
        gate
        for side, reader in cells
        for gate in _identity_gate(
            scalars, card, side=side, reader=reader, author=author, bounds=bounds
        )
    ]
    return [drop, in_range, *identity]


def _identity_gate(
    scalars: pd.DataFrame,
    card: MeasureCard,
    *,
    side: GateSide,
    reader: str,
    author: str | None,
    bounds: GateBounds,
) -> list[Gate]:
    """The identity edit of one side; no gate for a measure that edits nothing (has no such scalar), a closed one where it is no number."""
    rows = scalar_rows(scalars, measure=card.name, name="identity")
    rows = rows[(rows["reader"] == reader) & (rows["author"] == (author or reader))]
    if rows.empty:
        return []
    worst = rows["value"].astype(float).abs().fillna(np.inf).max()
    bound = 0.0 if card.identity_exact else card.smallest_effect / bounds.noise_factor
    wanted = "it must be exactly 0" if card.identity_exact else f"at most {bound:.2g} is allowed"
    reason = f"an edit that changes nothing moved {reader} by {worst:.2g}; {wanted}"
    return [Gate("identity", side, float(worst), bound, bool(worst <= bound), reason, card.name)]
