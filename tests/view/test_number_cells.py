"""A number and its interval have the same decimals."""

import pytest

from mechcot.view.pages.plain_tables import value_cell


@pytest.mark.parametrize(
    ("value", "low", "high", "number", "interval"),
    [
        (0.002, -0.01, 0.02, "0.00", "[−0.01, 0.02]"),
        (0.0, -1.17, 1.08, "0.00", "[−1.17, 1.08]"),
        (0.0, 0.0, 0.0, "0", "[0.00, 0.00]"),
        (-0.002, -0.0031, -0.0009, "−0.002", "[−0.003, −0.001]"),
        (123.4, 100.2, 150.6, "123.40", "[100.20, 150.60]"),
        (0.3, float("nan"), float("nan"), "0.30", ""),
    ],
)
def test_a_cell_has_one_count_of_decimals(value, low, high, number, interval):
    cell = value_cell(value, low, high)
    assert (cell.text, cell.remark) == (number, interval)
