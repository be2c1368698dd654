"""A trace: a completion cut into steps, with exact character and token spans.

Law: the step texts, joined, give the completion back to the character, and the token spans of the
steps partition the completion's tokens. The prompt ends where the thought begins (an opening tag
written by the model counts as prompt), the chain ends where the thought is closed, and what follows
(closing tag included) is one last step of phase `answer`.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from mechcot.core.display import Displayed
from mechcot.core.problem import Problem
from mechcot.core.wording import count_of

if TYPE_CHECKING:
    import pandas as pd


class StepKind(StrEnum):
    """The six kinds of PI (Yang et al. 2025, arXiv 2508.02511) and `other`.

    Example:
        >>> import mechcot as mc
        >>> mc.StepKind("verification") == "verification"
        True
    """

    PROGRESSION = "progression"
    SUMMARY = "summary"
    EXPLORATION = "exploration"
    VERIFICATION = "verification"
    BACKTRACKING = "backtracking"
    CONCLUSION = "conclusion"
    OTHER = "other"


KINDS = tuple(kind for kind in StepKind if kind is not StepKind.OTHER)
"""The kinds that say what a step is for."""


class Phase(StrEnum):
    """The three parts of a trace.

    Example:
        >>> import mechcot as mc
        >>> [str(phase) for phase in mc.Phase]
        ['question', 'chain', 'answer']
    """

    QUESTION = "question"
    CHAIN = "chain"
    ANSWER = "answer"


@dataclass(frozen=True, order=True)
class Span:
    """A half-open range `[start, stop)`.

    Example:
        >>> import mechcot as mc
        >>> len(mc.Span(3, 5)), 5 in mc.Span(3, 5)
        (2, False)
    """

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise ValueError(f"a span needs 0 <= start <= stop, got [{self.start}, {self.stop})")

    def __len__(self) -> int:
        return self.stop - self.start

    def __contains__(self, position: int) -> bool:
        return self.start <= position < self.stop

    def positions(self) -> range:
        """All positions of the span."""
        return range(self.start, self.stop)


@dataclass(frozen=True)
class Step:
    """One step of a completion.

    Attributes:
        index: Place among the trace's steps.
        text: The step's text, white space included.
        chars: Span in the *completion's* characters.
        tokens: Span in the *trace's* token ids (prompt included); may be empty.
        kind: What the step does.
        phase: `chain` or `answer`.
    """

    index: int
    text: str
    chars: Span
    tokens: Span
    kind: StepKind
    phase: Phase


@dataclass(frozen=True)
class Answer:
    """An answer and how it was read.

    Attributes:
        text: The answer as written, None when none could be read.
        how: Name of the rule that read it (`tag`, `boxed`, `phrase`, `heading`, `closing`, `after`, `named`, `given`, `last_number`, `unread`, ...).
    """

    text: str | None
    how: str


_SHOWN = 40
"""Steps that a trace shows of itself as text."""


@dataclass(frozen=True, repr=False)
class Trace(Displayed):
    """A frozen trace; see the module's text for its laws.

    Attributes:
        id: `problem id` plus author and sample, unique within a study.
        problem: The question.
        author: Name of the model that wrote the completion.
        prompt: Rendered prompt, up to and including the opening of the thought.
        completion: Text after the prompt: chain and answer.
        ids: Token ids of prompt and completion together.
        prompt_length: Number of prompt tokens; `ids[prompt_length:]` is the completion.
        steps: Partition of the completion.
        answer: The answer that the completion states.
        finished: False when the token limit cut the text.

    Example:
        >>> import mechcot as mc
        >>> base = mc.load("organism:base")
        >>> trace = base.write(mc.problems("mod10", n=1))[0]
        >>> len(trace.chain_steps), trace.chain_steps[0].text.strip()
        (16, 'need b: p + 1 .')
    """

    id: str
    problem: Problem
    author: str
    prompt: str
    completion: str
    ids: tuple[int, ...]
    prompt_length: int
    steps: tuple[Step, ...]
    answer: Answer
    finished: bool = True

    def __post_init__(self) -> None:
        if "".join(step.text for step in self.steps) != self.completion:
            raise ValueError(f"trace {self.id}: the steps joined do not give the completion back")
        position = self.prompt_length
        for step in self.steps:
            if step.tokens.start != position:
                raise ValueError(
                    f"trace {self.id}: step {step.index} starts at token {step.tokens.start}, not {position}"
                )
            position = step.tokens.stop
        if position != len(self.ids):
            raise ValueError(
                f"trace {self.id}: the steps end at token {position} of {len(self.ids)}"
            )

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        """The steps with their kinds, and the answer, one line each."""
        cut = "" if self.finished else ", cut by the token limit"
        lines = [
            f"Trace {self.id}: {count_of(len(self.chain_steps), 'step')}, {count_of(len(self.ids), 'token')}{cut}",
            f"  question     {_line(self.problem.question)}",
            *(
                f"  {step.index + 1:3} {step.kind.value:12} {_line(step.text)}"
                for step in self.steps[:_SHOWN]
            ),
        ]
        if len(self.steps) > _SHOWN:
            lines.append(f"  ... {len(self.steps) - _SHOWN} more steps")
        answer = "unread" if self.answer.text is None else f"{self.answer.text} ({self.answer.how})"
        return "\n".join([*lines, f"  answer       {answer}, reference {self.problem.answer}"])

    def to_frame(self) -> "pd.DataFrame":
        """One row per step: `step` (from 1), `phase`, `kind`, `tokens` (their number) and `text`."""
        import pandas as pd

        return pd.DataFrame(
            {
                "step": [step.index + 1 for step in self.steps],
                "phase": [step.phase.value for step in self.steps],
                "kind": [step.kind.value for step in self.steps],
                "tokens": [len(step.tokens) for step in self.steps],
                "text": [step.text for step in self.steps],
            }
        )

    @property
    def sample(self) -> str:
        """The number of this chain among several of one problem and author; empty when the id does not say."""
        return self.id.removeprefix(f"{self.problem.id}/{self.author}").removeprefix("/")

    @cached_property
    def chain_steps(self) -> tuple[Step, ...]:
        """The steps of the chain."""
        return tuple(step for step in self.steps if step.phase is Phase.CHAIN)

    @property
    def chain_text(self) -> str:
        """The chain's text."""
        return "".join(step.text for step in self.chain_steps)

    def phase(self, phase: Phase) -> Span:
        """Token span of a phase; the prompt counts as `question`."""
        if phase is Phase.QUESTION:
            return Span(0, self.prompt_length)
        chain = self._chain
        return chain if phase is Phase.CHAIN else Span(chain.stop, len(self.ids))

    @cached_property
    def _chain(self) -> Span:
        """Tokens of the chain."""
        size = sum(len(step.tokens) for step in self.chain_steps)
        return Span(self.prompt_length, self.prompt_length + size)

    def cuts(self) -> tuple[int, ...]:
        """Token positions after 0, 1, ..., n chain steps: where early answering asks."""
        return (self.prompt_length, *(step.tokens.stop for step in self.chain_steps))


def _line(text: str, *, most: int = 100) -> str:
    """One line of a text that a model wrote: no line breaks, no control characters (a terminal would obey them)."""
    flat = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
