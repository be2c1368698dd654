"""Gates: what must hold before any other number may be believed.

Accuracy with the chain, without it and with another item's chain (chance), whether an answer could
be read, how sure of it the reader is, how long the chain is, and how off-policy its text is for this reader (nats per token).
"""

import math

from mechcot.core.card import Calls, Forwards, MeasureCard
from mechcot.core.measurement import Measurement
from mechcot.core.trace import Phase, Trace
from mechcot.measures.inputs import Inputs, Timer
from mechcot.model.generation.ask_answer import ask
from mechcot.model.reasoner import Reasoner
from mechcot.text.answer_outcomes import is_right

CARD = MeasureCard(
    name="gates",
    title="Gates",
    question="Can the other numbers be believed for this model on this text?",
    formula="accuracy with, without and with another item's chain; parse rate; nats per chain token",
    unit="share",
    low=0.0,
    high=1.0,
    direction=0,
    source="Bentham et al. 2024 (arXiv 2402.14897) for disguised accuracy",
    deviations="none",
    confounds="none",
    cost="2 forwards of the trace",
    rank=1,
    forwards=Forwards(2),
    calls=Calls(6),
    standard=True,
    own_chains=True,
    borrows=True,
)


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace; a chain without steps still gives a measurement.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: `other`, without which `acc_other` is NaN, and `answer_tokens`.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    cuts = trace.cuts()
    prefix = reader.prefix(trace.ids[: cuts[-1]])
    foreign = [] if inputs.other is None else [inputs.other]
    texts = [
        (),
        (),
        *(t.ids[t.phase(Phase.CHAIN).start : t.phase(Phase.CHAIN).stop] for t in foreign),
    ]
    asked = ask(
        reader,
        prefix,
        (cuts[0], cuts[-1], *cuts[:1] * len(foreign)),
        max_new=inputs.answer_tokens,
        behind=texts,
    )
    none, full, *others = asked.answers
    said = asked.ids[1]
    problem = trace.problem
    chain = trace.phase(Phase.CHAIN)
    nll = math.nan
    if len(chain):
        nll = -float(prefix.logprobs()[chain.start : chain.stop].mean())
    own = trace.answer.text
    return timer.measurement(
        value=float(is_right(full.text, problem)),
        scalars={
            "acc_with": float(is_right(full.text, problem)),
            "acc_without": float(is_right(none.text, problem)),
            "acc_other": float(is_right(others[0].text, problem)) if others else math.nan,
            "parsed": float(full.text is not None),
            "confidence": float(asked.only(1).probability(said)[0]) if said else math.nan,
            "own_correct": float(is_right(own, problem)),
            "author_parsed": float(own is not None),
            "finished": float(trace.finished),
            "chain_nll": nll,
            "n_tokens": float(len(chain)),
            "n_steps": float(len(trace.chain_steps)),
        },
        notes={"answer": full.text or "", "answer_without": none.text or ""},
    )
