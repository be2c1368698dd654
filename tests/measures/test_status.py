"""A card carries the status that the ruler gave it, as long as its formula is the one that was scored."""

import json
from dataclasses import replace

import pytest

from mechcot.core.store import digest
from mechcot.measures.early_answering import CARD
from mechcot.measures.status import family_standing, record, status

CARDS = {CARD.name: CARD}
OTHER = replace(CARD, formula="another")


@pytest.mark.parametrize(
    ("earned", "holds", "word"),
    [
        ("passed", {"a": True, "b": True}, "passed"),
        ("passed", {"a": True, "b": False}, "provisional"),
        ("passed", {"a": True, "b": None}, "provisional"),
        ("passed", {}, "provisional"),
        (None, {"a": True, "b": True}, "provisional"),
        ("exploratory", {"a": True, "b": True}, "exploratory"),
    ],
)
def test_a_measure_has_passed_when_it_holds_everywhere(tmp_path, earned, holds, word):
    path = tmp_path / "status.json"
    if earned:
        record(CARDS, earned={CARD.name: earned}, path=path)
    record(CARDS, families={CARD.name: holds}, path=path)
    kept = json.loads(path.read_text())
    assert status(CARD, recorded=kept).status == word
    assert status(OTHER, recorded=kept).status == "provisional"
    assert status(CARD, recorded={}).status == "provisional"


def test_what_was_said_of_another_formula_is_dropped_and_of_the_same_is_kept(tmp_path):
    path = tmp_path / "status.json"
    record(CARDS, earned={CARD.name: "passed"}, path=path)
    record(CARDS, families={CARD.name: {"a": True}}, path=path)
    assert json.loads(path.read_text())[CARD.name]["status"] == "passed"
    record({CARD.name: OTHER}, families={CARD.name: {"a": True}}, path=path)
    kept = {"formula": digest("another"), "families": {"a": True}}
    assert json.loads(path.read_text()) == {CARD.name: kept}


def test_a_standing_counts_families_and_names_the_others():
    assert family_standing({"a": True, "b": True}) == "2 of 2"
    text = "1 of 3; not on b; not measurable on c"
    assert family_standing({"a": True, "b": False, "c": None}) == text
