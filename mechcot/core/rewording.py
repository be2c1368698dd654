"""Rewording a chain: the same content in other words."""

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
