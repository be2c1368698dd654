"""A counterfactual item: the same layout of tokens, one fact of the question changed, the chain re-evaluated.

Predictions come from whoever knows the problem (an exact world model or parsed arithmetic), never
from a model that is measured.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mechcot.core.trace import Span, Trace


@dataclass(frozen=True)
class Dependent:
    """Tokens of a later step that must change when an earlier stated value changes.

    Attributes:
        step: Index of the dependent step.
        tokens: Where its tokens stand in the trace.
        ids: The predicted token ids there, as many as `tokens` is long.
    """

    step: int
    tokens: Span
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Stated:
    """A place where the chain states an intermediate value, and what follows if only it changes.

    Attributes:
        step: Index of the chain step that states the value.
        tokens: The token span of the stated value.
        ids: The counterfactual token ids at `tokens`.
        dependents: What later steps must say if they read this statement (later text kept).
        answer_kept: The predicted answer when the later text is kept; None when it must not move.
        answer_regenerated: The predicted answer when all later text is written anew; None when
            there is no exact prediction.
    """

    step: int
    tokens: Span
    ids: tuple[int, ...]
    dependents: tuple[Dependent, ...]
    answer_kept: str | None
    answer_regenerated: str | None


@dataclass(frozen=True)
class Counterfactual:
    """A clean trace's counterfactual.

    Attributes:
        trace: The counterfactual: same number of tokens, steps at the same places, a changed fact.
        fact: Token span of the changed fact in the question.
        answer: The counterfactual's right answer.
        stated: The stated values that differ between the two, in order.
    """

    trace: Trace
    fact: Span
    answer: str
    stated: tuple[Stated, ...]


@runtime_checkable
class CounterfactualMaker(Protocol):
    """Makes the counterfactual of a trace, or raises `NotMeasurable` with the reason."""

    def __call__(
        self, trace: Trace, *, retoken: "Callable[[Trace, str, str], Trace]", seed: int
    ) -> Counterfactual:
        """Make it."""
        ...
