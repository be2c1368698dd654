"""The options that a question lists (`A) ...`, `(B) ...`, `C. ...`), and the same question with other texts behind its letters."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mechcot.core.trace import Span

OPTION_LETTERS = "ABCDEFGHIJ"
"""Of options, in their order."""
_MARK = re.compile(r"(?:(?<=\s)|^)[(\[]?(?P<letter>[A-J])[)\].:][^\S\n]+(?=\S)", re.MULTILINE)
_CHOSEN = re.compile(r"\W*(?:[Oo]ption\s+|[Cc]hoice\s+)?\W?(?P<letter>[A-J])\b")


@dataclass(frozen=True)
class Choices:
    """A question that lists options.

    Attributes:
        question: The text.
        spans: Letter to the place of its option's text, in order, beginning with A.
    """

    question: str
    spans: Mapping[str, Span]

    @property
    def texts(self) -> tuple[str, ...]:
        """The options' texts in order."""
        return tuple(self.question[span.start : span.stop] for span in self.spans.values())

    def named_by(self, text: str, *, same: Callable[[str, str], bool]) -> str | None:
        """The letter of the option that a text names by its letter, its text, or both; None where it is none, or not plain which.

        Args:
            text: An answer.
            same: Whether two answers say the same.
        """
        match = _CHOSEN.match(text)
        if match is not None and match["letter"] in self.spans:
            span, said = self.spans[match["letter"]], text[match.end() :].strip(" \t).:]}*")
            if not said or same(said, self.question[span.start : span.stop]):
                return match["letter"]
        letters = [
            letter for letter, own in zip(self.spans, self.texts, strict=True) if same(own, text)
        ]
        return letters[0] if len(letters) == 1 else None

    def with_texts(self, texts: Sequence[str]) -> str:
        """The question with other texts behind its letters."""
        parts, end = [], 0
        for span, text in zip(self.spans.values(), texts, strict=True):
            parts += [self.question[end : span.start], text]
            end = span.stop
        return "".join(parts) + self.question[end:]


def choices(question: str) -> Choices | None:
    """The options that a question lists last; None where it lists fewer than two in the order of the alphabet.

    Args:
        question: The text; an option ends where the next one begins, the last one with its line.
    """
    marks = list(_MARK.finditer(question))
    first = max((i for i, mark in enumerate(marks) if mark["letter"] == "A"), default=len(marks))
    run = [
        mark
        for place, mark in enumerate(marks[first:])
        if mark["letter"] == OPTION_LETTERS[place : place + 1]
    ]
    if len(run) < 2 or len(run) != len(marks) - first:
        return None
    ends = [*(mark.start() for mark in run[1:]), len(question)]
    spans = {}
    for mark, end in zip(run, ends, strict=True):
        text = question[mark.end() : end]
        text = (text.split("\n")[0] if mark is run[-1] else text).rstrip(" \n\t,;")
        spans[mark["letter"]] = Span(mark.end(), mark.end() + len(text))
    return Choices(question, spans)


def chosen_letter(answer: str) -> str | None:
    """The letter that an answer begins with: `B`, `(B)`, `B) Paris`, `option B`; None where it is none."""
    match = _CHOSEN.match(answer)
    return None if match is None else match["letter"]


def exchanged(
    own: Choices, other: Choices, *, own_letter: str | None, other_letter: str | None
) -> tuple[str, str] | None:
    """The question with the other question's options, moved on so that the option chosen there has a letter that neither item chose.

    Args:
        own: The question whose options are replaced.
        other: The question that gives them.
        own_letter: The letter answered to the first; None when the answer is none.
        other_letter: The letter answered to the second, likewise.

    Returns:
        The new question, and the letter under which the option chosen there now stands; None with fewer than three
        options, unequal numbers of them, or letters that are no options.
    """
    letters = list(own.spans)
    if own_letter not in letters or other_letter not in letters:
        return None
    if letters != list(other.spans) or len(letters) < 3:
        return None
    size, at = len(letters), letters.index(other_letter)
    shift = next(
        s for s in range(1, size) if letters[(at + s) % size] not in {own_letter, other_letter}
    )
    texts = [other.texts[(place - shift) % size] for place in range(size)]
    return own.with_texts(texts), letters[(at + shift) % size]
