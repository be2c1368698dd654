"""Before and after as one noun, so that no measure needs to take two models."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Pair(Generic[T]):
    """The same thing before and after fine-tuning.

    Example:
        >>> import mechcot as mc
        >>> mc.Pair("base", "tuned").map(str.upper)
        Pair(before='BASE', after='TUNED')
    """

    before: T
    after: T

    def map(self, function: Callable[[T], U]) -> "Pair[U]":
        """Apply `function` to both sides, before first."""
        return Pair(function(self.before), function(self.after))

    def __iter__(self) -> Iterator[T]:
        return iter((self.before, self.after))
