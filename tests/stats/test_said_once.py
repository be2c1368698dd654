"""A reason that was given is not said again, and unread answers are named beside the wrong ones."""

from dataclasses import replace

import pytest

from mechcot.stats.sentences import (
    accuracy_sentence,
    conclusion_sentence,
    row_sentence,
    silent_sentences,
)
from mechcot.stats.verdict import Conclusion
from tests.stats.test_sentences import accuracy

ROW = {
    "title": "Filler tokens", "verdict": "not judged", "reason": "items gate closed: 3 items", "n": 3, "delta": 0.1,
    "low": 0.0, "high": 0.2, "before": 0.5, "after": 0.6, "unit": "probability", "status": "passed", "dropped": 0,
}  # fmt: skip


def test_a_reason_is_given_once():
    assert row_sentence(ROW).endswith("Why: items gate closed: 3 items.")
    assert row_sentence(ROW, told={ROW["reason"]}).endswith("Why: the reason above.")
    assert row_sentence(ROW, told={"another"}).endswith("Why: items gate closed: 3 items.")
    assert row_sentence(ROW | {"n": 0}, told={ROW["reason"]}).endswith(
        "not judged: the reason above."
    )


def test_rows_without_a_verdict_share_one_sentence():
    rows = [
        ROW,
        ROW | {"title": "Step patching"},
        ROW | {"title": "Suppression", "reason": "another"},
        ROW | {"title": "Judged", "verdict": "less"},
    ]
    assert silent_sentences(rows) == [
        "Not judged: Filler tokens and Step patching: items gate closed: 3 items.",
        "Not judged: Suppression: another.",
    ]
    assert silent_sentences(rows, told={ROW["reason"]}) == ["Not judged: Suppression: another."]


def test_the_conclusion_names_a_closed_gate_once():
    items, side = "items gate closed: 3; 20 are needed", "one_sided gate closed: 2 of 3"
    silent = (("Filler tokens", items), ("Step patching", items), ("Probe", side))
    found = Conclusion("not judged", False, 0, (), (), (), silent, False)
    assert f"is not judged: {items}; {side}. Not judged: Filler" in conclusion_sentence(found)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (0.25, 0.0, "25 % before, 0 % after"),
        (0.0, 1.0, "0 % before, 100 % after"),
        (0.5, 0.5, "50 % before, 50 % after"),
    ],
)
def test_unread_answers_are_counted_apart(before, after, told):
    plain = accuracy(verdict="less")
    assert "could not be read" not in accuracy_sentence(plain)
    text = accuracy_sentence(replace(plain, unread_before=before, unread_after=after))
    assert f"Answers that could not be read count as not right: {told}." in text
