"""Calibration: a calibrated model has error 0 on average, planted overconfidence is found, the same model gives exactly 0."""

import tracemalloc

import numpy as np
import pytest

from mechcot.stats.calibration import (
    bins,
    calibration,
    calibration_change,
    reliability,
    squared_error,
)


def drawn(seed: int, n: int, *, over: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Confidence, and outcomes that are right so often, or that much less often."""
    rng = np.random.default_rng(seed)
    confidence = rng.beta(5, 1.5, n)
    return confidence, (rng.random(n) < np.clip(confidence - over, 0, 1)).astype(float)


def slow(confidence: np.ndarray, right: np.ndarray) -> float:
    """The debiased squared error, item by item."""
    order = sorted(range(len(right)), key=lambda i: confidence[i])
    total = 0.0
    for part in np.array_split(order, bins(len(right))):
        gaps = [right[i] - confidence[i] for i in part]
        mean = sum(gaps) / len(gaps)
        spread = sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1)
        total += len(gaps) / len(right) * (mean**2 - spread / len(gaps))
    return total


@pytest.mark.parametrize("n", [20, 57, 240])
def test_it_is_what_the_obvious_way_gives(n):
    pair = drawn(n, n, over=0.1)
    assert squared_error(*pair)[0] == pytest.approx(slow(*pair), abs=1e-12)


def test_chance_alone_adds_nothing_on_average():
    both = np.array([squared_error(*drawn(seed, 60)) for seed in range(400)])
    debiased, plain = both.mean(axis=0)
    assert abs(debiased) < 3 * both[:, 0].std() / 20 and plain > 0.01


def test_equal_confidences_are_not_told_apart_by_the_order_of_the_items():
    sure, right = np.full(100, 0.5), np.repeat([1.0, 0.0], 50)
    assert calibration(sure, right).error < 0.2
    assert reliability(sure, right)["accuracy"].between(0.05, 0.95).all()
    assert calibration_change((sure, right), (sure, right)).delta == 0


def test_planted_overconfidence_is_found_and_the_same_model_is_exactly_0():
    sure, right = drawn(1, 200)
    worse = calibration_change((sure, right), (np.clip(sure + 0.25, 0, 1), right), seed=0)
    assert worse.verdict == "less" and worse.p < 0.01 and worse.delta > 0.01
    better = calibration_change((np.clip(sure + 0.25, 0, 1), right), (sure, right), seed=0)
    assert better.verdict == "more" and better.delta == -worse.delta
    same = calibration_change((sure, right), (sure, right), seed=0)
    assert (same.delta, same.low, same.high, same.p) == (0.0, 0.0, 0.0, 1.0)
    assert same.verdict == "no change"
    assert calibration_change((sure[:9], right[:9]), (sure[:9], right[:9])).verdict == "not judged"


def test_the_interval_holds_the_truth_and_swapping_finds_nothing_where_nothing_is():
    held = found = 0
    for seed in range(60):
        sure, right = drawn(seed, 60, over=0.2)
        held += (
            calibration(sure, right, seed=seed).low
            <= 0.2
            <= calibration(sure, right, seed=seed).high
        )
        other = drawn(seed + 1000, 60, over=0.2)
        found += calibration_change((sure, right), other, seed=seed).verdict in {"less", "more"}
    assert held >= 57 and found <= 7


def test_a_model_that_is_surer_where_it_is_right():
    sure = np.array([0.9, 0.8, 0.6, 0.5])
    right = np.array([1.0, 1.0, 0.0, 0.0])
    value = calibration(sure, right)
    assert (value.auroc, value.n) == (1.0, 4)
    assert value.brier == pytest.approx(np.mean((right - sure) ** 2))
    assert np.isnan(calibration(sure, np.ones(4)).auroc)
    table = reliability(*drawn(3, 95))
    assert table["n"].sum() == 95 and len(table) == 9 and (table["confidence"].diff()[1:] > 0).all()


def test_the_parts_of_brier_s_score_sum_up_where_each_bin_has_one_confidence():
    rng = np.random.default_rng(3)
    sure = np.repeat([0.1, 0.4, 0.7, 0.9], 10)
    right = (rng.random(40) < sure - 0.1).astype(float)
    one = calibration(sure, right)
    plain = squared_error(sure, right)[1]
    assert one.brier == pytest.approx(plain - one.resolution + one.uncertainty, abs=1e-12)
    assert one.uncertainty == pytest.approx(right.mean() * (1 - right.mean()))
    assert calibration(np.full(40, 0.5), right).resolution < one.resolution


def test_resamples_in_blocks_are_the_same_and_memory_does_not_grow(monkeypatch):
    before, after = drawn(1, 200), drawn(2, 200)
    tracemalloc.start()
    told = calibration_change(before, after, seed=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    calibration_change(drawn(1, 800), drawn(2, 800), seed=3)
    assert tracemalloc.get_traced_memory()[1] < 1.5 * peak
    tracemalloc.stop()
    monkeypatch.setattr("mechcot.stats.calibration.block_rows", lambda _: 10**9)
    assert calibration_change(before, after, seed=3) == told
