"""Sums whose terms have different units: `3 hours + 30 minutes`, `$2 + 50 cents`, `3 dozen + 2`, `200 + 10%`.

Such a sum is no sum of its numbers. Terms of one dimension are turned into one unit, words of scale multiply, and per cents beside anything else are per cents of what stands
before them. What has no common unit (`2 kg + 3 meters`) cannot be judged.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from mechcot.text.arithmetic.equations import Node, Token, leaves
from mechcot.text.unit_words import MONEY, PERCENT, UnitWord, converted, unit

_MOST_WORDS = 4
_SIGNS = frozenset("$\u20ac\u00a3\u00a5\u20b9")
_FIXED = frozenset(
    [
        "second",
        "sec",
        "minute",
        "min",
        "hour",
        "hr",
        "day",
        "week",
        "millisecond",
        "mm",
        "cm",
        "km",
        "millimeter",
        "centimeter",
        "meter",
        "kilometer",
        "millimetre",
        "centimetre",
        "metre",
        "kilometre",
        "inch",
        "foot",
        "feet",
        "yard",
        "mile",
        "mg",
        "kg",
        "milligram",
        "gram",
        "kilogram",
        "ml",
        "milliliter",
        "liter",
        "millilitre",
        "litre",
        "dollar",
        "euro",
        "pound",
        "cent",
        "penny",
    ]
)
"""Units with one size; a month, a ton or a cup has several."""


class Amount(NamedTuple):
    """A value with its unit.

    Attributes:
        value: The number.
        unit: Name of a unit of measure or of money, `%`, or ""; "?" for a product or quotient of several.
        counts: Whether a word behind it names what is counted.
        scale: What a word behind its numbers multiplies them by: `5 million`.
    """

    value: Fraction
    unit: str = ""
    counts: bool = False
    scale: Fraction = Fraction(1)


class Mixed(NamedTuple):
    """A sum of terms whose units differ.

    Attributes:
        amount: What it comes to; None where its terms have no common unit.
        units: Of its terms.
        literal: Whether it may be read as a sum of bare numbers, too.
    """

    amount: Amount | None
    units: frozenset[str]
    literal: bool

    def says(self, right: Amount) -> Iterator[Fraction]:
        """What the sum comes to in the unit of a right side; in each of its own where that has none."""
        if self.amount is None or right.unit in {"%", "?"}:
            return
        value, name = self.amount.value, self.amount.unit
        for other in [right.unit] if right.unit else sorted(self.units | {name}):
            here = value if other == name else converted(value, name, other)
            if here is not None:
                yield here

    def fixed(self, right: Amount) -> bool:
        """Whether all units of the equation are named and have one size, so that it is wrong where it does not come out."""
        return self.amount is not None and self.units | {right.unit, self.amount.unit} <= _FIXED


class _Several(Exception):  # noqa: N818 - no error: a sum whose unit nobody knows is read as it stands
    """A term has the unit of a product of several."""


def mixed_sum(text: str, tokens: Sequence[Token], node: Node) -> Mixed | None:
    """A side that adds terms of different units; None where it adds none.

    Args:
        text: The text.
        tokens: Its tokens.
        node: The side.
    """
    reader = _Reader(text, tokens)
    try:
        amount = reader.amount(node)
    except _Several:
        return None
    if reader.mixed:
        return Mixed(amount, frozenset(reader.units), reader.literal)
    return Mixed(None, frozenset(), literal=False) if _bracketed(text, tokens, node) else None


def amount_of(text: str, tokens: Sequence[Token], node: Node) -> Amount | None:
    """The value of a side with its unit; None where it has none."""
    try:
        return _Reader(text, tokens).amount(node)
    except _Several:
        return None


class _Reader:
    """Reads an expression with its units."""

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self.text, self.tokens = text, tokens
        self.mixed, self.literal = False, True
        self.units: set[str] = set()

    def amount(self, node: Node) -> Amount | None:
        kind = node[0]
        if kind == "number":
            return self.number(node[1])
        parts: list[Amount] = []
        for child in node[1:]:
            part = self.amount(child)
            if part is None:
                return None
            parts.append(part)
        first = parts[0]
        if kind == "percent":
            return Amount(first.value / 100, "%")
        if kind == "negative":
            return first._replace(value=-first.value)
        if kind in {"+", "-"}:
            return self.sum(first, parts[1], sign=1 if kind == "+" else -1)
        return _product(kind, first, parts[1])

    def number(self, index: int) -> Amount:
        """A number with the currency before it, or the unit behind."""
        token = self.tokens[index]
        before = self.text[max(token.start - 2, 0) : token.start].rstrip()[-1:]
        named = unit(before) if before in _SIGNS else None
        named = named or unit_behind(self.text, self.tokens, index + 1)
        if named is None:
            return Amount(token.value)
        if named == PERCENT:
            return Amount(token.value / 100, "%")
        known = named.measured or named.name in MONEY
        name = named.name if known else ""
        return Amount(token.value * named.factor, name, counts=True, scale=named.factor)

    def sum(self, first: Amount, second: Amount, *, sign: int) -> Amount | None:
        names = {first.unit, second.unit}
        if "?" in names:
            raise _Several
        if second.unit == "%" and first.unit != "%":
            self.mixed, self.literal = True, self.literal and not (first.unit or first.counts)
            self.units |= names
            return first._replace(value=first.value * (1 + sign * second.value))
        if first.unit == "%" and second.unit != "%":
            return Amount(first.value + sign * second.value)
        counts = first.counts or second.counts
        scale = first.scale if first.scale == second.scale else Fraction(1)
        several = len(names - {""}) > 1
        if several or first.scale != second.scale:
            self.mixed, self.literal, self.units = True, False, self.units | names
        there = converted(second.value, second.unit, first.unit) if several else second.value
        if there is None:
            return None
        name = first.unit or second.unit
        return Amount(first.value + sign * there, name, counts, scale)


def _product(kind: str, first: Amount, second: Amount) -> Amount | None:
    if (kind == "/" and not second.value) or kind == "^":
        return None
    value = first.value * second.value if kind == "*" else first.value / second.value
    names = [name for name in (first.unit, second.unit) if name not in {"", "%"}]
    if kind == "/" and names and not first.unit:
        return Amount(value, "?")
    return Amount(
        value,
        "?" if len(names) > 1 else "".join(names),
        first.counts or second.counts,
        first.scale * second.scale,
    )


def _bracketed(text: str, tokens: Sequence[Token], node: Node) -> bool:
    """Whether a unit stands behind a bracket of a sum, and another one elsewhere: `(2 + 3) hours + 30 minutes`."""
    numbers = leaves(node)
    reader = _Reader(text, tokens)
    closed = [at + 1 for at in range(numbers[0], numbers[-1]) if tokens[at].kind == "right"]
    behind = {named.name for at in closed if (named := unit_behind(text, tokens, at)) is not None}
    return (
        bool(behind)
        and "+" in _signs(node)
        and bool({reader.number(n).unit for n in numbers} - {"", *behind})
    )


def _signs(node: Node) -> set[str]:
    """The signs of an expression that add."""
    if node[0] == "number":
        return set()
    own = {"+"} if node[0] in {"+", "-"} else set()
    return own.union(*(_signs(child) for child in node[1:]))


def unit_behind(text: str, tokens: Sequence[Token], start: int) -> UnitWord | None:
    """The unit that the words from a token on name: the longest that is a measure, money, or a scale, else what they count; None for no word."""
    stop = start
    while stop < min(start + _MOST_WORDS, len(tokens)) and tokens[stop].kind == "word" and tokens[stop].text != "of":  # fmt: skip
        stop += 1
    if stop == start:
        return None
    phrases = [text[tokens[start].start : tokens[end - 1].stop] for end in range(stop, start, -1)]
    found = [named for phrase in phrases if (named := unit(phrase)) is not None]
    known = (n for n in found if n.measured or n.name in MONEY or n.factor != 1)
    return next(known, found[-1] if found else None)


def goes_on(text: str, tokens: Sequence[Token], first: int) -> bool:
    """Whether a number is the smaller part of a measure in two units, as 30 in `1 hour 30 minutes`."""
    if first < 2 or (tokens[first - 2].kind, tokens[first - 1].kind) != ("number", "word"):
        return False
    larger, smaller = (unit_behind(text, tokens, at) for at in (first - 1, first + 1))
    if larger is None or smaller is None or larger.name == smaller.name:
        return False
    ratio = converted(Fraction(1), larger.name, smaller.name)
    return ratio is not None and ratio > 1


def one_number(tokens: Sequence[Token], node: Node, stop: int) -> bool:
    """Whether no further number stands on a right side, as 30 does in `3 hours 30 minutes`."""
    last = max(leaves(node))
    return not any(token.kind == "number" for token in tokens[last + 1 : stop])
