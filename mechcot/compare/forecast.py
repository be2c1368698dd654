"""Time that is left of a run: tokens still to be run, times the speed of those that were.

    left = sum over measures of work left * seconds per unit of work

The speed of a measure is its own as soon as one measurement of it was taken; before that the mean speed of all, and before any reading
what the cost table timed.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from mechcot.core.trace import Trace
from mechcot.measures.inputs import DRAWS
from mechcot.measures.registry import MEASURES

USUAL_LAYERS = 28
"""Of a model whose depth nobody said: only measures of which none was taken depend on it."""


def forwards(
    measure: str, trace: Trace, *, layers: int = USUAL_LAYERS, draws: int = DRAWS
) -> float:
    """Forwards of a whole trace that a measurement takes, about."""
    card = MEASURES[measure].card
    count = card.forwards.of(steps=len(trace.chain_steps), layers=layers)
    return count * (draws / DRAWS if card.draws else 1)


def work(measure: str, trace: Trace, *, layers: int = USUAL_LAYERS, draws: int = DRAWS) -> float:
    """Tokens that go through the model for a measurement, about."""
    return forwards(measure, trace, layers=layers, draws=draws) * len(trace)


def calls(measure: str, traces: Sequence[Trace]) -> float:
    """Times that the model is called for measurements that are taken side by side, about."""
    sizes = [(len(trace.chain_steps), len(trace)) for trace in traces]
    return MEASURES[measure].card.calls.of(sizes)


@dataclass
class Forecast:
    """Work that is left, and the speed so far.

    Attributes:
        left: Work left, by measure.
        done: Work done, by measure.
        spent: Seconds that took, by measure.
    """

    left: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    done: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, measure: str, trace: Trace) -> None:
        """Add a measurement that is still to be taken."""
        self.left[measure] += work(measure, trace)

    def took(self, measure: str, trace: Trace, *, seconds: float) -> None:
        """Count a measurement as taken."""
        size = work(measure, trace)
        self.left[measure] = max(0.0, self.left[measure] - size)
        self.done[measure] += size
        self.spent[measure] += seconds

    def seconds(self) -> float:
        """Seconds that the rest takes; NaN before anything was measured."""
        total = sum(self.done.values())
        mean = sum(self.spent.values()) / total if total else math.nan
        return math.fsum(
            size * (self.spent[name] / self.done[name] if self.done[name] else mean)
            for name, size in self.left.items()
            if size
        )


def duration(seconds: float) -> str:
    """A length of time for people: `45 s`, `12 min`, `2.5 h`, or `unknown`."""
    if math.isnan(seconds):
        return "unknown"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
