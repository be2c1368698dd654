"""InfoGain: what each step adds to the probability of the right answer.

    LP_k   = log p(y* | q, s_<=k),  y* = the reference answer, its own tokens only
    gain_k = (LP_k - LP_{k-1}) / |y*|       nats per answer token
    value  = p_n - p_0                      in probability, for comparisons across models

The paper's number is the mean drop of the answer's perplexity per step, (PPL_0 - PPL_n) / n: it falls with the
length of the chain. The released code takes the perplexity of the whole string instead of the answer's.
Both stand beside ours. Source: Wu et al. 2025 (arXiv 2506.02126).
"""

from typing import Any

import numpy as np

from mechcot.core.card import ArrayCard, Calls, Forwards, MeasureCard
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import Curve, StepVector
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Trace
from mechcot.measures.inputs import Inputs, Timer
from mechcot.measures.own_answer import Own, own_answer
from mechcot.model.prefix.lockstep import twice
from mechcot.model.reasoner import Reasoner

CARD = MeasureCard(
    name="info_gain",
    title="InfoGain",
    question="How much does the chain raise the probability of the right answer?",
    formula="p(right answer | q, s_<=n) - p(right answer | q)",
    unit="probability",
    low=-1.0,
    high=1.0,
    direction=1,
    source="Wu et al. 2025 (arXiv 2506.02126)",
    deviations=(
        "The paper gives the mean drop of perplexity per step by an untuned third model; ours is the reader's own "
        "probability. The paper's number and its code's variant are kept as scalars."
    ),
    confounds="Accuracy: on a wrong chain it is negative. The paper's variant falls with length.",
    cost="1 forward of the trace plus one packed forward of n + 1 suffixes",
    smallest_effect=0.15,
    rank=8,
    own_chains=True,
    forwards=Forwards(2),
    calls=Calls(8),
    arrays=(
        ArrayCard(
            name="gain",
            title="information gained",
            meaning="rise of the right answer's log probability with this step, per token",
        ),
    ),
    by_others=True,
)


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: `answer_tokens` only; the scored answer is the problem's.

    Raises:
        NotMeasurable: The chain is empty or no answer comes after it.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    own = own_answer(reader, trace, inputs)
    cuts = list(trace.cuts())
    cues = [list(reader.cue_after(trace.ids[:cut])) for cut in cuts]
    answer = reader.answer_ids(trace.problem.answer)
    scores, again = twice(lambda: own.prefix.branches(cuts, cues).score([answer] * len(cuts)))
    per_token = scores / len(answer)
    gains = np.diff(per_token)
    p = np.exp(scores)
    perplexity = np.exp(-per_token)
    steps = len(gains)
    about: dict[str, Any] = {"measure": CARD.name, "trace": trace.id, "reader": reader.name}
    about |= {"tokens": tokens_digest(trace.ids)}
    return timer.measurement(
        value=float(p[-1] - p[0]),
        scalars={
            "identity": float(np.abs(np.exp(again) - p).max()),
            "nats": float(per_token[-1] - per_token[0]),
            "positive": float((gains > 0).mean()),
            "paper": float((perplexity[0] - perplexity[-1]) / steps),
            "paper_code": _whole_string(
                own.prefix.logprobs().double().cpu().numpy(), cuts, cues, own, answer
            ),
        },
        results={
            "probability": Curve(values=p, name="probability", unit="probability", **about),
            "gain": StepVector(values=gains, name="gain", unit="nats per token", **about),
        },
    )


def _whole_string(
    token_scores: np.ndarray,
    cuts: list[int],
    cues: list[list[int]],
    own: Own,
    answer: list[int],
) -> float:
    """The released code's mean drop per step: perplexity over prompt, chain, cue and answer together."""
    tails = own.prefix.branches(cuts, [[] for _ in cuts]).score([[*cue, *answer] for cue in cues])
    sums = np.array([np.nansum(token_scores[:cut]) for cut in cuts]) + tails
    lengths = np.array(cuts) - 1 + np.array([len(cue) for cue in cues]) + len(answer)
    perplexity = np.exp(-sums / lengths)
    return float((perplexity[0] - perplexity[-1]) / (len(cuts) - 1))
