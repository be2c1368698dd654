import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import binomtest

from mechcot.stats.accuracy_change import OWN_ACCURACY, accuracy_change, mcnemar_p
from mechcot.stats.permutation import sign_flip_p


def change(scalars, **changes):
    return accuracy_change(
        scalars, **({"before": "base", "after": "tuned", "author": "base"} | changes)
    )


@given(st.integers(0, 15), st.integers(0, 15))
@settings(max_examples=40, deadline=None)
def test_mcnemar_is_the_binomial_and_the_sign_flip_test(lost, gained):
    p = mcnemar_p(lost=lost, gained=gained)
    assert p == pytest.approx(binomtest(lost, lost + gained).pvalue if lost + gained else 1.0)
    if 0 < lost + gained <= 16:
        assert p == pytest.approx(sign_flip_p(np.array([-1.0] * lost + [1.0] * gained)))


def test_a_fall_is_found(make_scalars):
    found = change(make_scalars(50, acc_with=[("tuned", [1.0] * 30 + [0.0] * 20)]))
    assert (found.before, found.after, found.lost, found.gained, found.n) == (1.0, 0.6, 20, 0, 50)
    assert found.delta == pytest.approx(-0.4)
    assert found.low < found.delta < found.high < 0
    assert found.p == pytest.approx(2 * 0.5**20)
    assert (found.test, found.verdict) == ("exact McNemar", "less")


def test_equal_answers_are_no_change(make_scalars):
    found = change(make_scalars(60))
    assert (found.delta, found.p, found.verdict) == (0.0, 1.0, "no change")
    assert found.low == -found.high < -0.05, (
        "60 items that are all right do not rule out a few per cent"
    )


def test_few_items_cannot_show_equality(make_scalars):
    assert change(make_scalars(22)).verdict == "inconclusive"
    assert change(make_scalars(10)).verdict == "not judged"


def test_nothing_measured(make_scalars):
    found = change(make_scalars(30, acc_with=[("tuned", np.nan)]))
    assert (found.n, found.dropped, found.verdict) == (0, 30, "not judged")
    assert np.isnan(found.before)


def test_several_chains_per_item_use_the_sign_flip_test(make_scalars):
    first = make_scalars(30)
    second = make_scalars(30, acc_with=[("tuned", 0.0)]).assign(trace="second")
    found = change(pd.concat([first, second]))
    assert (found.after, found.test, found.lost) == (0.5, "sign flip", 30)


def test_own_answers(make_scalars):
    scalars = make_scalars(40, author=None, own_correct=[("tuned", [0.0] * 20 + [1.0] * 20)])
    found = change(scalars, author=None, share=OWN_ACCURACY)
    assert (found.before, found.after, found.verdict) == (1.0, 0.5, "less")


def test_clusters_replace_mcnemar(make_scalars):
    scalars = make_scalars(40, acc_with=[("tuned", [0.0] * 20 + [1.0] * 20)])
    clusters = {f"i{k:03d}": f"c{k // 4}" for k in range(40)}
    found = change(scalars, clusters=clusters)
    assert found.test == "sign flip"
    assert found.p == pytest.approx(2 * 0.5**5)


@pytest.mark.parametrize("right", [100, 90, 20, 10])
def test_the_same_loss_has_the_same_verdict_wherever_it_starts(make_scalars, right):
    before = [1.0] * right + [0.0] * (100 - right)
    after = [1.0] * (right - 10) + [0.0] * (110 - right)
    found = change(make_scalars(100, acc_with=[("base", before), ("tuned", after)]))
    assert (found.delta, found.verdict) == (-0.1, "less")


def test_nothing_is_ruled_out_that_the_interval_still_holds(make_scalars):
    found = change(make_scalars(30))
    assert found.high > found.bound
    assert found.verdict == "inconclusive"
