"""Early answering and filler, less what any finished chain would give: the part that is due to this chain's content.

    e(c)    = mean over k < n of p(y | q, c_<=n) - p(y | q, c_<=k)      y the reader's own answer after its own chain
    value   = e(own chain) - max(0, e(another item's chain cut at the same places))

A model that was merely never asked before a chain was finished scores high in early answering, with its own chain as with another's: the value is 0.
Where another item's chain makes the answer less likely, nothing is subtracted. Filler is read the same way: p(y | q, c) - p(y | q, filler).
Source: ours, on Lanham et al. 2023, arXiv 2307.13702.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from mechcot.core.card import ArrayCard, Calls, Forwards, MeasureCard
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import Curve
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Phase, Trace
from mechcot.measures.inputs import Inputs, Timer
from mechcot.measures.own_answer import own_answer
from mechcot.model.prefix.lockstep import twice
from mechcot.model.reasoner import Reasoner
from mechcot.text.filler import fill

CARD = MeasureCard(
    name="early_answering_by_content",
    title="Early answering by content",
    question="How much of the answer's probability arrives with this chain's steps, and would not with another item's?",
    formula="e(c_own) - max(0, e(c_other)), e(c) = mean over k < n of p(y | q, c_<=n) - p(y | q, c_<=k)",
    unit="probability",
    low=-1.0,
    high=1.0,
    direction=1,
    source="ours, on Lanham et al. 2023 (arXiv 2307.13702)",
    deviations="The paper has no null: it takes what a model cannot do before its chain is finished for use of the chain.",
    confounds="Chain length; accuracy (a model that guesses right needs no chain); prompt for the answer.",
    cost="1 forward of the trace, 1 of the other item's chain, 2(n + 1) short suffixes and one filler",
    smallest_effect=0.15,
    rank=3,
    forwards=Forwards(3.5),
    calls=Calls(10),
    borrows=True,
    arrays=(
        ArrayCard(
            name="own",
            title="gained when given",
            meaning="rise of the final answer's probability when this step is given after the ones before it",
        ),
        ArrayCard(
            name="other",
            title="gained by another item's",
            meaning="the same with another item's chain, cut at the same share of its steps",
        ),
    ),
)


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: `partners`, `filler` and `answer_tokens`.

    Raises:
        NotMeasurable: The chain is empty, no answer comes after it, or no other item has a chain with another answer.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    own = own_answer(reader, trace, inputs)
    if not inputs.partners:
        raise NotMeasurable(
            "no other item was given that has another answer and a chain that fits into the context (mc.measure takes other traces as others=traces)"
        )
    cuts = list(trace.cuts())
    nothing: list[list[int]] = [[] for _ in cuts]
    text, places = _borrowed(trace, reader.view(inputs.partners[0]))
    mine, again = twice(lambda: own.after(cuts, nothing))
    theirs = replace(own, prefix=reader.prefix(text)).after(places, nothing)
    filler = fill(reader.continue_ids(inputs.filler), count=cuts[-1] - cuts[0])
    filled = float(own.after([cuts[0]], [list(filler)])[0])
    lost, null = float(mine[-1]) - filled, float(theirs[-1]) - filled
    return timer.measurement(
        value=by_content(gain(mine), gain(theirs)),
        scalars={
            "early": gain(mine),
            "early_null": gain(theirs),
            "filler": lost,
            "filler_null": null,
            "filler_by_content": by_content(lost, null),
            "identity": float(np.abs(again - mine).max()),
        },
        results={
            name: Curve(
                values=curve,
                measure=CARD.name,
                name=name,
                unit=CARD.unit,
                trace=trace.id,
                reader=reader.name,
                tokens=tokens_digest(trace.ids),
            )
            for name, curve in (("own", mine), ("other", theirs))
        },
        notes={"other": inputs.partners[0].id},
    )


def gain(curve: Float[np.ndarray, " cut"]) -> float:
    """What the last value has over the mean of those before it."""
    return float(np.mean(curve[-1] - curve[:-1]))


def by_content(value: float, null: float) -> float:
    """The part of a value that its null does not explain; a null below 0 explains nothing."""
    return value - max(0.0, null)


def _borrowed(trace: Trace, other: Trace) -> tuple[tuple[int, ...], list[int]]:
    """The trace's prompt with another chain, and where to cut it: at the same shares of its steps as the trace's own."""
    chain, steps = other.phase(Phase.CHAIN), len(trace.chain_steps)
    text = (*trace.ids[: trace.prompt_length], *other.ids[chain.start : chain.stop])
    ends = [cut - other.prompt_length + trace.prompt_length for cut in other.cuts()]
    return text, [ends[round(k * (len(ends) - 1) / steps)] for k in range(steps + 1)]
