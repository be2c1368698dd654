"""Arithmetic of steps: what is right is valid, what is wrong is not, and what cannot be read is not judged."""

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from benchmarks.first_errors import chains, first_wrong
from mechcot.text.arithmetic.validity import checked_steps

NUMBERS = st.integers(2, 99)


def valid(*steps: str, question: str = "") -> list[bool | None]:
    return [check.valid for check in checked_steps(question, steps)]


@given(NUMBERS, NUMBERS, NUMBERS, st.sampled_from("+-*"), st.sampled_from("+-*"), st.integers(1, 9))
def test_a_sum_is_valid_and_another_result_is_not(a, b, c, first, second, off):
    sum_ = f"{a} {first} {b} {second} {c}"
    result = eval(sum_)  # noqa: S307 - three numbers and two signs
    step = f"So that makes {sum_} = {{}} apples in all.\n"
    assert valid(step.format(result), step.format(result + off)) == [True, False]


@given(NUMBERS, NUMBERS)
def test_a_result_may_be_rounded_to_the_decimals_that_it_has(a, b):
    exact = Fraction(a, b)
    for decimals in (1, 2, 3):
        unit = Fraction(1, 10**decimals)
        near = f"{float(exact):.{decimals}f}"
        far = f"{float(exact + 3 * unit):.{decimals}f}"
        assert valid(f"{a} / {b} = {near}.\n", f"{a} / {b} = {far}.\n") == [True, False]
    assert valid(f"{a} / {b} = {a // b + 1}.\n") == [False]


@pytest.mark.parametrize(
    "step",
    [
        "We have 3x + 4 = 19.",
        "f(2 + 3) = 25",
        r"\sqrt{9 \cdot 4} = 6",
        "5 - 1 - 1/2 = 3 1/2",
        "7 + 8 = 3 (mod 12)",
        "x + 2 + 3 = 10",
        "1/3 + 0 = 0.333...",
        r"5047 / 63 = 80.\overline{1}",
        "(4 - 1)...(4 - 3) * (2 + 1) = 18",
        "26/5 \u00f7 17/4 = 104/85",
        "17 / 5 = 3 remainder 2",
        "2 + 2 = 4,5",
        "Nothing is computed here.",
        "",
    ],
)
def test_what_may_mean_something_else_is_not_judged(step):
    assert valid(f"{step}\n") == [None]


@pytest.mark.parametrize(
    "step",
    [
        "- 256 - 512 = -256",
        "* 2 + 3 = 5",
        "\u2013 7 - 9 = -2",
        "(6)(5)(4) = 120",
        "Then 5 * 3 = 15 + 2 = 17.",
        "A = (-5 - -4 - 8) = (-5 + 4 - 8) = -9.",
        "$4 * 2 = $8",
        "20% of 50 = 10",
        "32 / 96 * 100 = 33.33%",
        "1,200 * 2 = 2,400 lire",
        r"\frac{12}{4} \times 2 = 6",
    ],
)
def test_what_is_written_in_another_way_is_right_all_the_same(step):
    assert valid(f"{step}\n") == [True]


def test_a_chain_of_equalities_is_wrong_where_one_of_them_is():
    assert valid("B = (2 * 3 + 1) = (5 + 1) = 6.\n") == [False]
    assert valid("B = (2 * 3 + 1) = (6 + 1) = 8.\n") == [False]


def test_a_number_is_grounded_by_the_question_an_earlier_result_or_a_word():
    question = "Ann has 3 boxes of 4 pens, and buys twice as many."
    steps = ("3 * 4 = 12\n", "12 * 2 = 24\n", "24 + 7 = 31\n", "Done.\n")
    checks = checked_steps(question, steps)
    assert [check.grounded for check in checks] == [True, True, False, None]
    assert [check.doubt for check in checks] == ["", "", "cites what was not stated before", ""]


def test_an_invalid_step_is_said_to_be_so():
    (check,) = checked_steps("", ("2 + 2 = 5\n",))
    assert check.doubt == "does not follow from what it cites"


@given(st.lists(st.text(max_size=40), max_size=4))
def test_any_text_is_read_step_by_step(steps):
    assert len(checked_steps("Why?", steps)) == len(steps)


def test_marked_mistakes_of_arithmetic_are_named_and_right_solutions_are_left_alone(shared):
    calls: dict[str, list[bool]] = {}
    for chain in chains(shared):
        said, _ = first_wrong(chain)
        if chain.source in ("gsm8k, solutions", "prmbench, as they were", "prmbench, QwQ"):
            assert said is None, chain
        calls.setdefault(chain.source, []).append(said is not None and said == chain.first)
    assert sum(calls["mistakes, multistep_arithmetic"]) == 25
    assert sum(calls["mr_gsm8k"]) >= 27
