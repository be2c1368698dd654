"""Gates: may a before/after difference be judged at all? Bounds are fixed here, before any run.

A gate is one number against one bound, with a plain sentence. A failed gate makes the verdict "not judged";
a number that was not measured fails its gate too (absence of evidence opens nothing). Gates with an empty `measure`
hold for every measure of the comparison, the others for their own measure only.

    items           items with gate numbers on both sides                  >= min_items
    accuracy        per model, with the chain                              >= max(chance + margin, critical share)
    parsed          share of answers that could be read, per model         >= parsed
    finished        share of chains not cut by the token limit             >= finished
    off_policy      nats per token above the author's own reading          <= off_policy   (same chains only)
    length          own chains of agreeing length                          >= min_items    (own chains only)
    one_sided_drop  per measure: share of items lost on one side only      <= one_sided_drop
    identity        per measure: |identity edit|                           == 0, or <= smallest effect / 3
    range           per measure: values outside the card's range           == 0

Chance is *not* each model's accuracy with another item's chain: a model that bypasses its chain stays right with any
chain, so by that rule its chance would equal its accuracy and the finding itself would close the gate. Chance is a
property of the task: what a model earns that only follows another item's chain, which is the share of item pairs with the
same answer. Where the answers are not given, the lowest accuracy with another item's chain among all readers stands in (too
low, as that chain is chosen to have another answer). "Critical share" is the smallest accuracy that a guesser at chance reaches in under 5 % of samples of this size.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import binom

from mechcot.core.card import MeasureCard
from mechcot.core.wording import count_of
from mechcot.stats.gate_bounds import Gate, GateBounds, GateSide
from mechcot.stats.length_matching import Matched, match_lengths
from mechcot.stats.measurement_tables import (
    MEASUREMENT_COLUMNS,
    SCALAR_COLUMNS,
    item_means,
    need_columns,
    pair_values,
    scalar_rows,
)

GATE_MEASURE = "gates"
RANGE_SLACK = 1e-6


def gates(
    measurements: pd.DataFrame,
    scalars: pd.DataFrame,
    cards: Sequence[MeasureCard],
    *,
    before: str,
    after: str,
    author: str | None,
    bounds: GateBounds | None = None,
    answers: Mapping[str, str] | None = None,
    items: Collection[str] | None = None,
    matched: Matched | None = None,
) -> list[Gate]:
    """All gates of one comparison.

    Args:
        measurements: Tidy measurements table.
        scalars: Tidy scalars table, holding the scalars of measure `gates`.
        cards: Cards of the measures that are compared.
        before: Name of the first model.
        after: Name of the second model.
        author: Who wrote the chains; None for each model's own chains.
        bounds: The bounds; the defaults when None.
        answers: Reference answer of each item, for the chance level.
        items: When given, only these items are looked at (a stratum, matched lengths).
        matched: On own chains the matching that chose `items`, for the length gate; None matches here.

    Raises:
        ValueError: A table lacks a column, or holds two values for one key.
    """
    need_columns(measurements, MEASUREMENT_COLUMNS[:6], what="readings")
    need_columns(scalars, SCALAR_COLUMNS, what="scalars")
    bounds = bounds or GateBounds()
    if items is not None:
        measurements, scalars = (t[t["item"].isin(list(items))] for t in (measurements, scalars))
    chance = chance_level(scalars, answers=answers)
    found = [_items_gate(scalars, before=before, after=after, author=author, bounds=bounds)]
    sides: tuple[tuple[GateSide, str], ...] = (("before", before), ("after", after))
    for side, reader in sides:
        cell = {"side": side, "reader": reader, "author": author, "bounds": bounds}
        found.append(_accuracy_gate(scalars, chance=chance, **cell))
        found += [_share_gate(scalars, name=name, **cell) for name in ("parsed", "finished")]
        if author is not None:
            found.append(_off_policy_gate(scalars, others=(before, after), **cell))
    if author is None:
        found.append(_length_gate(matched or matching(scalars, before, after, bounds=bounds)))
    for card in cards:
        found += _measure_gates(
            measurements, scalars, card, before=before, after=after, author=author, bounds=bounds
        )
    return found


def matching(scalars: pd.DataFrame, before: str, after: str, *, bounds: GateBounds) -> Matched:
    """The items whose own chains are of agreeing length, by the bounds of the gates.

    Args:
        scalars: Tidy scalars table with `n_tokens` of the measure `gates`.
        before: First model; its chains are those it wrote and read itself.
        after: Second model, likewise.
        bounds: Gives the tolerance and the fewest items.
    """
    return match_lengths(
        scalars,
        before=before,
        after=after,
        tolerance=bounds.length_tolerance,
        needed=bounds.min_items,
    )


def chance_level(scalars: pd.DataFrame, *, answers: Mapping[str, str] | None = None) -> float:
    """Accuracy of a model that only follows another item's chain; NaN when nothing tells.

    See the module's text: the share of item pairs with equal answers; without at least two answers the lowest `acc_other`
    among the readers. Never evidence against a model that ignores its chain.

    Args:
        scalars: Tidy scalars table, of one comparison's items.
        answers: Reference answer of each item.
    """
    seen = set(scalars["item"])
    counts = Counter(text.strip() for item, text in (answers or {}).items() if item in seen)
    total = sum(counts.values())
    if total > 1:
        return sum(c * (c - 1) for c in counts.values()) / (total * (total - 1))
    rows = scalar_rows(scalars, measure=GATE_MEASURE, name="acc_other")
    rows = rows[np.isfinite(rows["value"].astype(float))]
    return float(rows.groupby("reader")["value"].mean().min()) if len(rows) else float("nan")


def _cell(scalars: pd.DataFrame, *, name: str, reader: str, author: str | None) -> pd.Series:
    rows = scalar_rows(scalars, measure=GATE_MEASURE, name=name)
    return item_means(rows, reader=reader, author=author)


def _missing(what: str, *, reader: str) -> str:
    return f"{what}: not known for {reader}; the measure '{GATE_MEASURE}' has no value for it on these chains"


def _items_gate(
    scalars: pd.DataFrame, *, before: str, after: str, author: str | None, bounds: GateBounds
) -> Gate:
    rows = scalar_rows(scalars, measure=GATE_MEASURE, name="acc_with")
    count = len(pair_values(rows, before=before, after=after, author=author).items)
    return Gate(
        name="items",
        side="both",
        value=float(count),
        bound=float(bounds.min_items),
        ok=count >= bounds.min_items,
        reason=f"{count} items were read by both models; {bounds.min_items} are needed",
    )


def _accuracy_gate(
    scalars: pd.DataFrame,
    *,
    chance: float,
    side: GateSide,
    reader: str,
    author: str | None,
    bounds: GateBounds,
) -> Gate:
    values = _cell(scalars, name="acc_with", reader=reader, author=author)
    value = float(values.mean()) if len(values) else float("nan")
    if not len(values) or np.isnan(chance):
        what = "accuracy with the chain" if not len(values) else "the chance level"
        reason = _missing(what, reader=reader)
        return Gate("accuracy", side, value, float("nan"), ok=False, reason=reason)
    critical = (float(binom.ppf(1 - bounds.accuracy_alpha, len(values), chance)) + 1) / len(values)
    bound = max(chance + bounds.accuracy_margin, critical)
    ok = value >= bound - 1e-12
    text = f"{reader} answers {value:.0%} right with the chain; chance is {chance:.0%}, "
    text += (
        f"{bound:.0%} are needed" if bound <= 1 else f"too high for {count_of(len(values), 'item')}"
    )
    if (
        not ok
        and bound <= 1
        and (unread := _unread(scalars, reader=reader, author=author)) > 1 - bounds.parsed
    ):
        text += f"; {unread:.0%} of its answers could not be read, which count as wrong"
    elif not ok and bound <= 1:
        text += ", and a model near chance cannot show whether it uses its chain"
    return Gate("accuracy", side, value, bound, ok, text)


def _unread(scalars: pd.DataFrame, *, reader: str, author: str | None) -> float:
    """Share of answers that could not be read; 0 where nobody counted."""
    parsed = _cell(scalars, name="parsed", reader=reader, author=author)
    return 1 - float(parsed.mean()) if len(parsed) else 0.0


def _share_gate(
    scalars: pd.DataFrame,
    *,
    name: Literal["parsed", "finished"],
    side: GateSide,
    reader: str,
    author: str | None,
    bounds: GateBounds,
) -> Gate:
    bound = getattr(bounds, name)
    what = {"parsed": "answers that can be read", "finished": "chains within the token limit"}[name]
    values = _cell(scalars, name=name, reader=reader, author=author)
    if not len(values):
        reason = _missing(f"the share of {what}", reader=reader)
        return Gate(name, side, float("nan"), bound, ok=False, reason=reason)
    value = float(values.mean())
    ok = value >= bound - 1e-12
    reason = f"{value:.0%} {what} for {reader}; {bound:.0%} are needed"
    return Gate(name, side, value, bound, ok, reason)


def _off_policy_gate(
    scalars: pd.DataFrame,
    *,
    others: tuple[str, str],
    side: GateSide,
    reader: str,
    author: str,
    bounds: GateBounds,
) -> Gate:
    mine = _cell(scalars, name="chain_nll", reader=reader, author=author)
    own = _cell(scalars, name="chain_nll", reader=author, author=author)
    against = f"its author {author}"
    if not len(own):  # chains written elsewhere: the reader that finds them least strange stands in
        cells = [_cell(scalars, name="chain_nll", reader=name, author=author) for name in others]
        own = min((c for c in cells if len(c)), key=lambda c: float(c.mean()), default=own)
        against = "the model that finds it least strange"
    both = pd.DataFrame({"mine": mine, "own": own}).dropna()
    if not len(both):
        reason = _missing("how strange the text is", reader=reader)
        return Gate("off_policy", side, float("nan"), bounds.off_policy, ok=False, reason=reason)
    value = float((both["mine"] - both["own"]).mean())
    ok = value <= bounds.off_policy
    text = (
        f"the text costs {reader} {value:+.2f} nats per token against {against}; "
        f"at most {bounds.off_policy:+.2f} is allowed"
    )
    if not ok:
        text += ", beyond it the text is strange to the model as text"
    return Gate("off_policy", side, value, bounds.off_policy, ok, text)


def _length_gate(matched: Matched) -> Gate:
    kept = float(len(matched.items))
    return Gate("length", "both", kept, float(matched.needed), matched.ok, matched.reason)


def _measure_gates(
    measurements: pd.DataFrame,
    scalars: pd.DataFrame,
    card: MeasureCard,
    *,
    before: str,
    after: str,
    author: str | None,
    bounds: GateBounds,
) -> list[Gate]:
    """The gates of one measure: one-sided loss, range, and one for each side that has an identity edit."""
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
        reason=f"{lost} of {count_of(seen, 'item')} could be measured on one side only "
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
