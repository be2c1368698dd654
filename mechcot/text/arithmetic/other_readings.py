"""Whether an equation that does not come out may be right in another reading: another unit, a range, a time, per cents of something, a rounded result."""

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from mechcot.text.arithmetic.equations import Token
from mechcot.text.lines import line_start
from mechcot.text.unit_words import converted, unit

EquationPlaces = tuple[int, int, int]
"""Tokens of an equation: the left side's first, the sign, the one behind the right side."""
_NEAR = 12
"""Characters beside an equation in which a word may change what it says."""
_COMPUTES = frozenset(
    [
        "twice",
        "half",
        "double",
        "triple",
        "third",
        "quarter",
        "minu",
        "negative",
        "plu",
        "time",
        "than",
        "over",
        "divided",
        "by",
        "log",
        "ln",
        "sin",
        "co",
        "tan",
        "sqrt",
        "root",
        "squared",
        "cubed",
        "mod",
        "modulo",
        "of",
        "per",
        "less",
        "more",
        "point",
        "dozen",
        "thousand",
        "million",
    ]
)
"""Words, without a last `s`, that change the value of what follows."""
_OTHER_READING = re.compile(
    r"\d:\d|\d\s:\s\d|\d\u2013\d|\d,\d(?!\d\d)|\d\.\d{3}(?!\d)|\d_\d|0x|[~\u2248]|\bround|\babout\b|\bapprox|\bremainder\b|\brest\b|\bleft over\b"
    r"|\bbinary\b|\bhex|\boctal\b|\bbase\b|\bclock\b|\bmod|\bsuppose|\bassum|\bif\b|\bnot\b|n't\b|\bwould\b|\bwrong\b|\?|\b[ap]\.?m\b|\bper ?cent",
    re.IGNORECASE,
)
"""Times, ratios, ranges, decimals and thousands of other countries, other bases, rounding, what is only asked, supposed or denied."""
_DASHED = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:-\d+(?:\.\d+)?)+")
"""Numbers with hyphens between them and nothing else: a difference, or a range, a date, a score, a telephone."""
_COUNTED_DASHES = re.compile(
    r"\b(?:scor|won\b|win|lost|los|beat|game|match|tie|vote|odds|ratio|page|chapter|verse|question|room|flight|route|model|phone|call|tel\b|id\b|no\.|"
    r"jan|feb|mar|apr|may\b|jun|jul|aug|sep|oct|nov|dec|date|from|between)",
    re.IGNORECASE,
)
"""What stands near such numbers where they are no difference."""
_CURRENCY = re.compile(r"[$\u20ac\u00a3\u00a5\u20b9]")
_CONVERSIONS = frozenset(map(Fraction, (7, 10, 12, 16, 24, 36, 52, 60, 100, 365, 1000, 3600)))
"""By how much a result may be off that is said in another unit than what it is computed from."""


def doubtful(
    text: str, tokens: list[Token], places: EquationPlaces, *, units_known: bool = False
) -> bool:
    """Whether what does not come out may be right in another reading: units that differ, per cents of something, times, ranges, rounding, words that compute.

    Args:
        text: The text.
        tokens: Its tokens.
        places: Of the equation.
        units_known: Whether its units were read, so that they leave no doubt.
    """
    first, sign, stop = places
    left, right = tokens[first:sign], tokens[sign + 1 : stop]
    words, theirs = (
        [token.text.lower().rstrip("s") for token in part if token.kind == "word"]
        for part in (left, right)
    )
    line = line_start(text, tokens[sign].start)
    around = text[
        max(line, tokens[first].start - _NEAR) : tokens[min(stop, len(tokens) - 1)].stop + _NEAR
    ]
    units_differ = len(set(words)) > 1 or (words != [] and words[:1] != theirs[:1])
    return (
        (units_differ and not units_known and not _prose(words, left))
        or any(token.kind == "percent" or token.text == "^" for token in (*left, *right))
        or not any(token.kind in {"op", "left", "frac"} for token in left)
        or _OTHER_READING.search(around) is not None
        or any(_may_be_no_difference(dashed.group(), around) for dashed in _DASHED.finditer(around))
    )


def _may_be_no_difference(dashed: str, around: str) -> bool:
    """Whether numbers with hyphens between them may be a range (no difference above 0), a date, a score or a number of something."""
    numbers = dashed.split("-")
    padded = any(len(number) > 1 and number[0] == "0" and number[1] != "." for number in numbers)
    dated = len(numbers) == 3 and len(numbers[0]) == 4 and max(map(len, numbers[1:])) <= 2
    rises = Fraction(numbers[0]) <= sum(map(Fraction, numbers[1:]))
    return padded or dated or rises or _COUNTED_DASHES.search(around) is not None


def _unit_named(text: str, tokens: list[Token], start: int, stop: int) -> str:
    """The one unit that a side names, by a currency sign or a word behind a number; "" for none, or several."""
    words = [
        token.text
        for before, token in pairwise(tokens[start:stop])
        if (before.kind, token.kind) == ("number", "word")
    ]
    signs = _CURRENCY.findall(text[max(0, tokens[start].start - 1) : tokens[stop - 1].stop])
    units = {named.name for word in (*words, *signs) if (named := unit(word)) is not None}
    return units.pop() if len(units) == 1 else ""


def conversion(text: str, tokens: list[Token], places: EquationPlaces) -> Fraction:
    """What the left side is multiplied by in the unit of the right one: `$0.50 + $0.25 = 75 cents`; 0 where they name no two that can be turned into each other.

    Args:
        text: The text.
        tokens: Its tokens.
        places: Of the equation.
    """
    first, sign, stop = places
    if first == sign or sign + 1 == stop:
        return Fraction(0)
    left = _unit_named(text, tokens, first, sign)
    right = _unit_named(text, tokens, sign + 1, stop)
    if not left or not right or left == right:
        return Fraction(0)
    return converted(Fraction(1), left, right) or Fraction(0)


def off_by_unit(
    tokens: list[Token], sign: int, stop: int, sides: Sequence[Sequence[Fraction]]
) -> bool:
    """Whether a result with a unit behind it is another one's multiple of what numbers without a unit give: `2 + 1 = 180 minutes`."""
    behind = [t.text for b, t in pairwise(tokens[sign + 1 : stop]) if (b.kind, t.kind) == ("number", "word")]  # fmt: skip
    named = unit(behind[0]) if behind else None
    minor = named is not None and any(
        converted(Fraction(1), named.name, whole) for whole in ("dollar", "pound")
    )
    if named is None or not (named.measured or minor):
        return False
    ratios = [right / left for left in sides[0] for right in sides[1] if left and right]
    return any(abs(ratio) in _CONVERSIONS or 1 / abs(ratio) in _CONVERSIONS for ratio in ratios)


def _prose(words: Sequence[str], side: Sequence[Token]) -> bool:
    """Whether all words of a left side stand before its first number, and none of them computes: `So that makes 3 + 4`."""
    kinds = [token.kind for token in side]
    first = next((i for i, kind in enumerate(kinds) if kind != "word"), len(kinds))
    return "word" not in kinds[first:] and not _COMPUTES.intersection(words)
