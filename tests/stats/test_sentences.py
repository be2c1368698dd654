import pytest

from mechcot.stats.accuracy_change import AccuracyChange
from mechcot.stats.sentences import (
    accuracy_sentence,
    conclusion_sentence,
    decimals_for,
    left_out_sentences,
    p_text,
    rounded,
    row_sentence,
    whole_percent,
    with_sign,
)
from mechcot.stats.verdict import Conclusion

NAN = float("nan")
ROW = {
    "title": "Early answering",
    "unit": "probability",
    "before": 0.8123,
    "after": 0.0511,
    "delta": -0.7612,
    "low": -0.8049,
    "high": -0.7102,
    "n": 50,
    "dropped": 0,
    "dropped_because": "",
    "p_holm": 0.0004,
    "p_equivalence_holm": 1.0,
    "smallest_effect": 0.1,
    "verdict": "less",
    "reason": "because",
    "status": "passed",
}


def test_numbers():
    assert rounded(-0.761) == "−0.76"
    assert rounded(-0.001) == "0.00"
    assert rounded(NAN) == "-"
    assert with_sign(0.5) == "+0.50"
    assert with_sign(-0.5) == "−0.50"
    assert with_sign(0.001) == "0.00"
    assert with_sign(NAN) == "-"
    assert [whole_percent(x) for x in (1.0, 0.999, 0.957, 0.001, 0.0, NAN)] == [
        "100 %",
        "over 99 %",
        "96 %",
        "under 1 %",
        "0 %",
        "-",
    ]
    assert [p_text(p) for p in (0.0001, 0.0123, 0.5, 1.0, NAN)] == [
        "p < 0.001",
        "p = 0.012",
        "p = 0.50",
        "p = 1.00",
        "no p",
    ]
    assert [decimals_for(w) for w in (1.0, 0.1, 0.05, 0.004, 0.0, NAN, 1e-9)] == [
        2,
        2,
        3,
        4,
        2,
        2,
        4,
    ]


def test_a_fall():
    assert row_sentence(ROW) == (
        "Early answering: the chain carries less. 0.812 before, 0.051 after (probability), difference −0.761 "
        "(95 % interval −0.805 to −0.710), 50 items, Holm-corrected p < 0.001."
    )


def test_no_change_names_what_is_ruled_out():
    row = ROW | {
        "verdict": "no change",
        "after": 0.81,
        "delta": -0.002,
        "low": -0.1,
        "high": 0.1,
        "p_equivalence_holm": 0.012,
    }
    assert row_sentence(row).endswith(
        "difference 0.00 (95 % interval −0.10 to +0.10), 50 items; a difference of 0.10 or more is ruled out (p = 0.012)."
    )


def test_not_clear_is_not_no_change():
    text = row_sentence(ROW | {"verdict": "inconclusive"})
    assert text.startswith("Early answering: not clear.")
    assert text.endswith("Why: because.")
    assert "no change" not in text


def test_not_judged_and_dropped_items_are_told():
    text = row_sentence(
        ROW | {"verdict": "not judged", "dropped": 1, "dropped_because": "answer not read (1)"}
    )
    assert text.endswith("Why: because. Left out: 1 item: answer not read (1).")
    assert (
        row_sentence(ROW | {"verdict": "not judged", "n": 0})
        == "Early answering: not judged: because."
    )
    assert "interval" not in row_sentence(ROW | {"low": NAN, "high": NAN})


def test_an_exploratory_measure_speaks_of_itself_and_not_of_the_chain():
    text = row_sentence(ROW | {"status": "exploratory"})
    assert text.startswith(
        "Early answering: fell, which by itself says nothing about the use of the chain. 0."
    )
    assert "carries" not in text


def test_provisional_is_said():
    assert row_sentence(ROW | {"status": "provisional"}).endswith(
        "(Provisional: the ruler has not scored this measure on every family yet.)"
    )


def accuracy(**changes):
    about = {
        "before": 0.96,
        "after": 0.94,
        "delta": -0.02,
        "low": -0.061,
        "high": 0.021,
        "n": 50,
        "dropped": 0,
        "lost": 2,
        "gained": 1,
        "p": 1.0,
        "test": "exact McNemar",
        "p_equivalence": 0.02,
        "bound": 0.1,
        "verdict": "no change",
        "reason": "because",
    }
    return AccuracyChange(**(about | changes))


def test_accuracy():
    assert accuracy_sentence(accuracy()) == (
        "Accuracy did not change: 96 % right before, 94 % after, difference −2 points (95 % interval −6 to +2), "
        "50 items, 2 lost and 1 gained, exact McNemar p = 1.00. A change of 10 points or more is ruled out (p = 0.020)."
    )
    assert accuracy_sentence(accuracy(verdict="less")).startswith("Accuracy fell: 96 %")
    assert accuracy_sentence(accuracy(verdict="more")).startswith("Accuracy rose")
    assert accuracy_sentence(accuracy(verdict="inconclusive")).endswith("Why: because.")
    assert accuracy_sentence(accuracy(n=0)) == (
        "Whether accuracy changed is not judged: no item has an answer from both models."
    )


def overall(**changes):
    about = {
        "verdict": "less",
        "gone": False,
        "judged": 3,
        "agree": ("Early answering", "Filler"),
        "disagree": (),
        "undecided": (),
        "not_judged": (),
        "provisional": False,
    }
    return Conclusion(**(about | changes))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"gone": True, "judged": 2},
            "The chain is no longer used: 2 of 2 judged measures fell (Early answering and Filler), "
            "to less than their smallest effects.",
        ),
        (
            {"disagree": (("Attention", "no change"),), "provisional": True},
            "The chain is used less: 2 of 3 judged measures fell (Early answering and Filler). "
            "Against it: Attention (no change). "
            "This is provisional: the ruler has not scored some of these measures on every family yet.",
        ),
        (
            {
                "verdict": "no change",
                "undecided": ("Attention",),
                "not_judged": (("Patching", "few items"),),
            },
            "The chain is used as before: 2 of 3 judged measures stayed within their smallest effects (Early answering and Filler). "
            "Undecided: Attention. Not judged: Patching.",
        ),
        (
            {"verdict": "more", "agree": ("A", "B", "C")},
            "The chain is used more: 3 of 3 judged measures rose (A, B and C).",
        ),
        (
            {
                "verdict": "mixed",
                "agree": (),
                "disagree": (("A", "less"), ("B", "more")),
                "undecided": ("C",),
            },
            "The measures disagree about the chain: 2 of 3 judged measures decided. They say: A (fell) and B (rose). "
            "Undecided: C.",
        ),
        (
            {"verdict": "inconclusive", "agree": (), "judged": 1, "undecided": ("A",)},
            "It is not clear whether the use of the chain changed: none of 1 judged measure decided. Undecided: A.",
        ),
        (
            {
                "verdict": "not judged",
                "agree": (),
                "judged": 0,
                "not_judged": (("A", "few items"), ("B", "few items")),
                "provisional": True,
            },
            "Whether the chain is still used is not judged: few items. Not judged: A and B.",
        ),
        (
            {"verdict": "not judged", "agree": (), "judged": 0},
            "Whether the chain is still used is not judged: no measure that can tell was run.",
        ),
        (
            {"verdict": "not judged", "agree": (), "judged": 0, "exploratory": ("A",)},
            "Whether the chain is still used is not judged: no measure that passed the ruler was run, and A is exploratory.",
        ),
    ],
)
def test_conclusions(changes, text):
    assert conclusion_sentence(overall(**changes)) == text


def test_items_left_out_are_counted_by_reason_where_there_is_no_verdict():
    silent = ROW | {
        "verdict": "not judged",
        "dropped": 3,
        "dropped_because": "no twin (2); cut (1)",
    }
    rows = [silent, silent | {"title": "Filler"}, silent | {"dropped": 0}, ROW | {"dropped": 3}]
    said = "Left out of Early answering and Filler: 3 items: no twin (2); cut (1)."
    assert left_out_sentences(rows) == [said]
    assert left_out_sentences([ROW]) == []
