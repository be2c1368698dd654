"""Rank correlation inside traces: oracles, a planted order, a shuffled one, and an order that both sides owe to a third."""

import numpy as np
import pytest
from scipy.stats import pearsonr, rankdata, spearmanr

from benchmarks.rank_correlation import rank_correlation

RNG = np.random.default_rng(5)
SIZES = (30, 50, 12, 80, 40, 25, 60, 33)
THEIRS = [RNG.gamma(0.5, size=n).round(1) for n in SIZES]  # with ties, as importances have
PLANTED = [np.exp(y) + RNG.normal(0, 1.0, len(y)) for y in THEIRS]


def test_one_trace_is_scipys_spearman():
    found = rank_correlation(PLANTED[:1], THEIRS[:1])
    assert found.rho.mean == pytest.approx(float(spearmanr(PLANTED[0], THEIRS[0]).statistic))
    assert np.isnan(found.rho.low) and found.steps == 30


def test_given_a_third_measure_it_is_the_partial_correlation_of_the_ranks():
    place = np.arange(30.0) + 3 * RNG.normal(size=30)
    x, y = PLANTED[0] - 0.1 * place, THEIRS[0] - 0.05 * place
    rxy, rxz, ryz = (
        float(pearsonr(rankdata(a), rankdata(b)).statistic)
        for a, b in ((x, y), (x, place), (y, place))
    )
    partial = (rxy - rxz * ryz) / np.sqrt((1 - rxz**2) * (1 - ryz**2))
    assert rank_correlation([x], [y], given=[[place]]).rho.mean == pytest.approx(partial)


def test_a_planted_order_is_found_and_a_shuffled_one_is_not():
    found = rank_correlation(PLANTED, THEIRS)
    assert found.rho.low > 0.2 and found.rho.mean > found.high_null and found.p < 0.01
    backwards = rank_correlation([-x for x in PLANTED], THEIRS)
    assert backwards.rho.mean == pytest.approx(-found.rho.mean) and backwards.p < 0.01
    shuffled = rank_correlation([np.random.default_rng(1).permutation(x) for x in PLANTED], THEIRS)
    assert shuffled.low_null < shuffled.rho.mean < shuffled.high_null
    assert shuffled.rho.low < 0 < shuffled.rho.high and shuffled.p > 0.05


def test_the_null_holds_its_level():
    rng = np.random.default_rng(2)
    tries = [
        rank_correlation(
            [rng.normal(size=12) for _ in range(4)], [rng.normal(size=12) for _ in range(4)]
        )
        for _ in range(100)
    ]
    assert (
        0 < sum(each.p <= 0.05 for each in tries) <= 11
    )  # binomial(100, .05) stays below 11 in 99 %


def test_an_order_that_both_owe_to_the_place_is_gone_once_the_place_is_given():
    rng = np.random.default_rng(3)
    place = [np.arange(float(n)) for n in SIZES]
    x, y = ([p + rng.normal(0, 8, len(p)) for p in place] for _ in range(2))
    assert rank_correlation(x, y).rho.low > 0.3
    given = rank_correlation(x, y, given=[place])
    assert given.rho.low < 0 < given.rho.high and given.p > 0.05


def test_levels_of_traces_make_no_correlation():
    """Pooled over traces these correlate almost fully; inside each trace they are noise."""
    rng = np.random.default_rng(4)
    x, y = ([10.0 * i + rng.normal(size=40) for i in range(8)] for _ in range(2))
    assert spearmanr(np.concatenate(x), np.concatenate(y)).statistic > 0.9
    assert abs(rank_correlation(x, y).rho.mean) < 0.2


def test_whole_clusters_are_drawn_and_what_says_nothing_is_counted():
    alone = rank_correlation(PLANTED, THEIRS)
    doubled = rank_correlation(PLANTED * 2, THEIRS * 2, clusters=[str(i) for i in range(8)] * 2)
    assert (doubled.rho.n, doubled.rho.units) == (16, 8)
    assert (doubled.rho.low, doubled.rho.high) == pytest.approx((alone.rho.low, alone.rho.high))
    nothing = [np.full(9, 2.0), np.array([1.0, 2.0, np.nan, 3.0, 4.0])]
    some = rank_correlation([*PLANTED, *nothing], [*THEIRS, np.arange(9.0), np.arange(5.0)])
    assert (some.left_out, some.rho.n, some.rho.mean) == (2, 8, alone.rho.mean)
    none = rank_correlation(nothing, [np.arange(9.0), np.arange(5.0)])
    assert none.left_out == 2 and np.isnan(none.rho.mean) and np.isnan(none.p)
    with pytest.raises(ValueError, match="one value a step"):
        rank_correlation([np.arange(6.0)], [np.arange(7.0)])
