"""Find what stands in one place of clauses that are otherwise alike, in any script with spaces and without capitals.

    from elm north opens.   from ash upper opens.        `elm` and `ash` fill one column, `north` and `upper` another

Two clauses are parallel when they have as many words and differ in at most half of them (or in two); groups of them share columns.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

import regex

_CLAUSE = regex.compile(r"[^.!?…:;,，、。！？：；؟।¿¡\n]+")
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}_]+")
_ASKS = regex.compile(r"\s*[?？؟]")
_FEWEST, _FREE = 3, 2
"""Fewest words of a parallel clause, and how many of a short one may differ."""
_Column = tuple[int, int]
"""Number of a group of parallel clauses, and a word's place in them."""


@dataclass(frozen=True)
class Clause:
    """A stretch of text between marks.

    Attributes:
        words: Its words, in small letters.
        asks: Whether it asks, or is the last of its text.
    """

    words: tuple[str, ...]
    asks: bool


def clauses(text: str) -> tuple[Clause, ...]:
    """The clauses of a text that have words; one of a question counts as asking where nothing follows it.

    Args:
        text: Any text.
    """
    parts = [
        (tuple(word.casefold() for word in _WORD.findall(match.group())), match.end())
        for match in _CLAUSE.finditer(text)
    ]
    parts = [(words, end) for words, end in parts if words]
    return tuple(
        Clause(words, _ASKS.match(text, end) is not None or (words, end) == parts[-1])
        for words, end in parts
    )


@dataclass(frozen=True)
class Parallels:
    """The parallel clauses of a question.

    Attributes:
        told: Its clauses that do not ask.
        asked: Words of those that do.
    """

    told: tuple[tuple[str, ...], ...]
    asked: frozenset[str]

    @classmethod
    def of(cls, question: str) -> "Parallels":
        """Read a question.

        Args:
            question: Its text.
        """
        parts = clauses(question)
        asked = (word for part in parts if part.asks for word in part.words)
        return cls(tuple(part.words for part in parts if not part.asks), frozenset(asked))

    @cached_property
    def columns(self) -> Mapping[str, frozenset[_Column]]:
        """Word to the columns that it fills."""
        columns = defaultdict(set)
        for number, group in enumerate(_groups(self.told)):
            for place, words in enumerate(zip(*group, strict=True)):
                if len(set(words)) > 1:
                    for word in words:
                        columns[word].add((number, place))
        return {word: frozenset(places) for word, places in columns.items()}

    def alike(self, one: str, other: str) -> bool:
        """Whether two words fill the same columns, one at least.

        Args:
            one: A word, in any case.
            other: Another.
        """
        columns = self.columns.get(one.casefold())
        return columns is not None and columns == self.columns.get(other.casefold())

    def leaf(self, word: str) -> bool:
        """Whether a word fills one column and stands nowhere else in the question: nothing is known of it but what its clause says.

        Args:
            word: In any case.
        """
        word = word.casefold()
        places = [place for told in self.told for place, own in enumerate(told) if own == word]
        return (
            word not in self.asked
            and len(self.columns.get(word, ())) == 1
            and {place for _, place in self.columns[word]} == set(places)
        )

    def restated(self, clause: Sequence[str], word: str) -> bool:
        """Whether a clause of a chain says again, word for word, what the question says of a word, behind an opening of its own.

        Args:
            clause: Words of the clause, in small letters.
            word: One of them.
        """
        return any(self._ends_as(clause, told) for told in self.told if word.casefold() in told)

    def _ends_as(self, clause: Sequence[str], told: Sequence[str]) -> bool:
        """Whether two clauses end alike, and what stands before fills no column."""
        pairs = zip(reversed(clause), reversed(told), strict=False)
        size = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
        before = {*clause[: len(clause) - size], *told[: len(told) - size]}
        return size > 0 and not before & set(self.columns)


def _groups(told: Sequence[tuple[str, ...]]) -> list[list[tuple[str, ...]]]:
    """Parallel clauses together, each in the group of the first that it is parallel to."""
    groups: list[list[tuple[str, ...]]] = []
    for clause in dict.fromkeys(told):
        group = next((g for g in groups if any(_parallel(clause, own) for own in g)), None)
        if group is None:
            groups.append([clause])
        else:
            group.append(clause)
    return groups


def _parallel(one: Sequence[str], two: Sequence[str]) -> bool:
    if len(one) != len(two) or len(one) < _FEWEST:
        return False
    differing = sum(a != b for a, b in zip(one, two, strict=True))
    return differing <= max(_FREE, len(one) // 2) and differing < len(one)
