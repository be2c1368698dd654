"""The marks that open and close a thought.

A model family wraps its chain in two marks. Either may be missing: the opening one because the chat
template wrote it, the closing one because the token limit cut the text or the model forgot it.
"""

from dataclasses import dataclass
from enum import StrEnum

from mechcot.core.trace import Span


@dataclass(frozen=True)
class ThoughtTags:
    """The two marks of a family.

    Attributes:
        open: Opens the thought, as it stands in the text.
        close: Closes it.
    """

    open: str = "<think>"
    close: str = "</think>"

    def __post_init__(self) -> None:
        if not self.open or not self.close:
            msg = f"a thought needs two marks that are not empty, got {self.open!r} and {self.close!r}"
            raise ValueError(msg)


THINK = ThoughtTags()


class Thought(StrEnum):
    """What the marks say about a completion."""

    CLOSED = "closed"
    UNCLOSED = "unclosed"
    ABSENT = "absent"


@dataclass(frozen=True)
class Layout:
    """Where the thought of a completion lies.

    Attributes:
        thought: Closed, unclosed or absent.
        chain: Character span of the chain in the completion: after the opening mark (if the
            completion has it), before the closing one (or up to the end).
    """

    thought: Thought
    chain: Span


def find_thought(prompt: str, text: str, tags: ThoughtTags) -> Layout:
    """Find the thought of a completion.

    The opening mark counts when the prompt ends with it (white space aside) or when the completion
    begins with it. A closing mark without an opening one still closes the thought: templates and
    APIs often swallow the first mark. Only the first closing mark counts.

    Args:
        prompt: The rendered prompt.
        text: What was written after it.
        tags: The family's marks.
    """
    start = 0
    opened = prompt.rstrip().endswith(tags.open)
    lead = len(text) - len(text.lstrip())
    if text.startswith(tags.open, lead):
        opened, start = True, lead + len(tags.open)
    stop = text.find(tags.close, start)
    if stop >= 0:
        return Layout(Thought.CLOSED, Span(start, stop))
    return Layout(Thought.UNCLOSED if opened else Thought.ABSENT, Span(start, len(text)))
