import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import t as student

from mechcot.stats import bootstrap
from mechcot.stats.bootstrap import (
    bootstrap_mean,
    effect_size,
    expanded_level,
    order_bounds,
    random_stream,
    resampled_means,
)

finite = st.floats(-1, 1, allow_nan=False, width=32)


def test_all_differences_zero_give_the_point_zero():
    interval = bootstrap_mean(np.zeros(30))
    assert (interval.mean, interval.low, interval.high, interval.n) == (0.0, 0.0, 0.0, 30)
    assert not interval.excludes(0.0)


@pytest.mark.parametrize("n", [0, 1])
def test_below_two_items_there_is_no_interval(n):
    interval = bootstrap_mean(np.full(n, 0.5))
    assert np.isnan(interval.low)
    assert np.isnan(interval.high)
    assert interval.n == n
    assert not interval.excludes(0.0)


def test_same_seed_same_interval_other_seed_or_purpose_another(rng):
    values = rng.normal(size=30)
    one = bootstrap_mean(values, seed=3)
    assert one == bootstrap_mean(values, seed=3)
    assert one != bootstrap_mean(values, seed=4)
    assert one != bootstrap_mean(values, seed=3, purpose="other")


@given(st.lists(finite, min_size=2, max_size=40))
@settings(max_examples=40, deadline=None)
def test_negating_the_differences_mirrors_the_interval_exactly(values):
    d = np.array(values)
    plus, minus = (bootstrap_mean(sign * d, resamples=500) for sign in (1.0, -1.0))
    assert (minus.mean, minus.low, minus.high) == (-plus.mean, -plus.high, -plus.low)


@given(st.lists(finite, min_size=2, max_size=40))
@settings(max_examples=40, deadline=None)
def test_the_interval_stays_inside_the_data(values):
    d = np.array(values)
    interval = bootstrap_mean(d, resamples=300)
    assert d.min() - 1e-12 <= interval.low <= interval.high <= d.max() + 1e-12


def test_a_slow_loop_gives_the_same_means(rng):
    values = rng.normal(size=7)
    clusters = np.array([0, 0, 1, 2, 2, 2, 3])
    got = resampled_means(values, clusters=clusters, resamples=50, rng=random_stream(1, "x"))
    draw = random_stream(1, "x").integers(0, 4, size=(50, 4))
    for mean, units in zip(got, draw, strict=True):
        pool = np.concatenate([values[clusters == unit] for unit in units])
        assert mean == pytest.approx(pool.mean(), abs=1e-12)


def test_blocks_keep_memory_small_and_fill_every_resample(rng, monkeypatch):
    values = rng.normal(size=10)
    monkeypatch.setattr(bootstrap, "BLOCK_NUMBERS", 70)
    means = resampled_means(values, resamples=101, rng=random_stream(0, "x"))
    assert means.shape == (101,)
    assert np.isfinite(means).all()
    assert means.std() == pytest.approx(values.std() / 10**0.5, rel=0.3)


def test_expanded_interval_is_the_t_interval_for_normal_data(rng):
    values = rng.normal(size=20)
    interval = bootstrap_mean(values, resamples=40_000)
    half = student.ppf(0.975, 19) * values.std(ddof=1) / 20**0.5
    assert (interval.high - interval.low) / 2 == pytest.approx(half, rel=0.05)


def test_expanded_level_tends_to_the_plain_percentile():
    assert expanded_level(10) < expanded_level(100) < 0.025
    assert expanded_level(100_000) == pytest.approx(0.025, rel=1e-3)


@pytest.mark.parametrize("n", [10, 20, 50])
@pytest.mark.parametrize("shape", ["normal", "skewed"])
def test_coverage_is_about_95_percent(n, shape):
    rng = np.random.default_rng([n, len(shape)])
    draw, truth = {
        "normal": (lambda: rng.normal(0.3, 1.0, size=n), 0.3),
        "skewed": (lambda: rng.beta(1.0, 3.0, size=n), 0.25),
    }[shape]
    inside = 0
    for seed in range(400):
        interval = bootstrap_mean(draw(), resamples=999, seed=seed)
        inside += interval.low <= truth <= interval.high
    assert 0.92 <= inside / 400 <= 0.985


def test_clusters_widen_the_interval_when_items_are_copies(rng):
    values = np.repeat(rng.normal(size=15), 4)
    clusters = np.repeat(np.arange(15), 4)
    alone, clustered = bootstrap_mean(values), bootstrap_mean(values, clusters=clusters)
    assert clustered.units == 15
    assert clustered.n == 60
    assert clustered.mean == alone.mean
    assert (clustered.high - clustered.low) > 1.7 * (alone.high - alone.low)


def test_singleton_clusters_are_items(rng):
    values = rng.normal(size=12)
    assert bootstrap_mean(values, clusters=np.arange(12)) == bootstrap_mean(values)


def test_message():
    with pytest.raises(ValueError, match="drop incomplete pairs first"):
        bootstrap_mean(np.array([1.0, np.nan]))


def test_order_bounds_reads_order_statistics():
    assert order_bounds(np.arange(1.0, 100.0), tail=0.05) == (5.0, 95.0)
    assert order_bounds(np.array([3.0, 1.0, 2.0]), tail=1e-9) == (1.0, 3.0)


def test_effect_size_is_mean_over_spread_or_nothing():
    d = np.array([1.0, 2.0, 3.0])
    assert effect_size(d) == pytest.approx(2.0)
    assert effect_size(-d) == pytest.approx(-2.0)
    assert effect_size(np.full(9, 0.1 + 0.2)) is None
    assert effect_size(np.zeros(9)) is None
    assert effect_size(np.array([1.0])) is None
