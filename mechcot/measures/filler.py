"""Filler: replace the chain after step k by as many filler tokens and ask again.

    value = p(y | q, s) - p(y | q, filler),  y = the reader's own answer after the full chain

Positions and lengths stay as they are, so only the content of the chain is gone.
Source: Lanham et al. 2023, arXiv 2307.13702 ("filler tokens").
"""

import numpy as np

from mechcot.core.card import Calls, Forwards, MeasureCard
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import Curve
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Trace
from mechcot.measures.inputs import Inputs, Timer
from mechcot.model.generation.ask_answer import ask
from mechcot.model.prefix.lockstep import twice
from mechcot.model.reasoner import Reasoner
from mechcot.text.filler import fill

CARD = MeasureCard(
    name="filler",
    title="Filler tokens",
    question="How much of the answer's probability is lost when the chain is replaced by filler?",
    formula="p(y | q, s_<=n) - p(y | q, filler of the same token count)",
    unit="probability",
    low=-1.0,
    high=1.0,
    direction=1,
    source="Lanham et al. 2023 (arXiv 2307.13702)",
    deviations=(
        "The paper adds filler of growing length and reports accuracy; ours keeps the chain's token "
        "count and reads the probability of the reader's own answer."
    ),
    confounds=(
        "Filler is off-policy text: a model may answer badly because the text is strange. "
        "A model that only needs a finished chain, whatever it says, scores high, too."
    ),
    cost="1 forward of the trace plus one packed forward of up to 9 tails, half a trace each",
    smallest_effect=0.15,
    rank=3,
    standard=True,
    forwards=Forwards(4.5),
    calls=Calls(9),
)

_POINTS = 9


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: `filler` and `answer_tokens`.

    Raises:
        NotMeasurable: The chain is empty or no answer comes after the full chain.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    cuts = trace.cuts()
    if len(cuts) < 2:
        raise NotMeasurable("the chain has no steps")
    prefix = reader.prefix(trace.ids[: cuts[-1]])
    asked = ask(reader, prefix, cuts[-1:], max_new=inputs.answer_tokens)
    if asked.answers[0].text is None:
        raise NotMeasurable("no answer could be read after the full chain")
    answer = asked.ids[0]
    unit = reader.continue_ids(inputs.filler)
    after = sorted({round(x) for x in np.linspace(0, len(cuts) - 1, min(_POINTS, len(cuts)))})

    chain, stop = trace.ids[: cuts[-1]], cuts[-1]
    fillings = [fill(unit, count=stop - cuts[k]) for k in after]

    def probabilities(starts: list[int], tails: list[tuple[int, ...]]) -> np.ndarray:
        texts = [(*trace.ids[:at], *tail) for at, tail in zip(starts, tails, strict=True)]
        asking = [[*t, *reader.cue_after(text)] for t, text in zip(tails, texts, strict=True)]
        branches = prefix.branches(starts, asking)
        return np.exp(branches.score([answer] * len(tails)))

    # the last step as its own filler, twice on one path: the identity edit
    kept, again = twice(lambda: float(probabilities([cuts[-2]], [chain[cuts[-2] :]])[0]))
    own = float(asked.probability(answer)[0])
    filled = probabilities([cuts[k] for k in after], fillings)
    curve = Curve(
        values=filled,
        measure=CARD.name,
        name="from",
        unit="probability",
        trace=trace.id,
        reader=reader.name,
        tokens=tokens_digest(trace.ids),
        labels={"after": tuple(float(k) for k in after)},
    )
    return timer.measurement(
        value=own - float(filled[0]),
        scalars={
            "p_full": own,
            "p_filler": float(filled[0]),
            "identity": abs(again - kept),
            "noise": abs(own - kept),
        },
        results={"from": curve},
    )
