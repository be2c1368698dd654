import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import binom, t as student

from mechcot.stats.equivalence import equivalence


def p_of(d, **changes):
    return equivalence(d, **({"bound": 0.1, "span": 1.0, "resamples": 2000} | changes)).p


@pytest.mark.parametrize("n", [20, 50, 100])
def test_without_any_change_the_p_is_the_chance_of_missing_rare_ones(n):
    assert p_of(np.zeros(n), resamples=20_000) == pytest.approx(0.9**n, abs=0.006)


@pytest.mark.parametrize("events", [0, 1, 3])
def test_on_two_valued_data_it_is_the_exact_binomial_test(events):
    d = np.array([-1.0] * events + [0.0] * (50 - events))
    exact = binom.cdf(events, 50, 0.1)
    assert p_of(d, resamples=40_000) == pytest.approx(exact, abs=0.01)


def test_p_below_alpha_exactly_when_the_interval_is_inside(rng):
    for centre in np.linspace(-0.12, 0.12, 25):
        found = equivalence(
            rng.normal(centre, 0.08, size=60).clip(-1, 1), bound=0.1, span=1.0, resamples=999
        )
        assert (found.p < 0.05) == (found.low > -0.1 and found.high < 0.1)
        assert found.method == "bounded mean"


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=40))
@settings(max_examples=40, deadline=None)
def test_sign_symmetry_is_exact(values):
    d = np.array(values)
    one, other = (equivalence(s * d, bound=0.1, span=1.0, resamples=300) for s in (1.0, -1.0))
    assert one.p == other.p
    assert (one.low, one.high) == (-other.high, -other.low)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("shape", ["rare", "skewed", "normal"])
@pytest.mark.parametrize("n", [25, 50, 100])
def test_false_no_change_at_the_bound_is_at_most_5_percent(shape, n, sign):
    rng = np.random.default_rng([n, len(shape)])
    draw = {
        "rare": lambda: (rng.random(n) < 0.1).astype(float),
        "skewed": lambda: rng.beta(0.2, 1.8, size=n),
        "normal": lambda: rng.normal(0.1, 0.15, size=n).clip(-1, 1),
    }[shape]
    wrong = np.mean([p_of(sign * draw(), resamples=499) < 0.05 for _ in range(200)])
    assert wrong <= 0.08  # 0.05 and two standard errors of 200 samples


def test_the_t_version_would_be_wrong_on_rare_changes_which_is_why_it_is_not_used():
    rng = np.random.default_rng(1)
    wrong = np.mean(
        [p_of(-(rng.random(50) < 0.1).astype(float), span=None) < 0.05 for _ in range(400)]
    )
    assert wrong > 0.07


def test_power_for_a_quiet_measure(rng):
    found = np.mean([p_of(rng.normal(0, 0.05, size=80), resamples=999) < 0.01 for _ in range(60)])
    assert found > 0.95


def test_unbounded_measures_use_t(rng):
    d = rng.normal(0.02, 0.1, size=30)
    found = equivalence(d, bound=0.1, span=float("inf"))
    error = d.std(ddof=1) / 30**0.5
    assert found.method == "t"
    assert found.p == pytest.approx(student.cdf((d.mean() - 0.1) / error, 29))
    assert found.high == pytest.approx(d.mean() + student.ppf(0.95, 29) * error)


def test_t_size_at_the_bound_is_5_percent(rng):
    wrong = np.mean([p_of(rng.normal(0.1, 0.2, size=40), span=None) < 0.05 for _ in range(800)])
    assert wrong == pytest.approx(0.05, abs=0.025)


def test_degenerate_samples():
    assert np.isnan(p_of(np.zeros(0)))
    assert p_of(np.zeros(1)) > 0.8
    assert p_of(np.zeros(1), span=None) == 1.0
    assert p_of(np.full(30, 0.05), span=None) == 0.0
    assert p_of(np.full(30, 0.3), span=None) == 1.0
    assert p_of(np.full(30, 0.3)) > 0.99
    assert p_of(np.full(30, 3.0)) > 0.99  # outside the declared range: no crash, no claim


def test_clusters_make_it_harder(rng):
    d = np.repeat(rng.normal(0, 0.1, size=20), 5)
    assert p_of(d) < 0.01 < p_of(d, clusters=np.repeat(np.arange(20), 5))


def test_message():
    with pytest.raises(ValueError, match="must be larger than 0, got 0"):
        p_of(np.zeros(3), bound=0.0)
