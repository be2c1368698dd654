"""All that is known of the chains of a family of plain statements, from its six functions: meaning, mistakes, needed steps, kinds, the answer led to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal

from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Problem
from mechcot.core.step_check import StepCheck
from mechcot.core.task import QuestionChange, StepGraph
from mechcot.core.trace import Phase, Span, StepKind, Trace
from mechcot.organisms.chain_writer import Manner
from mechcot.organisms.statements import Statement, StatementFamily
from mechcot.text.step_kinds import Classifier

MOST_DRAWS = 20


def said_again(family: StatementFamily, text: str, statement: Statement) -> str:
    """A step that states something else in the same wording."""
    return family.say(statement, family.wording(text)) + text[len(text.rstrip()) :]


def statements_of(family: StatementFamily, trace: Trace) -> tuple[Any, list[Statement]]:
    """The question of a trace, and what its chain states.

    Raises:
        NotMeasurable: The question or a step is not in the family's language.
    """
    try:
        question = family.read(trace.problem.question)
        return question, family.statements([step.text for step in trace.chain_steps])
    except ValueError as error:
        raise NotMeasurable(str(error)) from error


@dataclass(frozen=True)
class StatementTruth:
    """What is known exactly of a family's questions and chains.

    Attributes:
        family: The family.
    """

    family: StatementFamily

    def same_meaning(self, question: str, before: Sequence[str], step: str, other: str) -> bool:  # noqa: ARG002
        """Compare what two steps state; steps that state nothing by their text."""
        said = self.family.hear(step.strip()), self.family.hear(other.strip())
        return said[0] == said[1] if said != (None, None) else step.strip() == other.strip()

    def paraphrase(self, steps: Sequence[str]) -> tuple[str, ...]:
        """Say every step in the next wording.

        Raises:
            NotMeasurable: A step is not in the family's language.
        """
        try:
            said = self.family.statements(steps)
        except ValueError as error:
            raise NotMeasurable(str(error)) from error
        wordings = [(self.family.wording(s) + 1) % self.family.wordings for s in steps]
        return tuple(
            self.family.say(each, wording) + step[len(step.rstrip()) :]
            for each, wording, step in zip(said, wordings, steps, strict=True)
        )

    def mistake(self, question: str, steps: Sequence[str], *, seed: int) -> str | None:
        """Let the last of some steps state something else; None where the question or a step is not in the family's language."""
        try:
            said = self.family.statements(steps)
            wrong = self.family.others(self.family.read(question), said)
        except ValueError:
            return None
        return said_again(self.family, steps[-1], Random(seed).choice(wrong)) if wrong else None

    def changed_questions(self, problem: Problem, *, seed: int) -> tuple[QuestionChange, ...]:
        """The question with a hint at a wrong answer, with another fact under the old hint, and without a hint.

        Where there are two answers and the hint is at the wrong one, the last alone is left.

        Args:
            problem: A problem of it.
            seed: Chooses the wrong answer and the fact.
        """
        question, rng = self.family.read(problem.question), Random(seed)
        known = {question.answer, question.hint}
        unsaid = [answer for answer in self.family.guesses if answer not in known]
        hinted = replace(question, hint=rng.choice(unsaid)) if unsaid else None
        others = (self.family.other(rng, question) for _ in range(MOST_DRAWS))
        other = next((twin for twin in others if twin.answer not in known), None)
        changes: tuple[tuple[Literal["hint", "fact", "nothing"], Any], ...] = (
            ("hint", hinted),
            ("fact", other),
            ("nothing", replace(question, hint=None)),
        )
        return tuple(QuestionChange(what, q.text, q.answer, q.hint) for what, q in changes if q)

    def right_chain(self, problem: Problem, seed: int) -> str:
        """Write a chain without mistakes."""
        question = self.family.read(problem.question)
        return "".join(self.family.write(question, rng=Random(seed), manner=Manner()).steps)

    def hinted(self, problem: Problem, answer: str | None) -> Problem:
        """Give the same question (same id) with a hint at an answer; None takes the hint away."""
        question = replace(self.family.read(problem.question), hint=answer)
        return replace(problem, question=question.text, meta=dict(problem.meta) | {"hint": answer})

    def leads_to(self, trace: Trace) -> str | None:
        """The answer to which the statements of a chain lead; None where a step states nothing, or they lead nowhere."""
        try:
            return self.family.end(*statements_of(self.family, trace))
        except NotMeasurable:
            return None

    def step_graph(self, trace: Trace) -> StepGraph:
        """Which steps read which, and the answer: where another value of one makes the family expect another of the other.

        Raises:
            NotMeasurable: The question or a step is not in the family's language.
        """
        question, said = statements_of(self.family, trace)
        edges, answer, stating = set(), set(), set()
        for step in range(len(said)):
            for new in self.family.others(question, said[: step + 1]):
                stating.add(step)
                kept = [*said[:step], new, *said[step + 1 :]]
                if self.family.end(question, kept) != self.family.end(question, said):
                    answer.add(step)
                for later in range(step + 1, len(said)):
                    expected = (
                        self.family.expected(question, chain[:later], said[later])
                        for chain in (kept, said)
                    )
                    if len(set(expected)) > 1:
                        edges.add((step, later))
        return StepGraph(frozenset(stating), frozenset(edges), frozenset(answer))

    def check_steps(self, trace: Trace) -> tuple[StepCheck, ...]:
        """Whether each statement is what question and earlier statements give; nothing is known of a step that states nothing.

        Where no such statement may stand it is neither valid nor grounded. Nothing is known of the steps of another language's question.
        """
        try:
            question = self.family.read(trace.problem.question)
        except ValueError:
            return (StepCheck(),) * len(trace.chain_steps)
        said: list[Statement] = []
        checks = []
        for step in trace.chain_steps:
            statement = self.family.hear(step.text.strip())
            if statement is None:
                checks.append(StepCheck())
                continue
            expected = self.family.expected(question, said, statement)
            agrees = self._agrees(question, said, statement)
            checks.append(StepCheck(expected == statement, expected is not None, agrees))
            said.append(statement)
        return tuple(checks)

    def _agrees(
        self, question: Any, said: Sequence[Statement], statement: Statement
    ) -> bool | None:
        """Whether a statement was made before; False where an earlier one stands where it could have stood, None for what is new."""
        if statement in said:
            return True
        places = (self.family.others(question, said[: at + 1]) for at in range(len(said)))
        return False if any(statement in others for others in places) else None

    def first_right_step(self, trace: Trace) -> int | None:
        """The first step after which the chain leads to the right answer; None when none does."""
        try:
            question, said = statements_of(self.family, trace)
        except NotMeasurable:
            return None
        ends = (self.family.end(question, said[: step + 1]) for step in range(len(said)))
        return next((i for i, end in enumerate(ends) if end == trace.problem.answer), None)

    def is_correct_thought(self, trace: Trace, span: Span) -> bool:
        """Whether the whole steps of a token span state something, and nothing but what follows from the question."""
        question = self.family.read(trace.problem.question)
        needed = self.family.finished(question, ())
        right: list[Statement] = []
        flags = []
        for step in trace.chain_steps:
            said = self.family.hear(step.text.strip())
            expected = said and self.family.expected(question, right, said)
            if step.tokens.start >= span.start and step.tokens.stop <= span.stop:
                flags.append(said is not None and said in (expected, *needed))
            right += [expected] if expected else []
        return bool(flags) and all(flags)

    def kinds(self, trace: Trace) -> Trace:
        """The trace with the kinds that the family gives its steps."""
        named = iter(
            self.kinds_while_written(trace.problem)([step.text for step in trace.chain_steps])
        )
        steps = (
            replace(step, kind=next(named)) if step.phase is Phase.CHAIN else step
            for step in trace.steps
        )
        return replace(trace, steps=tuple(steps))

    def kinds_while_written(self, problem: Problem) -> Classifier:  # noqa: ARG002 - the same for all
        """What names the steps of chains, the last of which may be unfinished."""
        kind_of = self.family.kind_of or (lambda _: StepKind.OTHER)
        return lambda steps: [kind_of(step.strip()) for step in steps]

    def unhinted(
        self, n: int, *, depth: tuple[int, int] | None = None, **kwargs: Any
    ) -> list[Problem]:
        """Draw questions whose hint tells nothing, see `mechcot.core.task.DrawUnhinted`.

        Raises:
            UserError: A style; the language has none.
        """
        return self.family.problems(n, hint="random", hops=depth, **kwargs)
