"""The order of a list counts where the question asks for one, and there alone."""

from itertools import permutations

import pytest
from hypothesis import given, strategies as st

from mechcot.core.problem import Problem
from mechcot.text.answer_outcomes import is_right
from mechcot.text.asked_order import order_counts

WORDS = ("ant", "bee", "cat")
ASKED = [
    "Sort these words: bee, cat, ant.",
    "Ordena alfabeticamente estas palavras: gato, ave, cão.",
    "Sortiere aufsteigend: 3, 1, 2",
    "Rank these from best to worst.",
    "把这些词排序",
    "List the insects from the smallest to the largest.",
    "Who came first, second and third? Bee beat cat, ant beat bee.",
]
UNASKED = [
    "Solve x^2 - 3x + 2 = 0.",
    "In order to win, which two are needed?",
    "Which of ant, bee and cat are animals?",
    "What sort of animals are these?",
]


@pytest.mark.parametrize("question", ASKED)
@pytest.mark.parametrize("between", [", ", " → ", " ", "; ", " and "])
def test_only_the_right_order_is_right(question, between):
    problem = Problem("a", question, ", ".join(WORDS))
    for order in permutations(WORDS):
        assert is_right(between.join(order), problem) == (order == WORDS)
    assert not is_right(", ".join(WORDS[:2]), problem)


@pytest.mark.parametrize("question", UNASKED)
def test_without_it_every_order_is_right(question):
    problem = Problem("a", question, ", ".join(WORDS))
    assert all(is_right(", ".join(order), problem) for order in permutations(WORDS))


def test_an_answer_in_another_order_than_the_question_has_one_of_its_own():
    question = "Ana, Luis y Eva corren. Luis gana, Eva llega tercera."
    assert order_counts(Problem("a", question, "Luis, Ana, Eva"))
    assert not order_counts(Problem("a", question, "Ana, Luis, Eva"))
    assert not order_counts(Problem("a", question, "Luis, Ana"))  # two may stand so by chance


@pytest.mark.parametrize("text", ["C, B, A", "CBA", "C B A", "(C), (B), (A)", "[C, B, A]"])
def test_letters_have_an_order_too(text):
    problem = Problem("a", "Rank the options from best to worst.", "C, B and A")
    assert is_right(text, problem)
    assert not is_right(text.translate(str.maketrans("ABC", "BCA")), problem)


@given(st.sampled_from(["New York", "the ant", "7", "x + y", "ant, bee"]))
def test_the_reference_is_right(answer):
    assert is_right(answer, Problem("a", "Sort them.", answer))


def test_white_space_inside_of_a_name_is_none_between_elements():
    assert is_right(
        "the New York", Problem("a", "Which city comes first in reverse order?", "New York")
    )
