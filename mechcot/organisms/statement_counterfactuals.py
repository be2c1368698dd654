"""Counterfactuals of a family of plain statements: one fact of the question changed, the chain written anew."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from mechcot.core.counterfactual import Counterfactual, Dependent, Stated
from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Phase, Span, Trace
from mechcot.organisms.statement_truth import MOST_DRAWS, said_again, statements_of
from mechcot.organisms.statements import Statement, StatementFamily


@dataclass(frozen=True)
class StatementMaker:
    """Makes counterfactuals: one fact of the question changed, the chain written anew in its own wordings.

    Attributes:
        family: The family.
    """

    family: StatementFamily

    def __call__(
        self, trace: Trace, *, retoken: Callable[[Trace, str, str], Trace], seed: int
    ) -> Counterfactual:
        """Make it.

        Raises:
            NotMeasurable: The chain is not the family's right one, or no other question has a chain of the same layout.
        """
        question, said = statements_of(self.family, trace)
        if not self.family.follows(question, said):
            raise NotMeasurable("the chain is not what follows from its question")
        rng, reason = (
            Random(seed),
            NotMeasurable("no other question has a chain of the same layout"),
        )
        for _ in range(MOST_DRAWS):
            try:
                return self._made(trace, question, said, self.family.other(rng, question), retoken)
            except NotMeasurable as error:
                reason = error
        raise reason

    def _made(
        self,
        trace: Trace,
        question: Any,
        said: list[Statement],
        other: Any,
        retoken: Callable[[Trace, str, str], Trace],
    ) -> Counterfactual:
        family, texts = self.family, [step.text for step in trace.chain_steps]
        new = _evaluated(family, other, said)
        lines = [said_again(family, text, each) for text, each in zip(texts, new, strict=True)]
        if not _same_layout(family, texts, lines):
            raise NotMeasurable("no other question has a chain of the same layout")
        behind = "".join(step.text for step in trace.steps if step.phase is Phase.ANSWER)
        asked = trace.prompt.replace(trace.problem.question, other.text, 1)
        twin = retoken(trace, asked, "".join(lines) + behind)
        if len(twin) != len(trace) or twin.cuts() != trace.cuts():
            raise NotMeasurable("the twin does not have the same layout of tokens")
        changed = [i for i, pair in enumerate(zip(said, new, strict=True)) if pair[0] != pair[1]]
        return Counterfactual(
            trace=twin,
            fact=_difference(trace, twin, trace.phase(Phase.QUESTION)),
            answer=other.answer,
            stated=tuple(self._stated(trace, question, said, i, new[i]) for i in changed),
        )

    def _stated(
        self, trace: Trace, question: object, said: list[Statement], step: int, new: Statement
    ) -> Stated:
        family = self.family
        before = [*said[:step], new]
        kept = [*before, *said[step + 1 :]]
        usual = family.end(question, said)
        answers = (
            family.end(question, kept),
            family.end(question, family.finished(question, before)),
        )
        moved = [None if answer == usual else answer for answer in answers]
        tokens, ids = self._tokens(trace, step, new)
        dependents = []
        for later in range(step + 1, len(said)):
            expected = family.expected(question, kept[:later], said[later])
            if expected is not None and expected != said[later]:
                at, words = self._tokens(trace, later, expected)
                dependents.append(Dependent(later, at, words))
        return Stated(step, tokens, ids, tuple(dependents), moved[0], moved[1])

    def _tokens(self, trace: Trace, step: int, new: Statement) -> tuple[Span, tuple[int, ...]]:
        """Where a step's tokens would differ if it stated something else, and what they would be."""
        own = trace.chain_steps[step]
        old = self.family.language.ids(own.text)
        ids = self.family.language.ids(said_again(self.family, own.text, new))
        if len(old) != len(ids):
            raise NotMeasurable("a predicted step does not have the same number of tokens")
        places = [i for i, pair in enumerate(zip(old, ids, strict=True)) if pair[0] != pair[1]]
        first, last = places[0], places[-1] + 1
        start = own.tokens.start
        return Span(start + first, start + last), tuple(ids[first:last])


def _evaluated(
    family: StatementFamily, question: Any, said: Sequence[Statement]
) -> list[Statement]:
    """The statements with what another question gives them.

    Raises:
        NotMeasurable: One of them cannot stand there, or more would have to be said.
    """
    new: list[Statement] = []
    for statement in said:
        expected = family.expected(question, new, statement)
        if expected is None:
            raise NotMeasurable("no other question has a chain of the same layout")
        new.append(expected)
    if family.after(question, new) is not None:
        raise NotMeasurable("no other question has a chain of the same layout")
    return new


def _same_layout(family: StatementFamily, texts: Sequence[str], lines: Sequence[str]) -> bool:
    both = zip(texts, lines, strict=True)
    return all(len(family.language.ids(a)) == len(family.language.ids(b)) for a, b in both)


def _difference(trace: Trace, twin: Trace, span: Span) -> Span:
    places = [p for p in span.positions() if trace.ids[p] != twin.ids[p]]
    return Span(places[0], places[-1] + 1)
