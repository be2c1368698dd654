"""Problems that chains are joined with: by id, unless the chain's own record asks something else; else by the question."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.text.problems import one_spaced
from mechcot.text.same_question import asks, same_question


class AsksOtherwise(UserError):  # noqa: N818 - names a state of a record
    """A chain has the id of a problem that asks something else, and its question is of no problem.

    Attributes:
        apart: A clause that names the chain and both questions.
    """

    def __init__(self, where: str, name: str, asked: str, problem: Problem) -> None:
        self.apart = (
            f"{where} has the id {name!r} and asks {_short(asked)}, the problem {name!r} asks "
            f"{_short(problem.question)}"
        )
        super().__init__(self.apart)


@dataclass(frozen=True)
class Known:
    """Problems to join with records, by id and by question (white space aside)."""

    by_id: Mapping[str, Problem]
    by_text: Mapping[str, Problem]

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> "Known":
        """Index some problems."""
        every = list(problems)
        return cls({p.id: p for p in every}, {one_spaced(p.question): p for p in every})

    def joined(
        self, name: str | None, asked: str | None, *, where: str, prompts: Sequence[str] = ()
    ) -> Problem | None:
        """The problem of a chain; None where neither its id nor its question is known.

        Args:
            name: The id in the chain's record.
            asked: The question in it, which may be a whole prompt; None where it has none.
            where: Name of the chain, or its place.
            prompts: Further texts that its author was given; one that holds the question of the problem with its id speaks for it.

        Raises:
            AsksOtherwise: The problem with its id asks something else.
        """
        named = self.by_id.get(name or "")
        if not asked or (named is not None and one_spaced(named.question) == one_spaced(asked)):
            return named
        found = self.by_text.get(one_spaced(asked))
        if found is not None or named is None:
            return found
        if same_question(asked, named.question) or any(asks(p, named.question) for p in prompts):
            return named
        raise AsksOtherwise(where, named.id, asked, named)


def asks_otherwise(others: Sequence[AsksOtherwise], *, of: str) -> str:
    """Sentence on chains whose ids are of problems that ask something else.

    Args:
        others: The chains, at least one.
        of: All that were read, counted: `12 records of FILE`.
    """
    verb = "has the id" if len(others) == 1 else "have ids"
    return (
        f"{len(others)} of {of} {verb} of problems that ask something else, and their own questions are of no problem: {others[0].apart}; "
        "give the problems that belong to these chains, or leave out the ids, so that they are joined by their questions alone"
    )


def _short(question: str) -> str:
    text = one_spaced(question)
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


_LONGEST = 60
"""Characters of a question in a sentence."""
