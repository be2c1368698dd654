"""Do the seeds of one arm differ from those of another? The seed is the unit.

    value      an arm's number minus that of its base, a number a seed
    interval   Welch's t interval, 95 %, of the difference of two arms' means over seeds
    less, more the interval is clear of 0 and the mean beyond the axis' smallest effect
    no change  the interval lies within the smallest effect
    few seeds  below `FEW` no interval is claimed: "seen in n of m" seeds, those that differ by the smallest effect in the direction of the mean

A percentile bootstrap of three seeds covers about 73 %, and the smallest p of a sign flip of three is .25.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

LAB_AXES: Mapping[str, float] = {"accuracy": 0.10, "reliance": 0.15, "validity": 0.10, "hint": 0.15}
"""Axis -> its smallest effect: that of the measures of probability (`mechcot.stats.chain_use`), a tenth for shares of right things."""
FEW = 5
"""Seeds below which nothing is claimed."""
Direction = Literal["less", "more", "no change", "unclear", "few seeds", "not judged"]
_TINY = 1e-9


@dataclass(frozen=True)
class SeedContrast:
    """One arm against another on one axis.

    Attributes:
        mean: Difference of the means over seeds.
        low: End of its 95 % interval; NaN where there is none.
        high: Other end.
        p: Two-sided, of Welch's test; NaN where there is none.
        n: Seeds of the arm that have a value.
        seen: Seeds that both arms have, and that differ by the smallest effect in the direction of the mean.
        of: Seeds that both arms have.
        says: The verdict.
    """

    mean: float
    low: float
    high: float
    p: float
    n: int
    seen: int
    of: int
    says: Direction


def seed_contrast(
    arm: Mapping[int, float], control: Mapping[int, float], *, effect: float
) -> SeedContrast:
    """Hold an arm against another.

    Args:
        arm: Seed -> value; NaN where it could not be judged.
        control: The same of the other arm.
        effect: Smallest effect.
    """
    ours, theirs = (
        {seed: value for seed, value in values.items() if math.isfinite(value)}
        for values in (arm, control)
    )
    if not ours or not theirs:
        return SeedContrast(*[math.nan] * 4, n=len(ours), seen=0, of=0, says="not judged")
    mean = float(np.mean(list(ours.values())) - np.mean(list(theirs.values())))
    both = ours.keys() & theirs.keys()
    sign = math.copysign(1.0, mean)
    seen = sum(sign * (ours[seed] - theirs[seed]) >= effect for seed in both)
    low, high, p = _welch(list(ours.values()), list(theirs.values()))
    says = _says(mean, low, high, effect)
    if min(len(ours), len(theirs)) < FEW:
        says = "few seeds"
    return SeedContrast(mean, low, high, p, len(ours), seen, len(both), says)


def _welch(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Ends of the interval, and p; NaN where a spread cannot be told: one seed, or no spread at all."""
    if min(len(ours), len(theirs)) < 2 or max(np.ptp(ours), np.ptp(theirs)) < _TINY:
        return math.nan, math.nan, math.nan
    result = stats.ttest_ind(ours, theirs, equal_var=False)
    low, high = result.confidence_interval(0.95)
    return float(low), float(high), float(result.pvalue)


def _says(mean: float, low: float, high: float, effect: float) -> Direction:
    if not math.isfinite(low):
        return "unclear"
    if low > -effect and high < effect:
        return "no change"
    if abs(mean) >= effect and (low > 0 or high < 0):
        return "more" if mean > 0 else "less"
    return "unclear"


def holm_over_questions(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p over those that are known; NaN for the others, which count as asked."""
    if not p_values:
        return []
    known = [1.0 if math.isnan(p) else p for p in p_values]
    adjusted = np.asarray(multipletests(known, method="holm")[1])
    return [
        math.nan if math.isnan(p) else float(a) for p, a in zip(p_values, adjusted, strict=True)
    ]


def seed_interval(values: Mapping[int, float]) -> tuple[float, float, float, int]:
    """Mean over seeds, the ends of its 95 % t interval (NaN below two seeds or without spread), and the number of seeds."""
    known = [value for value in values.values() if math.isfinite(value)]
    if not known:
        return math.nan, math.nan, math.nan, 0
    mean = float(np.mean(known))
    if len(known) < 2 or np.ptp(known) < _TINY:
        return mean, math.nan, math.nan, len(known)
    half = float(stats.t.ppf(0.975, len(known) - 1) * stats.sem(known))
    return mean, mean - half, mean + half, len(known)
