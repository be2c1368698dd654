"""Sums in words: `7 and 6 make 13`, `seven plus six is 13`, `half of 12 is 6`, `the product of 3 and 4 is 12`, `3 more than 7 is 10`.

A sum is read where it stands by itself: nothing before its first number or behind its result may belong to it. One that does not come out is no mistake where it may be
meant in another way: its numbers count different things, or it is supposed, denied, rounded (`mechcot.text.arithmetic.other_readings.said_otherwise`).

*Ours*, for English alone: precision before reach, as in `mechcot.text.arithmetic.validity`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import add, mul, sub, truediv

from mechcot.text.arithmetic.other_readings import said_otherwise
from mechcot.text.numerals import CARDINALS, read_number

_WORDS = "|".join(sorted(CARDINALS, key=len, reverse=True))
_NUMBER = rf"(?:\$?(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?%?|(?:{_WORDS})(?:-(?:{_WORDS}))?)(?![\w%/:^*\u2013-]|[.,]\d)"
_SIGNS: Mapping[str, str] = {
    "plus": "+", "+": "+", "minus": "-", "less": "-", "times": "*", "multiplied by": "*", "x": "*", "\u00d7": "*", "*": "*", "divided by": "/", "\u00f7": "/",
}  # fmt: skip
_SHARES: Mapping[str, Fraction] = {
    "half of": Fraction(1, 2), "half": Fraction(1, 2), "twice": Fraction(2), "double": Fraction(2), "triple": Fraction(3), "a third of": Fraction(1, 3),
    "one third of": Fraction(1, 3), "two thirds of": Fraction(2, 3), "a quarter of": Fraction(1, 4), "one quarter of": Fraction(1, 4), "one-third of": Fraction(1, 3),
    "two-thirds of": Fraction(2, 3), "three quarters of": Fraction(3, 4), "three-quarters of": Fraction(3, 4), "a fifth of": Fraction(1, 5), "a tenth of": Fraction(1, 10),
}  # fmt: skip
_NO_UNIT = "|".join([
    *_SIGNS, "and", "or", "is", "are", "was", "were", "makes?", "made", "equals?", "gives?", "leaves?", "totals?", "comes?", "adds?", "sums?", "more", "fewer", "than", "of", "from", "to",
    "by", "in", "at", "with", "per", "each", "every", "hundred", "thousand", "million", "billion", "dozen", "half", "point", "percent", "squared", "cubed", "divided", "multiplied", "added",
    "subtracted", "taken", "mod", "modulo", "as", "if", "so", "because", "which", "that", "for", "not", "into", "over", "through", "until", "but", "then", "remainder",
]).replace("+", r"\+").replace("*", r"\*")  # fmt: skip
_UNIT = rf"(?:\s+(?!(?:{_NO_UNIT}|{_WORDS})\b)[a-z]+)?"
_ADDS = r"(?:makes?|equals?|totals?|gives?|is\s+equal\s+to|comes?\s+to|adds?\s+up\s+to|sums?\s+to)"
_MAKES = rf"(?:{_ADDS}|leaves?|is|=)"


def _result(verbs: str) -> str:
    return rf"\s*(?:,\s*)?(?P<eq>{verbs})\s+(?:exactly\s+|a\s+total\s+of\s+)?(?P<result>-?{_NUMBER})(?P<unit>{_UNIT})"


_ENDS = r"(?=\s*(?:[.,;:!)\]\n\"\u201d]|$|(?:so|because|which|since|and\s+then|in\s+total|altogether|in\s+all)\b))"
_OPERATOR = "|".join(re.escape(sign).replace(r"\ ", r"\s+") for sign in sorted(_SIGNS, key=len, reverse=True))  # fmt: skip
_TERM = rf"{_NUMBER}{_UNIT}"
_ANYWHERE = r"(?:(?:^|[.;:!,(\n\"\u201c]|,\s+and\s|\b(?:so|then|thus|hence|therefore|since|because|that|know|now|have|get)\s)\s*(?:the\s+)?)\Z"
_FIRST = r"(?:^|[.!\n]\s+|\b(?:so|then|thus|hence|therefore|since|because|that|know|now)\s+)\Z"
_FORMS = tuple(
    (re.compile(before, re.IGNORECASE), re.compile(rf"(?P<left>{left}){_result(verbs)}{_ENDS}", re.IGNORECASE))
    for before, left, verbs in (
        (_ANYWHERE, rf"{_TERM}(?:\s+(?:{_OPERATOR})\s+{_TERM})+", _MAKES),
        (_FIRST, rf"{_TERM}\s+and\s+{_TERM}", _ADDS),
        (_ANYWHERE, rf"(?:sum|product|difference)\s+(?:of|between)\s+{_TERM}\s+and\s+{_TERM}", _MAKES),
        (_ANYWHERE, rf"(?:{'|'.join(re.escape(share) for share in sorted(_SHARES, key=len, reverse=True))})\s+{_TERM}", _MAKES),
        (_ANYWHERE, rf"{_TERM}\s+(?:more|less|fewer)\s+than\s+{_TERM}", _MAKES),
        (_ANYWHERE, rf"{_TERM}\s+(?:added\s+to|(?:subtracted|taken)\s+from)\s+{_TERM}", _MAKES),
        (_ANYWHERE, rf"adding\s+{_TERM}\s+(?:and|to)\s+{_TERM}", _MAKES),
        (_ANYWHERE, rf"subtracting\s+{_TERM}\s+from\s+{_TERM}", _MAKES),
        (_ANYWHERE, rf"multiplying\s+{_TERM}\s+(?:and|by|with)\s+{_TERM}", _MAKES),
        (_ANYWHERE, rf"dividing\s+{_TERM}\s+by\s+{_TERM}", _MAKES),
    )
)  # fmt: skip
"""What may stand before a sum (a list may not, where `and` adds; `12 and 18 is 6` may be a divisor), and the sum."""
_CLAIMED = re.compile(
    r"\b(?:th(?:ink|ought)|claim\w*|sa(?:y|ys|id)|believ\w+|guess\w*|mistake\w*|incorrect\w*|false|error|instead|pretend\w*|imagin\w+|let|only if|unless)\b",
    re.IGNORECASE,
)
"""Words of a sentence that may state a sum without meaning it."""
_TERMS = re.compile(rf"(?P<number>{_NUMBER})(?P<unit>{_UNIT})", re.IGNORECASE)
_PLACED = re.compile(rf"\s+({_OPERATOR})\s+(?=\$|\d|(?:{_WORDS})\b)", re.IGNORECASE)
_HINT = re.compile(
    rf"\b(?:plus|minus|times|less|more|fewer|multipl\w+|divid\w+|and|sum|product|difference|total|half|twice|double|triple|thirds?|quarters?|fifth|tenth|add\w*|subtract\w*|taken)\b|{_MAKES}\s",
    re.IGNORECASE,
)
_BEFORE = 20
"""Characters before a sum in which it is looked whether it stands by itself."""
_APPLY = {"+": add, "-": sub, "*": mul, "/": truediv}


@dataclass(frozen=True)
class WordedSum:
    """A sum in words.

    Attributes:
        holds: Whether it comes out.
        expression: Its numbers and signs, as the same sum would be written with signs.
        value: The result that it states.
    """

    holds: bool
    expression: tuple[str, ...]
    value: Fraction


def worded_sums(text: str) -> Iterator[WordedSum]:
    """The sums in words of a text that can be judged.

    Args:
        text: A step.
    """
    if _HINT.search(text) is None:
        return
    for before, form in _FORMS:
        for match in form.finditer(text):
            here = text[max(0, match.start() - _BEFORE) : match.start()]
            if before.search(here) and (found := _judged(text, match)):
                yield found


def _judged(text: str, match: re.Match[str]) -> WordedSum | None:
    left, said = match["left"], _value(match["result"])
    terms = [(term["number"], term["unit"].strip().lower()) for term in _TERMS.finditer(left)]
    share = next((s for s in sorted(_SHARES, key=len, reverse=True) if re.match(rf"{s}\b", left, re.IGNORECASE)), "")  # fmt: skip
    terms = terms[-1:] if share else terms
    values = [_value(number) for number, _ in terms]
    signs = [_SIGNS[" ".join(sign.lower().split())] for sign in _PLACED.findall(left)]
    worded = any(re.search("[a-z]{2}", sign, re.IGNORECASE) for sign in _PLACED.findall(left))
    known = [value for value in values if value is not None]
    if said is None or len(known) < len(values) or (match["eq"] == "=" and signs and not worded):
        return None
    expression, readings = _readings(left, known, signs, _SHARES.get(share))
    holds = said in readings
    if not readings or ("%" in left and {"*", "/"} & {*expression}) or (not holds and (_doubt(text, match, terms) or _rounded(match["result"], readings))):  # fmt: skip
        return None
    return WordedSum(holds, expression, said)


def _value(number: str) -> Fraction | None:
    return read_number(number.replace("$", "").rstrip("%"))


def _readings(
    left: str, values: Sequence[Fraction], signs: Sequence[str], share: Fraction | None
) -> tuple[tuple[str, ...], list[Fraction]]:
    """How the sum would be written with signs, and its values: by precedence, and from left to right."""
    words = " ".join(left.lower().split())
    if share is not None:
        return (), [share * values[0]]
    if signs:
        if len(signs) + 1 != len(values):
            return (), []
    elif re.search(r"\bthan\b|\bfrom\b", words):
        values, signs = values[::-1], ["+" if " more than " in words else "-"]
    else:
        ways = {"product": "*", "multipl": "*", "dividing": "/", "difference": "-"}
        signs = [next((sign for word, sign in ways.items() if words.startswith(word)), "+")]
    if len(values) != len(signs) + 1:
        return (), []
    spelled = [str(value) for value in values]
    expression = (spelled[0], *(part for pair in zip(signs, spelled[1:], strict=True) for part in pair))  # fmt: skip
    try:
        readings = [_by_precedence(values, signs), _from_left(values, signs)]
    except ZeroDivisionError:
        return (), []
    return expression, readings if "difference" not in words else [*readings, abs(readings[0])]


def _from_left(values: Sequence[Fraction], signs: Sequence[str]) -> Fraction:
    result = values[0]
    for sign, value in zip(signs, values[1:], strict=True):
        result = _APPLY[sign](result, value)
    return result


def _by_precedence(values: Sequence[Fraction], signs: Sequence[str]) -> Fraction:
    terms, between = [values[0]], []
    for sign, value in zip(signs, values[1:], strict=True):
        if sign in "*/":
            terms[-1] = _APPLY[sign](terms[-1], value)
        else:
            terms.append(value)
            between.append(sign)
    return _from_left(terms, between)


def _doubt(text: str, match: re.Match[str], terms: Sequence[tuple[str, str]]) -> bool:
    """Whether what does not come out may be right all the same: its numbers count different things, or it is only supposed."""
    units = {unit.rstrip("s") for _, unit in (*terms, ("", match["unit"].strip().lower()))} - {""}
    marks = {(number[:1] == "$", number[-1:] == "%") for number, _ in terms}
    marks.add((match["result"][:1] == "$", match["result"][-1:] == "%"))
    sentence = max(text.rfind(stop, 0, match.start()) for stop in (". ", "! ", "? ", "\n")) + 1
    claimed = _CLAIMED.search(text, sentence, match.start()) is not None
    return (
        len(units) > 1 or len(marks) > 1 or claimed or said_otherwise(text, sentence, match.end())
    )


def _rounded(result: str, readings: Sequence[Fraction]) -> bool:
    """Whether a result may be rounded to the decimals that it has."""
    decimals = len(result.partition(".")[2])
    said = _value(result)
    return said is not None and any(
        abs(value - said) < Fraction(1, 10**decimals) and value.denominator != 1
        for value in readings
    )
