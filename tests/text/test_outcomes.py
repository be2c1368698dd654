"""Unread is not wrong: chains are counted by what became of their answer."""

from dataclasses import replace

import pytest

from mechcot.core.problem import Problem
from mechcot.core.trace import Answer
from mechcot.text.answer_outcomes import is_right, outcome, outcome_counts
from tests.text.test_counterfactual import trace_of

RIGHT = trace_of("What is 3 + 4?", "3 + 4 = 7.\n", "7")
WRONG = replace(RIGHT, answer=Answer("8", "tag"))
UNREAD = replace(RIGHT, answer=Answer(None, "unread"))
CUT = replace(UNREAD, finished=False)


@pytest.mark.parametrize(
    ("trace", "name"),
    [
        (RIGHT, "right"),
        (WRONG, "wrong"),
        (UNREAD, "unread"),
        (CUT, "cut"),
        (replace(RIGHT, finished=False), "cut"),
    ],
)
def test_an_answer_has_one_outcome(trace, name):
    assert outcome(trace) == name


@pytest.mark.parametrize(
    ("traces", "told"),
    [
        ([], ""),
        ([UNREAD], "1 has no answer that could be read"),
        ([WRONG, UNREAD, UNREAD], "1 has a wrong answer, 2 have no answer that could be read"),
        ([CUT, CUT, WRONG, WRONG], "2 have a wrong answer, 2 were cut at the longest completion"),
        ([RIGHT, CUT], "1 has the right answer, 1 was cut at the longest completion"),
    ],
)
def test_a_tally_names_what_there_is(traces, told):
    assert outcome_counts(traces) == told


LISTED = "Which acid is in vinegar?\nA) citric acid\nB) acetic acid\nC) lactic acid"
COUNTED = "How many electrons has carbon?\nA) 4\nB) 6\nC) 12"
TYPES = "Which blood group is rarest?\nA) A\nB) O\nC) B"


@pytest.mark.parametrize(
    ("question", "reference", "answer", "right"),
    [
        (LISTED, "B", "Acetic acid", True),
        (LISTED, "(B)", "citric acid", False),
        (LISTED, "acetic acid", "(B)", True),
        (LISTED, "acetic acid", "option C", False),
        (LISTED, "acetic acid", "B) acetic acid", True),
        (LISTED, "B", "acid", False),
        (COUNTED, "B", "6", True),
        (COUNTED, "6", "B.", True),
        (COUNTED, "B", "12", False),
        (TYPES, "B", "O", True),
        (TYPES, "A", "O", False),
        (TYPES, "C", "B", False),  # the letter, not the text of C
        ("Which acid is in vinegar?", "B", "acetic acid", False),
    ],
)
def test_an_option_is_named_by_its_letter_or_by_its_text(question, reference, answer, right):
    assert is_right(answer, Problem("p", question, reference)) is right
