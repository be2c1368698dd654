import pytest

from mechcot.stats.bootstrap import Interval
from mechcot.stats.verdict import judge_change


def judged(mean, low, high, *, p=0.001, p_equivalence=1.0, n=50, units=50):
    interval = Interval(mean, low, high, n=n, units=units)
    return judge_change(
        interval, p=p, p_equivalence=p_equivalence, smallest_effect=0.1, min_items=20
    )


@pytest.mark.parametrize(
    ("numbers", "changes", "verdict"),
    [
        ((-0.3, -0.4, -0.2), {}, "less"),
        ((0.3, 0.2, 0.4), {}, "more"),
        ((-0.1, -0.15, -0.05), {}, "less"),
        ((-0.3, -0.4, -0.2), {"p": 0.05}, "inconclusive"),
        ((-0.3, -0.7, 0.1), {}, "inconclusive"),
        ((-0.05, -0.07, -0.03), {}, "inconclusive"),
        ((-0.05, -0.07, -0.03), {"p_equivalence": 0.01}, "no change"),
        ((0.0, -0.02, 0.02), {"p": 1.0, "p_equivalence": 0.01}, "no change"),
        ((0.0, -0.2, 0.2), {"p": 1.0}, "inconclusive"),
        ((0.0, 0.0, 0.0), {"p": 1.0, "p_equivalence": float("nan")}, "inconclusive"),
        ((-0.3, -0.4, -0.2), {"n": 19}, "not judged"),
        ((-0.3, float("nan"), float("nan")), {"units": 1}, "not judged"),
        ((float("nan"), float("nan"), float("nan")), {"n": 0, "units": 0}, "not judged"),
    ],
)
def test_the_rule(numbers, changes, verdict):
    assert judged(*numbers, **changes)[0] == verdict


def test_reasons():
    assert judged(-0.3, -0.4, -0.2)[1] == (
        "the interval excludes 0 and the difference is at least 0.1"
    )
    assert judged(-0.05, -0.07, -0.03)[1].startswith("a difference was found, but smaller than 0.1")
    assert judged(-0.05, -0.07, -0.03, p_equivalence=0.01)[1] == (
        "the difference lies within ±0.1 (equivalence test); a smaller one was found"
    )
    assert judged(0.0, -0.2, 0.2, p=1.0)[1].startswith("neither a change nor its absence is shown")
    assert judged(0.0, 0.0, 0.0, n=3)[1] == "only 3 complete pairs, 20 are needed"
    assert "cannot rule out" in judged(0.0, 0.0, 0.0, p=1.0)[1]
