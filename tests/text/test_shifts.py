"""Shifts of a file of problems: what carries something stays, the answer follows, nothing is shifted where that is not certain."""

import re

import pytest

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.text.shifts import Shift, shifted, with_shifts

TRAINS = Problem(
    "t", "The train has 14 coaches, and every coach seats 60 people. How many people fit in?", "840"
)
CHESS = Problem("c", "Nora is rated above Emil. Vera is rated above Nora. Who is best?", "Vera")
OPTIONS = Problem("o", "Which metal is liquid at 20 degrees?\nA) iron\nB) mercury\nC) tin", "(B)")


def test_noise_touches_no_number_capital_or_option_and_grows_with_its_level():
    fixed = r"\d+|\b[A-Z]\w*"
    for problem in (TRAINS, CHESS, OPTIONS):
        other = shifted(problem, Shift("format", 0.9), seed=3)
        assert other.answer == problem.answer and other.question != problem.question
        assert re.findall(fixed, other.question) == re.findall(fixed, problem.question)
        assert other.question.partition("\nA)")[2] == problem.question.partition("\nA)")[2]
    few, many = (shifted(TRAINS, Shift("format", p), seed=3).question.split() for p in (0.3, 0.9))
    words = set(TRAINS.question.split())
    assert words > words & set(few) > words & set(many)


def test_options_move_and_the_letter_follows():
    other = shifted(OPTIONS, Shift("order"), seed=1)
    letter = other.answer.strip("()")
    assert f"{letter}) mercury" in other.question and other.question != OPTIONS.question


@pytest.mark.parametrize(
    "question",
    [
        "The glass is full. The glass is empty. Is there water in it?",
        "Which holds?\nA) p\nB) q\nC) both A and B",
        "Which metal is listed first?\nA) iron\nB) zinc\nC) tin",
        "The second one is gold. Which is it?\nA) iron\nB) gold\nC) tin",
    ],
)
def test_nothing_is_put_in_another_order_where_the_order_may_say_something(question):
    assert shifted(Problem("a", question, "C"), Shift("order"), seed=0) is None


@pytest.mark.parametrize(
    "question",
    [
        "Sort Zoe, Amy and Ben by the alphabet.",
        "What does `return x + one` give?",
        "How many vowels has it?",
    ],
)
def test_questions_about_words_and_code_are_not_asked_otherwise(question):
    problem = Problem("a", question, "Amy")
    assert all(
        shifted(problem, shift, seed=0) is None for shift in (Shift("format"), Shift("names"))
    )


def test_words_of_the_answer_stay():
    problem = Problem("a", "We went to the garden and then home. Where did we go first?", "garden")
    assert "garden" in shifted(problem, Shift("format"), seed=0).question


def test_names_take_each_others_places_in_the_answer_too():
    other = shifted(CHESS, Shift("names"), seed=0)
    swap = dict(
        zip(*[re.findall(r"Nora|Emil|Vera", p.question) for p in (CHESS, other)], strict=True)
    )
    assert swap != {name: name for name in swap}
    assert other.answer == swap["Vera"] and sorted(swap) == sorted(swap.values())
    assert shifted(OPTIONS, Shift("names"), seed=0) is None
    german = Problem(
        "g", "Lena kauft drei Brote. Dann kauft sie zwei Birnen. Wie viele sind es?", "5"
    )
    assert shifted(german, Shift("names"), seed=0) is None


def test_a_question_without_an_answer_is_shifted_all_the_same():
    lacking = Problem("u", CHESS.question, "", {"answerable": False})
    kinds = [shifted(lacking, Shift(kind), seed=0) for kind in ("format", "order", "names")]
    assert kinds[0] is not None and kinds[1:] == [None, None]


def test_rows_name_their_shift_and_the_same_seed_gives_the_same_rows():
    shifts = [Shift.of("format:.5"), Shift.of("order")]
    rows = with_shifts([TRAINS, OPTIONS], shifts, seed=0)
    assert [(r.id, r.meta["shift"], r.meta["level"], r.stratum) for r in rows] == [
        ("t", "none", 0.0, "as it is"),
        ("o", "none", 0.0, "as it is"),
        ("t~format:0.5", "format", 0.5, "format:0.5"),
        ("o~format:0.5", "format", 0.5, "format:0.5"),
        ("o~order", "order", 1.0, "order"),
    ]
    assert rows == with_shifts([TRAINS, OPTIONS], shifts, seed=0)


@pytest.mark.parametrize("text", ["format", "format:2", "format:x", "order:1", "length", ""])
def test_a_shift_that_is_none_is_named(text):
    with pytest.raises(UserError, match="expected format:P with P above 0 and at most 1, order"):
        Shift.of(text)
