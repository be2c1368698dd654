"""The contrast table: before against after, one row per measure, with interval, tests and verdict.

Each row is computed from its own measure alone; only the Holm corrections see the other rows. The family is the
judgeable rows of one table: direction +1, gates open, enough pairs. The rule itself is in `verdict.py`.
Swapping `before` and `after` negates delta, interval and effect size exactly; the order of rows in the
input changes nothing.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from mechcot.core.card import MeasureCard
from mechcot.core.errors import UserError
from mechcot.stats.bootstrap import (
    RESAMPLES,
    Interval,
    bootstrap_mean,
    cluster_numbers,
    effect_size,
)
from mechcot.stats.equivalence import equivalence
from mechcot.stats.gate_bounds import Gate, closed_gates, gate_roots
from mechcot.stats.measurement_tables import (
    MEASUREMENT_COLUMNS,
    PairedValues,
    need_columns,
    pair_values,
    rows_of,
)
from mechcot.stats.permutation import holm, sign_flip_p
from mechcot.stats.verdict import judge_change

OWN = "own"
CONTRAST_COLUMNS = (
    "measure",
    "title",
    "unit",
    "direction",
    "author",
    "reader_before",
    "reader_after",
    "before",
    "before_low",
    "before_high",
    "after",
    "after_low",
    "after_high",
    "delta",
    "low",
    "high",
    "n",
    "units",
    "dropped",
    "dropped_because",
    "p",
    "p_holm",
    "p_equivalence",
    "p_equivalence_holm",
    "equivalence_low",
    "equivalence_high",
    "effect_size",
    "smallest_effect",
    "min_items",
    "range_low",
    "range_high",
    "verdict",
    "reason",
    "status",
)


def contrast_readers(
    measurements: pd.DataFrame,
    cards: Sequence[MeasureCard],
    *,
    before: str,
    after: str,
    author: str | None,
    gates: Sequence[Gate],
    seed: int = 0,
    clusters: Mapping[str, str] | None = None,
    items: Collection[str] | None = None,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Compare two readers on every measure that has a card.

    The arguments are those of `measured`; `gates` are from `gates.gates` for the same before, after, author and items.

    Returns:
        Columns `CONTRAST_COLUMNS`. Numbers that do not exist are NaN (`tables.records` makes them None).

    Raises:
        UserError: A reader has no measurements at all.
        ValueError: A column is missing, or two measurements share a key.
    """
    rows = measured(
        measurements,
        cards,
        before=before,
        after=after,
        author=author,
        seed=seed,
        clusters=clusters,
        items=items,
        resamples=resamples,
    )
    return judge(rows, gates=[gates] * len(rows))


def measured(
    measurements: pd.DataFrame,
    cards: Sequence[MeasureCard],
    *,
    before: str,
    after: str,
    author: str | None,
    seed: int = 0,
    clusters: Mapping[str, str] | None = None,
    items: Collection[str] | None = None,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """The rows of `contrast` before any verdict: numbers only, nothing corrected.

    Args:
        measurements: Tidy measurements table.
        cards: One row is made for each, in this order.
        before: Reader of the first side.
        after: Reader of the second side.
        author: Who wrote the chains; None for each model's own (then pass the matched `items`).
        seed: Seed of the study.
        clusters: Cluster of each item, when items share a template.
        items: When given, only these items.
        resamples: Number of resamples and flips.

    Raises:
        UserError: A reader has no measurements at all.
        ValueError: A column is missing, or two measurements share a key.
    """
    need_columns(measurements, MEASUREMENT_COLUMNS[:6], what="readings")
    known = sorted(set(measurements["reader"]))
    for name in (before, after):
        if name not in known:
            raise UserError(
                f"no readings by the model {name!r}; there are readings by {', '.join(known) or 'nobody'}"
            )
    by_measure = dict(iter(measurements.groupby("measure", sort=False)))
    rows = [
        _row(
            card,
            pair_values(
                by_measure.get(card.name, measurements.iloc[:0]),
                before=before,
                after=after,
                author=author,
                items=items,
            ),
            clusters=clusters,
            seed=seed,
            resamples=resamples,
        )
        | {"author": author or OWN, "reader_before": before, "reader_after": after}
        for card in cards
    ]
    return pd.DataFrame(rows, columns=list(CONTRAST_COLUMNS))


def _row(
    card: MeasureCard,
    pairs: PairedValues,
    *,
    clusters: Mapping[str, str] | None,
    seed: int,
    resamples: int,
) -> dict[str, object]:
    numbers = cluster_numbers(pairs.items, clusters)
    draws = {"clusters": numbers, "seed": seed, "purpose": card.name}
    moved = pairs.differences
    interval = bootstrap_mean(moved, resamples=resamples, **draws)
    sides: dict[str, Interval] = {
        name: bootstrap_mean(values, resamples=resamples, **draws)
        for name, values in (("before", pairs.before), ("after", pairs.after))
    }
    same = equivalence(
        moved,
        bound=card.smallest_effect,
        span=card.high - card.low if np.isfinite(card.high - card.low) else None,
        resamples=resamples,
        **draws,
    )
    size = effect_size(moved)
    row: dict[str, object] = {
        "measure": card.name,
        "title": card.title,
        "unit": card.unit,
        "direction": card.direction,
        "delta": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "n": interval.n,
        "units": interval.units,
        "dropped": pairs.dropped,
        "dropped_because": pairs.reasons,
        "p": sign_flip_p(moved, flips=resamples, **draws),
        "p_equivalence": same.p,
        "equivalence_low": same.low,
        "equivalence_high": same.high,
        "effect_size": float("nan") if size is None else size,
        "smallest_effect": card.smallest_effect,
        "min_items": card.min_items,
        "range_low": card.low,
        "range_high": card.high,
        "status": card.status,
    }
    for name, side in sides.items():
        row |= {name: side.mean, f"{name}_low": side.low, f"{name}_high": side.high}
    return row


def judge(rows: pd.DataFrame, *, gates: Sequence[Sequence[Gate]]) -> pd.DataFrame:
    """Add the corrected p-values, the verdict and its reason; all rows are one Holm family.

    Args:
        rows: From `measured`, or several of them stacked.
        gates: For each row the gates of its comparison.
    """
    blocked = [
        _blocked(row, comparison) for row, comparison in zip(rows_of(rows), gates, strict=True)
    ]
    free = np.array([not reason for reason in blocked], dtype=bool)
    corrected = {
        f"{name}_holm": holm([float(p) for p in rows[name].where(free).astype(float)])
        for name in ("p", "p_equivalence")
    }
    judged = rows.assign(**corrected)
    verdicts = [
        ("not judged", reason)
        if reason
        else judge_change(
            Interval(row["delta"], row["low"], row["high"], n=row["n"], units=row["units"]),
            p=row["p_holm"],
            p_equivalence=row["p_equivalence_holm"],
            smallest_effect=row["smallest_effect"],
            min_items=row["min_items"],
        )
        for row, reason in zip(judged.to_dict("records"), blocked, strict=True)
    ]
    return judged.assign(verdict=[v for v, _ in verdicts], reason=[r for _, r in verdicts])


def _blocked(row: Mapping[str, object], gates: Sequence[Gate]) -> str:
    """Return why a row cannot be judged; "" when it can."""
    if row["direction"] == 0:
        return (
            "this number cannot tell whether the chain is used (direction 0); it is only reported"
        )
    if roots := gate_roots(closed_gates(gates, measure=str(row["measure"]))):
        return f"{roots[0].name} gate closed: {roots[0].reason}"
    n, needed, units = int(str(row["n"])), int(str(row["min_items"])), int(str(row["units"]))
    if n < needed:
        dropped = f"; {row['dropped']} dropped: {row['dropped_because']}" if row["dropped"] else ""
        return f"only {n} complete pairs, {needed} are needed{dropped}"
    if units < 2:
        return "all items belong to one cluster, so nothing is known about the spread"
    return ""
