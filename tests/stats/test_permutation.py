import gc
import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests

from mechcot.stats import permutation
from mechcot.stats.permutation import holm, sign_flip_p


def slow_p(d):
    sums = [
        abs(sum(s * x for s, x in zip(signs, d, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(d))
    ]
    return np.mean([value >= abs(sum(d)) - 1e-9 for value in sums])


@given(st.lists(st.floats(-1, 1, width=16).filter(lambda x: abs(x) > 1e-3), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_exact_p_is_the_slow_enumeration(values):
    assert sign_flip_p(np.array(values)) == pytest.approx(slow_p(values))


def test_zeros_carry_no_sign():
    d = np.array([0.3, -0.1, 0.2, 0.4])
    assert sign_flip_p(np.concatenate([d, np.zeros(50)])) == sign_flip_p(d)
    assert sign_flip_p(np.zeros(20)) == 1.0
    assert np.isnan(sign_flip_p(np.zeros(0)))


def test_on_binary_differences_it_is_the_binomial_test():
    d = np.array([1.0] * 9 + [-1.0] * 2 + [0.0] * 20)
    assert sign_flip_p(d) == pytest.approx(binomtest(9, 11).pvalue)


def test_monte_carlo_agrees_with_enumeration(rng, monkeypatch):
    d = rng.normal(0.4, 1.0, size=14)
    exact = sign_flip_p(d)
    monkeypatch.setattr(permutation, "EXACT_UNITS", 5)
    assert sign_flip_p(d, flips=20_000) == pytest.approx(exact, abs=0.015)


def test_monte_carlo_p_is_never_zero_and_sign_free():
    d = np.full(60, 0.5)
    assert sign_flip_p(d, flips=999) == pytest.approx(1 / 1000)
    skew = np.linspace(-0.2, 0.9, 40)
    assert sign_flip_p(skew) == sign_flip_p(-skew)


def test_clusters_flip_together():
    d = np.array([0.5, 0.5, 0.5, 0.5, -0.1, -0.1])
    clusters = np.array([0, 0, 1, 1, 2, 2])
    assert sign_flip_p(d, clusters=clusters) == pytest.approx(slow_p([1.0, 1.0, -0.2]))


def test_p_is_uniform_under_the_null(rng):
    p = [sign_flip_p(rng.normal(size=12)) for _ in range(600)]
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(p) <= level) == pytest.approx(level, abs=0.05)


def test_holm_is_that_of_statsmodels(rng, monkeypatch):
    monkeypatch.setattr(gc, "collect", lambda: 0)  # statsmodels runs one per call
    for size in range(1, 20):
        values = list(rng.uniform(0, 0.3, size=size).round(2))
        assert holm(values) == pytest.approx(list(multipletests(values, method="holm")[1]))


def test_holm_by_hand_with_missing_entries():
    got = holm([0.01, float("nan"), 0.04, 0.03])
    assert got[0] == pytest.approx(0.03)
    assert np.isnan(got[1])
    assert got[2] == pytest.approx(0.06)
    assert got[3] == pytest.approx(0.06)
    assert holm([]) == []
    assert np.isnan(holm([float("nan")])[0])
