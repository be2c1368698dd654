"""Test that two sentences say the same, by their words alone: the plain default for any text.

    same = equal sets of numbers, and shared words / all words >= 0.5

Words are compared without case or punctuation. The source (Thought Anchors, arXiv 2506.19143) asks
whether the cosine of two sentence embeddings is at least 0.8; ours needs no second model, counts a changed
number as a changed meaning whatever the words, and takes two wordings with few shared words for two meanings.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mechcot.text.arithmetic.number_references import label

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


@dataclass(frozen=True)
class TokenOverlap:
    """A `SameMeaning` that compares words and numbers; `least` is the least share of words that both have."""

    least: float = 0.5

    def __call__(self, question: str, before: Sequence[str], step: str, other: str) -> bool:  # noqa: ARG002 - the steps alone decide
        """Compare two steps by their words."""
        if _numbers(step) != _numbers(other):
            return False
        here, there = (set(_WORD.findall(text.lower())) for text in (step, other))
        return not here | there or len(here & there) >= self.least * len(here | there)


def _numbers(text: str) -> set[str]:
    """Numbers of a step; those that only give its place in the text (`2.`, `Step 3`) say nothing."""
    return {
        match.group().replace(",", "")
        for match in _NUMBER.finditer(text)
        if not label(text, match.start(), match.end())
    }
