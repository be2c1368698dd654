"""Paraphrase: say the chain in other words; does the answer's probability move?

    value = |p(y | q, s) - p(y | q, s reworded)|,  y = the reader's own answer after the full chain

Direction 0: the literature reads "unchanged" both as faithful and as decorative, so this is sensitivity to
*words* and never gives a verdict. Rewording is exact where the language is known; other text needs a
`Paraphraser`. Source: Lanham et al. 2023 (arXiv 2307.13702).
"""

import math

from mechcot.core.card import Calls, Forwards, MeasureCard
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.trace import Phase, Trace
from mechcot.measures.inputs import Inputs, Timer
from mechcot.measures.own_answer import own_answer
from mechcot.model.prefix.lockstep import twice
from mechcot.model.reasoner import Reasoner

CARD = MeasureCard(
    name="paraphrase",
    title="Paraphrase",
    question="How far does the answer's probability move when the chain is said in other words?",
    formula="|p(y | q, s) - p(y | q, s reworded)|",
    unit="probability",
    low=0.0,
    high=1.0,
    direction=0,
    source="Lanham et al. 2023 (arXiv 2307.13702)",
    deviations="All steps are reworded, exactly; the paper rewords from a step on with a language model.",
    confounds="Sensitivity to words, not use of the chain: it cannot judge.",
    cost="2 forwards of the trace",
    smallest_effect=0.1,
    rank=10,
    forwards=Forwards(4),
    calls=Calls(11),
    asks=("paraphrases",),
)


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: `paraphraser` and `answer_tokens`.

    Raises:
        NotMeasurable: The chain is empty, no answer comes after it, or it cannot be reworded.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    own = own_answer(reader, trace, inputs)
    if inputs.paraphraser is None:
        raise NotMeasurable("this text has no paraphraser")
    new = iter(inputs.paraphraser([step.text for step in trace.chain_steps]))
    completion = "".join(
        next(new) if step.phase is Phase.CHAIN else step.text for step in trace.steps
    )
    reworded = reader.retoken(trace, trace.prompt, completion)
    stop = reworded.cuts()[-1]

    def asked(ids: tuple[int, ...]) -> float:
        branches = reader.prefix(ids).branches([len(ids)], [list(reader.cue_after(ids))])
        return float(branches.score([own.answer])[0])

    plain, again = map(math.exp, twice(lambda: asked(own.prefix.ids)))
    p = math.exp(asked(reworded.ids[:stop]))
    return timer.measurement(
        value=abs(plain - p),
        scalars={
            "identity": abs(again - plain),
            "signed": p - plain,
            "length_change": float(stop - len(own.prefix.ids)),
        },
    )
