"""What a task may know of its problems and chains, as protocols and records: `mechcot.tasks.Task` holds them together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, Protocol, runtime_checkable

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.trace import Trace


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


@runtime_checkable
class DrawProblems(Protocol):
    """Draws problems of a task."""

    def __call__(self, n: int, *, seed: int) -> list[Problem]:
        """Draw `n` problems; the same seed gives the same list."""
        ...


@dataclass(frozen=True)
class TaskShift:
    """Problems at a distance from those that a task's models were trained on.

    Attributes:
        draw: `draw(n, level=1, seed=0, ...)` draws at most `n`, with what else the task's own draw takes; the same arguments give the same list.
        levels: The distances that there are; of `shares` those that are drawn where none is named.
        shares: Whether a level is a share, above 0 and at most 1.
    """

    draw: Callable[..., list[Problem]]
    levels: tuple[float, ...]
    shares: bool = False

    def can(self, level: float) -> bool:
        """Whether there are problems at that distance."""
        return 0 < level <= 1 if self.shares else level in self.levels

    @property
    def expected(self) -> str:
        """Its levels in words."""
        if self.shares:
            return "a share above 0 and at most 1"
        return f"one of {', '.join(f'{level:g}' for level in self.levels)}"


def shifted_hops(trained: tuple[int, int], level: float) -> tuple[int, int]:
    """Number of steps, fewest and most alike, at a distance from those that are trained on: so many more than the most, or fewer than the fewest below 0.

    Args:
        trained: Fewest and most.
        level: The distance, a whole number.
    """
    hops = int(level) + trained[level > 0]
    return hops, hops


def left_out_twins(
    problems: Sequence[Problem], twin: Callable[[Problem, Random], Problem | None]
) -> list[Problem]:
    """The problems with one element left out, by their ids; those of which none can be left out are not among them.

    Args:
        problems: Problems of a task.
        twin: Leaves one out; None where it cannot.
    """
    twins = (twin(problem, Random(f"left out {problem.id}")) for problem in problems)
    return [each for each in twins if each is not None]


@runtime_checkable
class DrawUnhinted(Protocol):
    """Draws problems whose question does not give the answer away."""

    def __call__(
        self,
        n: int,
        *,
        seed: int,
        style: str | None = None,
        split: str = "test",
        depth: tuple[int, int] | None = None,
    ) -> list[Problem]:
        """Draw `n` problems; the same arguments give the same list.

        Args:
            n: How many.
            seed: Of the list.
            style: A style word of the task, `random` for any of them, None for none.
            split: `test` or `train`; the two have no problem in common.
            depth: Fewest and most operations from the question to the answer; None: as the task likes.

        Raises:
            UserError: No such style or depth.
        """
        ...


@dataclass(frozen=True)
class QuestionChange:
    """A question with one thing changed.

    Attributes:
        changes: What differs: a `fact`, the `hint`, or `nothing` that matters (the hint is gone or says nothing).
        question: The changed question.
        answer: Its right answer, by the facts.
        hint: The answer that its hint points to; None where it has none.
    """

    changes: Literal["fact", "hint", "nothing"]
    question: str
    answer: str
    hint: str | None = None


@runtime_checkable
class ChangeQuestions(Protocol):
    """Changes one thing of a question."""

    def __call__(self, problem: Problem, *, seed: int) -> tuple[QuestionChange, ...]:
        """Give changed questions; none where nothing can be changed.

        Args:
            problem: The problem as it is.
            seed: Chooses what it is changed to.
        """
        ...


@dataclass(frozen=True)
class StepGraph:
    """Which steps of a chain later steps and the answer read, the later text kept.

    Attributes:
        stating: Steps that state a value.
        edges: (source, target) pairs of steps.
        answer: Steps that the answer reads.
    """

    stating: frozenset[int]
    edges: frozenset[tuple[int, int]]
    answer: frozenset[int]

    @property
    def needed(self) -> frozenset[int]:
        """The steps that the answer rests on, directly or through other steps."""
        needed = set(self.answer)
        for source, target in sorted(self.edges, key=lambda edge: -edge[1]):
            if target in needed:
                needed.add(source)
        return frozenset(needed)


@dataclass(frozen=True)
class ShortestChain:
    """How short a right chain can be, in a language whose steps may go without the words that open them.

    Attributes:
        marked: Tokens of the shortest right chain of a problem, one marker word a step.
        unmarked: The same without marker words.
        markers: Words that open a step and can be left out.
        end: The word that ends a step.
    """

    marked: Callable[[Problem], int]
    unmarked: Callable[[Problem], int]
    markers: tuple[str, ...]
    end: str


@dataclass(frozen=True)
class ContrastPair:
    """Two sides of one question.

    Attributes:
        positive: What a vector shall lead to.
        negative: What it leads away from.

    Raises:
        UserError: The two sides are different questions (their ids differ).

    Example:
        >>> import mechcot as mc
        >>> brief, careful = (mc.Problem("a", f"Be {style}. What is 3 + 4?", "7") for style in ("brief", "careful"))
        >>> mc.ContrastPair(brief, careful).item
        'a'
    """

    positive: Problem | Trace
    negative: Problem | Trace

    def __post_init__(self) -> None:
        if self.item != _problem(self.negative).id:
            raise UserError(
                f"expected two sides of one question, got {self.item} and {_problem(self.negative).id}; "
                "pair texts that have the same problem id"
            )

    @property
    def item(self) -> str:
        """Id of the question."""
        return _problem(self.positive).id


def _problem(side: Problem | Trace) -> Problem:
    return side.problem if isinstance(side, Trace) else side
