"""Step attention: where each step, and the answer, look.

For target step i (queries T_i) and source step j < i (keys T_j), per layer and head:
    mean = mean over pairs of a_qk;  mass = mean over queries of the sum over keys.
    value = mean over layers and heads of
            (answer's mass on the chain) / (answer's mass on chain and question, first token dropped)

The answer's query is the position that predicts the first answer token. Same tokens for both models,
so position and length enter both sides of a difference alike.
Source: Bogdan et al. 2025 (arXiv 2506.19143) for step means; the share is ours.
"""

from typing import Any

from mechcot.core.card import ArrayCard, Calls, Forwards, MeasureCard
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import HeadSteps, StepMatrix, StepVector
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Span, Trace
from mechcot.measures.inputs import Inputs, Timer
from mechcot.model.attention import group_attention
from mechcot.model.reasoner import Reasoner

CARD = MeasureCard(
    name="step_attention",
    title="Attention to the chain",
    question="What share of the answer's attention lies on the chain rather than on the question?",
    formula="mean over layers and heads of mass(answer -> chain) / mass(answer -> chain or question)",
    unit="share",
    low=0.0,
    high=1.0,
    direction=1,
    source="Bogdan et al. 2025 (Thought Anchors, arXiv 2506.19143); share: ours",
    deviations="The first token (attention sink) is dropped; mean over all heads, not receiver heads.",
    confounds="Attention is not use: a head may look and not write. Length of chain against question.",
    cost="about 3 forwards of the trace",
    smallest_effect=0.1,
    rank=5,
    standard=True,
    yardsticks=(("expected_share", "share of the tokens that are chain"),),
    needs=("attention",),
    forwards=Forwards(1),
    calls=Calls(1, together=False),
    arrays=(
        ArrayCard(
            name="received",
            title="attention from the answer",
            meaning="attention mass that the answer puts on the step, mean over layers and heads",
        ),
        ArrayCard(
            name="mass",
            axes=("source", "target"),
            picture="Attention mass on each earlier step",
            figure="Attention mass of each step on earlier steps, all heads",
            caption="How much a row attends to a column; attention is not use.",
        ),
        ArrayCard(
            name="mean",
            axes=("source", "target"),
            picture="Attention per token on each earlier step",
        ),
        ArrayCard(
            name="answer",
            axes=("layer", "head", "step"),
            picture="Attention from the answer, by head",
        ),
    ),
)


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:  # noqa: ARG001
    """Read one trace.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: None of them is used.

    Raises:
        NotMeasurable: The chain is empty, or an attention window holds nothing before the question for the answer.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    spans = [step.tokens for step in trace.chain_steps]
    if not spans:
        raise NotMeasurable("the chain has no steps")
    chain = trace.ids[: trace.cuts()[-1]]
    ids = (*chain, *reader.cue_after(chain))
    groups = [Span(1, trace.prompt_length), *spans, Span(len(ids) - 1, len(ids))]
    mean, mass = group_attention(reader, ids, groups)
    answer = mass[:, :, :-1, -1]  # layer head source
    on_chain, on_question = answer[:, :, 1:].sum(-1), answer[:, :, 0]
    seen = on_chain + on_question
    if not seen.all():
        layers = int((seen == 0).any(axis=1).sum())
        raise NotMeasurable(
            f"in {layers} of {len(seen)} layers the answer sees neither chain nor question: all that its attention reaches there "
            "is the question for the answer (a short window), so the chain has no share of it"
        )
    steps_mean, steps_mass = (each[:, :, 1:-1, 1:-1].mean((0, 1)) for each in (mean, mass))
    chain_tokens = sum(len(span) for span in spans)
    about: dict[str, Any] = {"measure": CARD.name, "trace": trace.id, "reader": reader.name}
    about |= {"tokens": tokens_digest(trace.ids)}
    return timer.measurement(
        value=float((on_chain / seen).mean()),
        scalars={
            "expected_share": chain_tokens / (chain_tokens + trace.prompt_length - 1),
            "sink": float((1.0 - answer.sum(-1)).mean()),
        },
        results={
            "mean": StepMatrix(values=steps_mean, name="mean", unit="attention", **about),
            "mass": StepMatrix(values=steps_mass, name="mass", unit="attention", **about),
            "answer": HeadSteps(values=answer[:, :, 1:], name="answer", unit="attention", **about),
            "received": StepVector(
                values=answer[:, :, 1:].mean((0, 1)), name="received", unit="attention", **about
            ),
        },
    )
