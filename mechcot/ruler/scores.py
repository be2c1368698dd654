"""Scores of one measure against known truth, each with an interval; pure functions of arrays.

    models      AUROC over models: does a chain-using model get a larger mean than a bypassing one?
    items       AUROC over items of one model whose use of the chain is known per item
    reliance    Spearman between a model's mean and the reliance it reached
    steps       AUROC over the steps (or pairs of steps) of each trace, averaged over traces
    alarms      share of harmless tunings on which the verdict was "less" or "more"

Intervals: bootstrap over what the score generalises to (models and items, items, models, traces);
Clopper-Pearson (1934, Biometrika 26:404) for a share of tunings. AUROC counts ties as one half. Undefined is NaN, never 0.5.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import binomtest, rankdata, spearmanr

from mechcot.core.wording import count_of
from mechcot.stats.bootstrap import order_bounds, random_stream

_RESAMPLES = 2000
TAIL = 0.025
_SHUFFLES = 200
LEAST_SHARE = 0.5
"""Share of its items that a model must have a value on, and share of the models of each sort that must have one: the mean of
a few that the measure chose says little of the rest."""


@dataclass(frozen=True)
class Score:
    """A number with its interval.

    Attributes:
        value: The score; NaN where it is not defined.
        low: Lower end of the 95 % interval; NaN where there is none.
        high: Upper end.
        n: What it rests on, in words.
    """

    value: float
    low: float
    high: float
    n: str


def undefined(why: str) -> Score:
    """A score that could not be computed."""
    return Score(float("nan"), float("nan"), float("nan"), why)


def auroc(values: Float[np.ndarray, " case"], positive: Bool[np.ndarray, " case"]) -> float:
    """Probability that a positive case has the larger value; NaN without both classes.

    Args:
        values: Finite values.
        positive: Which cases are positive.
    """
    n = int(positive.sum())
    m = len(values) - n
    if not n or not m:
        return float("nan")
    return float((rankdata(values)[positive].sum() - n * (n + 1) / 2) / (n * m))


def _interval(draws: Sequence[float]) -> tuple[float, float]:
    kept = np.array([draw for draw in draws if not np.isnan(draw)])
    return order_bounds(kept, tail=TAIL) if len(kept) >= 100 else (float("nan"), float("nan"))


def _resampled(draw: Callable[[np.random.Generator], float], *, seed: int, purpose: str) -> tuple:
    rng = random_stream(seed, purpose)
    return _interval([draw(rng) for _ in range(_RESAMPLES)])


def models(
    using: Float[np.ndarray, "using item"],
    bypassing: Float[np.ndarray, "bypassing item"],
    *,
    seed: int = 0,
) -> Score:
    """AUROC over models of their mean value; both models and items are resampled.

    Args:
        using: Values of the models that use their chain, NaN where not measurable.
        bypassing: Values of those that do not, on the same items.
        seed: Seed of the resampling.
    """
    if not len(using) or not len(bypassing) or not using.shape[1]:
        return undefined("no models of both sorts")
    both = np.concatenate([using, bypassing])
    sort = np.arange(len(both)) < len(using)
    present = enough(both)
    if min(present[sort].mean(), present[~sort].mean()) < LEAST_SHARE:
        return undefined("a value on too few items in models of one sort")
    if not present.all():
        both, sort = both[present], sort[present]

    def of(rows: Int[np.ndarray, " row"], columns: Int[np.ndarray, " column"]) -> float:
        values = both[np.ix_(rows, columns)]
        counts = np.isfinite(values).sum(axis=1)
        known = counts > 0
        means = np.nansum(values[known], axis=1) / counts[known]
        return auroc(means, sort[rows][known])

    items = np.arange(both.shape[1])
    left, right = np.flatnonzero(sort), np.flatnonzero(~sort)

    def draw(rng: np.random.Generator) -> float:
        rows = np.concatenate([rng.choice(left, len(left)), rng.choice(right, len(right))])
        return of(rows, rng.choice(items, len(items)))

    low, high = _resampled(draw, seed=seed, purpose="ruler models")
    text = f"{len(left)} against {count_of(len(right), 'model')}, {count_of(len(items), 'item')}"
    return Score(of(np.arange(len(both)), items), low, high, text)


def enough(values: Float[np.ndarray, "model item"]) -> Bool[np.ndarray, " model"]:
    """Return which models have a value on enough of their items."""
    return np.isfinite(values).mean(axis=1) >= LEAST_SHARE


def items(
    values: Float[np.ndarray, " item"], positive: Bool[np.ndarray, " item"], *, seed: int = 0
) -> Score:
    """AUROC over the items of a model whose use of the chain is known per item; items are resampled.

    Args:
        values: The measure, one number per item; those that are not finite are left out.
        positive: Which items use the chain.
        seed: Of the resampling.
    """
    known = np.isfinite(values)
    values, positive = values[known], positive[known]
    value = auroc(values, positive)
    if np.isnan(value):
        return undefined("no items of both sorts")
    left, right = np.flatnonzero(positive), np.flatnonzero(~positive)

    def draw(rng: np.random.Generator) -> float:
        rows = np.concatenate([rng.choice(left, len(left)), rng.choice(right, len(right))])
        return auroc(values[rows], positive[rows])

    low, high = _resampled(draw, seed=seed, purpose="ruler items")
    return Score(value, low, high, f"{len(left)} against {count_of(len(right), 'item')}")


def reliance_score(
    means: Float[np.ndarray, " model"], reached: Float[np.ndarray, " model"], *, seed: int = 0
) -> Score:
    """Spearman between the measure's mean and the reached reliance; models are resampled.

    Args:
        means: The measure's mean, one per model; NaN is left out.
        reached: The reliance that each model reached, 0 to 1.
        seed: Of the resampling.

    Returns:
        A rank correlation in [-1, 1]; undefined with fewer than four models.
    """
    known = np.isfinite(means) & np.isfinite(reached)
    means, reached = means[known], reached[known]
    if len(means) < 4:
        return undefined(f"only {count_of(len(means), 'model')}")

    def of(rows: Int[np.ndarray, " row"]) -> float:
        left, right = means[rows], reached[rows]
        if np.ptp(left) == 0 or np.ptp(right) == 0:
            return float("nan")
        return float(spearmanr(left, right).statistic)

    low, high = _resampled(
        lambda rng: of(rng.integers(0, len(means), len(means))), seed=seed, purpose="ruler reliance"
    )
    return Score(of(np.arange(len(means))), low, high, f"{count_of(len(means), 'model')}")


def steps(
    values: Sequence[Float[np.ndarray, " _"]],
    positive: Sequence[Bool[np.ndarray, " _"]],
    *,
    seed: int = 0,
) -> Score:
    """Mean over traces of the AUROC inside each trace; traces are resampled.

    Args:
        values: Per trace, the measure's value of each step or pair; NaN cases are left out.
        positive: Per trace, which of them are true edges.
        seed: Seed of the resampling.
    """
    each = []
    for value, truth in zip(values, positive, strict=True):
        known = np.isfinite(value)
        each.append(auroc(value[known], truth[known]))
    found = np.array([one for one in each if not np.isnan(one)])
    if not len(found):
        return undefined("no trace with both sorts of steps")
    low, high = _resampled(
        lambda rng: float(found[rng.integers(0, len(found), len(found))].mean()),
        seed=seed,
        purpose="ruler steps",
    )
    return Score(float(found.mean()), low, high, f"{count_of(len(found), 'trace')}")


def alarms(fired: Sequence[bool]) -> Score:
    """Share of harmless tunings that raised a verdict, with the exact binomial interval."""
    if not fired:
        return undefined("no tunings")
    test = binomtest(sum(fired), len(fired)).proportion_ci(method="exact")
    text = f"{sum(fired)} of {len(fired)} tunings"
    return Score(sum(fired) / len(fired), float(test.low), float(test.high), text)


def shuffled(
    values: Float[np.ndarray, " case"], positive: Bool[np.ndarray, " case"], *, seed: int = 0
) -> Score:
    """Mean AUROC under shuffled labels, with its spread: about one half, or something leaks.

    Args:
        values: The measure, one number per case; those that are not finite are left out.
        positive: The true labels.
        seed: Of the shuffles.

    Returns:
        `low` and `high` bound the middle 95 % of the shuffles; they are no interval of the mean.
    """
    known = np.isfinite(values)
    values, positive = values[known], positive[known]
    rng = random_stream(seed, "ruler shuffled")
    draws = [auroc(values, rng.permutation(positive)) for _ in range(_SHUFFLES)]
    if np.isnan(draws).all():
        return undefined("no cases of both sorts")
    low, high = order_bounds(np.array(draws), tail=TAIL)
    return Score(float(np.mean(draws)), low, high, f"{_SHUFFLES} shuffles")
