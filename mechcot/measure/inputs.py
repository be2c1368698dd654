"""What a measure may need besides the reader and the trace, and the reading it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter

from mechcot.core.counterfactual import CounterfactualMaker
from mechcot.core.reading import Reading
from mechcot.core.result import Result
from mechcot.core.rewording import Paraphraser
from mechcot.core.trace import Trace


@dataclass(frozen=True)
class Inputs:
    """Per-item inputs, fixed by the study before any model runs.

    Attributes:
        other: A trace of another item, for the null "another item's chain"; None when there is none.
        maker: Makes counterfactual twins; None when the problems allow none.
        paraphraser: Says a chain in other words; None when nobody can.
        filler: Text of the filler unit; encoded, its first token fills.
        seed: Seed of this item's random choices.
        answer_tokens: Longest answer that is decoded, in tokens.
    """

    other: Trace | None = None
    maker: CounterfactualMaker | None = None
    paraphraser: Paraphraser | None = None
    filler: str = "..."
    seed: int = 0
    answer_tokens: int = 16


@dataclass(frozen=True)
class Timer:
    """Starts when made; `reading` stamps the seconds since."""

    measure: str
    trace: Trace
    reader: str
    started: float

    @classmethod
    def start(cls, *, measure: str, trace: Trace, reader: str) -> "Timer":
        """Start the clock of one measurement."""
        return cls(measure, trace, reader, perf_counter())

    def reading(
        self,
        *,
        value: float,
        reason: str = "",
        scalars: Mapping[str, float] | None = None,
        results: Mapping[str, Result] | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> Reading:
        """The reading of this measurement."""
        return Reading(
            measure=self.measure,
            trace=self.trace.id,
            item=self.trace.problem.id,
            author=self.trace.author,
            reader=self.reader,
            value=value,
            reason=reason,
            scalars=dict(scalars or {}),
            results=dict(results or {}),
            seconds=perf_counter() - self.started,
            notes=dict(notes or {}),
        )
