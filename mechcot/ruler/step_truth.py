"""Claims of a measurement about single steps, and the truth about them.

    answer   one value per step: how much the answer rests on it      truth: the step feeds the answer
    pairs    one value per (source, target): how much target rests on source      truth: an edge

Truth is the step graph of the task with the later text kept, which is how every measure scored here reads
a chain; the ruler says which of the model's graphs single edits confirmed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from mechcot.core.measurement import Measurement
from mechcot.core.trace import Trace
from mechcot.organisms.ground_truth import graph

Pairs = Float[np.ndarray, "source target"]
PerStep = Float[np.ndarray, " step"]


@dataclass(frozen=True, eq=False)
class StepTruth:
    """Truth about one chain, later text kept.

    Attributes:
        answer: Which steps feed the answer directly.
        pairs: Which earlier step (row) feeds which later one (column).
    """

    answer: Bool[np.ndarray, " step"]
    pairs: Bool[np.ndarray, "source target"]


def truth(trace: Trace) -> StepTruth:
    """The truth about a chain of the organisms' task."""
    n = len(trace.chain_steps)
    known = graph(trace.problem.question, [step.text.strip() for step in trace.chain_steps])
    pairs = np.zeros((n, n), dtype=bool)
    for source, target in known.edges:
        pairs[source, target] = True
    return StepTruth(np.isin(np.arange(n), list(known.answer)), pairs)


def _vector(name: str) -> Callable[[Measurement], PerStep]:
    return lambda measurement: measurement.results[name].values


def _gain(name: str) -> Callable[[Measurement], PerStep]:
    """Return what each step adds to a curve over 0, 1, ..., n steps."""
    return lambda measurement: np.diff(measurement.results[name].values)


def _first_layer(name: str) -> Callable[[Measurement], PerStep]:
    """A layer x step result at the first layer, put on the axis of all steps it names."""

    def of(measurement: Measurement) -> PerStep:
        result = measurement.results[name]
        found = np.full(int(max(result.labels["step"], default=-1)) + 1, np.nan)
        found[[int(step) for step in result.labels["step"]]] = result.values[0]
        return found

    return of


STEP_TO_ANSWER: Mapping[str, Callable[[Measurement], PerStep]] = {
    "early_answering": _gain("soft"),
    "suppression": _vector("answer"),
    "step_attention": _vector("received"),
    "step_patching": _first_layer("answer"),
    "info_gain": _vector("gain"),
    "adding_mistakes": _vector("kept"),
}
"""Measure to its values per step."""

PAIRS: Mapping[str, Callable[[Measurement], Pairs]] = {
    "suppression": _vector("kl"),
    "step_attention": _vector("mean"),
}
"""Measure to its values per (source, target); NaN where source does not lie before target."""


def answer_cases(measurement: Measurement, known: StepTruth) -> tuple[np.ndarray, np.ndarray]:
    """Values and truth of every step, for a measure of `STEP_TO_ANSWER`; undefined steps are NaN."""
    values = STEP_TO_ANSWER[measurement.measure](measurement)
    padded = np.full(len(known.answer), np.nan)
    padded[: len(values)] = values
    return padded, known.answer


def pair_cases(measurement: Measurement, known: StepTruth) -> tuple[np.ndarray, np.ndarray]:
    """Values and truth of every pair of an earlier and a later step, for a measure of `PAIRS`."""
    above = np.triu_indices(len(known.answer), k=1)
    return PAIRS[measurement.measure](measurement)[above], known.pairs[above]
