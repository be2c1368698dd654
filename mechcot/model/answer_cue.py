"""The cue: the text that closes a thought and asks for the answer."""

from dataclasses import dataclass
from typing import Any, Literal

from mechcot.core.errors import UserError
from mechcot.model.asking_options import Asking
from mechcot.model.internals.token_text import merged_token, spells
from mechcot.text.brackets import pair_of
from mechcot.text.stated_value import ANSWER_PLACE

Family = Literal["spaced", "tagged", "chat", "plain"]
"""Facts of a model's files that choose its cue, see `mechcot.model.prompts`."""
_BOX = "The final answer is \\boxed{"
_ASKS = (
    *("The answer is", "the answer is", "Answer:", "Answer :", "answer :", "answer:"),
    *("Result:", "Result :", "result :", "Answer", "answer", "result"),
)


class NoCue(UserError):  # noqa: N818 - names a state of a model, as `NotMeasurable` does of an item
    """No question for the answer is known of a model.

    Attributes:
        reason: Why, without what to do.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"{reason} Give the exact text behind a chain that asks for the answer, closing mark included: --cue TEXT."
        )


@dataclass(frozen=True)
class AnswerCue:
    """The text put after a chain to get the answer.

    Attributes:
        close: Closes the thought.
        ask: Asks for the answer.
        lead: What stands between the cue and an answer's first character.
        end: What ends an answer, "" when only the end of the text does.
    """

    close: str
    ask: str
    lead: str = ""
    end: str = ""

    @property
    def text(self) -> str:
        """The whole cue."""
        return self.close + self.ask


def cue_of(
    tokenizer: Any, family: Family, closing: str, *, breaks: bool, asking: Asking, owner: str
) -> AnswerCue:
    """The user's cue; else what they say stands before a written answer; else the first candidate that the tokenizer spells.

    Raises:
        NoCue: It spells none.
    """
    if asking.cue is not None:
        cue = asking.cue.rstrip(" ") if _joins_space(tokenizer, asking.cue) else asking.cue
        return _given_cue(cue, closing.strip(), breaks=breaks)
    before, placed, end = (asking.answer_after or "").partition(ANSWER_PLACE)
    said = before.rstrip(" ") if spells(tokenizer, before) else ""
    if family == "spaced":
        return AnswerCue(
            closing, f" {said.lstrip() or 'answer'}", lead=" ", end=end if said else ""
        )
    candidates = (*_ASKS, _BOX) if family == "plain" else (_BOX, *_ASKS)
    if said.strip():
        candidates = (_BOX if _BOX.endswith(said) else said.lstrip(), *candidates)
    ask = next((text for text in candidates if spells(tokenizer, text)), None)
    if ask is None:
        raise NoCue(
            f"{owner}: its tokenizer can spell none of {', '.join(map(repr, candidates))}, so no question for the answer is known."
        )
    if breaks:
        close, gap = (closing, "") if family != "plain" else ("", closing)
    else:
        close, gap = closing.rstrip(), " "
    end = end if placed and said else ""
    return AnswerCue(close, gap + ask, lead=_lead(ask), end=end or _end(ask, breaks=breaks))


def _given_cue(text: str, mark: str, *, breaks: bool) -> AnswerCue:
    """A cue as the user typed it: what closes the thought, line breaks included, then the question, and what ends the answer behind it."""
    text, placed, end = text.partition(ANSWER_PLACE)
    text = text.rstrip(" ") if placed else text
    at = text.find(mark) + len(mark) if mark and mark in text else 0
    while 0 < at < len(text) and text[at] == "\n":
        at += 1
    return AnswerCue(text[:at], text[at:], lead=_lead(text), end=end or _end(text, breaks=breaks))


def _joins_space(tokenizer: Any, text: str) -> bool:
    """Whether a text ends in a space that the tokenizer writes in one token with the word behind it: no answer goes on behind the space alone."""
    told = text.endswith(" ") and spells(tokenizer, text)
    words = {*text.split(), *filter(str.isalpha, text)} if told else set()
    return any(merged_token(tokenizer, text, word) for word in words)


def _lead(ask: str) -> str:
    """White space between a cue and an answer."""
    return "" if not ask or ask[-1].isspace() or pair_of(ask) else " "


def _end(ask: str, *, breaks: bool) -> str:
    return pair_of(ask) or ("\n" if breaks else "")
