"""Agreement of labels of steps with labels from elsewhere: macro-F1, Cohen's kappa, confusion.

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
from mechcot.stats.bootstrap import Interval, expanded_level, order_bounds, random_stream

_RESAMPLES = 10_000


@dataclass(frozen=True, eq=False)
class LabelScores:
    """Agreement of found labels with true ones.

    Attributes:
        labels: All labels, in the order of the matrix.
        confusion: Number of steps by true (row) and found (column) label.
        f1: F1 of every label; NaN where the truth has none.
        macro: Macro-F1 with its interval over groups; `n` counts steps, `units` groups.
        kappa: Cohen's kappa with its interval over the same groups.
        accuracy: Share of steps with the true label.
        tables: The confusion of every group, groups by name.
    """

    labels: tuple[str, ...]
    confusion: Int[np.ndarray, "truth found"]
    f1: Float[np.ndarray, " label"]
    macro: Interval
    kappa: Interval
    accuracy: float
    tables: Int[np.ndarray, "group truth found"]


def score_labels(
    truth: Sequence[str],
    found: Sequence[str],
    *,
    groups: Sequence[str],
    labels: Sequence[str],
    seed: int = 0,
    resamples: int = _RESAMPLES,
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
        raise UserError(
            f"expected one true label, one found label and one group per step, got {len(truth)}, {len(found)}, {len(groups)}"
        )
    unknown = sorted({*truth, *found} - set(labels))
    if unknown:
        raise UserError(f"unknown label {unknown[0]!r}: expected one of {', '.join(labels)}")
    names = sorted(set(groups))
    tables = np.zeros((len(names), len(labels), len(labels)), dtype=np.int64)
    number = {name: i for i, name in enumerate(names)}
    column = {label: i for i, label in enumerate(labels)}
    for true, mine, group in zip(truth, found, groups, strict=True):
        tables[number[group], column[true], column[mine]] += 1
    total = tables.sum(0)
    f1 = f1_of(total)
    sums = _resampled(tables, seed=seed, resamples=resamples)
    return LabelScores(
        labels=tuple(labels),
        confusion=total,
        f1=f1,
        macro=_interval(macro_of(total), macro_of(sums), tables),
        kappa=_interval(kappa_of(total), kappa_of(sums), tables),
        accuracy=float(np.trace(total) / total.sum()),
        tables=tables,
    )


def gaps(
    scores: LabelScores, others: LabelScores, *, seed: int = 0, resamples: int = _RESAMPLES
) -> tuple[Interval, Interval]:
    """Macro-F1 and kappa of one labelling minus those of another of the same steps, with paired intervals over groups.

    Raises:
        UserError: The two were not scored on the same steps.
    """
    ours, theirs = scores.tables, others.tables
    if ours.shape != theirs.shape or (ours.sum(2) != theirs.sum(2)).any():
        raise UserError(
            "expected two labellings of the same steps, with the same true labels in the same groups"
        )
    mine, yours = (_resampled(t, seed=seed, resamples=resamples) for t in (ours, theirs))
    macro, kappa = (
        _interval(of(ours.sum(0)) - of(theirs.sum(0)), of(mine) - of(yours), ours)
        for of in (macro_of, kappa_of)
    )
    return macro, kappa


def f1_of(confusion: Int[np.ndarray, "*group truth found"]) -> Float[np.ndarray, "*group label"]:
    """F1 of every label; NaN where the truth has none."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, named = confusion.sum(-1), confusion.sum(-2)
    return np.where(true > 0, 2 * hits / np.maximum(true + named, 1), np.nan)


def macro_of(confusion: Int[np.ndarray, "*group truth found"]) -> Float[np.ndarray, "*group"]:
    """Mean F1 over the labels that the truth has."""
    return np.asarray(np.nanmean(f1_of(confusion), axis=-1))


def kappa_of(confusion: Int[np.ndarray, "*group truth found"]) -> Float[np.ndarray, "*group"]:
    """Agreement beyond what the frequencies of both labellings give; NaN when these agree fully by themselves."""
    n = confusion.sum((-2, -1))
    seen = np.trace(confusion, axis1=-2, axis2=-1) / n
    chance = (confusion.sum(-1) * confusion.sum(-2)).sum(-1) / n**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance < 1, (seen - chance) / (1 - chance), np.nan)


def _interval(
    value: float | Float[np.ndarray, ""],
    resampled: Float[np.ndarray, " resample"],
    tables: Int[np.ndarray, "group truth found"],
) -> Interval:
    """The value with the interval of its resamples; no ends below two groups."""
    units, low, high = len(tables), float("nan"), float("nan")
    if units >= 2:
        low, high = order_bounds(resampled[~np.isnan(resampled)], tail=expanded_level(units))
    return Interval(float(value), low, high, n=int(tables.sum()), units=units)


def _resampled(
    tables: Int[np.ndarray, "group truth found"], *, seed: int, resamples: int
) -> Int[np.ndarray, "resample truth found"]:
    """The confusions of resamples of whole groups."""
    units = len(tables)
    draws = random_stream(seed, "labels").integers(0, units, size=(resamples, units))
    counts = np.stack([(draws == unit).sum(1) for unit in range(units)], axis=1)
    return np.einsum("ru,utf->rtf", counts, tables)
