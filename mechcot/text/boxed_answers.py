r"""Pieces of a stated answer: boxes with balanced braces, trimming."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import regex

NUMBER = r"[-\u2212]?\$?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+|(?<=\d))"
_BOX = re.compile(r"\\(?:boxed|fbox|framebox)\s*(?=\{|[^\s{])")
_BETWEEN_BOXES = re.compile(
    r"[\s$,;]*(?:\\[()\[\]])?[\s$]*(?:and|or|,)?[\s$]*(?:\\[()\[\]])?[\s$]*"
)
# Nothing, or what an instruction puts in: "\boxed{your answer}"
_EMPTY = re.compile(
    r"\s*(?:\\\w+\s*\{)?\s*(?:(?:your|the|final|my|insert|put)?[\s_-]*(?:final[\s_-]*)?answer(?:[\s_-]*here)?|\.{2,}|\u2026|\\[lc]?dots|\\[,;!]|[\s{}~])*\s*\}?\s*",
    re.IGNORECASE,
)
# A decimal whose digits go on: 0.333... is not 0.333
_GOES_ON = re.compile(r"\d[.]\d+(?:\.{3}|\u2026|\\[lc]?dots)$")
_NEAR = 16
_LONGEST_BOX = 2000
_PICTURE = r"(?:\p{Emoji_Presentation}|[\u2611\u2714]\uFE0F?)[\p{Emoji_Modifier}\u200D\uFE0F]*"
_PICTURES = regex.compile(rf"\A(?:{_PICTURE}\s*)+(?<=\s)|(?<!\S)(?:{_PICTURE}\s*)+\Z")
"""Emoji apart from the words: glued to them, and suits of cards, they say something."""
_SAYS = re.compile(r"\w")


@dataclass(frozen=True)
class StatedAnswer:
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


def boxed(text: str) -> Iterator[StatedAnswer]:
    r"""Every `\boxed{...}` with balanced braces; neighbours ("3 and 5") become one answer."""
    last: StatedAnswer | None = None
    boxes = list(_BOX.finditer(text))
    closed = _closed_braces(text) if boxes else {}
    for match in boxes:
        stop = _box_stop(text, match.end(), closed)
        if stop is None:
            continue
        body = text[match.end() : stop].removeprefix("{").removesuffix("}")
        if _EMPTY.fullmatch(body):
            continue
        here = StatedAnswer(body.strip(), "boxed", match.start(), stop)
        if last is not None and here.start < last.stop:
            continue  # a box in a box
        if last is not None and _are_neighbours(text, last, here):
            if here.text != last.text:
                here = StatedAnswer(f"{last.text}, {here.text}", "boxed", last.start, here.stop)
        elif last is not None:
            yield last
        last = here
    if last is not None:
        yield last


def _are_neighbours(text: str, last: StatedAnswer, here: StatedAnswer) -> bool:
    """Return whether only a comma, an "and" or marks of mathematics stand between two boxes."""
    near = here.start - last.stop <= _NEAR
    return near and _BETWEEN_BOXES.fullmatch(text, last.stop, here.start) is not None


def _box_stop(text: str, start: int, closed: Mapping[int, int]) -> int | None:
    """One past the closing brace, or past a single bare token; None when the braces never balance."""
    if text[start] != "{":
        token = re.compile(r"[\w.,/-]+").match(text, start)
        return token.end() if token else None
    stop = closed.get(start)
    return stop if stop is not None and stop - start <= _LONGEST_BOX else None


def _closed_braces(text: str) -> Mapping[int, int]:
    """For each opening brace one past the brace that closes it; escaped braces are none."""
    opened: list[int] = []
    closed = {}
    for match in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text):
        if match.group() == "{":
            opened.append(match.start())
        elif match.group() == "}" and opened:
            closed[opened.pop()] = match.end()
    return closed


def without_point(text: str, marks: str = ".,") -> str:
    """Without the marks that end a sentence; the points of a decimal that goes on (`0.333...`) stay."""
    return text if _GOES_ON.search(text) else text.rstrip(marks).strip()


def trim(text: str) -> str:
    """Take white space, emphasis, outer dollars and brackets of mathematics, final points, and emoji around words away."""
    previous = None
    while text != previous:
        previous = text
        text = text.strip().strip("*_`").strip()
        text = without_point(_PICTURES.sub("", text) if _SAYS.search(text) else text)
        for left, right in (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]")):
            inner = text[len(left) : len(text) - len(right)]
            if text.startswith(left) and text.endswith(right) and inner and left not in inner:
                text = inner
    return text
