"""Paired bootstrap over items: an interval for the mean of the differences, and the effect size.

    d_i = after_i - before_i (one number per item);  theta = mean_i d_i
    theta*_r = mean of n draws with replacement,  r = 1..10,000
    interval = order statistics of theta* at the levels  q = Phi(sqrt(n / (n - 1)) t_{alpha/2, n-1})  and  1 - q

What is resampled is the item (or a cluster of items made from one template), never a token or a step.

Why this interval. The plain percentile interval is too short by the factor sqrt((n-1)/n) and ignores that
the spread is estimated; at 20 items it covers about 92 % instead of 95 %. The *expanded percentile*
interval (Hesterberg 2015, The American Statistician 69:371) moves the two levels outwards so that for
normal data it equals the t interval; for large n it is the percentile interval. It was preferred to
BCa because it stays inside the range of the data, changes sign exactly when before and after are swapped, has no
failure when nearly all differences are zero (BCa's acceleration is 0/0 there), and BCa is no better at n = 20.

Deterministic: the draws depend on the seed, the purpose and the number of items alone. Cost: resamples x n additions.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr, stdtrit

RESAMPLES = 10_000
LEVEL = 0.95
BLOCK_NUMBERS = 1_000_000


@dataclass(frozen=True)
class Interval:
    """A mean over items with its interval; `low` and `high` are NaN below two units.

    Attributes:
        mean: Mean over items.
        low: Lower end.
        high: Upper end.
        n: Number of items.
        units: Number of resampled units (clusters, or items when there are none).
    """

    mean: float
    low: float
    high: float
    n: int
    units: int

    def excludes(self, value: float) -> bool:
        """True when `value` lies strictly outside the interval."""
        return value < self.low or value > self.high

    def row(self) -> dict[str, float]:
        """The columns of a table: `mean`, `low`, `high`, `n`."""
        return {"mean": self.mean, "low": self.low, "high": self.high, "n": self.n}


def random_stream(seed: int, purpose: str) -> np.random.Generator:
    """A random stream of its own for each purpose, so that adding a measure changes no other one."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode("utf-8"))])


def block_rows(width: int) -> int:
    """Return how many resamples of `width` numbers are held at once (about 8 MB)."""
    return max(1, BLOCK_NUMBERS // max(1, width))


def cluster_numbers(
    items: Sequence[str], clusters: Mapping[str, str] | None
) -> Int[np.ndarray, " item"] | None:
    """Cluster number of each item, None without clusters; numbers follow the sorted cluster names.

    Raises:
        ValueError: An item has no cluster.
    """
    if clusters is None:
        return None
    missing = [item for item in items if item not in clusters]
    if missing:
        raise ValueError(
            f"every item needs a cluster; {len(missing)} have none, the first is {missing[0]!r}"
        )
    names = {name: number for number, name in enumerate(sorted({clusters[item] for item in items}))}
    return np.array([names[clusters[item]] for item in items], dtype=np.int64)


def cluster_sums(
    values: Float[np.ndarray, " item"], clusters: Int[np.ndarray, " item"] | None
) -> tuple[Float[np.ndarray, " unit"], Float[np.ndarray, " unit"]]:
    """Sum of the values and number of items per unit; without clusters every item is a unit."""
    if clusters is None:
        return values, np.ones(len(values))
    if len(clusters) != len(values):
        raise ValueError(
            f"one cluster per item is needed, got {len(clusters)} clusters for {len(values)} items"
        )
    _, member = np.unique(clusters, return_inverse=True)
    return np.bincount(member, weights=values), np.bincount(member).astype(float)


def expanded_level(units: int, *, level: float = LEVEL) -> float:
    """Tail level at which the percentile is read; tends to (1 - level) / 2 for many units."""
    widen = np.sqrt(units / (units - 1))
    return float(ndtr(widen * stdtrit(units - 1, (1 - level) / 2)))


def order_bounds(sample: Float[np.ndarray, " resample"], *, tail: float) -> tuple[float, float]:
    """The k-th smallest and k-th largest value, k = tail x (size + 1), at least the extremes.

    Order statistics, not interpolated quantiles: negating the sample negates and swaps them exactly.
    """
    k = max(1, int(tail * (len(sample) + 1)))
    ordered = np.sort(sample)
    return float(ordered[k - 1]), float(ordered[-k])


def resampled_means(
    values: Float[np.ndarray, " item"],
    *,
    clusters: Int[np.ndarray, " item"] | None = None,
    resamples: int = RESAMPLES,
    rng: np.random.Generator,
) -> Float[np.ndarray, " resample"]:
    """Bootstrap means, drawn in blocks of about a million numbers.

    Args:
        values: Finite numbers, one per item, at least one.
        clusters: Cluster of each item; whole clusters are drawn. None: items are.
        resamples: How many means.
        rng: Source of chance.

    Returns:
        One mean per resample. With clusters it is the mean over the drawn items, whose number varies.
    """
    sums, sizes = cluster_sums(values, clusters)
    units = len(sums)
    means = np.empty(resamples)
    rows = block_rows(units)
    for start in range(0, resamples, rows):
        stop = min(start + rows, resamples)
        draw = rng.integers(0, units, size=(stop - start, units))
        totals = units if clusters is None else sizes[draw].sum(axis=1)
        means[start:stop] = sums[draw].sum(axis=1) / totals
    return means


def bootstrap_mean(
    values: Float[np.ndarray, " item"],
    *,
    clusters: Int[np.ndarray, " item"] | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
    purpose: str = "mean",
) -> Interval:
    """Mean over items with its expanded percentile interval.

    Args:
        values: One finite number per item; for a paired contrast the differences after - before.
        clusters: Cluster number of each item; whole clusters are then drawn.
        level: Coverage aimed at.
        resamples: Number of bootstrap resamples.
        seed: Seed of the study.
        purpose: Names the random stream, usually the measure.

    Raises:
        ValueError: A value is not finite (drop pairs before).
    """
    if not np.isfinite(values).all():
        raise ValueError(
            "bootstrap_mean needs finite values; drop incomplete pairs first (pair_values counts them)"
        )
    sums, _ = cluster_sums(values, clusters)
    units = len(sums)
    mean = float(values.mean()) if len(values) else float("nan")
    if units < 2:
        return Interval(mean, float("nan"), float("nan"), n=len(values), units=units)
    if np.ptp(values) == 0:
        return Interval(mean, float(values[0]), float(values[0]), n=len(values), units=units)
    means = resampled_means(
        values, clusters=clusters, resamples=resamples, rng=random_stream(seed, purpose)
    )
    low, high = order_bounds(means, tail=expanded_level(units, level=level))
    return Interval(mean, low, high, n=len(values), units=units)


def effect_size(differences: Float[np.ndarray, " item"]) -> float | None:
    """Cohen's d_z = mean / standard deviation of the paired differences; None when they do not vary.

    Not comparable with a two-group d: it grows with the correlation of the two sides.
    """
    if len(differences) < 2:
        return None
    spread = float(np.std(differences, ddof=1))
    scale = float(np.abs(differences).max())
    return None if spread <= 1e-12 * max(scale, 1e-300) else float(np.mean(differences)) / spread
