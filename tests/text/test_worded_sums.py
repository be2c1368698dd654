"""Sums in words: right ones hold, wrong ones do not, and what may mean something else is not judged."""

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from mechcot.text.arithmetic.validity import checked_steps
from mechcot.text.arithmetic.worded_sums import worded_sums

FORMS = (
    ("{a} plus {b} is {}.", lambda a, b: a + b),
    ("So {a} plus {b} makes {} apples in all.", lambda a, b: a + b),
    ("{a} and {b} make {}.", lambda a, b: a + b),
    ("We know that {a} times {b} equals {}, which is enough.", lambda a, b: a * b),
    ("The product of {a} and {b} is {}.", lambda a, b: a * b),
    ("Then the sum of {a} and {b} is {}.", lambda a, b: a + b),
    ("{a} more than {b} is {}.", lambda a, b: a + b),
    ("Adding {a} to {b} gives {}.", lambda a, b: a + b),
    ("Twice {a} is {}, and there are {b} of them.", lambda a, b: 2 * a),  # noqa: ARG005
    ("{a} pens plus {b} pens is {} pens.", lambda a, b: a + b),
    ("{a} times {b} minus {b} is {}.", lambda a, b: a * b - b),
)


@given(st.integers(2, 99), st.integers(2, 99), st.sampled_from(FORMS), st.integers(1, 9))
def test_a_worded_sum_holds_and_another_result_does_not(a, b, form, off):
    text, value = form
    right, wrong = (text.format(value(a, b) + by, a=a, b=b) for by in (0, off))
    assert [w.holds for w in worded_sums(right)] == [True]
    assert [w.holds for w in worded_sums(wrong)] == [False]
    assert [c.valid for c in checked_steps("", [f"{right}\n", f"{wrong}\n"])] == [True, False]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("seven plus six is thirteen.", True),
        ("Seven and six make 6.", False),
        ("Half of 12 is 6.", True),
        ("half of 12 apples is 5 apples.", False),
        ("Two thirds of 9 is 6.", True),
        ("7 taken from 10 leaves 3.", True),
        ("twenty-five minus five is 21.", False),
        ("20 minus 5 times 2 is 10.", True),
        ("7 plus 6 = 14.", False),
        ("1.25 times 3 is 3.75.", True),
        ("The difference between 3 and 10 is 7.", True),
    ],
)
def test_common_forms(text, holds):
    assert [w.holds for w in worded_sums(text)] == [holds]


@pytest.mark.parametrize(
    "text",
    [
        "The greatest common divisor of 6, 12 and 18 is 6.",
        "The average of 10 and 21 is 15.",
        "10 and 20 is 15.",
        "It is not true that 2 plus 2 is 5.",
        "The student says that 7 plus 6 is 14.",
        "If 7 plus 6 is 14, then it is even.",
        "In base 5, 3 plus 4 is 12.",
        "On a clock, 9 plus 5 is 2.",
        "9 plus 5 is 2, mod 12.",
        "7 divided by 2 is 3, with a rest.",
        "10 divided by 3 is 3.33.",
        "The digits 3 and 4 make 34.",
        "Half of 10 plus 2 is 7.",
        "1/2 plus 1/2 is 1.",
        "3^2 plus 4^2 is 25.",
        "5 feet plus 8 inches is 68 inches.",
        "4 times 25 cents is $1.",
        "7 plus 6 is 12 more than 1.",
        "7 plus 6 is about 14.",
        "x plus 5 plus 3 is 9.",
        "one hundred and five is 106.",
        "Is it so? Perhaps 5 plus 7 is 13?",
        "half past 6 is 7.",
        "20% times 50% is 10%.",
        "10 years * 5% = 50%",
        "Nothing is added here.",
        "",
    ],
)
def test_what_may_mean_something_else_is_no_mistake(text):
    assert list(worded_sums(text)) == []


def test_words_and_signs_say_the_same_of_a_sum():
    (worded,) = worded_sums("7 plus 6 is 13.")
    assert (worded.expression, worded.value) == (("7", "+", "6"), Fraction(13))
    steps = ("7 plus 6 is 13.\n", "7 + 6 = 13.\n", "7 + 6 = 14.\n")
    assert [c.coherent for c in checked_steps("", steps)] == [None, True, False]


@given(st.text(max_size=80))
def test_any_text_is_read(text):
    assert all(isinstance(w.holds, bool) for w in worded_sums(text))
