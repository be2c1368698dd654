"""Format of numbers: real minus signs, two decimals, a dash where there is no number.

The same functions set figures and tables, so that a number reads alike wherever it stands.
"""

import math
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

KINDS_NOTE = (
    "Kinds of steps are exact on the shipped task. Elsewhere a classifier that knows English alone names them "
    "(mechcot.text.learned_step_kinds; under steering the openers of mechcot.text.step_kinds) and makes errors: in a chain in another language every step is “other”."
)
"""Stands wherever a page shows kinds of steps."""
DASH = "–"
MINUS = "−"
LETTERS = {
    "less": "L",
    "more": "M",
    "no change": "=",
    "inconclusive": "?",
    "not judged": "×",
    "exploratory": "E",
}


def number(value: float, *, digits: int = 2) -> str:
    """Write a number: `0.59`, `−0.02`, `3.1e−7`, `480`; NaN becomes a dash."""
    if math.isnan(value):
        return DASH
    if math.isinf(value):
        return f"{MINUS if value < 0 else ''}∞"
    size = abs(value)
    if size == 0:
        text = "0"
    elif size < 0.5 * 10**-digits:
        text = f"{size:.0e}".replace("e-0", "e-").replace("-", MINUS)
    elif size >= 100:
        text = f"{size:,.0f}"
    else:
        text = f"{size:.{digits}f}"
    return f"{MINUS}{text}" if value < 0 else text


def decimal(value: float) -> str:
    """Write a number as `number` does, but small ones as decimals down to a millionth: `0.004`."""
    small = 1e-6 <= abs(value) < 0.005
    if not small:
        return number(value)
    digits = f"{float(f'{abs(value):.0e}'):.6f}".rstrip("0")
    return f"{MINUS if value < 0 else ''}{digits}"


def fixed(value: float, *, digits: int = 2) -> str:
    """Write a number with a fixed count of decimals, so that a column lines up; never `−0.00`."""
    if not math.isfinite(value):
        return number(value)
    rounded = round(value, digits) + 0.0
    text = f"{abs(rounded):,.{digits}f}"
    return f"{MINUS}{text}" if rounded < 0 else text


def signed(value: float, *, digits: int = 2) -> str:
    """Write a difference with its sign: `+0.01`, `−0.59`, `0.00`."""
    text = fixed(value, digits=digits)
    return f"+{text}" if math.isfinite(value) and round(value, digits) > 0 else text


def digits_for(low: float, high: float) -> int:
    """Decimals of an interval: two, more where its ends or the nearer one and 0 would look the same, at most four."""
    width = high - low
    if not math.isfinite(width) or width <= 0:
        return 2
    nearer = min(abs(low), abs(high)) if low * high > 0 else width
    smallest = min(width / 2, 2 * nearer)
    return min(4, max(2, math.ceil(-math.log10(smallest))))


def interval(low: float, high: float, *, digits: int | None = None) -> str:
    """Write an interval, `[−0.61, −0.57]`, with the decimals that its width needs, or nothing when an end is missing."""
    if math.isnan(low) or math.isnan(high):
        return ""
    digits = digits_for(low, high) if digits is None else digits
    return f"[{fixed(low, digits=digits)}, {fixed(high, digits=digits)}]"


def estimate(value: float, low: float, high: float) -> str:
    """Write a number with its interval, both with the decimals that the interval needs: `0.9951 [0.9946, 0.9956]`."""
    return f"{fixed(value, digits=digits_for(low, high))} {interval(low, high)}".rstrip()


def difference(value: float, low: float, high: float) -> str:
    """Write a difference with its sign and its interval, both with the decimals that the interval needs."""
    return f"{signed(value, digits=digits_for(low, high))} {interval(low, high)}".rstrip()


def percent(value: float) -> str:
    """Write a share as percent, `97.5 %`."""
    return DASH if math.isnan(value) else f"{100 * value:.1f}".removesuffix(".0") + " %"


def or_dash(value: T | None, write: Callable[[T], str]) -> str:
    """Write a value; a dash where there is none."""
    return DASH if value is None else write(value)


def p_value(value: float) -> str:
    """Write a p-value: three decimals, `< 0.001` below."""
    if math.isnan(value):
        return DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def amount(value: float, unit: str) -> str:
    """Write a large number with a prefix, `61 k`, `41 MB`; NaN becomes a dash."""
    if math.isnan(value):
        return DASH
    for size, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}".rstrip()


def letter(verdict: str) -> str:
    """The letter printed in front of a verdict word, so that it can be read without colour."""
    return LETTERS.get(verdict, "")
