"""Answer entropy: how open is the answer after 0, 1, ..., n steps of the chain?

    C    = the reader's own greedy answers after every cut of the chain, and the reference answer
    r_k  = p(c | q, s_<=k) / sum over C of p(c' | q, s_<=k)        for every c in C
    H_k  = - sum over C of r_k log r_k,  in nats;   value = mean over k < n of H_k - H_n

The chain runs once; the questions for the answer are packed on its key/value cache, one packed forward a candidate.
Source: ours; the entropy of answers over sampled continuations is used by Kuhn et al. 2023 (arXiv 2302.09664).
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float
from scipy.special import entr, logsumexp

from mechcot.core.card import ArrayCard, Calls, Forwards, MeasureCard
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import Curve
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Trace
from mechcot.measures.inputs import Inputs, Timer
from mechcot.model.generation.ask_answer import ask
from mechcot.model.prefix.lockstep import twice
from mechcot.model.reasoner import Reasoner

CARD = MeasureCard(
    name="answer_entropy",
    title="Answer entropy",
    question="How much does the chain narrow down the answers that the model itself would give?",
    formula="mean over k < n of H_k - H_n, H_k the entropy of p(c | q, s_<=k) over the answers c that the model gives along the chain",
    unit="nats",
    low=-float("inf"),
    high=float("inf"),
    direction=0,
    source="ours",
    deviations="Candidates are the greedy answers after every cut and the reference, not samples: no draw, no seed.",
    confounds="Confidence: a copy with sharper logits has less entropy everywhere. A narrow answer need not be narrow because of the chain's content.",
    cost="1 forward of the trace plus n + 1 short suffixes for each candidate",
    forwards=Forwards(2),
    calls=Calls(7),
    arrays=(
        ArrayCard(
            name="entropy",
            axes=("after",),
            title="narrowed down",
            meaning="change of the entropy of the answer with this step, nats (below 0: narrower)",
        ),
    ),
)


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: `answer_tokens` only.

    Raises:
        NotMeasurable: The chain is empty, or the model gives fewer than two different answers along it.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    cuts = trace.cuts()
    if len(cuts) < 2:
        raise NotMeasurable("the chain has no steps")
    asked = ask(reader, reader.prefix(trace.ids[: cuts[-1]]), cuts, max_new=inputs.answer_tokens)
    given = dict.fromkeys(ids for ids in asked.ids if ids)
    candidates = list(given | {tuple(reader.answer_ids(trace.problem.answer)): None})
    if len(candidates) < 2:
        raise NotMeasurable(
            "the model gives the reference answer after every cut, so that there is nothing to choose among"
        )

    def score() -> Float[np.ndarray, "candidate cut"]:
        anew = replace(asked.branches)
        return np.array([anew.score([ids] * len(cuts)) for ids in candidates])

    scores, again = twice(score)
    curve = entropies(scores)
    return timer.measurement(
        value=float(np.mean(curve[:-1]) - curve[-1]),
        scalars={
            "first": float(curve[0]),
            "last": float(curve[-1]),
            "candidates": float(len(candidates)),
            "covered": float(np.exp(logsumexp(scores[:, -1]))),
            "identity": float(np.abs(entropies(again) - curve).max()),
        },
        results={
            "entropy": Curve(
                values=curve,
                measure=CARD.name,
                name="entropy",
                unit=CARD.unit,
                trace=trace.id,
                reader=reader.name,
                tokens=tokens_digest(trace.ids),
            )
        },
    )


def entropies(scores: Float[np.ndarray, "candidate cut"]) -> Float[np.ndarray, " cut"]:
    """Entropy over the candidates at every cut, in nats.

    Args:
        scores: Log-probability of each candidate after each cut; they need not sum to 1.
    """
    shares = np.exp(scores - logsumexp(scores, axis=0))
    return entr(shares).sum(axis=0)
