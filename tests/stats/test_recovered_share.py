"""The recovered share of a gap: its ends, its sign, a slow count, and silence where there is nothing to divide by."""

import numpy as np
import pytest

from mechcot.stats.recovered_share import accuracy_gap, divides, recovered_share

RNG = np.random.default_rng(4)
BASE = (RNG.random(60) < 0.3).astype(float)
TUNED = np.maximum(BASE, (RNG.random(60) < 0.8).astype(float))
HALF = np.where(np.arange(60) % 2, TUNED, BASE)


def test_the_base_recovers_nothing_and_the_tuned_model_all_of_it():
    for hybrid, share in ((BASE, 0.0), (TUNED, 1.0)):
        found = recovered_share(BASE, hybrid, TUNED)
        assert (found.mean, found.low, found.high) == (share, share, share)


def test_it_is_the_ratio_of_the_two_differences_inside_its_interval():
    found = recovered_share(BASE, HALF, TUNED)
    assert found.mean == pytest.approx((HALF.mean() - BASE.mean()) / (TUNED.mean() - BASE.mean()))
    assert 0 < found.low < found.mean < found.high < 1


@pytest.mark.parametrize(
    ("base", "tuned"),
    [(BASE, BASE), (BASE, np.where(np.arange(60) < 2, 1 - BASE, BASE)), (TUNED, BASE), (1 - BASE, 1 - TUNED)],
)  # fmt: skip
def test_where_the_tuned_model_is_not_surely_better_nothing_is_recovered(base, tuned):
    """A loss above all: a share of it would call harm a recovery."""
    assert not divides(accuracy_gap(base, tuned))
    assert np.isnan(recovered_share(base, HALF, tuned).mean)


def test_its_interval_covers():
    """Items that the hybrid recovers with probability .6, where base and tuned differ on half."""
    hits = 0
    for _ in range(100):
        differ = RNG.random(50) < 0.5
        base, tuned = np.zeros(50), differ.astype(float)
        hybrid = np.where(RNG.random(50) < 0.6, tuned, base)
        found = recovered_share(base, hybrid, tuned)
        hits += found.low <= 0.6 <= found.high
    assert hits >= 88
