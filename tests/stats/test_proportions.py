"""Intervals for shares: a published example, exact coverage, and what they must keep."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import binom, multinomial

from mechcot.stats.bootstrap import bootstrap_mean
from mechcot.stats.proportions import paired_interval, share_interval


def pairs(both, first, second, neither):
    before = np.repeat([1.0, 1.0, 0.0, 0.0], [both, first, second, neither])
    after = np.repeat([1.0, 0.0, 1.0, 0.0], [both, first, second, neither])
    return before, after


def test_the_example_of_newcombe():
    found = paired_interval(*pairs(36, 12, 2, 0))  # table III of the paper: 0.0569 to 0.3404
    assert (-found.high, -found.low) == pytest.approx((0.0569, 0.3404), abs=5e-5)


def test_all_right_keeps_its_width():
    one = share_interval(np.ones(64))
    assert one.high == 1.0 and 0.94 < one.low < 0.95
    both = paired_interval(np.ones(64), np.ones(64))
    assert both.mean == 0 and 0.05 < both.high < 0.06 and both.low == -both.high


@pytest.mark.parametrize("share", [0.1, 0.5, 0.93])
def test_one_share_is_covered(share):
    n = 20
    inside = 0.0
    for right in range(n + 1):
        found = share_interval(np.repeat([1.0, 0.0], [right, n - right]))
        inside += binom.pmf(right, n, share) * (found.low <= share <= found.high)
    assert 0.92 < inside < 0.99


@pytest.mark.parametrize("chances", [(0.6, 0.2, 0.1, 0.1), (0.9, 0.04, 0.04, 0.02)])
def test_a_difference_is_covered(chances):
    n, inside, truth = 16, 0.0, chances[2] - chances[1]
    for both, first, second in product(range(n + 1), repeat=3):
        if (neither := n - both - first - second) >= 0:
            cells = (both, first, second, neither)
            found = paired_interval(*pairs(*cells))
            hit = found.low <= truth <= found.high
            inside += float(multinomial.pmf(cells, n, chances)) * hit
    assert 0.94 < inside <= 1.0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=40))
def test_swapping_the_sides_negates(drawn):
    before, after = (np.array(side, dtype=float) for side in zip(*drawn, strict=True))
    there, back = paired_interval(before, after), paired_interval(after, before)
    assert (there.mean, there.low, there.high) == (-back.mean, -back.high, -back.low)
    assert there.low <= there.mean <= there.high and there.low >= -1 and there.high <= 1


def test_fractions_and_clusters_have_the_bootstrap():
    before, after = np.array([0.5, 1.0, 0.0, 1.0]), np.array([1.0, 1.0, 0.5, 0.0])
    about = {"seed": 3, "purpose": "x"}
    assert paired_interval(before, after, **about) == bootstrap_mean(after - before, **about)
    assert share_interval(before, **about) == bootstrap_mean(before, **about)
    whole = np.array([1.0, 0.0, 1.0, 1.0])
    groups = np.array([0, 0, 1, 1])
    assert paired_interval(whole, whole[::-1], clusters=groups, **about) == bootstrap_mean(
        whole[::-1] - whole, clusters=groups, **about
    )
