"""Is a model as sure as it is right? Calibration over items, and its change over the same items.

    c_i    probability that the model gives to the answer that it gives, y_i whether that answer is right
    bins   items in order of c_i, cut into bins of equal size B, so that none is nearly empty
    error  E^2 = sum_b (n_b / n) (dbar_b^2 - s_b^2 / n_b),   d_i = y_i - c_i,   s_b^2 their variance in the bin

The second term takes away what chance alone adds: plain binned error is above 0 for a perfectly calibrated model. E^2 may come out below 0; E = sqrt(max(E^2, 0)) is shown.
Beside it Brier's score, mean (y_i - c_i)^2, with its parts (Murphy 1973, J. Appl. Meteorol. 12:595: plain E^2 - resolution + uncertainty, exactly where confidence is one number in each bin), and the AUROC of c_i for y_i, which says whether the model is surer where it is right.

Interval: bootstrap over items of E^2, moved to the estimate, since a resample's debiased error stands where the sample's plain one does
(E^2 + E*^2 - plain); it is too wide rather than too short (it held the truth in 199 of 200 calibrated models of 60 items). Test of a change: models swapped
within items at random, exact where neither differs. Sources: Brier 1950 (Monthly Weather Review 78:1); the debiased estimator over bins
of equal mass: Kumar, Liang and Ma 2019 (NeurIPS, arXiv 1909.10155), with the variance of d instead of that of y.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from sklearn.metrics import roc_auc_score

from mechcot.stats.bootstrap import block_rows, expanded_level, order_bounds, random_stream
from mechcot.stats.equivalence import ALPHA
from mechcot.stats.gate_bounds import GateBounds
from mechcot.stats.proportions import share_interval
from mechcot.stats.verdict import Verdict

SMALLEST = 0.01
"""Smallest change of the squared error worth a verdict: from 0 it is an error of .1."""
_RESAMPLES = 2_000
_ARRAYS = 8
"""Arrays of one number per resample and item that are held at once."""
_MOST_BINS, _IN_A_BIN = 10, 10
PerItem = Float[np.ndarray, " item"]


@dataclass(frozen=True)
class Calibration:
    """Confidence against outcome of one model.

    Attributes:
        confidence: Mean probability of the answer given.
        accuracy: Share of right answers.
        error: Root of the debiased squared calibration error.
        low: Lower end of its 95 % interval.
        high: Upper end.
        brier: Brier's score.
        resolution: Variance between bins of the share that is right: what the confidence tells apart; chance adds to it where bins are small.
        uncertainty: Variance of the outcomes: the score of who always says how often it is right.
        auroc: Of confidence for being right; NaN where all or none are.
        n: PerItem.
    """

    confidence: float
    accuracy: float
    error: float
    low: float
    high: float
    brier: float
    resolution: float
    uncertainty: float
    auroc: float
    n: int


@dataclass(frozen=True)
class CalibrationChange:
    """Two models on the same items.

    Attributes:
        before: The first.
        after: The second.
        delta: Change of the squared error, after minus before.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p: Of the test that swaps the models within items.
        n: PerItem with both.
        verdict: `less` calibrated, `more`, `no change`, `inconclusive` or `not judged`.
    """

    before: Calibration
    after: Calibration
    delta: float
    low: float
    high: float
    p: float
    n: int
    verdict: Verdict


def squared_error(confidence: PerItem, right: PerItem) -> Float[np.ndarray, " 2"]:
    """Debiased and plain squared calibration error of one model.

    Args:
        confidence: Probability of each answer.
        right: 1 where it is right, 0 where not.
    """
    return _squared_errors((right - confidence)[None], confidence[None])[:, 0]


def _squared_errors(
    gap: Float[np.ndarray, "sample item"], confidence: Float[np.ndarray, "sample item"]
) -> Float[np.ndarray, "2 sample"]:
    """The same for many samples at once, debiased first."""
    size = gap.shape[1]
    mixed = _mixed(size)
    gap, confidence = gap[:, mixed], confidence[:, mixed]
    ordered = np.take_along_axis(gap, np.argsort(confidence, axis=1, kind="stable"), axis=1)
    debiased, plain = np.zeros(len(gap)), np.zeros(len(gap))
    for part in np.array_split(ordered, bins(size), axis=1):
        held = part.shape[1]
        square = part.mean(axis=1) ** 2
        chance = part.var(axis=1, ddof=1) / held if held > 1 else np.zeros(len(gap))
        plain += held / size * square
        debiased += held / size * (square - chance)
    return np.stack([debiased, plain])


def _mixed(items: int) -> Int[np.ndarray, " item"]:
    """An order by chance, the same for so many items whoever asks: equal confidences are told apart by nothing, least of all by the order of a file."""
    return random_stream(0, "calibration ties").permutation(items)


def bins(items: int) -> int:
    """Number of bins for so many items."""
    return int(np.clip(items // _IN_A_BIN, 1, _MOST_BINS))


def calibration(confidence: PerItem, right: PerItem, *, seed: int = 0) -> Calibration:
    """Describe one model.

    Args:
        confidence: Probability of each answer, at least one.
        right: 1 where it is right, 0 where not.
        seed: Of the study.
    """
    debiased, _ = squared_error(confidence, right)
    low, high = _ends([(confidence, right)], seed=seed)
    several = 0 < right.mean() < 1 and set(np.unique(right)) <= {0.0, 1.0}
    return Calibration(
        confidence=float(confidence.mean()),
        accuracy=float(right.mean()),
        error=_root(debiased),
        low=_root(low),
        high=_root(high),
        brier=float(((right - confidence) ** 2).mean()),
        resolution=_resolution(confidence, right),
        uncertainty=float(right.var()),
        auroc=float(roc_auc_score(right, confidence)) if several else math.nan,
        n=len(right),
    )


def _resolution(confidence: PerItem, right: PerItem) -> float:
    """Mean square over items of the share that is right in their bin less that of all."""
    parts = _in_bins(confidence)
    gaps = [len(part) * (right[part].mean() - right.mean()) ** 2 for part in parts]
    return float(sum(gaps) / len(right))


def _in_bins(confidence: PerItem) -> list[Int[np.ndarray, " held"]]:
    """The items of each bin."""
    mixed = _mixed(len(confidence))
    order = mixed[np.argsort(confidence[mixed], kind="stable")]
    return np.array_split(order, bins(len(order)))


def calibration_change(
    before: tuple[PerItem, PerItem], after: tuple[PerItem, PerItem], *, seed: int = 0
) -> CalibrationChange:
    """Compare two models on the same items.

    Args:
        before: Confidence and outcome by item of the first model, at least one item.
        after: The same items of the second.
        seed: Of the study.
    """
    delta = float(squared_error(*after)[0] - squared_error(*before)[0])
    low, high = _ends([after, before], seed=seed)
    p, n = _swap_p(before, after, delta, seed=seed), len(before[0])
    return CalibrationChange(
        before=calibration(*before, seed=seed),
        after=calibration(*after, seed=seed),
        delta=delta,
        low=low,
        high=high,
        p=p,
        n=n,
        verdict=_verdict(delta, low, high, p=p, n=n),
    )


def reliability(confidence: PerItem, right: PerItem) -> pd.DataFrame:
    """One row a bin: mean `confidence`, share that is right `accuracy` with `low` and `high`, `n`."""
    rows = []
    for part in _in_bins(confidence):
        end = share_interval(right[part], purpose="reliability")
        ends = {"accuracy": end.mean, "low": end.low, "high": end.high, "n": end.n}
        rows.append({"confidence": float(confidence[part].mean())} | ends)
    return pd.DataFrame(rows)


def _ends(sides: list[tuple[PerItem, PerItem]], *, seed: int) -> tuple[float, float]:
    """Interval of the first side's debiased squared error, less the second's where there are two."""
    n = len(sides[0][0])
    if n < 2:
        return math.nan, math.nan
    rng = random_stream(seed, "calibration")
    signed = [
        (sign, *side, *squared_error(*side)) for sign, side in zip((1, -1), sides, strict=False)
    ]
    estimate, drawn = 0.0, np.zeros(_RESAMPLES)
    for sign, _, _, debiased, _ in signed:
        estimate += sign * debiased
    for part in _blocks(n):
        draw = rng.integers(0, n, size=(part.stop - part.start, n))
        for sign, confidence, right, _, plain in signed:
            again = _squared_errors((right - confidence)[draw], confidence[draw])[0]
            drawn[part] += sign * (again - plain)
    low, high = order_bounds(drawn, tail=expanded_level(n))
    return float(estimate + low), float(estimate + high)


def _swap_p(
    before: tuple[PerItem, PerItem], after: tuple[PerItem, PerItem], delta: float, *, seed: int
) -> float:
    """Share of random swaps within items whose difference is at least as large."""
    n, as_large = len(before[0]), 0
    rng = random_stream(seed, "calibration swaps")
    for part in _blocks(n):
        swap = rng.integers(0, 2, size=(part.stop - part.start, n)) == 1
        first, second = (
            [np.where(swap, *pair) for pair in pairs]
            for pairs in (zip(after, before, strict=True), zip(before, after, strict=True))
        )
        drawn = (
            _squared_errors(second[1] - second[0], second[0])[0]
            - _squared_errors(first[1] - first[0], first[0])[0]
        )
        as_large += int((np.abs(drawn) >= abs(delta) - 1e-12).sum())
    return (1 + as_large) / (_RESAMPLES + 1)


def _blocks(items: int) -> list[slice]:
    """The resamples in blocks, so that memory does not grow with the number of items."""
    rows = block_rows(_ARRAYS * items)
    return [slice(at, min(at + rows, _RESAMPLES)) for at in range(0, _RESAMPLES, rows)]


def _root(squared: float) -> float:
    return squared if math.isnan(squared) else math.sqrt(max(squared, 0.0))


def _verdict(delta: float, low: float, high: float, *, p: float, n: int) -> Verdict:
    """More of the error is less calibrated."""
    if n < GateBounds().min_items:
        return "not judged"
    if p < ALPHA and abs(delta) >= SMALLEST:
        return "less" if delta > 0 else "more"
    return "no change" if max(abs(low), abs(high)) < SMALLEST else "inconclusive"
