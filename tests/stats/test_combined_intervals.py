"""A weighted sum of means: of one it is that one, of normal ones the closed form, and it covers what it must."""

import numpy as np
import pytest

from mechcot.stats.bootstrap import Interval
from mechcot.stats.combined_intervals import combined
from mechcot.stats.proportions import paired_interval


def test_one_mean_is_itself_and_a_sign_turns_it_round():
    part = Interval(0.9, 0.6, 0.95, n=10, units=10)
    same, turned = combined([part], [1.0]), combined([part], [-1.0])
    assert (same.mean, same.low, same.high) == pytest.approx((0.9, 0.6, 0.95))
    assert (turned.mean, turned.low, turned.high) == pytest.approx((-0.9, -0.95, -0.6))


def test_symmetric_ones_add_in_squares():
    parts = [Interval(m, m - h, m + h, n=5, units=5) for m, h in ((0.1, 0.3), (0.5, 0.4))]
    found = combined(parts, [0.5, -0.5])
    half = 0.5 * np.hypot(0.3, 0.4)
    assert (found.mean, found.low, found.high) == pytest.approx((-0.2, -0.2 - half, -0.2 + half))


def test_it_covers_a_difference_of_paired_changes():
    rng, hits, runs = np.random.default_rng(0), 0, 200
    for _ in range(runs):
        parts = []
        for lost in (0.8, 0.3):
            before = (rng.random(30) < 0.9).astype(float)
            after = before * (rng.random(30) >= lost)
            parts.append(paired_interval(before, after))
        found = combined(parts, [1.0, -1.0])
        hits += found.low <= -0.9 * 0.8 + 0.9 * 0.3 <= found.high
    assert hits >= 0.92 * runs
