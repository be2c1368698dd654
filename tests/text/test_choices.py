"""Options of a question: where they stand, and the question with others behind its letters."""

import pytest

from mechcot.text.listed_choices import choices, chosen_letter, exchanged
from mechcot.text.stated_answer import states_answer


@pytest.mark.parametrize(
    "question",
    [
        "Which one?\nA) red\nB) dark green\nC) blue",
        "Which one?\n(A) red\n(B) dark green\n(C) blue\nAnswer with a letter.",
        "Which one? A. red B. dark green C. blue",
        "Plan A: none. Which one?\n\nA: red\nB: dark green\nC: blue",
    ],
)
def test_options_are_found_and_replaced_in_place(question):
    found = choices(question)
    assert found.texts == ("red", "dark green", "blue")
    assert found.with_texts(found.texts) == question
    assert found.with_texts(("1", "2", "3")) == question.replace("red", "1").replace(
        "dark green", "2"
    ).replace("blue", "3")


@pytest.mark.parametrize(
    "question", ["What is 3 + 4?", "Is A) all there is?", "A) one\nC) three", ""]
)
def test_a_question_without_options_has_none(question):
    assert choices(question) is None


def test_letter_and_option_stand_apart_after_an_exchange():
    own, other = (
        choices("Own?\nA) o1\nB) o2\nC) o3\nD) o4"),
        choices("Else?\nA) e1\nB) e2\nC) e3\nD) e4"),
    )
    for mine in "ABCD":
        for theirs in set("ABCD") - {mine}:
            question, letter = exchanged(own, other, own_letter=mine, other_letter=theirs)
            assert letter not in {mine, theirs}
            shown = choices(question)
            assert question.startswith("Own?")
            assert sorted(shown.texts) == sorted(other.texts)
            assert shown.texts["ABCD".index(letter)] == other.texts["ABCD".index(theirs)]


def test_two_options_or_unequal_numbers_cannot_be_told_apart():
    two, three = choices("Q?\nA) x\nB) y"), choices("Q?\nA) x\nB) y\nC) z")
    assert exchanged(two, two, own_letter="A", other_letter="B") is None
    assert exchanged(two, three, own_letter="A", other_letter="B") is None
    assert exchanged(three, three, own_letter="A", other_letter="D") is None


@pytest.mark.parametrize(
    ("answer", "letter"),
    [("B", "B"), ("(C)", "C"), ("D) Paris", "D"), ("option A", "A"), ("Berlin", None), ("7", None)],
)
def test_the_letter_of_an_answer(answer, letter):
    assert chosen_letter(answer) == letter


def test_a_step_states_a_number_or_words_at_its_end():
    assert states_answer("So 3 + 4 = 7.", "7")
    assert not states_answer("We add 7 to 4.", "7")
    assert states_answer("He went to the old mill.", "the old mill")
    assert not states_answer("The old mill is far from here.", "the old mill")
