"""Shifts of a file of problems: what carries something stays, the answer follows, nothing is shifted where that is not certain."""

import re
import time

import pytest

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.text.numerals import in_english_words, read_number
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


@pytest.mark.parametrize(
    ("asked", "other"),
    [
        (
            TRAINS.question,
            "The train has fourteen coaches, and every coach seats sixty people. How many people fit in?",
        ),
        (
            "She pays $12 for 3 pens (5 in all). 20 are left. How many?",
            "She pays $12 for three pens (five in all). Twenty are left. How many?",
        ),
        (
            "There are 1,200 birds, 50% fly and 1 200 swim with 999 fish, 2/3 of them in pond 3.",
            "There are 1,200 birds, 50% fly and 1 200 swim with nine hundred and ninety-nine fish, 2/3 of them in pond three.",
        ),
        (
            "1. Ann has 4 cups.\n2) Bo has 12.\nHow many are there in all?",
            "1. Ann has four cups.\n2) Bo has twelve.\nHow many are there in all?",
        ),
        ("On May 5, 2024 at 12 a.m. the 3 x 4 box held 3.5 kg and -2 + 7 of it. Why?", None),
        ("What is the sum of the digits of 123 in the list?", None),
        ("Der Zug hat 14 Wagen, und jeder Wagen hat 60 Plätze. Wie viele sind es?", None),
    ],
)
def test_whole_numbers_stand_in_words_where_they_stand_alone(asked, other):
    said = shifted(Problem("a", asked, "840"), Shift("numbers"), seed=0)
    assert (said and (said.question, said.answer)) == (other and (other, "840"))


def test_numbers_in_words_are_read_back():
    assert [read_number(in_english_words(n)) for n in range(1000)] == list(range(1000))
    with pytest.raises(ValueError, match="expected 0 to 999, got 1000"):
        in_english_words(1000)


def test_options_keep_their_numbers():
    said = shifted(OPTIONS, Shift("numbers"), seed=0)
    assert said.question.startswith("Which metal is liquid at twenty degrees?\nA)")
    listed = Problem("o", "The box holds 3 cups and 4 pens. How many?\nA) 7\nB) 12", "A")
    assert shifted(listed, Shift("numbers"), seed=0).question.endswith("\nA) 7\nB) 12")


def test_spelling_numbers_takes_time_that_grows_with_the_text_alone():
    text = "The bird is " + " " * 20_000 + "12 cats. " + "\n" * 20_000 + "-" + " " * 20_000 + "8"
    started = time.process_time()
    shifted(Problem("a", text, "1"), Shift("numbers"), seed=0)
    assert time.process_time() - started < 2.0


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
