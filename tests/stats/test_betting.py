"""Bounds that hold at any n: against an oracle written as a loop, coverage under peeking, what quiet and loud items decide."""

import math

import numpy as np
import pytest

from mechcot.stats.betting import CAP, EVER_WRONG, lower_bound, sequential_axis


def wealth(values, mean: float) -> float:
    """Most capital ever, one value after the other."""
    capital, most, seen, spread, variance = 1.0, 0.0, 0.5, 0.25, 0.25
    for t, value in enumerate(values, start=1):
        stake = math.sqrt(2 * math.log(1 / EVER_WRONG) / (variance * t * math.log(1 + t)))
        capital *= 1 + min(stake, CAP / mean) * (value - mean)
        most = max(most, capital)
        seen += value
        spread += (value - seen / (t + 1)) ** 2
        variance = spread / (t + 1)
    return most


def test_the_bound_is_where_a_slow_bettor_reaches_twenty_times_the_stake():
    rng = np.random.default_rng(0)
    for _ in range(10):
        values = rng.beta(4, 2, size=60)
        bound = lower_bound(values)
        assert wealth(values, bound - 1e-6) > 1 / EVER_WRONG > wealth(values, bound + 1e-6)
    grid = [wealth(values, mean) for mean in np.linspace(0.05, 0.95, 19)]
    assert grid == sorted(grid, reverse=True)


DRAWS = {
    "rare": lambda rng: (rng.random(300) < 0.05).astype(float),
    "coin": lambda rng: (rng.random(300) < 0.5).astype(float),
    "smooth": lambda rng: rng.beta(2, 5, size=300),
    "mostly one": lambda rng: np.where(rng.random(300) < 0.9, 1.0, rng.random(300)),
}
MEANS = {"rare": 0.05, "coin": 0.5, "smooth": 2 / 7, "mostly one": 0.95}


@pytest.mark.parametrize("name", DRAWS)
def test_the_mean_is_ruled_out_at_no_n_in_nineteen_of_twenty_runs(name):
    """Running to 300 with a look after each item is what the running maximum of the capital does."""
    rng, runs = np.random.default_rng(1), 300
    below = sum(lower_bound(DRAWS[name](rng)) > MEANS[name] for _ in range(runs))
    above = sum(1 - lower_bound(1 - DRAWS[name](rng)) < MEANS[name] for _ in range(runs))
    slack = 3 * math.sqrt(0.05 * 0.95 * runs)
    assert below <= 0.05 * runs + slack
    assert above <= 0.05 * runs + slack


def test_more_items_never_take_a_bound_back():
    values = np.random.default_rng(2).beta(3, 3, size=120)
    bounds = [lower_bound(values[:n]) for n in range(1, 121)]
    assert bounds == sorted(bounds)


def test_quiet_items_say_no_and_loud_ones_yes_after_a_few_dozen():
    assert sequential_axis([0.0] * 40).says == "no"
    assert sequential_axis([0.0] * 12).says == "open"
    assert sequential_axis([1.0] * 20).says == "yes"
    near = np.clip(np.random.default_rng(3).normal(0.15, 0.3, size=64), -1, 1)
    assert sequential_axis(near.tolist()).says == "open"
    axis = sequential_axis([0.5, float("nan"), -0.5])
    assert (axis.n, axis.says, axis.mean) == (2, "open", 0.0)
    assert -1 <= axis.low < axis.high <= 1
    assert sequential_axis([]).n == 0
