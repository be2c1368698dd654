"""A counterfactual item: the same layout of tokens, one fact of the question changed, the chain re-evaluated.

Predictions come from whoever knows the problem (an exact world model, parsed arithmetic, a file of the user's, names that are
exchanged), never from a model that is measured.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mechcot.core.trace import Span, Trace

Retoken = Callable[[Trace, str, str], Trace]
"""Builds a trace from (clean trace, new prompt, new completion)."""
EVALUATED_ANEW = "evaluated anew"
"""Source of counterfactuals whose chain was evaluated anew, by the task or by arithmetic: what each statement feeds is known."""


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
        trace: The counterfactual: as many tokens up to the end of the chain, steps at the same places, a changed fact.
        fact: Token span of the changed fact in the question; None where only the chain differs.
        answer: The counterfactual's answer; None where nobody knows it: that the answer moves can then be seen, not where to.
        stated: The stated values that differ between the two, in order.
        source: Where it comes from.
    """

    trace: Trace
    fact: Span | None
    answer: str | None
    stated: tuple[Stated, ...]
    source: str = EVALUATED_ANEW


@runtime_checkable
class CounterfactualMaker(Protocol):
    """Makes the counterfactual of a trace, or raises `NotMeasurable` with the reason."""

    def __call__(self, trace: Trace, *, retoken: Retoken, seed: int) -> Counterfactual:
        """Make it."""
        ...
