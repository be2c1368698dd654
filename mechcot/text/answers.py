r"""Read the answer that a text states, and compare two answers.

Reading. Every rule of the family looks for its *last* statement; the one that ends last in the text
wins, and a box inside a phrase ("the answer is $\boxed{5}$") wins over the phrase. What stands after
the closed thought is read first; if it states nothing, the thought itself is. A thought that was
never closed is read by the explicit rules only: its last number is just where the text was cut.

Equality. Digits and strings by plain comparison, everything else by `math-verify` (which parses LaTeX with
latex2sympy and never evaluates code). Deviations: units behind a number are dropped (`18 dollars` = `18`), very
long strings and towers of powers are compared as strings only, since `math-verify` interrupts itself
by a signal that does not exist outside the main thread.
"""

import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from typing import Literal

from mechcot.core.errors import UserError
from mechcot.core.trace import Answer
from mechcot.text.tags import THINK, Thought, ThoughtTags, find_thought

_NUMBER = r"[-\u2212]?\$?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+|(?<=\d))"
_CALCULATOR = re.compile(r"<<[^<>\n]*>>")
_BOX = re.compile(r"\\(?:f?boxed)\s*(?=\{|[^\s{])")
_BETWEEN_BOXES = re.compile(
    r"[\s$,;]*(?:\\[()\[\]])?[\s$]*(?:and|or|,)?[\s$]*(?:\\[()\[\]])?[\s$]*"
)
_NEAR = 16
_LONGEST_BOX = 2000
_HASH = re.compile(r"####[^\S\n]*(?P<value>[^\n]+)")
_TAG = re.compile(r"<answer>(?P<value>.{0,2000}?)</answer>", re.DOTALL | re.IGNORECASE)
_PHRASE = re.compile(
    r"\banswer(?:\s+to\s+[^.\n:=]{1,60}?)?(?:\*\*|__)?\s*"
    r"(?:(?:is|are|was|would be|should be|must be|equals)\b(?:\*\*|__)?\s*:?|[:=])(?:\*\*|__)?"
    r"[^\S\n]*\n?[^\S\n]*(?P<value>[^\n]{1,400})",
    re.IGNORECASE,
)
_LETTER_A = re.compile(r"^A:[^\S\n]*(?P<value>[^\n]+)", re.MULTILINE)
_WORD_ANSWER = re.compile(r"(?<!\S)answer\s+(?P<value>[^\s<]+)")
_LAST_NUMBER = re.compile(rf"(?<![\w.])(?P<value>{_NUMBER})(?P<percent>\s?\\?%)?(?![\w])")
_NO_ANSWER = re.compile(
    r"(?:not|n't|correct|wrong|right|incorrect|clear|the same|what|that|simply|just|supposed|going|in the|to be)\b",
    re.IGNORECASE,
)
_NUMBER_AND_UNIT = re.compile(
    rf"(?P<value>{_NUMBER}(?:/\d+)?)(?P<unit>(?:\s*\\?%)|(?:\s+|\\ |~)[A-Za-z][A-Za-z .,'-]*|\s*(?:\\text\{{[^{{}}]*\}}))?"
)


@dataclass(frozen=True)
class Found:
    """A stated answer.

    Attributes:
        text: The answer as written, trimmed.
        how: The rule.
        start: First character of the statement.
        stop: One past its last.
    """

    text: str
    how: str
    start: int
    stop: int


Rule = Callable[[str], Iterator[Found]]


def _boxed(text: str) -> Iterator[Found]:
    r"""Every `\boxed{...}` with balanced braces; neighbours ("3 and 5") become one answer."""
    last: Found | None = None
    for match in _BOX.finditer(text):
        stop = _box_stop(text, match.end())
        if stop is None:
            continue
        body = text[match.end() : stop].removeprefix("{").removesuffix("}")
        here = Found(body.strip(), "boxed", match.start(), stop)
        if last is not None and here.start < last.stop:
            continue  # a box in a box
        near = last is not None and here.start - last.stop <= _NEAR
        if near and _BETWEEN_BOXES.fullmatch(text, last.stop, here.start):
            if here.text != last.text:
                here = Found(f"{last.text}, {here.text}", "boxed", last.start, here.stop)
        elif last is not None:
            yield last
        last = here
    if last is not None:
        yield last


def _box_stop(text: str, start: int) -> int | None:
    """One past the closing brace, or past a single bare token; None when the braces never balance."""
    if text[start] != "{":
        bare = re.compile(r"[\w.,/-]+").match(text, start)
        return bare.end() if bare else None
    depth = 0
    for match in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, start, start + _LONGEST_BOX):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth == 0:
            return match.end()
    return None


def _matches(pattern: re.Pattern[str], how: str) -> Rule:
    def rule(text: str) -> Iterator[Found]:
        for match in pattern.finditer(text):
            value = trim(match["value"])
            if value:
                yield Found(value, how, match.start(), match.end())

    return rule


def _phrase(text: str) -> Iterator[Found]:
    """Statements "the answer is X" up to the end of the sentence; questions and denials are no answers."""
    position = 0
    while match := _PHRASE.search(text, position):
        value = re.split(
            r"(?<=[^.\s])[.!?;](?=\s|$|\*)|\s+(?:because|since|so|which|but)\b", match["value"]
        )[0]
        stop = match.start("value") + len(value)
        position = max(stop, match.start() + 6)
        short = number_only(trim(value))
        if short and text[stop : stop + 1] != "?" and not _NO_ANSWER.match(short):
            yield Found(short, "phrase", match.start(), stop)


def _last_number(text: str) -> Iterator[Found]:
    for match in _LAST_NUMBER.finditer(text):
        yield Found(trim(match["value"]), "last_number", match.start(), match.end())


_RULES: Mapping[str, Rule] = {
    "boxed": _boxed,
    "hash": _matches(_HASH, "hash"),
    "tag": _matches(_TAG, "tag"),
    "phrase": _phrase,
    "letter": _matches(_LETTER_A, "letter"),
    "word": _matches(_WORD_ANSWER, "word"),
}

# What each family of models may use to state its answer; `any` tries everything that is explicit.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "any": ("boxed", "hash", "tag", "phrase", "letter"),
    "boxed": ("boxed", "phrase"),
    "gsm8k": ("hash", "letter", "boxed", "phrase"),
    "organism": ("word",),
}
_NO_LAST_NUMBER = frozenset({"organism"})


def trim(text: str) -> str:
    """Take white space, emphasis, outer dollars and brackets of mathematics, and final points away."""
    previous = None
    while text != previous:
        previous = text
        text = text.strip().strip("*_`").strip().removesuffix(".").removesuffix(",").strip()
        for left, right in (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]")):
            inner = text[len(left) : len(text) - len(right)]
            if text.startswith(left) and text.endswith(right) and inner and left not in inner:
                text = inner
    return text


def number_only(text: str) -> str:
    """A number without the unit words behind it; other text as it is."""
    match = _NUMBER_AND_UNIT.fullmatch(text)
    if match is None or not any(map(str.isdigit, match["value"])):
        return text
    unit = match["unit"] or ""
    return match["value"] + ("%" if "%" in unit else "")


def find_answer(
    text: str,
    *,
    family: str = "any",
    otherwise: Literal["last_number", "nothing"] = "last_number",
) -> Found | None:
    """The last answer that a stretch of text states; thought marks are not looked at.

    Args:
        text: Any text. Calculator marks `<<3+4=7>>` are passed over.
        family: One of `FAMILIES`.
        otherwise: What to take where nothing is stated.

    Raises:
        UserError: No such family.
    """
    if family not in FAMILIES:
        msg = f"unknown answer family {family!r}: expected one of {', '.join(FAMILIES)}"
        raise UserError(msg)
    blank = _CALCULATOR.sub(lambda match: "\x00" * len(match.group()), text)
    best: Found | None = None
    for name in FAMILIES[family]:
        for found in _RULES[name](blank):
            if best is None or found.stop > best.stop:
                covers_box = best is not None and best.how == "boxed" and found.start <= best.start
                best = best if covers_box else found
    if best is None and otherwise == "last_number" and family not in _NO_LAST_NUMBER:
        best = max(_last_number(blank), key=lambda found: found.stop, default=None)
    if best is None:
        return None
    clean = re.sub(r"\x00+\s*", "", best.text)
    return Found(trim(clean), best.how, best.start, best.stop) if trim(clean) else None


def read_answer(text: str, *, family: str = "any", tags: ThoughtTags = THINK) -> Answer:
    """Read the answer that a completion states.

    Args:
        text: The completion. Put the opening mark in front when the prompt ended with it: an
            unclosed thought is then known to be one.
        family: One of `FAMILIES`.
        tags: The marks of the thought.

    Returns:
        The answer; text None and how `unread` when nothing was stated.

    Raises:
        UserError: No such family.
    """
    layout = find_thought("", text, tags)
    found = None
    if layout.thought is Thought.CLOSED:
        found = find_answer(text[layout.chain.stop + len(tags.close) :], family=family)
        text = text[: layout.chain.stop]
    if found is None:
        absent = layout.thought is Thought.ABSENT
        found = find_answer(text, family=family, otherwise="last_number" if absent else "nothing")
    return Answer(None, "unread") if found is None else Answer(found.text, found.how)


# --- equality -------------------------------------------------------------------------------------

_LONGEST = 400
_FUNCTIONS = frozenset(
    {
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "arcsin",
        "arccos",
        "arctan",
        "log",
        "exp",
        "sqrt",
        "and",
    }
)
_TOWER = re.compile(
    r"\^\s*\{?\s*\d{4,}|\*\*\s*\d{4,}|\^[^\s+*/=-]*\^|\*\*[^\s+/=-]*\*\*|\d{4,}\s*!|!\s*!"
)


def number(text: str) -> Fraction | None:
    """The exact value of a plain number (`-1,200.50`, `$18`, `3/4`), None for anything else."""
    plain = re.sub(r"\\[,!;: ]|\s|\\?\$|\{,\}", lambda m: "," if m.group() == "{,}" else "", text)
    plain = plain.replace("\u2212", "-").removesuffix(".")
    if re.fullmatch(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|[-+]?\.\d+", plain):
        return Fraction(plain.replace(",", "").removesuffix("."))
    if re.fullmatch(r"[-+]?\d{1,30}/\d{1,30}", plain) and int(plain.split("/")[1]):
        return Fraction(plain)
    return None


def _plain(text: str) -> str:
    text = trim(text)
    for box in _boxed(text):
        if box.start == 0 and box.stop == len(text):
            text = trim(box.text)
    text = re.sub(r"\\(?:text|mathrm|textbf|mathbf|mbox)\s*\{([^{}]*)\}", r"\1", text)
    return re.sub(r"\s+", " ", text).strip().casefold()


def same_answer(a: str | None, b: str | None) -> bool:
    r"""Whether two answers say the same: `\frac{1}{2}` and `1/2`, `90` and `90^\circ`.

    Cost: microseconds for digits and words, milliseconds for mathematics (cached). The tempting misuse
    is a chain of equalities: as in `math-verify`, `50%` equals both `50` and `0.5`.

    Args:
        a: One answer; None (unread) equals nothing.
        b: The other.
    """
    if a is None or b is None:
        return False
    left, right = _plain(a), _plain(b)
    if not left or not right:
        return False
    if left == right:
        return True
    numbers = number(number_only(left)), number(number_only(right))
    if numbers[0] is not None and numbers[1] is not None and "%" not in left + right:
        return numbers[0] == numbers[1]
    if re.sub(r"[\s().]", "", left) == re.sub(r"[\s().]", "", right) and len(left) < 5:
        return not any(map(str.isdigit, left))  # "(A)" and "A"
    return _mathematics(left) and _mathematics(right) and _verified(trim(a), trim(b))


def _mathematics(text: str) -> bool:
    """Whether a text may go to the parser: short, no tower of powers, and not words (their letters would commute)."""
    if len(text) > _LONGEST or _TOWER.search(text) or text.isalpha():
        return False
    return all(word in _FUNCTIONS for word in re.findall(r"(?<![\\A-Za-z])[A-Za-z]{3,}", text))


@lru_cache(maxsize=16384)
def _verified(a: str, b: str) -> bool:
    """`math-verify`, both ways, since its comparison is not symmetric."""
    parse, verify = _math_verify()
    # its timeouts use SIGALRM, which only the main thread may set
    seconds = 3 if threading.current_thread() is threading.main_thread() else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        left, right = (parse(f"${number_only(text)}$", parsing_timeout=seconds) for text in (a, b))
        if not left or not right:
            return False
        return any(
            verify(gold, given, timeout_seconds=seconds)
            for gold, given in ((left, right), (right, left))
        )


@cache
def _math_verify() -> tuple[Callable[..., list], Callable[..., bool]]:
    """Import `math-verify` when it is first needed and silence its remarks about timeouts."""
    from math_verify import parse, verify

    for name in ("math_verify", "latex2sympy2_extended"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return parse, verify
