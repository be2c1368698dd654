"""Do two measures order the steps of a trace alike?

    rho_t  = Spearman over the steps of trace t at which both are finite (average ranks of ties)
    rho    = mean over traces of rho_t, with the bootstrap interval over traces (or clusters of traces)
    given  = what both may follow for another reason, such as the place of the step: ranks of both are taken as residuals of
             a least-squares fit on the ranks of these (partial Spearman)
    null   = the same mean when one side is shuffled inside each trace

Inside each trace, because traces differ in length and level, which would correlate with anything that does, too.
A trace with fewer than five such steps, or on which one side is constant, says nothing and is left out.
Source: Spearman 1904 (The American Journal of Psychology 15:72); permutation of residuals after Freedman and Lane 1983 (Journal of
Business & Economic Statistics 1:292). Cost: shuffles x steps additions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from mechcot.stats.bootstrap import Interval, bootstrap_mean, order_bounds, random_stream

LEAST_STEPS = 5
_SHUFFLES = 1999
CONSTANT = 1e-9


@dataclass(frozen=True)
class RankCorrelation:
    """A mean rank correlation inside traces.

    Attributes:
        rho: Mean over traces, its 95 % interval, and the numbers of traces and clusters.
        low_null: 2.5 % of the means with one side shuffled.
        high_null: 97.5 % of them.
        p: Two-sided: share of shuffles, the given order among them, with a mean at least as far from 0.
        steps: Number of steps that were compared.
        left_out: Number of traces that say nothing.
    """

    rho: Interval
    low_null: float
    high_null: float
    p: float
    steps: int
    left_out: int


def rank_correlation(
    left: Sequence[Float[np.ndarray, " _"]],
    right: Sequence[Float[np.ndarray, " _"]],
    *,
    given: Sequence[Sequence[Float[np.ndarray, " _"]]] = (),
    clusters: Sequence[str] | None = None,
    seed: int = 0,
) -> RankCorrelation:
    """Correlate two measures inside each trace.

    Args:
        left: For each trace one value a step; NaN where there is none.
        right: The same of the other measure, step for step.
        given: Any number of further measures, each with one array a trace, that are held fixed.
        clusters: Name of each trace's cluster (its problem); whole clusters are resampled.
        seed: Seed of resampling and shuffling.

    Raises:
        ValueError: Different numbers of traces or steps.
    """
    names = list(clusters) if clusters is not None else [str(i) for i in range(len(left))]
    pairs, kept = [], []
    for x, y, name, *more in zip(left, right, names, *given, strict=True):
        pair = _scores(x, y, more)
        if pair is not None:
            pairs.append(pair)
            kept.append(name)
    steps, left_out = sum(len(x) for x, _ in pairs), len(left) - len(pairs)
    if not pairs:
        nothing = Interval(np.nan, np.nan, np.nan, n=0, units=0)
        return RankCorrelation(nothing, np.nan, np.nan, np.nan, steps, left_out)
    draws = np.array([float(x @ y) for x, y in pairs])
    member = np.unique(kept, return_inverse=True)[1]
    rho = bootstrap_mean(draws, clusters=member, seed=seed, purpose="rank correlation")
    null = _shuffled(pairs, seed=seed)
    low, high = order_bounds(null, tail=0.025)
    beyond = int((np.abs(null) >= abs(rho.mean) - 1e-12).sum())
    return RankCorrelation(rho, low, high, (1 + beyond) / (1 + len(null)), steps, left_out)


def _scores(
    x: np.ndarray, y: np.ndarray, given: Sequence[np.ndarray]
) -> tuple[Float[np.ndarray, " step"], Float[np.ndarray, " step"]] | None:
    """Ranks (or their residuals) of both sides with mean 0 and length 1; None where they say nothing."""
    if len({len(x), len(y), *map(len, given)}) > 1:
        raise ValueError(
            f"expected one value a step on every side, got {[len(x), len(y), *map(len, given)]}"
        )
    known = np.isfinite([x, y, *given]).all(axis=0)
    if known.sum() < LEAST_STEPS:
        return None
    ranks = [rankdata(values[known]) for values in (x, y, *given)]
    fixed = np.stack([np.ones(known.sum()), *ranks[2:]], axis=1)
    sides = [side - fixed @ np.linalg.lstsq(fixed, side, rcond=None)[0] for side in ranks[:2]]
    lengths = [float(np.linalg.norm(side)) for side in sides]
    if min(lengths) <= CONSTANT * len(sides[0]):
        return None
    return sides[0] / lengths[0], sides[1] / lengths[1]


def _shuffled(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], *, seed: int
) -> Float[np.ndarray, " shuffle"]:
    rng = random_stream(seed, "shuffled ranks")
    total = np.zeros(_SHUFFLES)
    for x, y in pairs:
        total += rng.permuted(np.tile(x, (_SHUFFLES, 1)), axis=1) @ y
    return total / len(pairs)
