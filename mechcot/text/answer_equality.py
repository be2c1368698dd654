r"""Compare two answers, each read whole or not at all.

An answer is taken for the first of these that it is *as a whole*: the letter of a choice, a time of day or a date
(`mechcot.text.moments`), a list, a number with or without a unit (`mechcot.text.quantities`), an expression (`mechcot.text.expressions`), a text. What can be read only in part
is a text, and texts are equal when they are spelled alike: unknown is not equal.

The judgement is symmetric. It is an equivalence except for what an answer leaves open: a bare number equals the number with a
unit (`18` and `$18`), `50%` equals both `50` and `0.5`, `x = 5` equals `5`, and `3,5` is a decimal beside a decimal and a list
beside a list.
"""

import re
import unicodedata
from functools import lru_cache

from mechcot.text.answer_words import CHOICE_WORDS
from mechcot.text.boxed_answers import boxed, trim, without_point
from mechcot.text.expressions import bracket_depths
from mechcot.text.moments import same_moment
from mechcot.text.numerals import (
    TEXT_COMMAND,
    decimal_comma,
    read_number,
    spelled_plainly,
    unwrapped,
)
from mechcot.text.quantities import quantity, same_quantity

_LONGEST = 400
_MOST = 40  # elements of a list
_LEAD = rf"(?:{CHOICE_WORDS})(?:\s+(?:is|ist|est|es|é|è))?[\s_:：-]*"
_CHOICE = re.compile(
    rf"(?:{_LEAD})?"
    r"(?:[(\[{]\s*([a-z])\s*[)\]}]|([a-z]))\s*(?:[).:\]]?|[).:]\s+(?P<said>\S.*)|(?<=[)\]])\s+(?P<told>(?!(?:and|or|nor)\b)\S.*)|\s+\((?P<meant>[^()]{2,}|\d)\))"
)
_SAID_FIRST = re.compile(rf"(?P<said>[^()]*\w\w[^()]*?)\s*\((?:{_LEAD})?(?P<letter>[a-j])\)")
_LETTERS = re.compile(
    r"[(\[{]?(?P<list>\(?[a-j]\)?(?:(?:\s*[,;&/+、，]\s*(?:and\s+)?|\s+(?:and\s+)?)\(?[a-j]\)?)+)[)\]}]?|(?P<word>[a-j]{2,})"
)
_BRACKETS = {"(": ")", "[": "]", "{": "}", r"\{": r"\}", r"\langle": r"\rangle", r"\lbrace": r"\rbrace"}  # fmt: skip
_SETS = frozenset({"", "{", r"\{", r"\lbrace"})
_EQUATION = re.compile(r"(?<![<>!:=\\])=(?!=)|\\in(?![A-Za-z])")
_NAME = re.compile(
    r"\\?[A-Za-z]+(?:_(?:\{\w+\}|\w))?'?|[A-Za-z]\s*\(\s*[A-Za-z0-9]\s*\)"
)  # x, x_1, \theta, f(x)


def same_answer(a: str | None, b: str | None, *, ordered: bool = False) -> bool:
    r"""Return whether two answers say the same: `\frac{1}{2}` and `1/2`, `90` and `90^\circ`, `(B)` and `B`.

    Cost: microseconds for digits and words, milliseconds for mathematics (cached). The tempting misuse
    is a chain of equalities through a bare number: `3 hours` = `3` = `3 minutes`.

    Args:
        a: An answer; None equals nothing.
        b: Another.
        ordered: Whether the order of a list counts where no bracket says so, see `mechcot.text.asked_order`.
    """
    if a is None or b is None:
        return False
    left, right = _plain(a), _plain(b)
    if not left or not right:
        return False
    in_order = _same_order(left, right) if ordered and left != right else None
    if in_order is not None:
        return in_order
    return left == right or _same(left, right, depth=0)


@lru_cache(maxsize=65536)
def _plain(text: str) -> str:
    """Normal typography, without an outer box or emphasis, and without words that only introduce a value."""
    text, previous = unicodedata.normalize("NFC", text), None
    while text != previous:
        previous = text
        text = trim(text)
        for box in boxed(text[:_LONGEST]):
            if box.start == 0 and box.stop == len(text):
                text = box.text
        if (match := re.fullmatch(TEXT_COMMAND + r"\{([^{}]*)\}", text)) is not None:
            text = match[1]
    text = re.sub(r"(?<!\\)\$([^$]*)(?<!\\)\$", r"\1", text)
    text = spelled_plainly(text)
    text = re.sub(r"\b([AaPp])\.\s?([Mm])\b\.?", r"\1\2", text)
    text = re.sub(r"^(?:approximately|about|roughly|exactly|\\approx|\\sim|≈|~)\s*", "", text)
    text = trim(text).rstrip(";").strip('"')
    quoted = re.fullmatch(r"'([^']+)'", text)
    text = re.sub(r"^(?:#|№|[nN][ro°º]\.?)\s*(?=\d)", "", quoted[1] if quoted else text)
    return text.replace("İ", "i").casefold()  # whose own dot would stay behind the i


def _same(left: str, right: str, *, depth: int) -> bool:
    """Return whether two different texts say the same."""
    if max(len(left), len(right)) > _LONGEST:
        return _spelled(left) == _spelled(right)
    chosen = _same_choice(left, right)
    if chosen is not None:
        return chosen
    if _spelled(left) == _spelled(right) or _bare(left) == _bare(right):
        return True
    verdict = same_moment(left, right)
    if verdict is None:
        left, right = _sides(left, right)
        verdict = _comma(left, right)
    if verdict is None and depth < 3:
        verdict = _lists(left, right, depth)
    if verdict is not None:
        return verdict
    return same_quantity(quantity(left), quantity(right))


def _same_choice(left: str, right: str) -> bool | None:
    """Whether two answers choose the same letter, or letters; None where not both are choices."""
    here, there = _choice(left), _choice(right)
    if here and there:
        said = here[1], there[1]
        return here[0] == there[0] and (not all(said) or _spelled(said[0]) == _spelled(said[1]))
    a, b = _LETTERS.fullmatch(left), _LETTERS.fullmatch(right)
    if a and b and (a["list"] or b["list"]):  # two words are words
        first, second = (sorted(re.findall("[a-j]", each[0].replace("and", ""))) for each in (a, b))
        return first == second
    return None


@lru_cache(maxsize=65536)
def _spelled(text: str) -> str:
    """The spelling by which texts are compared: white space counts between letters and digits only."""
    text = unwrapped(text)
    text = re.sub(r"([_^])\{(\w)\}|\{(\w)\}", lambda m: (m[1] or " ") + (m[2] or m[3]), text)
    text = re.sub(r"(?<=[^\W\d_]{2})[-‐‑](?=[^\W\d_]{2})", " ", text)
    text = without_point(re.sub(r"(?<!\w)\s+|\s+(?!\w)", "", text), ".,;")
    return re.sub(r"(?<=[^\W\d_]{2})!+$", "", text)


def _bare(text: str) -> str:
    """The spelling without an article in front of a word."""
    return re.sub(r"^(?:the|an?) (?=[^\W\d_]{2})", "", _spelled(text))


@lru_cache(maxsize=65536)
def _choice(text: str) -> tuple[str, str] | None:
    """The letter of a choice and what it says, from `(B)`, `B.`, `option B`, `Choice_B`, `B) Paris`, `Paris (B)`."""
    plain = unwrapped(text)
    match = _CHOICE.fullmatch(plain)
    if match is None:
        match = _SAID_FIRST.fullmatch(plain)
        return match and (match["letter"], match["said"])
    return match[1] or match[2], match["said"] or match["told"] or match["meant"] or ""


def _sides(left: str, right: str) -> tuple[str, str]:
    """Without the name in front of a value where only one of the two names it: `x = 5` beside `5`."""
    parts = [_EQUATION.split(text) for text in (left, right)]
    if (len(parts[0]) > 1) == (len(parts[1]) > 1):
        return left, right
    values = []
    for text, pieces in zip((left, right), parts, strict=True):
        named = len(pieces) > 1 and pieces[-1].strip()
        if named and all(_NAME.fullmatch(piece.strip()) for piece in pieces[:-1]):
            text = pieces[-1].strip()
        elif (
            named
            and len(pieces) == 2
            and _NAME.fullmatch(named)
            and read_number(pieces[0].strip()) is not None
        ):
            text = pieces[0].strip()  # 5 = x
        elif named and not re.search(r"[^\W\d_]", _spelled(text)):
            first = pieces[0].strip()
            text = pieces[-1].strip() if same_quantity(quantity(first), quantity(pieces[-1].strip())) else text  # fmt: skip
        values.append(text)
    return values[0], values[1]


def _comma(left: str, right: str) -> bool | None:
    """Numbers with a comma that may be a decimal one: a decimal beside a number, a list beside a list."""
    values = decimal_comma(left), decimal_comma(right)
    if values == (None, None):
        return None
    others = [quantity(text).value if value is None else value for text, value in zip((left, right), values, strict=True)]  # fmt: skip
    if None not in others:
        return others[0] == others[1]
    return None


# --- lists ----------------------------------------------------------------------------------------


@lru_cache(maxsize=16384)
def _elements(text: str) -> tuple[str, tuple[str, ...], str] | None:
    """Brackets and elements of a list, a tuple, a set, an interval; None for a single value."""
    opening, body, closing = _inside(text)
    parts = _split(body)
    if parts is None or len(parts) > _MOST or (len(parts) < 2 and not opening):
        return None
    if len(parts) < 2 and (opening, closing) not in _BRACKETS.items():
        return None
    return opening, parts, closing


def _inside(text: str) -> tuple[str, str, str]:
    """The outer brackets of a text, which may be those of a half-open interval, and what they hold."""
    for opening in sorted(_BRACKETS, key=len, reverse=True):
        if not text.startswith(opening):
            continue
        for closing in (r"\rangle", r"\rbrace", r"\}", ")", "]", "}"):
            body = text[len(opening) : len(text) - len(closing)]
            if text.endswith(closing) and _balanced(body):
                return opening, body.strip(), closing
    return "", text, ""


def _balanced(text: str) -> bool:
    return bracket_depths(text) is not None


def _split(text: str) -> tuple[str, ...] | None:
    """Elements between commas, semicolons, "and", "or" at the outermost depth; thousands stay whole."""
    depths = bracket_depths(text)
    if depths is None or not text:
        return None
    if read_number(text) is not None:
        return (text,)
    parts, start = [], 0
    for match in re.finditer(
        r"\s*[,;]\s*(?:and\b|or\b)?\s*|\s+(?:and|or)\s+|\\text\s*\{\s*(?:and|or)\s*\}", text
    ):
        if depths[match.start()] == 0 and depths[match.end() - 1] == 0:
            parts.append(text[start : match.start()].strip())
            start = match.end()
    parts.append(text[start:].strip())
    return tuple(parts) if all(parts) else None


def _lists(left: str, right: str, depth: int) -> bool | None:
    """Return whether two lists are equal; None when neither text is one."""
    here, there = _elements(left), _elements(right)
    if here is None and there is None:
        return None
    if here is None or there is None or len(here[1]) != len(there[1]):
        return _unwrapped_equal(here, there, left, right, depth)
    if len(here[1]) == 1:
        return _same_element(here[1][0], there[1][0], depth)
    if here[0] in _SETS and there[0] in _SETS:
        return _matched(here[1], there[1], depth)
    if (here[0], here[2]) != (there[0], there[2]):
        return False
    return all(_same_element(a, b, depth) for a, b in zip(here[1], there[1], strict=True))


_Elements = tuple[str, tuple[str, ...], str]


def _unwrapped_equal(
    here: _Elements | None, there: _Elements | None, left: str, right: str, depth: int
) -> bool | None:
    """A value in brackets beside a value; a list and something else are different."""
    inner = here[1][0] if here and len(here[1]) == 1 else left
    outer = there[1][0] if there and len(there[1]) == 1 else right
    if (inner, outer) != (left, right):
        return _same_element(inner, outer, depth)
    return None


def _same_element(a: str, b: str, depth: int) -> bool:
    return a == b or _same(a, b, depth=depth + 1)


def _matched(left: tuple[str, ...], right: tuple[str, ...], depth: int) -> bool:
    """Return whether each element has one of its own on the other side."""
    unmatched = list(right)
    for element in left:
        partner = next(
            (candidate for candidate in unmatched if _same_element(element, candidate, depth)), None
        )
        if partner is None:
            return False
        unmatched.remove(partner)
    return True


# --- lists in which the order counts --------------------------------------------------------------


def sequence(text: str) -> tuple[str, ...]:
    """The elements of a list in their order, however they are set apart: `ant, bee`, `[ant, bee]`, `ant → bee`, `ant bee`, `CAB`."""
    plain = _plain(text)
    return _listed(plain) or _spaced(plain)


def _same_order(left: str, right: str) -> bool | None:
    """Whether two lists have the same elements in the same order; None where not both are lists, or white space may be that of a name."""
    here, there = _listed(left), _listed(right)
    first, second = here or _spaced(left), there or _spaced(right)
    alike = sorted(first) == sorted(second) if not here and not there else len(first) == len(second)
    if not alike or len(first) < 2:
        return False if here and there else None
    return all(_same_element(a, b, 0) for a, b in zip(first, second, strict=True))


@lru_cache(maxsize=16384)
def _listed(text: str) -> tuple[str, ...]:
    """The elements of a list in its order; none where nothing but white space sets them apart."""
    _, body, _ = _inside(text)
    if re.fullmatch(r"[a-j]{2,10}", body) and len({*body}) == len(body):
        return tuple(body)
    parts = _split(body) or ()
    if len(parts) < 2:
        parts = tuple(re.split(r"\s*(?:->|=>|→|⇒|\\(?:right|long)\w*arrow)\s*", body))
    return parts if len(parts) > 1 else ()


def _spaced(text: str) -> tuple[str, ...]:
    return tuple(_inside(text)[1].split())
