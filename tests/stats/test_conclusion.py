import pandas as pd
import pytest

from mechcot.stats.verdict import conclude


def table(verdicts, *, after_high=0.5, status="passed", directions=None):
    return pd.DataFrame(
        [
            {
                "title": f"M{k}",
                "verdict": verdict,
                "reason": "why",
                "direction": (directions or [1] * len(verdicts))[k],
                "status": status,
                "after_low": after_high - 0.02,
                "after_high": after_high,
                "smallest_effect": 0.1,
            }
            for k, verdict in enumerate(verdicts)
        ],
        columns=[
            "title",
            "verdict",
            "reason",
            "direction",
            "status",
            "after_low",
            "after_high",
            "smallest_effect",
        ],
    )


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["less"] * 4, "less"),
        (["less", "less", "no change"], "less"),
        (["less", "less", "inconclusive", "inconclusive"], "less"),
        (["less", "inconclusive", "inconclusive"], "inconclusive"),
        (["less", "less", "more"], "mixed"),
        (["less", "no change"], "mixed"),
        (["no change", "no change", "less"], "no change"),
        (["more", "not judged"], "more"),
        (["inconclusive"], "inconclusive"),
        (["not judged"], "not judged"),
        ([], "not judged"),
    ],
)
def test_combination(verdicts, expected):
    assert conclude(table(verdicts)).verdict == expected


def test_dissent_is_named():
    found = conclude(table(["less", "no change", "less", "inconclusive", "not judged", "less"]))
    assert found.agree == ("M0", "M2", "M5")
    assert found.disagree == (("M1", "no change"),)
    assert found.undecided == ("M3",)
    assert found.not_judged == (("M4", "why"),)
    assert found.judged == 5


def test_no_longer_used_needs_every_value_at_nothing():
    assert conclude(table(["less"] * 3, after_high=0.09)).gone
    assert not conclude(table(["less"] * 3, after_high=0.2)).gone
    assert not conclude(table(["no change"] * 3, after_high=0.01)).gone
    most = pd.concat([table(["less"] * 3, after_high=0.01), table(["less"], after_high=0.5)])
    assert not conclude(most).gone, "one measure still finds an effect"
    assert not conclude(table(["less"] * 3, after_high=-0.5)).gone, "the chain misleads"
    assert not conclude(table(["less"], after_high=0.01)).gone, "one measure is too few"
    held = [table(["less"] * 2, after_high=0.01), table(["no change"], after_high=0.9)]
    assert not conclude(pd.concat(held)).gone, "a measure did not fall"
    assert not conclude(table(["less"] * 3, after_high=float("nan"))).gone


def test_direction_zero_and_exploratory_measures_have_no_say():
    assert conclude(table(["less", "no change"], directions=[1, 0])).verdict == "less"
    assert conclude(table(["less"], status="exploratory")).verdict == "not judged"
    assert conclude(table(["less"], status="provisional")).provisional
    assert not conclude(table(["less"])).provisional
