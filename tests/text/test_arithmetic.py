from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from mechcot.text.arithmetic.equations import equations, scan
from mechcot.text.arithmetic.number_text import plain_decimal, render


def parsed(text):
    tokens = scan(text)
    return [
        (
            "".join(t.text for t in tokens[e.result : e.result + 1]),
            e.holds(lambda i: tokens[i].value),
        )
        for e in equations(tokens)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("16 - 3 - 4 = 9", [("9", True)]),
        ("She makes 9 * 2 = $<<9*2=18>>18 a day", [("18", True)]),
        ("10 hours * 30 miles per hour = 300 miles", [("300", True)]),
        ("60 miles / 3 miles/hour = 20 hours", [("20", True)]),
        ("In 2020 she had 16 - 3 = 13", [("13", True)]),
        ("2 + 3 * 4 = 14 and (2 + 3) * 4 = 20", [("14", True), ("20", True)]),
        ("80,000 * 1.5 = 120,000", [("120,000", True)]),
        ("$.75 x 4 = $3.00", [("3.00", True)]),
        ("\\frac{12}{4} \\times 2 = 6", [("6", True)]),
        ("\\(16 - 3 = 13\\)", [("13", True)]),
        ("20% of 50 = 10; 1/2 of 8 = 4", [("10", True), ("4", True)]),
        ("2(3 + 4) = 14", [("14", True)]),
        ("3 - 5 = -2", [("2", True)]),
        ("-5 + 3 = -2", [("2", True)]),
        ("2^3 = 8", [("8", True)]),
        ("4 / 0 = 0", [("0", False)]),
        ("3 + 4 = 8", [("8", False)]),
        ("0.1 + 0.2 = 0.3", [("0.3", True)]),
        ("10 / 3 = 3.33", [("3.33", False)]),
        ("x = 5", []),
        ("5 = 5", []),
        ("3 + 4 = 5 + 2", []),
        ("3 + 4 >= 7, 3 + 4 == 7", []),
    ],
)
def test_equations(text, expected):
    assert parsed(text) == expected


@given(st.text(alphabet=list("0123456789+-*/=()<>$.,% xab\\{}\n"), max_size=60))
def test_any_text_is_parsed_without_complaint(text):
    tokens = scan(text)
    assert all(text[t.start : t.stop] == t.text for t in tokens)
    equations(tokens)


@given(st.fractions(min_value=0, max_value=10**6).map(lambda f: round(f, 2)))
def test_render_and_plain_write_the_exact_value(value):
    text = plain_decimal(value)
    assert text is not None
    assert Fraction(text) == value
    assert render(value, like=text) == text


@pytest.mark.parametrize(
    ("value", "like", "text"),
    [
        (Fraction(26), "13", "26"),
        (Fraction(126), "13", None),
        (Fraction(9), "13", None),
        (Fraction(7, 2), "13", None),
        (Fraction(7, 2), "1.5", "3.5"),
        (Fraction(7, 2), "1.50", "3.50"),
        (Fraction(1, 4), ".75", ".25"),
        (Fraction(5, 4), ".75", None),
        (Fraction(45000), "12,000", "45,000"),
        (Fraction(-3), "3", None),
    ],
)
def test_render_keeps_the_form(value, like, text):
    assert render(value, like=like) == text


def test_a_number_without_end_has_no_decimal_form():
    assert plain_decimal(Fraction(1, 3)) is None
    assert plain_decimal(Fraction(-5, 2)) == "-2.5"
