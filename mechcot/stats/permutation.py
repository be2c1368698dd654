"""Sign-flip test of paired differences, and Holm's correction.

Null hypothesis: within an item the two checkpoints are exchangeable. Swapping them flips the sign of d_i, so
under the null all 2^n sign patterns are equally likely:

    p = share of sign patterns s with |sum_i s_i d_i| >= |sum_i d_i|

It was preferred to a bootstrap p-value because it is exact for every n when the null holds, never 0, and is the
exact McNemar test when the values are 0/1. Up to `EXACT_UNITS` non-zero units all patterns are counted, else
(b + 1) / (m + 1) over m random ones (Phipson and Smyth 2010). Zero differences carry no sign and are left out.
With clusters a whole cluster is flipped. Deviation from a test of the mean alone: with strongly skewed
differences of mean zero it is only asymptotically valid, which is why a verdict also asks the interval.
Source of the correction: Holm 1979 (Scandinavian Journal of Statistics 6:65).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from mechcot.stats.bootstrap import RESAMPLES, block_rows, cluster_sums, random_stream

EXACT_UNITS = 16


def sign_flip_p(
    differences: Float[np.ndarray, " item"],
    *,
    clusters: Int[np.ndarray, " item"] | None = None,
    flips: int = RESAMPLES,
    seed: int = 0,
    purpose: str = "p",
) -> float:
    """Two-sided p-value; 1.0 when all differences are zero, NaN without any item.

    Args:
        differences: After minus before, one finite number per item.
        clusters: Cluster of each item; a whole cluster flips together. None: items do.
        flips: How many random patterns, where there are too many to count all.
        seed: Seed of the study; used for random patterns only.
        purpose: Names the random stream, so that two tests do not share one.
    """
    if not len(differences):
        return float("nan")
    sums, _ = cluster_sums(differences, clusters)
    moved = sums[sums != 0]
    if not len(moved):
        return 1.0
    reach = abs(float(moved.sum())) - 1e-12 * float(np.abs(moved).sum())
    if len(moved) <= EXACT_UNITS:
        return float(np.mean(np.abs(_all_patterns(len(moved)) @ moved) >= reach))
    rng = random_stream(seed, f"{purpose}/sign flips")
    as_extreme = 0
    rows = block_rows(len(moved))
    for start in range(0, flips, rows):
        signs = 2.0 * rng.integers(0, 2, size=(min(rows, flips - start), len(moved))) - 1.0
        as_extreme += int(np.count_nonzero(np.abs(signs @ moved) >= reach))
    return (as_extreme + 1) / (flips + 1)


def _all_patterns(units: int) -> Float[np.ndarray, "pattern unit"]:
    """Half of all sign patterns (the first sign is +); the other half mirrors them."""
    bits = np.arange(2 ** (units - 1))[:, None] >> np.arange(units - 1) & 1
    return np.hstack([np.ones((len(bits), 1)), 2.0 * bits - 1.0])


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-corrected p-values in the given order; NaN entries stay NaN and are not part of the family.

    The k-th smallest of m is multiplied by m - k + 1, then made monotone and cut at 1. Tests hold it against
    statsmodels' `multipletests`, which is not called here because it runs a full garbage collection each time.
    """
    p = np.asarray(p_values, dtype=float)
    tested = np.flatnonzero(np.isfinite(p))
    ordered = tested[np.argsort(p[tested], kind="stable")]
    corrected = np.full(len(p), np.nan)
    scaled = p[ordered] * np.arange(len(ordered), 0, -1)
    corrected[ordered] = np.minimum(1.0, np.maximum.accumulate(scaled))
    return [float(value) for value in corrected]
