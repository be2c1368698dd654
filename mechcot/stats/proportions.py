"""Intervals for shares of right answers: score intervals, which keep their width at 0 and 100 %.

A bootstrap over items that are all right draws the same value again and again and gives an interval of no width.

    one share              Wilson's interval (1927, J. Am. Stat. Assoc. 22:209), from statsmodels
    paired difference      Newcombe's method 10 (1998, Statistics in Medicine 17:2635): the two Wilson
                           intervals combined with the correlation phi of the pairs

Values that are not all 0 or 1 (several chains per item), or that come in clusters, have the bootstrap.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from statsmodels.stats.proportion import proportion_confint

from mechcot.stats.bootstrap import LEVEL, RESAMPLES, Interval, bootstrap_mean


def binary(values: Float[np.ndarray, " item"]) -> bool:
    """Return whether every value is 0 or 1."""
    return bool(np.isin(values, (0.0, 1.0)).all())


def share_interval(
    values: Float[np.ndarray, " item"], *, seed: int = 0, purpose: str = "share"
) -> Interval:
    """Mean of the items with its 95 % interval: Wilson's where every item is 0 or 1, else a bootstrap.

    Args:
        values: One finite number per item.
        seed: Seed of the bootstrap.
        purpose: Names its random stream.
    """
    n = len(values)
    if n < 2 or not binary(values):
        return bootstrap_mean(values, seed=seed, purpose=purpose)
    low, high = _wilson(float(values.sum()), n)
    return Interval(float(values.mean()), low, high, n=n, units=n)


def paired_interval(
    before: Float[np.ndarray, " item"],
    after: Float[np.ndarray, " item"],
    *,
    clusters: Int[np.ndarray, " item"] | None = None,
    seed: int = 0,
    purpose: str = "share",
    resamples: int = RESAMPLES,
) -> Interval:
    """Mean of after - before with its 95 % interval: Newcombe's where every item is 0 or 1, else a bootstrap.

    Swapping `before` and `after` negates it exactly.

    Args:
        before: One finite number per item.
        after: The same items after.
        clusters: Cluster of each item; needs the bootstrap.
        seed: Seed of the bootstrap.
        purpose: Names its random stream.
        resamples: Number of resamples.
    """
    n = len(before)
    if n < 2 or clusters is not None or not (binary(before) and binary(after)):
        draws: dict[str, Any] = {
            "clusters": clusters,
            "seed": seed,
            "purpose": purpose,
            "resamples": resamples,
        }
        return bootstrap_mean(after - before, **draws)
    (p, q), phi = (float(before.mean()), float(after.mean())), _phi(before, after)
    (p_low, p_high), (q_low, q_high) = _wilson(before.sum(), n), _wilson(after.sum(), n)
    down = _reach(q - q_low, p_high - p, phi)
    up = _reach(q_high - q, p - p_low, phi)
    mean = float((after - before).mean())
    return Interval(mean, mean - down, mean + up, n=n, units=n)


def _wilson(right: float, n: int) -> tuple[float, float]:
    low, high = np.asarray(proportion_confint(right, n, alpha=1 - LEVEL, method="wilson"), float)
    return (0.0 if right == 0 else float(low)), (1.0 if right == n else float(high))


def _phi(before: Float[np.ndarray, " item"], after: Float[np.ndarray, " item"]) -> float:
    """Correlation of the pairs, pulled towards 0 where it is positive; 0 where a side does not vary."""
    n = len(before)
    both, neither = float((before * after).sum()), float(((1 - before) * (1 - after)).sum())
    first, second = float(before.sum()) - both, float(after.sum()) - both
    spread = ((both + first) * (second + neither)) * ((both + second) * (first + neither))
    if spread == 0:
        return 0.0
    excess = both * neither - first * second
    return (max(excess - n / 2, 0.0) if excess > 0 else excess) / float(np.sqrt(spread))


def _reach(mine: float, other: float, phi: float) -> float:
    """Length of one side of the interval from one side of each share's own."""
    return float(np.sqrt(max(mine**2 + other**2 - 2 * phi * (mine * other), 0.0)))
