r"""A number with its unit, in front or behind: `$18`, `18 dollars`, `50\text{ cm}`, `30^\circ`, `5 million`."""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from mechcot.text.expressions import has_angle, is_mathematics, same_expression
from mechcot.text.numerals import (
    TEXT_COMMAND,
    decimal_comma,
    read_number,
    spelled_plainly,
    unwrapped,
)
from mechcot.text.unit_words import NONE, PERCENT, UnitWord, converted, unit

_CURRENCY = re.compile(r"(?P<sign>[-+]?)\s*(?P<money>[a-z]{1,2}\$|[$€£¥₹₩₽]|(?:usd|eur|gbp|rs\.?|inr|rmb)(?=[\s\d]))\s*(?P<rest>[-+]?[\d.].*)", re.IGNORECASE | re.DOTALL)  # fmt: skip
_BEHIND = re.compile(
    rf"(?P<value>(?=.*\d).*?(?:[\d.}}\])!]|(?=\s*{TEXT_COMMAND}\{{)))(?P<gap>\s*)(?P<unit>(?:{TEXT_COMMAND}\{{[^{{}}]*\}}(?:\^(?:\d|\{{-?\d\}}))?|\^\\circ\s*[cf]?|%|[^\W\d_]|[$€£¥₹₩₽¢])[^\d\\{{}}()=+*<>]*(?:\^(?:\d|\{{-?\d\}}))?\.?)",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST = 400
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\.?")
_COMPOUND = re.compile(rf"{_PART.pattern}(?:(?:\s*,\s*|\s+)(?:and\s+)?{_PART.pattern}){{1,3}}")
_RATIO = re.compile(r"(\d{1,9})\s*:\s*(\d{1,9})")


@dataclass(frozen=True)
class Quantity:
    """A number, or an expression, with its unit.

    Attributes:
        value: The exact number; None where only the expression is known.
        text: What stands before the unit.
        whole: The expression with what may be its unit.
        unit: The unit.
    """

    value: Fraction | None
    text: str
    whole: str
    unit: UnitWord = NONE


@lru_cache(maxsize=65536)
def quantity(text: str) -> Quantity:
    """A number or an expression, with the unit in front of it or behind."""
    value = read_number(text)
    if value is not None and "$" not in text:
        return Quantity(value, text, text)
    if match := _CURRENCY.fullmatch(text):
        return _priced(match, text)
    if (parts := _behind(text)) is not None:
        inner, named = parts
        value = read_number(inner)
        value = decimal_comma(inner) if value is None else value
        if value is not None:
            return Quantity(value * named.factor, inner, text, named)
        if named.factor == 1 and named.sure and is_mathematics(inner):
            return Quantity(None, inner, text, named)
    return _compound(text) or Quantity(_ratio(text), text, text)


def _compound(text: str) -> Quantity | None:
    """A measure in several units, larger ones first: `1 hour 30 minutes`, `5 ft, 6 in`; in the last of them."""
    if len(text) > _LONGEST or not _COMPOUND.fullmatch(text):
        return None
    parts = [(read_number(m[1]), unit(m[2])) for m in _PART.finditer(text)]
    units = [
        named_unit
        for _, named_unit in parts
        if named_unit is not None and named_unit.measured and named_unit.factor == 1
    ]
    if len(units) < len(parts):
        return None
    total = Fraction(0)
    for (value, _), named in zip(parts, units, strict=True):
        here = None if value is None else converted(value, named.name, units[-1].name)
        if here is None:
            return None
        total += here
    steps = [converted(Fraction(1), a.name, b.name) for a, b in pairwise(units)]
    falls = all(step is not None and step > 1 for step in steps)
    return Quantity(total, text, text, units[-1]) if falls else None


def _priced(match: re.Match[str], text: str) -> Quantity:
    """A number behind a sign of money: `$5`, `$5 million`, `$5 dollars`."""
    rest = match["sign"] + match["rest"]
    value = decimal_comma(rest)
    inner = quantity(rest) if value is None else Quantity(value, rest, text)
    money = unit(match["money"].rstrip(".")) or NONE
    if inner.unit.name in {"", money.name}:
        return replace(inner, unit=replace(money, factor=inner.unit.factor))
    return Quantity(None, text, text)


def _behind(text: str) -> tuple[str, UnitWord] | None:
    """The text before the unit, and the unit; None where nothing behind is one."""
    match = _BEHIND.fullmatch(text)
    if match is None:
        return None
    marked = re.match(TEXT_COMMAND, match["unit"]) is not None
    glued = not match["gap"] and not marked
    named = unit(unwrapped(match["unit"]), marked=marked, glued=glued)
    of_an_angle = named is not None and named.name == "degree" and has_angle(match["value"])
    return None if named is None or of_an_angle else (match["value"].strip(), named)


def _ratio(text: str) -> Fraction | None:
    """The value of `3:4`; None for what may be a time of day (`3:30`)."""
    match = _RATIO.fullmatch(text)
    if match is None or not int(match[2]) or (len(match[2]) == 2 and int(match[2]) < 60):
        return None
    return Fraction(int(match[1]), int(match[2]))


def number_only(text: str) -> str:
    """A number without the unit behind it (`18 dollars`, `3 hours`); other text as it is."""
    parts = _plain_unit(text)
    return text if parts is None else parts[0]


def uncounted(text: str) -> str:
    """A number without money and the things it counts (`18 dollars`, `5 apples`); units of measure stay (`3 hours`)."""
    parts = _plain_unit(text)
    return text if parts is None or parts[1].measured else parts[0]


def _plain_unit(text: str) -> tuple[str, UnitWord] | None:
    """A number and its unit, where the unit leaves the number's value and is no percentage."""
    parts = _behind(spelled_plainly(text)) if len(text) <= _LONGEST else None
    if parts is None or read_number(parts[0]) is None:
        return None
    return parts if parts[1].factor == 1 and parts[1].sure and parts[1] != PERCENT else None


def same_quantity(left: Quantity, right: Quantity) -> bool:
    """Return whether two quantities are equal; a bare number equals the number with a unit."""
    if PERCENT in {left.unit, right.unit} and left.unit != right.unit:
        return _same_percent(left, right)
    if left.unit.name != right.unit.name:
        if left.unit.name and right.unit.name:
            return _converted_equal(left, right)
        if not (left.unit.sure and right.unit.sure):
            return same_expression(left.whole, right.whole)
    if left.value is not None and right.value is not None:
        return left.value == right.value
    return same_expression(left.text, right.text)


def _same_percent(left: Quantity, right: Quantity) -> bool:
    """A percentage beside a bare number: `50%` is `50`, and `0.5`."""
    percent, plain = (left, right) if left.unit == PERCENT else (right, left)
    if percent.value is None or plain.value is None or plain.unit.name:
        return False
    return plain.value in {percent.value, percent.value / 100}


def _converted_equal(left: Quantity, right: Quantity) -> bool:
    if left.value is None or right.value is None:
        return False
    value = converted(left.value, left.unit.name, right.unit.name)
    return value is not None and value == right.value
