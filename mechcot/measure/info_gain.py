"""InfoGain: what each step adds to the probability of the right answer.

    LP_k   = log p(y* | q, s_<=k),  y* = the reference answer, its own tokens only
    gain_k = (LP_k - LP_{k-1}) / |y*|       nats per answer token
    value  = p_n - p_0                      p_k = exp(LP_k)

The headline is in probability: nats follow confidence (logits times 1.5 stretch every gain), so they
compare steps within one model and not models. The evaluator is the reader, whoever that is.

The paper's number is the mean drop of the answer's perplexity per step, (PPL_0 - PPL_n) / n: it falls with the
length of the chain, and one improbable answer without a chain sets its scale. The released code takes the perplexity of
the whole string (question, chain and answer) instead of the answer's: it says how predictable the chain is.
Both stand beside ours. Source: Wu et al. 2025 (arXiv 2506.02126).
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from mechcot.core.card import MeasureCard
from mechcot.core.errors import NotMeasurable
from mechcot.core.reading import Reading
from mechcot.core.result import Curve, StepVector
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Phase, Trace
from mechcot.measure.inputs import Inputs, Timer
from mechcot.model.prefix import Prefix
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
        "The paper gives the mean drop of perplexity per step under an untuned third model; ours is the reader's own "
        "probability, on the answer's tokens alone. The paper's number and its code's variant are kept as scalars."
    ),
    confounds=(
        "Accuracy: a chain that ends wrong lowers it. A model that knows the answer without a chain gains nothing. "
        "The right answer must be written as the model would write it."
    ),
    cost="1 forward of the trace plus one packed forward of n + 1 suffixes",
    smallest_effect=0.15,
)

POSITIVE = 0.01
"""Least gain of a positive step, in nats per answer token: above the noise of a kernel path."""


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Reading:
    """Read one trace.

    Raises:
        NotMeasurable: The chain is empty.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    cuts, answer = trace.cuts(), reader.answer_ids(trace.problem.answer)
    if len(cuts) < 2:
        msg = "the chain has no steps"
        raise NotMeasurable(msg)
    prefix = reader.prefix(trace.ids[: cuts[-1]])
    scores, again = (_scores(reader, prefix, cuts, answer) for _ in range(2))
    per_token, p = scores / len(answer), np.exp(scores)
    gains = np.diff(per_token)
    about = {"measure": CARD.name, "trace": trace.id, "reader": reader.name}
    about |= {"tokens": tokens_digest(trace.ids)}
    return timer.reading(
        value=float(p[-1] - p[0]),
        scalars={
            "identity": float(np.abs(np.exp(again) - p).max()),
            "null_other": _other(reader, trace, inputs, answer) - float(p[0]),
            "nats": float(gains.sum()),
            "positive": float((gains > POSITIVE).mean()),
            "paper": _per_step(per_token),
            "paper_code": _per_step(_whole_string(reader, prefix, cuts, answer)),
        },
        results={
            "probability": Curve(values=p, name="probability", unit="probability", **about),
            "gain": StepVector(values=gains, name="gain", unit="nats per answer token", **about),
        },
    )


def _scores(
    reader: Reasoner, prefix: Prefix, cuts: Sequence[int], answer: Sequence[int]
) -> Float[np.ndarray, " cut"]:
    """Log-probability of the answer after every cut."""
    forks = prefix.forks(cuts, [reader.cue_ids] * len(cuts))
    return forks.score([answer] * len(cuts))


def _other(reader: Reasoner, trace: Trace, inputs: Inputs, answer: Sequence[int]) -> float:
    """Probability of the right answer after another item's chain; NaN when there is none."""
    if inputs.other is None:
        return math.nan
    chain = inputs.other.phase(Phase.CHAIN)
    foreign = inputs.other.ids[chain.start : chain.stop]
    prefix = reader.prefix((*trace.ids[: trace.prompt_length], *foreign))
    return float(np.exp(_scores(reader, prefix, [len(prefix)], answer)[0]))


def _per_step(per_token: Float[np.ndarray, " cut"]) -> float:
    """Mean drop of the perplexity per step; NaN where it is too large for a number."""
    with np.errstate(over="ignore", invalid="ignore"):
        perplexity = np.exp(-per_token)
        drop = float((perplexity[0] - perplexity[-1]) / (len(per_token) - 1))
    return drop if math.isfinite(drop) else math.nan


def _whole_string(
    reader: Reasoner, prefix: Prefix, cuts: Sequence[int], answer: Sequence[int]
) -> Float[np.ndarray, " cut"]:
    """Mean log-probability of all tokens of prompt, chain, cue and answer together, after every cut."""
    tail = [*reader.cue_ids, *answer]
    behind = prefix.forks(cuts, [[]] * len(cuts)).score([tail] * len(cuts))
    before = np.nancumsum(prefix.logprobs().double().cpu().numpy())
    counts = np.array([cut - 1 + len(tail) for cut in cuts])
    return (before[[cut - 1 for cut in cuts]] + behind) / counts
