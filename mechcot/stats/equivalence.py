"""Equivalence ("no change"): two one-sided tests (TOST) that the mean paired difference lies inside +-bound.

    p = max(p_low, p_high),   p_low tests "mean <= -bound",   p_high tests "mean >= +bound"

and p < alpha exactly when the 1 - 2 alpha interval (90 % for alpha .05) lies inside the bounds.

Why not the t test. Differences of probabilities often are zero for most items and large for a few. With a true mean
at the bound of 0.1 made of 10 % of items that change by 1, the t version says "no change" in 10-15 % of
samples of 20-50 (simulated), and with zero observed variance it is certain after two items. Words like "no change" must not be
that cheap. So each one-sided test is Gaffke's (2005; see Phan, Thomas and Learned-Miller 2021, arXiv 2106.03163): a Bayesian bootstrap of
the n differences plus one pseudo-item at the worst possible value,

    p_low = P_w( sum_i w_i d_i - w_{n+1} R <= -bound ),   w ~ Dirichlet(1, ..., 1),   R = largest possible |d|

It needs no variance, equals Clopper-Pearson for two-valued data, and no violation of its level is known (its validity
is proved for special cases and supported numerically in general; our tests simulate it). With all differences
zero, p = (1 - bound / R)^n. The price is power: with R = 1 and a bound of 0.1, about 50 items are needed for a quiet measure, 80 for
differences with standard deviation 0.15. Where the range is unbounded (`span=None`) the t version is used.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import stdtr, stdtrit

from mechcot.stats.bootstrap import RESAMPLES, block_rows, cluster_sums, order_bounds, random_stream

ALPHA = 0.05


@dataclass(frozen=True)
class Equivalence:
    """Result of the two one-sided tests.

    Attributes:
        p: Larger of the two one-sided p-values; NaN without items.
        low: Lower end of the 90 % interval.
        high: Upper end of it.
        bound: Largest mean difference that still counts as no change.
        method: `bounded mean` or `t`.
    """

    p: float
    low: float
    high: float
    bound: float
    method: str


def equivalence(
    differences: Float[np.ndarray, " item"],
    *,
    bound: float,
    span: float | None,
    clusters: Int[np.ndarray, " item"] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    purpose: str = "equivalence",
) -> Equivalence:
    """Test that the mean difference lies strictly inside +-bound.

    Args:
        differences: One finite number per item.
        bound: Equivalence bound, the card's `smallest_effect`.
        span: Largest possible |difference| (the card's high - low); None when unbounded.
        clusters: Cluster number of each item.
        resamples: Number of Dirichlet draws.
        seed: Seed of the study.
        purpose: Names the random stream.

    Raises:
        ValueError: The bound is not positive.
    """
    if not bound > 0:
        raise ValueError(
            f"an equivalence bound must be larger than 0, got {bound}; set smallest_effect in the card"
        )
    if not len(differences):
        return Equivalence(float("nan"), float("nan"), float("nan"), bound, "none")
    sums, sizes = cluster_sums(differences, clusters)
    if span is None or not np.isfinite(span):
        return _by_t(sums, sizes, bound=bound)
    widest = max(span, float(np.abs(differences).max()))
    rng = random_stream(seed, f"{purpose}/equivalence")
    lower, upper = _bounded_means(sums, sizes, span=widest, resamples=resamples, rng=rng)
    beyond = max(np.count_nonzero(lower <= -bound), np.count_nonzero(upper >= bound))
    return Equivalence(
        p=(int(beyond) + 1) / (resamples + 1),
        low=order_bounds(lower, tail=ALPHA)[0],
        high=order_bounds(upper, tail=ALPHA)[1],
        bound=bound,
        method="bounded mean",
    )


def _bounded_means(
    sums: Float[np.ndarray, " unit"],
    sizes: Float[np.ndarray, " unit"],
    *,
    span: float,
    resamples: int,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, " resample"], Float[np.ndarray, " resample"]]:
    """Dirichlet-weighted means with a pseudo-unit at -span and, with the same weights, at +span."""
    extra = float(sizes.max())
    lower, upper = np.empty(resamples), np.empty(resamples)
    rows = block_rows(len(sums) + 1)
    for start in range(0, resamples, rows):
        stop = min(start + rows, resamples)
        weights = rng.standard_exponential((stop - start, len(sums) + 1))
        seen, worst = weights[:, :-1] @ sums, weights[:, -1] * extra * span
        total = weights[:, :-1] @ sizes + weights[:, -1] * extra
        lower[start:stop], upper[start:stop] = (seen - worst) / total, (seen + worst) / total
    return lower, upper


def _by_t(
    sums: Float[np.ndarray, " unit"], sizes: Float[np.ndarray, " unit"], *, bound: float
) -> Equivalence:
    """Schuirmann's TOST; cluster means count as single observations. One unit proves nothing (p = 1)."""
    values = sums / sizes
    mean, units = float(values.mean()), len(values)
    if units < 2:
        return Equivalence(1.0, float("nan"), float("nan"), bound, "t")
    error = float(np.std(values, ddof=1)) / units**0.5
    if error == 0:
        return Equivalence(0.0 if abs(mean) < bound else 1.0, mean, mean, bound, "t")
    p = max(
        stdtr(units - 1, -(mean + bound) / error),
        stdtr(units - 1, (mean - bound) / error),
    )
    half = float(stdtrit(units - 1, 1 - ALPHA)) * error
    return Equivalence(float(p), mean - half, mean + half, bound, "t")
