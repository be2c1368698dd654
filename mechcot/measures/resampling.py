"""Resampling: what happens to the answer when a step is written anew?

From the text before step i, and from the text after it, N continuations are drawn; behind each the answer is asked for.
With P = probability of the reader's own answer behind a continuation, and means over continuations:

    plain[i]          = E[P | drawn after s_i] - E[P | drawn before s_i]
    counterfactual[i] = E[P | drawn after s_i] - E[P | drawn before s_i, first step means something else]
    forced[i]         = p(y | q, s_<=i) - p(y | q, s_<i)          no continuation at all
    value             = mean of counterfactual[i] over the tried steps that have one

One sign for all three: positive where the answer rests on what the step says. A step whose continuations
(fewer than two of them) never say something else has no counterfactual: `support` is the share of tried steps that have one. The
paper's KL between smoothed counts of answers is kept as a scalar. Null: the counterfactual with `same` and `changed` dealt out at random.
Source: Thought Anchors, Bogdan et al. 2025 (arXiv 2506.19143).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from mechcot.core.card import Calls, Forwards, MeasureCard
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import StepVector
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Trace
from mechcot.measures.inputs import Inputs, Timer
from mechcot.measures.own_answer import Own, own_answer
from mechcot.model.generation.ask_answer import read_continuation, written_trace
from mechcot.model.generation.sampling import Sampling
from mechcot.model.reasoner import Reasoner

_STEPS = 2
"""Steps that are tried, drawn by the item's seed."""
LEAST = 2
"""Fewest continuations in a group."""
_ALPHA = 1.0
"""Added to the count of every answer before the paper's KL is taken."""

CARD = MeasureCard(
    name="resampling",
    title="Resampling",
    question="How much of the answer's probability is lost when a step is written anew and says something else?",
    formula=(
        "mean over tried steps of E[p(own answer) | continued after the step] - E[p(own answer) | continued before it, first "
        "step means something else]"
    ),
    unit="probability",
    low=-1.0,
    high=1.0,
    direction=1,
    source="Thought Anchors, Bogdan et al. 2025 (arXiv 2506.19143)",
    deviations=(
        "Probability of one answer instead of KL between counts (kept as a scalar); the model's own distribution (temperature 1) "
        "instead of 0.6 with top-p 0.95; a few draws and steps instead of 100 and all; meaning by exact parse or by words, not by embeddings."
    ),
    confounds="A model that is sure of its text says the same again: then there is no value. Draws come from the reader, not the author.",
    cost="N continuations before and after each of 2 steps",
    smallest_effect=0.15,
    rank=15,
    forwards=Forwards(24),
    calls=Calls(12, written=1.3),
    draws=True,
)


@dataclass(frozen=True, eq=False)
class Drawn:
    """Continuations from one place of a chain, and the answer behind each.

    Attributes:
        firsts: Text of the step that begins there; None where the chain ended.
        own: Probability of the reader's own answer.
        answers: The answer given; None where none could be read.
    """

    firsts: tuple[str | None, ...]
    own: Float[np.ndarray, " draw"]
    answers: tuple[str | None, ...]


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: `meaning`, `draws`, `seed` and `answer_tokens`.

    Raises:
        NotMeasurable: The chain is empty, gives no answer, fills the context, or nobody can compare two of its steps.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    own = own_answer(reader, trace, inputs)
    if inputs.meaning is None:
        raise NotMeasurable("nobody can say whether two steps of this text mean the same")
    texts, cuts = [step.text for step in trace.chain_steps], trace.cuts()
    rng = np.random.default_rng(inputs.seed)
    tried = sorted(int(i) for i in rng.permutation(len(texts))[:_STEPS])
    places = sorted({*tried, *(i + 1 for i in tried)})
    drawn = {i: draw(reader, trace, own, i, inputs=inputs) for i in places}
    forced = np.diff(own.after(list(cuts), [[] for _ in cuts]))
    plain, counterfactual, null, kl = (np.full(len(texts), np.nan) for _ in range(4))
    for i in tried:
        before, after = drawn[i], drawn[i + 1]
        changed = np.array(
            [
                first is None
                or not inputs.meaning(trace.problem.question, texts[:i], texts[i], first)
                for first in before.firsts
            ]
        )
        plain[i] = after.own.mean() - before.own.mean()
        kl[i] = divergence(before.answers, after.answers)
        if changed.sum() >= LEAST:
            counterfactual[i] = after.own.mean() - before.own[changed].mean()
            null[i] = dealt(before.own, after.own, changed, rng=rng)
    about: dict[str, Any] = {"measure": CARD.name, "trace": trace.id, "reader": reader.name}
    about |= {"tokens": tokens_digest(trace.ids), "unit": CARD.unit}
    has = np.isfinite(counterfactual[tried])
    return timer.measurement(
        value=float(np.nanmean(counterfactual)) if has.any() else float("nan"),
        reason="" if has.any() else "every continuation says the same again",
        scalars={
            "plain": float(np.nanmean(plain)),
            "forced": float(forced[tried].mean()),
            "kl": float(np.nanmean(kl)),
            "support": float(has.mean()),
            "null_random": float(np.nanmean(null)) if has.any() else float("nan"),
        },
        results={
            "counterfactual": StepVector(values=counterfactual, name="counterfactual", **about),
            "plain": StepVector(values=plain, name="plain", **about),
            "forced": StepVector(values=forced, name="forced", **about),
        },
    )


def draw(reader: Reasoner, trace: Trace, own: Own, place: int, *, inputs: Inputs) -> Drawn:
    """Continue a chain behind its first `place` steps, and ask for the answer behind each continuation.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        own: Its answer after the whole chain, whose probability is measured.
        place: How many steps stay, from 0.
        inputs: Gives `draws`, `seed` and `answer_tokens`.

    Raises:
        NotMeasurable: The context has no room.
    """
    cut = trace.cuts()[place]
    left = reader.max_length - cut - len(reader.cue_ids) - inputs.answer_tokens
    if left < 1:
        raise NotMeasurable("the context has no room for another continuation")
    longest = min(len(trace), left)
    seeds = [inputs.seed + place * inputs.draws + k for k in range(inputs.draws)]
    if inputs.continuations is not None:
        written = inputs.continuations(trace.ids[:cut], longest, seeds)
    else:
        sampling = Sampling(longest, temperature=1.0)
        written = own.prefix.sample(cut, sampling=sampling, seeds=seeds, stop=reader.stop_ids)
    firsts, tails = [], []
    for ids in written:
        new = written_trace(reader, trace, (*trace.ids[:cut], *ids))
        firsts.append(next((s.text for s in new.chain_steps if cut in s.tokens), None))
        tails.append(list(new.ids[cut : max(cut, new.cuts()[-1])]))
    asked = [[*tail, *reader.cue_after((*trace.ids[:cut], *tail))] for tail in tails]
    branches = own.prefix.branches([cut] * len(tails), asked)
    said = branches.greedy(max_new=inputs.answer_tokens, stop=reader.stop_ids)
    return Drawn(
        firsts=tuple(firsts),
        own=np.exp(branches.score([own.answer] * len(tails))),
        answers=tuple(read_continuation(reader, ids)[1].text for ids in said),
    )


def divergence(before: Sequence[str | None], after: Sequence[str | None]) -> float:
    """KL(before || after) in nats between counts of answers, `_ALPHA` added to each answer that occurs."""
    every = sorted({*before, *after}, key=str)
    p, q = (
        np.array([Counter(group)[answer] + _ALPHA for answer in every]) for group in (before, after)
    )
    p, q = p / p.sum(), q / q.sum()
    return float((p * np.log(p / q)).sum())


def dealt(
    before: Float[np.ndarray, " draw"],
    after: Float[np.ndarray, " draw"],
    changed: Bool[np.ndarray, " draw"],
    *,
    rng: np.random.Generator,
) -> float:
    """The counterfactual importance when all continuations are dealt out at random: about 0.

    Args:
        before: The answer's probability behind continuations of the text before the step.
        after: The same of the text after the step.
        changed: Which of `before` say something else than the step.
        rng: Source of chance.
    """
    both = rng.permutation(np.concatenate([after, before[changed]]))
    return float(both[: len(after)].mean() - both[len(after) :].mean())
