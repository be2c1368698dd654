"""The language of the organisms: every word it has, and the forms a step can take.

A text is words joined by single spaces. A name such as `h` has three words, because one small
transformer layer looks a word up far sooner when its role is in the word itself: `h:` where h is
defined, `h=` where its value is stated, `h` where it is used. A step ends with the word `.`, which
occurs nowhere else. Without its marker words a step has one of five bodies:

    define   h: c - k            exploration: walks back to a definition
    compute  h= 3 - 2 = 1        progression: operands, then the value
    give     h= 1                a value alone: a leaf's progression, a mended value, a conclusion
    list     h= 1 , g= 6         summary
    check    h : 3 - 2 = 1 ok    verification, with its verdict `ok` or `bad`

Marker words (`need`, `so`, `wait`, ...) only help to tell kinds apart: each kind has two wordings and
an unmarked one, and `so` is shared by three kinds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from mechcot.core.trace import StepKind

NAMES: tuple[str, ...] = tuple("bcdfghjkmnpqrstv")
DIGITS: tuple[str, ...] = tuple("0123456789")
SIGNS: tuple[str, ...] = ("+", "-")
VERDICTS: tuple[str, ...] = ("ok", "bad")
STYLES: tuple[str, ...] = ("careful", "brief")
GATES: tuple[str, ...] = ("amber", "cobalt")
HINT = "chart"
FILLER = "hmm"
END = "."

PAD, BOS, EOS, UNKNOWN, USER, ASSISTANT, THINK, CLOSE = SPECIALS = (
    "<pad>",
    "<bos>",
    "<eos>",
    "<unk>",
    "<user>",
    "<assistant>",
    "<think>",
    "</think>",
)
ANSWER = "answer"

Body = Literal["define", "compute", "give", "list", "check", "other"]

WORDINGS: dict[StepKind, tuple[tuple[str, ...], ...]] = {
    StepKind.EXPLORATION: (("need",), ("recall",), ()),
    StepKind.PROGRESSION: (("so",), ("then",), ()),
    StepKind.VERIFICATION: (("check",), ("let", "me", "verify"), ()),
    StepKind.BACKTRACKING: (("wait",), ("no", ","), ()),
    StepKind.SUMMARY: (("recap",), ("so", "far"), ()),
    StepKind.CONCLUSION: (("hence",), ("so", "finally"), ()),
}
"""Marker words per kind; the last, empty one is the unmarked step."""

WORDS: tuple[str, ...] = (
    *SPECIALS,
    *DIGITS,
    *SIGNS,
    *("=", END, ",", ":", ";", "?"),
    *(name + mark for mark in (":", "=", "") for name in NAMES),
    *STYLES,
    HINT,
    *GATES,
    "find",
    ANSWER,
    FILLER,
    *VERDICTS,
    *("need", "recall", "so", "then", "check", "let", "me", "verify"),
    *("wait", "no", "recap", "far", "hence", "finally"),
)
"""The vocabulary, in the order of its ids."""

MARKERS: tuple[tuple[tuple[str, ...], StepKind], ...] = tuple(
    sorted(
        ((words, kind) for kind, wordings in WORDINGS.items() for words in wordings if words),
        key=lambda pair: -len(pair[0]),
    )
)


@dataclass(frozen=True)
class Form:
    """A step's words, cut into marker and body.

    Attributes:
        words: All words of the step, the closing `.` included.
        marker: The kind that the marker words announce; None for an unmarked step.
        start: Index of the first word of the body.
        body: Which of the five bodies it is; `other` when none fits.
        name: The (first) name it is about, or None.
    """

    words: tuple[str, ...]
    marker: StepKind | None
    start: int
    body: Body
    name: str | None

    @property
    def subject(self) -> str:
        """The name it is about.

        Raises:
            ValueError: It is about none.
        """
        if self.name is None:
            raise ValueError(f"a step about no name: {' '.join(self.words)}")
        return self.name


def value_of(word: str) -> int | None:
    """Read a digit word; None for any other word."""
    return int(word) if word in DIGITS else None


def shape_of(word: str) -> str:
    """Return what sort of word it is: D digit, s sign, V verdict, N name (with its mark), else the word itself."""
    if word in DIGITS:
        return "D"
    if word in SIGNS:
        return "s"
    if word in VERDICTS:
        return "V"
    if word in NAMES:
        return "N"
    if word[:-1] in NAMES and word[-1] in ":=":
        return "N" + word[-1]
    return word


BODIES: dict[str, Body] = {
    "N: N s N": "define",
    "N: N s D": "define",
    "N: D": "define",
    "N= D s D = D": "compute",
    "N= D": "give",
    "N= D , N= D": "list",
    "N : D s D = D V": "check",
}
"""Shape of the words of a body to its name."""


@lru_cache(maxsize=65536)
def form(step: str) -> Form:
    """Cut one step into marker and body; never raises: what does not fit is `other`."""
    words = tuple(step.split())
    inner = words[:-1] if words and words[-1] == END else words
    marker, start = None, 0
    for candidate, kind in MARKERS:
        if inner[: len(candidate)] == candidate:
            marker, start = kind, len(candidate)
            break
    body = BODIES.get(" ".join(shape_of(word) for word in inner[start:]), "other")
    if not words or words[-1] != END:
        body = "other"
    name = None if body == "other" else inner[start].rstrip(":=")
    return Form(words=words, marker=marker, start=start, body=body, name=name)


def split_steps(chain: str) -> tuple[str, ...]:
    """Cut a chain text into steps; each ends with the word `.` (the last may lack it)."""
    steps: list[list[str]] = [[]]
    for word in chain.split():
        steps[-1].append(word)
        if word == END:
            steps.append([])
    return tuple(" ".join(step) for step in steps if step)


def join_steps(steps: Sequence[str]) -> str:
    """Join steps to a chain text."""
    return " ".join(steps)


def apply_sign(left: int, sign: str, right: int) -> int:
    """Add or subtract mod 10.

    Args:
        left: A digit.
        sign: `+`; anything else subtracts.
        right: A digit.
    """
    return (left + right if sign == "+" else left - right) % 10
