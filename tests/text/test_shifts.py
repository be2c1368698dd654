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


def test_sentences_move_where_they_only_say_how_things_are():
    other = shifted(CHESS, Shift("order"), seed=1)
    assert other.question == "Vera is rated above Nora. Nora is rated above Emil. Who is best?"


@pytest.mark.parametrize(
    "question",
    [
        "Ann has 3 pens. Then she has 5 more. How many pens are there?",
        "The robot turns left. The robot walks 3 steps. Where is the robot?",
        "Is it hot?",
        "Which holds?\nA) p\nB) q\nC) both A and B",
    ],
)
def test_nothing_is_put_in_another_order_where_the_order_may_say_something(question):
    assert shifted(Problem("a", question, "C"), Shift("order"), seed=0) is None


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
    assert kinds[0] is not None and kinds[1] is not None and kinds[2] is None


def test_rows_name_their_shift_and_the_same_seed_gives_the_same_rows():
    shifts = [Shift.of("format:.5"), Shift.of("order")]
    rows = with_shifts([TRAINS, CHESS], shifts, seed=0)
    assert [(r.id, r.meta["shift"], r.meta["level"], r.stratum) for r in rows] == [
        ("t", "none", 0.0, "as it is"),
        ("c", "none", 0.0, "as it is"),
        ("t~format:0.5", "format", 0.5, "format:0.5"),
        ("c~format:0.5", "format", 0.5, "format:0.5"),
        ("c~order", "order", 1.0, "order"),
    ]
    assert rows == with_shifts([TRAINS, CHESS], shifts, seed=0)


@pytest.mark.parametrize("text", ["format", "format:2", "format:x", "order:1", "length", ""])
def test_a_shift_that_is_none_is_named(text):
    with pytest.raises(UserError, match="expected format:P with P above 0 and at most 1, order"):
        Shift.of(text)
