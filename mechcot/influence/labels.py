"""How well labels of steps agree with labels from elsewhere: macro-F1, Cohen's kappa, confusion.

    F1[c] = 2 tp / (2 tp + fp + fn);     macro-F1 = mean of F1 over the labels that the truth has

The interval resamples whole groups (problems), never steps: steps of one problem share their wording, and one problem may stand
in several traces. It is the expanded percentile interval of `mechcot.stats.bootstrap`; with few groups it is nearly the
range of the groups. A label that no step of a resample has is left out of that resample's mean.
Source of kappa: Cohen 1960 (Educational and Psychological Measurement 20:37).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mechcot.core.errors import UserError
from mechcot.stats.bootstrap import Interval, expanded_level, order_bounds, stream

RESAMPLES = 10_000


@dataclass(frozen=True, eq=False)
class LabelScores:
    """Agreement of found labels with true ones.

    Attributes:
        labels: All labels, in the order of the matrix.
        confusion: Number of steps by true (row) and found (column) label.
        f1: F1 of every label; NaN where the truth has none.
        macro: Macro-F1 with its interval over groups; `n` counts steps, `units` groups.
        kappa: Cohen's kappa.
        accuracy: Share of steps with the true label.
    """

    labels: tuple[str, ...]
    confusion: Int[np.ndarray, "truth found"]
    f1: Float[np.ndarray, " label"]
    macro: Interval
    kappa: float
    accuracy: float


def score_labels(
    truth: Sequence[str],
    found: Sequence[str],
    *,
    groups: Sequence[str],
    labels: Sequence[str],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> LabelScores:
    """Compare labels step by step.

    Args:
        truth: The labels that count as true.
        found: The labels to be judged.
        groups: What each step belongs to (a problem); drawn whole.
        labels: All labels there are.
        seed: Seed of the resampling.
        resamples: Number of resamples.

    Raises:
        UserError: Lists of different lengths, none at all, or a label that is not in `labels`.
    """
    if not len(truth) == len(found) == len(groups) or not len(truth):
        msg = f"expected one true label, one found label and one group per step, got {len(truth)}, {len(found)}, {len(groups)}"
        raise UserError(msg)
    unknown = sorted({*truth, *found} - set(labels))
    if unknown:
        msg = f"unknown label {unknown[0]!r}: expected one of {', '.join(labels)}"
        raise UserError(msg)
    names = sorted(set(groups))
    tables = np.zeros((len(names), len(labels), len(labels)), dtype=np.int64)
    number = {name: i for i, name in enumerate(names)}
    column = {label: i for i, label in enumerate(labels)}
    for true, mine, group in zip(truth, found, groups, strict=True):
        tables[number[group], column[true], column[mine]] += 1
    total = tables.sum(0)
    f1 = f1_of(total)
    low, high = _interval(tables, seed=seed, resamples=resamples)
    return LabelScores(
        labels=tuple(labels),
        confusion=total,
        f1=f1,
        macro=Interval(float(np.nanmean(f1)), low, high, n=len(truth), units=len(names)),
        kappa=kappa_of(total),
        accuracy=float(np.trace(total) / total.sum()),
    )


def f1_of(confusion: Int[np.ndarray, "*group truth found"]) -> Float[np.ndarray, "*group label"]:
    """F1 of every label; NaN where the truth has none."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, found = confusion.sum(-1), confusion.sum(-2)
    return np.where(true > 0, 2 * hits / np.maximum(true + found, 1), np.nan)


def kappa_of(confusion: Int[np.ndarray, "truth found"]) -> float:
    """Agreement beyond what the frequencies of both labellings give; NaN when these agree fully by themselves."""
    n = confusion.sum()
    seen = np.trace(confusion) / n
    chance = float(confusion.sum(0) @ confusion.sum(1)) / n**2
    return float((seen - chance) / (1 - chance)) if chance < 1 else float("nan")


def _interval(
    tables: Int[np.ndarray, "group truth found"], *, seed: int, resamples: int
) -> tuple[float, float]:
    units = len(tables)
    if units < 2:
        return float("nan"), float("nan")
    draws = stream(seed, "labels").integers(0, units, size=(resamples, units))
    counts = np.stack([(draws == unit).sum(1) for unit in range(units)], axis=1)
    sums = np.einsum("ru,utf->rtf", counts, tables)
    return order_bounds(np.nanmean(f1_of(sums), axis=-1), tail=expanded_level(units))
