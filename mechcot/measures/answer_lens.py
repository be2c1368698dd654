"""Answer lens: at each step's end and layer, how probable the final answer already is.

    p[l, k] = softmax(W_U norm(resid_post.l at the last token of step k))[first token of y]

through the model's own final norm and unembedding (logit lens), y = the reader's own answer after the full chain.
The residual stream at a step's end predicts the next word of the *chain*, not the answer, so a low value says
little: the held-out probe (`benchmarks.answer_probe`) asks the same without that handicap.
Source: nostalgebraist 2020 (logit lens).
"""

from typing import Any

import numpy as np

from mechcot.core.card import ArrayCard, Calls, Forwards, MeasureCard
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import LayerSteps
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Trace
from mechcot.measures.inputs import Inputs, Timer
from mechcot.measures.own_answer import own_answer
from mechcot.model.activations.capture import capture
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner

CARD = MeasureCard(
    name="answer_lens",
    title="Answer lens",
    question="From which layer and step on can the final answer be read out of the states?",
    formula="mean over steps of the largest over layers of p(first answer token) through the unembedding",
    unit="probability",
    low=0.0,
    high=1.0,
    direction=0,
    source="nostalgebraist 2020 (logit lens)",
    deviations="Read at the ends of steps, at the input of the final norm.",
    confounds="A step's last token predicts the next step's first word; the lens is biased in early layers.",
    cost="1 forward of the trace",
    smallest_effect=0.1,
    rank=11,
    forwards=Forwards(2),
    calls=Calls(6),
    arrays=(
        ArrayCard(
            name="logprob",
            axes=("layer", "step"),
            picture="Answer lens: log probability of the answer",
        ),
        ArrayCard(name="rank", axes=("layer", "step")),
    ),
)


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: `answer_tokens` only.

    Raises:
        NotMeasurable: The chain is empty or no answer comes after it.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    own = own_answer(reader, trace, inputs)
    backbone = own.prefix.backbone
    ids = (*trace.ids[: trace.cuts()[-1]], *own.asked.cue)
    ends = [cut - 1 for cut in trace.cuts()[1:]]
    at = [*ends, len(ids) - 1]
    sites = [Site("resid_post", layer) for layer in range(backbone.n_layers)]
    states = capture(reader, ids, sites)
    token = own.answer[0]
    logprob, rank = np.empty((2, len(sites), len(at)))
    for row, site in enumerate(sites):
        scores = own.prefix.unembed(backbone.final_norm(states[site][at]))
        logprob[row] = scores[:, token].double().cpu().numpy()
        rank[row] = (scores > scores[:, token, None]).sum(-1).double().cpu().numpy()
    about: dict[str, Any] = {"measure": CARD.name, "trace": trace.id, "reader": reader.name}
    about |= {"tokens": tokens_digest(trace.ids)}
    p = np.exp(logprob)
    return timer.measurement(
        value=float(p[:, :-1].max(axis=0).mean()),
        scalars={
            "noise": abs(float(p[-1, -1]) - float(np.exp(own.asked.branches.score([(token,)])[0]))),
            "last_step": float(p[:, -2].max()),
        },
        results={
            "logprob": LayerSteps(values=logprob[:, :-1], name="logprob", unit="nats", **about),
            "rank": LayerSteps(values=rank[:, :-1], name="rank", unit="rank", **about),
        },
    )
