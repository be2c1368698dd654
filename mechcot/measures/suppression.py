"""Attention suppression: hide step j from every later token and see what moves.

    M[j, i] = mean over tokens of step i of KL(clean || step j hidden)       in nats
    answer[j] = TV(answer distribution clean, step j hidden)                 in probability
    value = max_j answer[j]

A token is read at the position that predicts it, one to its left; the first token of step j + 1 is
predicted inside step j and is left out (a structural zero). Attention is causal, so nothing up to
the end of j changes: the cache is cropped there and only later tokens run.
Source: Bogdan et al. 2025 (Thought Anchors, arXiv 2506.19143).
"""

import math
from typing import Any

import numpy as np

from mechcot.core.card import ArrayCard, MeasureCard
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import StepMatrix, StepVector
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Span, Trace
from mechcot.measures.inputs import Inputs, Timer, unhideable
from mechcot.model.distances import kl, tv
from mechcot.model.interventions import AttentionKnockout
from mechcot.model.prefix.prefix import Prefix
from mechcot.model.reasoner import Reasoner

CARD = MeasureCard(
    name="suppression",
    title="Attention suppression",
    question="How far does the answer move when the most important single step is hidden from attention?",
    formula="max over steps j of TV(p(answer), p(answer | step j hidden from all later tokens))",
    unit="probability",
    low=0.0,
    high=1.0,
    direction=1,
    source="Bogdan et al. 2025 (Thought Anchors, arXiv 2506.19143)",
    deviations=(
        "KL over the whole vocabulary; tokens read at the predicting position; the headline reads "
        "total variation on the first answer token instead of nats, which follow confidence."
    ),
    confounds="Redundant steps hide each other's effect; a maximum grows with the number of steps.",
    cost="1 forward of the trace plus about half a forward per step",
    smallest_effect=0.1,
    rank=4,
    standard=True,
    needs=("hiding",),
    forwards=(1.0, 1.0),
    arrays=(
        ArrayCard(
            name="answer",
            title="hidden from attention",
            meaning="total variation between the answer's distributions when the step is hidden from all later tokens",
            carries=True,
            acts="attention",
        ),
        ArrayCard(
            name="kl",
            axes=("source", "target"),
            picture="Hidden from attention: change of each later step",
            figure="Attention suppression: KL of each later step when a step is hidden",
            caption="A column is hidden from all later steps: strong cells are steps that a later step depends on.",
        ),
    ),
)


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: `seed`, for the random null only.

    Returns:
        The measurement; without a value, and with the reason, where the family hides nothing.

    Raises:
        NotMeasurable: The chain is empty.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    steps = trace.chain_steps
    if not steps:
        raise NotMeasurable("the chain has no steps")
    if reason := unhideable(reader):
        return timer.measurement(value=math.nan, reason=reason)
    chain = trace.ids[: trace.cuts()[-1]]
    prefix = reader.prefix((*chain, *reader.cue_after(chain)))
    spans = [step.tokens for step in steps]
    matrix = np.full((len(spans), len(spans)), np.nan)
    answer = np.zeros(len(spans))
    for j, span in enumerate(spans):
        matrix[j], answer[j] = _hidden(prefix, spans, j, keys=(span,))
    top = int(np.argmax(answer))
    about: dict[str, Any] = {"measure": CARD.name, "trace": trace.id, "reader": reader.name}
    about |= {"tokens": tokens_digest(trace.ids)}
    return timer.measurement(
        value=float(answer[top]),
        scalars={
            "identity": _hidden(prefix, spans, top, keys=())[1],
            "null_random": _random(prefix, spans, top, seed=inputs.seed),
            "top_step": float(top),
            "mean_step": float(answer.mean()),
        },
        results={
            "kl": StepMatrix(values=matrix, name="kl", unit="nats", **about),
            "answer": StepVector(values=answer, name="answer", unit="probability", **about),
        },
    )


def _hidden(
    prefix: Prefix, spans: list[Span], j: int, *, keys: tuple[Span, ...]
) -> tuple[np.ndarray, float]:
    """Row j of the matrix and the answer's movement with `keys` hidden from everything after step j.

    The clean side hides nothing on the same masked and cropped path, so that the identity is exact.
    """
    start = spans[j].stop
    row = np.full(len(spans), np.nan)
    queries = Span(start, len(prefix.ids))
    nothing = AttentionKnockout(keys=Span(start, start), queries=queries)
    clean, hidden = (
        prefix.rerun_from(
            start, under=[nothing, *(AttentionKnockout(keys=k, queries=queries) for k in hide)]
        )[0]
        for hide in ((), keys)
    )
    divergence = kl(clean, hidden, prefix.unembed)
    for i in range(j + 1, len(spans)):
        first = max(spans[i].start - 1, start)
        predicted = divergence[first - start : spans[i].stop - 1 - start]
        if len(predicted):
            row[i] = float(predicted.mean())
    return row, float(tv(clean[-1:], hidden[-1:], prefix.unembed)[0])


def _random(prefix: Prefix, spans: list[Span], top: int, *, seed: int) -> float:
    """TV when as many random earlier positions (never the first token) are hidden instead."""
    pool = range(1, spans[top].start)
    size = min(len(spans[top]), len(pool))
    if size == 0:
        return math.nan
    chosen = np.random.default_rng(seed).choice(pool, size=size, replace=False)
    return _hidden(
        prefix, spans, top, keys=tuple(Span(int(p), int(p) + 1) for p in sorted(chosen))
    )[1]
