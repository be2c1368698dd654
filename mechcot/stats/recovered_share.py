"""Recovered share of an accuracy gap: (hybrid - base) / (tuned - base), paired over items.

The interval resamples items, so that numerator and denominator move together. Where the tuned model is not surely better by
`LEAST_GAP` there is nothing to recover and no share: a share of a loss would call harm a recovery.
"""

import numpy as np
from jaxtyping import Float

from mechcot.stats.bootstrap import LEVEL, Interval, expanded_level, order_bounds, random_stream
from mechcot.stats.proportions import paired_interval

LEAST_GAP = 0.05
_RESAMPLES = 4_000
_Rows = Float[np.ndarray, " item"]


def accuracy_gap(base: _Rows, tuned: _Rows, *, seed: int = 0) -> Interval:
    """Accuracy of the tuned model less that of the base, with its paired interval."""
    return paired_interval(base, tuned, seed=seed, purpose="gap")


def divides(difference: Interval) -> bool:
    """Return whether the tuned model is surely better by enough to divide by."""
    return bool(difference.low >= LEAST_GAP)


def recovered_share(
    base: _Rows,
    hybrid: _Rows,
    tuned: _Rows,
    *,
    beyond: _Rows | None = None,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """Share of the gap that a hybrid recovers, with its interval; NaN where the gap does not divide.

    Args:
        base: Right (1) or not (0) for each item, written by the base alone.
        hybrid: The same items written by the hybrid.
        tuned: The same items written by the tuned model.
        beyond: The same items written otherwise: the share is of what the hybrid recovers beyond that; None: beyond the base.
        level: Coverage aimed at.
        seed: Of the resampling.
    """
    n, gain = len(base), hybrid - (base if beyond is None else beyond)
    if n < 2 or not divides(accuracy_gap(base, tuned, seed=seed)):
        return Interval(np.nan, np.nan, np.nan, n=n, units=n)
    drawn = random_stream(seed, "recovered share").integers(0, n, size=(_RESAMPLES, n))
    parts, wholes = (rows[drawn].sum(axis=1) for rows in (gain, tuned - base))
    kept = wholes != 0
    shares = parts[kept] / wholes[kept]
    low, high = order_bounds(shares, tail=expanded_level(n, level=level))
    mean = float(gain.sum() / (tuned - base).sum())
    return Interval(mean, low, high, n=n, units=n)
