"""Protocols that rewrite or compare steps of a chain: the same in other words, a wrong step, the same meaning or not."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


@runtime_checkable
class Paraphraser(Protocol):
    """Rewords the steps of a chain, or raises `NotMeasurable` with the reason."""

    def __call__(self, steps: Sequence[str]) -> tuple[str, ...]:
        """Give every step in other words, values and order unchanged.

        Args:
            steps: Texts of the chain's steps, white space included.
        """
        ...


@runtime_checkable
class MistakeWriter(Protocol):
    """Makes a step wrong."""

    def __call__(self, question: str, steps: Sequence[str], *, seed: int) -> str | None:
        """Give the last of some steps with a mistake in it; None when it knows none.

        Args:
            question: The problem's question.
            steps: Texts of the chain's steps up to the one that goes wrong, white space included.
            seed: Chooses the mistake.
        """
        ...


@runtime_checkable
class SameMeaning(Protocol):
    """Says whether two steps mean the same."""

    def __call__(self, question: str, before: Sequence[str], step: str, other: str) -> bool:
        """Compare two steps that could stand at the same place.

        Args:
            question: The problem's question.
            before: Texts of the steps before that place.
            step: One step.
            other: Another.
        """
        ...
