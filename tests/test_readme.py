"""What the README says comes from the code."""

from pathlib import Path

from mechcot.measure.registry import MEASURES
from mechcot.study.words import card_text, cards_table

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_table_of_measures_is_the_cards():
    table = cards_table(measure.card for measure in MEASURES.values())
    assert table in README, "run `mechcot cards --markdown` and put its output in the README"


def test_a_card_as_text_says_its_thresholds():
    text = card_text(MEASURES["early_answering"].card)
    assert "smallest effect 0.15, at least 20 items" in text
    assert "larger means the chain carries more" in text
