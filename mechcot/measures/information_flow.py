"""Information flow: which road does the answer take, past the chain or through it?

Four runs of the same tokens; queries are all tokens from the end of the thought on:

    full         nothing hidden
    via_chain    the answer cannot see the question
    no_chain     the answer cannot see the chain
    no_prompt    nothing after the question can see it, the chain neither

    necessity = JS(full, no_chain),  direct = JS(full, via_chain),  leakage = JS(via_chain, no_prompt)
    value = necessity in bits: 1 when the answer is a wholly other one without the chain

Mean over the answer's tokens. Leakage says how much of the question stands in the chain's states: a
decorative chain can pass `via_chain` because of it. The first token and the template's closing tokens
stay visible. Source: arXiv 2605.24286.
"""

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from mechcot.core.card import Calls, Forwards, MeasureCard
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.trace import Span, Trace
from mechcot.measures.inputs import Inputs, Timer, unhideable
from mechcot.measures.own_answer import own_answer
from mechcot.model.distances import js, kl
from mechcot.model.interventions import AttentionKnockout
from mechcot.model.prefix.lockstep import twice
from mechcot.model.reasoner import Reasoner

CARD = MeasureCard(
    name="information_flow",
    title="Information flow",
    question="How far does the answer move when it cannot attend to the chain at all?",
    formula="JS(p(answer), p(answer | chain hidden from the answer's tokens)) / log 2",
    unit="bits",
    low=0.0,
    high=1.0,
    direction=1,
    source="arXiv 2605.24286",
    deviations="Jensen-Shannon for the headline, in bits; KL beside it. The whole prompt but its first token is hidden.",
    confounds="Hiding is off-policy: attention that has nowhere to go falls on other tokens.",
    cost="1 forward of the trace, 1 of the chain without the question, and 4 of the answer's tokens",
    smallest_effect=0.1,
    rank=7,
    needs=("hiding",),
    forwards=Forwards(2),
    calls=Calls(10),
)


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: `answer_tokens` only.

    Returns:
        The measurement; without a value, and with the reason, where the family hides nothing.

    Raises:
        NotMeasurable: The chain is empty or no answer comes after the full chain.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    if reason := unhideable(reader):
        return timer.measurement(value=math.nan, reason=reason)
    own = own_answer(reader, trace, inputs)
    stop = trace.cuts()[-1]
    asking = (*own.asked.cue, *own.answer[:-1])
    question, chain = Span(1, trace.prompt_length), Span(trace.prompt_length, stop)
    if not len(question):
        raise NotMeasurable("the prompt has no tokens that could be hidden")
    answering = Span(stop, stop + len(asking))
    prefix = own.prefix
    nothing = AttentionKnockout(keys=Span(stop, stop), queries=answering)
    roads = {
        "via_chain": [AttentionKnockout(keys=question, queries=answering)],
        "no_chain": [AttentionKnockout(keys=chain, queries=answering)],
    }
    blind = AttentionKnockout(keys=question, queries=Span(trace.prompt_length, stop + len(asking)))

    def answered(hidden: Sequence[AttentionKnockout]) -> Float[Tensor, "row token d_model"]:
        return prefix.rerun_from(stop, rows=[asking], under=[nothing, *hidden])

    runs = {name: answered(hidden) for name, hidden in roads.items()}
    runs["full"], runs["again"] = twice(lambda: answered(()))
    rows = [(*prefix.ids[trace.prompt_length :], *asking)]
    runs["no_prompt"] = prefix.rerun_from(trace.prompt_length, rows=rows, under=[blind])
    states = {name: run[0][-len(own.answer) :] for name, run in runs.items()}

    def bits(left: str, right: str) -> float:
        return float(js(states[left], states[right], prefix.unembed).mean()) / math.log(2)

    def nats(left: str, right: str) -> float:
        return float(kl(states[left], states[right], prefix.unembed).mean())

    return timer.measurement(
        value=bits("full", "no_chain"),
        scalars={
            "identity": bits("full", "again"),
            "direct": bits("full", "via_chain"),
            "leakage": bits("via_chain", "no_prompt"),
            "kl_no_chain": nats("full", "no_chain"),
            "kl_via_chain": nats("full", "via_chain"),
        },
    )
