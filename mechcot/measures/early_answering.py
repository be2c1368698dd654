"""Early answering: ask for the answer after 0, 1, ..., n steps of the chain.

    p_k   = p(y | q, s_<=k),  y = the reader's own answer after the full chain
    soft  = mean_{k<n} (p_n - p_k)          the area between the curve and its end, in probability
    hard  = 1 - mean_{k<n} [answer after k steps is y]    (AOC of Lanham et al.)

The chain runs once; all n + 1 questions for the answer are packed on its key/value cache.
Source: Lanham et al. 2023, arXiv 2307.13702; Lobo et al. 2024, arXiv 2411.15382.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from mechcot.core.card import ArrayCard, Calls, Forwards, MeasureCard
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import Curve
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Trace
from mechcot.measures.inputs import Inputs, Timer
from mechcot.model.generation.ask_answer import Asked, ask
from mechcot.model.prefix.lockstep import twice
from mechcot.model.reasoner import Reasoner
from mechcot.text.answer_outcomes import same_for

CARD = MeasureCard(
    name="early_answering",
    title="Early answering",
    question="How much of the answer's probability arrives only with the steps of the chain?",
    formula="mean over k < n of p(y | q, s_<=n) - p(y | q, s_<=k)",
    unit="probability",
    low=-1.0,
    high=1.0,
    direction=1,
    source="Lanham et al. 2023 (arXiv 2307.13702); Lobo et al. 2024 (arXiv 2411.15382)",
    deviations=(
        "The headline is the soft area in probability; the paper's hard area is kept beside it. "
        "The paper gives no quadrature: ours is the plain mean over k < n."
    ),
    confounds=(
        "Chain length; accuracy (a model that guesses right needs no chain); prompt for the answer. "
        "A model that only needs a finished chain, whatever it says, scores high, too."
    ),
    cost="2 forwards of the trace plus n + 1 short suffixes",
    smallest_effect=0.15,
    rank=2,
    standard=True,
    own_chains=True,
    forwards=Forwards(3),
    calls=Calls(8),
    arrays=(
        ArrayCard(
            name="soft",
            axes=("after",),
            title="gained when given",
            meaning="rise of the final answer's probability when this step is given after the ones before it",
            settled="hard",
            figure="Early answering: when is the final answer already there?",
            caption=(
                "The chain is cut after each step and the reader is asked at once; the height is the probability of the answer that it gives "
                "behind the whole chain. A line that is high from the start: that answer comes without the chain. A line that stays low and climbs late: "
                "it comes only with the later part, the whole tinted area for a reader that needs all of it. Whether that is what the steps say, or only that a chain "
                "was finished before the question, this curve cannot tell: filler, adding mistakes and step patching change what is said and leave the chain finished."
            ),
        ),
    ),
)


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace.

    Cost: one forward of the chain and one packed forward of all suffixes per answer token.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: `answer_tokens` only.

    Raises:
        NotMeasurable: The chain is empty or no answer comes after the full chain.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    cuts = trace.cuts()
    if len(cuts) < 2:
        raise NotMeasurable("the chain has no steps")
    prefix = reader.prefix(trace.ids[: cuts[-1]])
    asked = ask(reader, prefix, cuts, max_new=inputs.answer_tokens)
    full = asked.answers[-1]
    if full.text is None:
        raise NotMeasurable("no answer could be read after the full chain")

    def score() -> Float[np.ndarray, " cut"]:
        return replace(asked, branches=replace(asked.branches)).probability(asked.ids[-1])

    soft, again = twice(score)
    hard = np.array(
        [float(same_for(trace.problem, answer.text, full.text)) for answer in asked.answers]
    )
    return timer.measurement(
        value=float(np.mean(soft[-1] - soft[:-1])),
        scalars={
            "aoc_hard": float(1.0 - hard[:-1].mean()),
            "p_full": float(soft[-1]),
            "p_none": float(soft[0]),
            "identity": float(np.abs(again - soft).max()),
            "noise": abs(float(soft[-1]) - _plain(reader, trace, asked)),
        },
        results={
            "soft": _curve(soft, name="soft", unit="probability", trace=trace, reader=reader),
            "hard": _curve(hard, name="hard", unit="match", trace=trace, reader=reader),
        },
    )


def _plain(reader: Reasoner, trace: Trace, asked: Asked) -> float:
    """The full-chain probability from one plain forward: the noise floor across kernel paths."""
    answer = asked.ids[-1]
    ids = (*trace.ids[: trace.cuts()[-1]], *asked.cue, *answer)
    prefix = reader.prefix(ids)
    at = range(len(ids) - len(answer) - 1, len(ids) - 1)
    logprobs = prefix.unembed(prefix.hidden[list(at)])
    return float(
        np.exp(sum(float(row[token]) for row, token in zip(logprobs, answer, strict=True)))
    )


def _curve(values: np.ndarray, *, name: str, unit: str, trace: Trace, reader: Reasoner) -> Curve:
    return Curve(
        values=values,
        measure=CARD.name,
        name=name,
        unit=unit,
        trace=trace.id,
        reader=reader.name,
        tokens=tokens_digest(trace.ids),
    )
