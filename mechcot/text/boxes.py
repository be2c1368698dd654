r"""Pieces of a stated answer: boxes with balanced braces, trimming."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

NUMBER = r"[-\u2212]?\$?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+|(?<=\d))"
_BOX = re.compile(r"\\(?:f?boxed)\s*(?=\{|[^\s{])")
_BETWEEN_BOXES = re.compile(
    r"[\s$,;]*(?:\\[()\[\]])?[\s$]*(?:and|or|,)?[\s$]*(?:\\[()\[\]])?[\s$]*"
)
_NEAR = 16
_LONGEST_BOX = 2000


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


def boxed(text: str) -> Iterator[Found]:
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
        if last is not None and _are_neighbours(text, last, here):
            if here.text != last.text:
                here = Found(f"{last.text}, {here.text}", "boxed", last.start, here.stop)
        elif last is not None:
            yield last
        last = here
    if last is not None:
        yield last


def _are_neighbours(text: str, last: Found, here: Found) -> bool:
    """Whether only a comma, an "and" or marks of mathematics stand between two boxes."""
    near = here.start - last.stop <= _NEAR
    return near and _BETWEEN_BOXES.fullmatch(text, last.stop, here.start) is not None


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


def trim(text: str) -> str:
    """Take white space, emphasis, outer dollars and brackets of mathematics, and final points away."""
    previous = None
    while text != previous:
        previous = text
        text = text.strip().strip("*_`").strip().rstrip(".,").strip()
        for left, right in (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]")):
            inner = text[len(left) : len(text) - len(right)]
            if text.startswith(left) and text.endswith(right) and inner and left not in inner:
                text = inner
    return text
