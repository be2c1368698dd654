"""Inputs of a measure besides the reader and the trace, and the measurement that it gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mechcot.core.counterfactual import CounterfactualMaker
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import Result
from mechcot.core.task import MistakeWriter, Paraphraser, QuestionChange, SameMeaning
from mechcot.core.trace import Trace
from mechcot.model.compatibility import check_shapes
from mechcot.model.generation.ask_answer import LONGEST_ANSWER
from mechcot.model.internals.capabilities import lacks
from mechcot.model.prefix.lockstep import seconds
from mechcot.model.reasoner import Reasoner

DRAWS = 8
"""Continuations drawn at each place of a chain, unless it is said otherwise."""


@dataclass(frozen=True)
class Inputs:
    """Per-item inputs, fixed by the study before any model runs.

    Attributes:
        against: The reference model, for the measures that hold a reader against it; None when it is not at hand.
        other: A trace of another item, for the null "another item's chain"; None when there is none.
        partners: Traces of items with another answer, the best match first: answers of as many tokens, chains of near length.
        alike: A trace that leads to the same answer (another sample of the item, else another item); None when there is none.
        maker: Makes counterfactual twins; None when the problems allow none.
        paraphraser: Says a chain in other words; None when nobody can.
        mistakes: Makes a step wrong where `maker` has no exact mistake; None when nobody can.
        mistakes_given: The user wrote the mistakes: they go before those of `maker`.
        meaning: Says whether two steps mean the same; None when nobody can.
        changes: The problem's question with another hint, another fact, or no hint.
        leads_to: Where a chain leads, exactly; None where nobody knows: its last stated value is then taken.
        filler: Text of the filler unit; encoded, its first token fills.
        seed: Seed of this item's random choices.
        answer_tokens: Longest answer that is decoded, in tokens.
        draws: Continuations drawn at each place of a chain.
        continuations: Draws them elsewhere, from a text's tokens, the most new ones and a seed for each; None: the reader draws them.
    """

    against: Reasoner | None = None
    other: Trace | None = None
    partners: tuple[Trace, ...] = ()
    alike: Trace | None = None
    maker: CounterfactualMaker | None = None
    paraphraser: Paraphraser | None = None
    mistakes: MistakeWriter | None = None
    mistakes_given: bool = False
    meaning: SameMeaning | None = None
    changes: tuple[QuestionChange, ...] = ()
    leads_to: Callable[[Trace], str | None] | None = None
    filler: str = "..."
    seed: int = 0
    answer_tokens: int = LONGEST_ANSWER
    draws: int = DRAWS
    continuations: Callable[[Sequence[int], int, Sequence[int]], list[list[int]]] | None = None


@dataclass(frozen=True)
class Timer:
    """Starts when made; `measurement` stamps the seconds since."""

    measure: str
    trace: Trace
    reader: str
    started: float

    @classmethod
    def start(cls, *, measure: str, trace: Trace, reader: str) -> "Timer":
        """Start the clock of one measurement.

        Args:
            measure: Name of the measure.
            trace: What is read.
            reader: Name of the model.
        """
        return cls(measure, trace, reader, seconds())

    def measurement(
        self,
        *,
        value: float,
        reason: str = "",
        scalars: Mapping[str, float] | None = None,
        results: Mapping[str, Result] | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> Measurement:
        """The measurement of the trace by this measure.

        Args:
            value: The headline number; NaN when there is none.
            reason: Why there is none; else empty.
            scalars: Further numbers by name, nulls and identities among them.
            results: Arrays by name.
            notes: Texts by name.
        """
        return Measurement(
            measure=self.measure,
            trace=self.trace.id,
            item=self.trace.problem.id,
            author=self.trace.author,
            reader=self.reader,
            value=value,
            reason=reason,
            scalars=dict(scalars or {}),
            results=dict(results or {}),
            seconds=seconds() - self.started,
            notes=dict(notes or {}),
        )


def reference(inputs: Inputs, reader: Reasoner) -> Reasoner:
    """The model that a reader is held against.

    Raises:
        NotMeasurable: There is none, or it is not a checkpoint of the reader's architecture.
    """
    if inputs.against is None:
        raise NotMeasurable("no reference model is at hand to hold this one against")
    check_shapes(inputs.against, reader)
    return inputs.against


def unhideable(reader: Reasoner) -> str:
    """Return why no step can be hidden from this model's later tokens; empty where one can."""
    return lacks(reader, "hiding")
