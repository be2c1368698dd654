import math

import pytest

from mechcot.stats.sentences import shown
from mechcot.text import number_format


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0"), (0.594, "0.59"), (-0.02, "−0.02"), (12.345, "12.35"), (1234.0, "1,234"),
        (3.1e-7, "3e−7"), (-0.001, "−1e−3"), (math.nan, "–"), (math.inf, "∞"), (-math.inf, "−∞"),
    ],
)  # fmt: skip
def test_number(value, written):
    assert number_format.number(value) == written


@pytest.mark.parametrize(
    ("value", "written"), [(0.004, "0.004"), (-3.2e-6, "−0.000003"), (4e-8, "4e−8"), (0.005, "0.01"), (0.0, "0"), (1234.0, "1,234")]
)  # fmt: skip
def test_small_numbers_are_written_out(value, written):
    assert number_format.decimal(value) == written


def test_exact_zero_is_told_from_a_small_number():
    assert number_format.number(0.0) == "0"
    assert number_format.number(1e-9) == "1e−9"


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.01, "+0.01"), (-0.6, "−0.60"), (-0.001, "0.00"), (0.001, "0.00"), (math.nan, "–")],
)
def test_signed_never_shows_a_signed_zero(value, written):
    assert number_format.signed(value) == written


def test_a_number_has_the_decimals_of_its_interval():
    """Rounded to two, −0.9992 would read as −1.00 and lie outside of its own interval."""
    assert number_format.difference(-0.9992, -0.9996, -0.9988) == "−0.9992 [−0.9996, −0.9988]"
    assert number_format.estimate(0.9951, 0.9946, 0.9956) == "0.9951 [0.9946, 0.9956]"
    assert number_format.difference(0.5, 0.2, 0.8) == "+0.50 [0.20, 0.80]"
    assert number_format.difference(0.5, math.nan, math.nan) == "+0.50"


def test_interval():
    assert number_format.interval(-0.61, 0.004) == "[−0.61, 0.00]"
    assert number_format.interval(-0.2511, -0.0049) == "[−0.251, −0.005]", "it does not hold 0"
    assert number_format.interval(-0.004, 0.0077) == "[−0.004, 0.008]"
    assert number_format.interval(math.nan, 1.0) == ""


@pytest.mark.parametrize(
    ("value", "written"), [(0.0, "< 0.001"), (0.0314, "0.031"), (1.0, "1.000"), (math.nan, "–")]
)
def test_p_value(value, written):
    assert number_format.p_value(value) == written


@pytest.mark.parametrize(("value", "written"), [(0.975, "97.5 %"), (1.0, "100 %"), (math.nan, "–")])
def test_percent(value, written):
    assert number_format.percent(value) == written


def test_amount():
    assert number_format.amount(41e6, "B") == "41 MB"
    assert number_format.amount(480.0, "") == "480"
    assert number_format.amount(math.nan, "B") == "–"


def test_every_verdict_has_its_own_letter():
    from mechcot.stats.verdict import VERDICT_WORDS

    assert len({number_format.letter(verdict) for verdict in VERDICT_WORDS}) == len(VERDICT_WORDS)
    assert all(number_format.letter(verdict) for verdict in VERDICT_WORDS)


@pytest.mark.parametrize(
    ("verdict", "status", "stands"),
    [
        ("less", "passed", "less"),
        ("less", "provisional", "less"),
        ("less", "exploratory", "exploratory"),
        ("no change", "exploratory", "exploratory"),
        ("not judged", "exploratory", "not judged"),
        ("", "exploratory", ""),
    ],
)
def test_a_measure_that_did_not_pass_gives_no_verdict(verdict, status, stands):
    assert shown(verdict, status) == stands
