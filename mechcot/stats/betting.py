"""Bounds for the mean of bounded values that hold at every n at once: items may be added until something is decided.

A bettor who doubts that the mean is at most m stakes a share of the capital on each next value, chosen from the values before it alone:

    K_t(m) = prod over i <= t of 1 + min(l_i, c / m) (x_i - m)        x in [0, 1], c < 1
    l_t    = sqrt(2 log(1 / alpha) / (v_{t-1} t log(1 + t)))          v the variance of the values before

If the mean is at most m, the capital never reaches 1 / alpha but with probability alpha, however long one plays (Ville). So every m at which it ever
did is ruled out. K falls in m, hence the ruled out m are those below a bound, which is found by halving. The upper bound is that of 1 - x.
Source: Waudby-Smith and Ramdas 2023 (JRSS B 86:1), predictable plug-in bets; one-sided, so log(1 / alpha) in place of log(2 / alpha).
The order of the values matters, and must not depend on them.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from mechcot.stats.chain_use import BOUNDS, Axis, UseBounds, decide

EVER_WRONG = 0.05
"""Probability of ever ruling out the mean."""
CAP = 0.75
"""Largest share of the capital that one value can take: at 1 a single value could take all."""
_HALVINGS = 40


def sequential_axis(values: Sequence[float], *, bounds: UseBounds = BOUNDS) -> Axis:
    """Answer one question of the verdict from one number per item, at any n; see `mechcot.stats.chain_use.axis` for a fixed n.

    Args:
        values: Differences of probabilities in [-1, 1], in an order fixed beforehand; NaN where an item has none.
        bounds: Gives the smallest effect.
    """
    known = np.array([value for value in values if math.isfinite(value)], dtype=float)
    if not len(known):
        return Axis(math.nan, math.nan, math.nan, 0, math.nan, "open")
    shares = (known + 1) / 2
    low, high = 2 * lower_bound(shares) - 1, 1 - 2 * lower_bound(1 - shares)
    spread = float(known.std(ddof=1)) if len(known) > 1 else math.nan
    answer = decide(low, high, bounds=bounds)
    return Axis(float(known.mean()), low, high, len(known), spread, answer)


def lower_bound(values: Float[np.ndarray, " item"], *, alpha: float = EVER_WRONG) -> float:
    """The largest mean that is ruled out from below, at level alpha and at any n; 0 where none is.

    Args:
        values: In [0, 1], in order.
        alpha: Probability of ever ruling out the mean.
    """
    stakes = _stakes(values, alpha=alpha)
    enough = -math.log(alpha)
    low, high = 0.0, 1.0
    if _most_capital(values, stakes, low) < enough:
        return low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _most_capital(values, stakes, middle) >= enough:
            low = middle
        else:
            high = middle
    return low


def _stakes(values: Float[np.ndarray, " item"], *, alpha: float) -> Float[np.ndarray, " item"]:
    """Each bet, from the values before it."""
    t = np.arange(1, len(values) + 1)
    means = (0.5 + np.cumsum(values)) / (t + 1)
    variances = (0.25 + np.cumsum((values - means) ** 2)) / (t + 1)
    before = np.concatenate([[0.25], variances[:-1]])
    return np.sqrt(-2 * math.log(alpha) / (before * t * np.log1p(t)))


def _most_capital(
    values: Float[np.ndarray, " item"], stakes: Float[np.ndarray, " item"], mean: float
) -> float:
    """Logarithm of the most capital that was ever held against a mean."""
    capped = np.minimum(stakes, CAP / mean) if mean else stakes
    return float(np.cumsum(np.log1p(capped * (values - mean))).max())
