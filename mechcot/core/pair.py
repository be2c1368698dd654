"""Before and after as one noun, so that no measure needs to take two models."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Pair(Generic[T]):
    """The same thing before and after fine-tuning."""

    before: T
    after: T

    def map(self, function: Callable[[T], U]) -> "Pair[U]":
        """Apply `function` to both sides, before first."""
        return Pair(function(self.before), function(self.after))

    def __iter__(self) -> Iterator[T]:
        return iter((self.before, self.after))


@dataclass(frozen=True)
class Series(Generic[T]):
    """The same thing at several checkpoints, first one the reference."""

    items: tuple[T, ...]

    def map(self, function: Callable[[T], U]) -> "Series[U]":
        """Apply `function` to every item, in order."""
        return Series(tuple(function(item) for item in self.items))

    def pairs(self) -> tuple[Pair[T], ...]:
        """The first item against each later one."""
        return tuple(Pair(self.items[0], item) for item in self.items[1:])
