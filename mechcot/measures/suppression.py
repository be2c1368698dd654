"""Attention suppression: hide step j from every later token and see what moves.

    M[j, i] = mean over tokens of step i of KL(clean || step j hidden)       in nats
    answer[j] = TV(answer distribution clean, step j hidden)                 in probability
    value = max_j answer[j]

A token is read at the position that predicts it, one to its left; the first token of step j + 1 is
predicted inside step j and is left out (a structural zero). Attention is causal, so nothing up to
the end of j changes: the cache is cropped there and only later tokens run. The clean side is one plain run;
`noise` is what the change to the masked and cropped path alone moves, and `top_step` is no number below three of it.
Source: Bogdan et al. 2025 (Thought Anchors, arXiv 2506.19143).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mechcot.core.card import ArrayCard, Calls, Forwards, MeasureCard
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import StepMatrix, StepVector
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Span, Trace
from mechcot.measures.inputs import Inputs, Timer, unhideable
from mechcot.model.distances import Unembed, kl, tv
from mechcot.model.interventions import AttentionKnockout
from mechcot.model.prefix.lockstep import one_path
from mechcot.model.prefix.prefix import Prefix
from mechcot.model.reasoner import Reasoner

CARD = MeasureCard(
    name="suppression",
    title="Attention suppression",
    question="How far does the answer move when the most important single step is hidden from attention?",
    formula="max over steps j of TV(p(answer), p(answer | step j hidden from all later tokens))",
    unit="probability",
    low=0.0,
    high=1.0,
    direction=1,
    source="Bogdan et al. 2025 (Thought Anchors, arXiv 2506.19143)",
    deviations=(
        "KL over the whole vocabulary; tokens read at the predicting position; the headline reads "
        "total variation on the first answer token instead of nats, which follow confidence."
    ),
    confounds="Redundant steps hide each other's effect; a maximum grows with the number of steps.",
    cost="2 forwards of the trace plus half a forward per step",
    smallest_effect=0.1,
    rank=4,
    standard=True,
    needs=("hiding",),
    forwards=Forwards(1.2, step=0.45),
    calls=Calls(4, step=1),
    arrays=(
        ArrayCard(
            name="answer",
            title="hidden from attention",
            meaning="total variation between the answer's distributions when the step is hidden from all later tokens",
            carries=True,
            acts="attention",
        ),
        ArrayCard(
            name="kl",
            axes=("source", "target"),
            picture="Hidden from attention: change of each later step",
            figure="Attention suppression: KL of each later step when a step is hidden",
            caption="A column is hidden from all later steps: strong cells are steps that a later step depends on.",
        ),
    ),
)


FLOORS = 3.0
"""Nothing below so many noise floors is called an effect."""
HELD_NUMBERS = 2**26
"""Most clean log-probabilities that are held, 256 MB in float32; beyond it they are computed anew for each step."""


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: `seed`, for the random null only.

    Returns:
        The measurement; without a value, and with the reason, where the family hides nothing.

    Raises:
        NotMeasurable: The chain is empty.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    steps = trace.chain_steps
    if not steps:
        raise NotMeasurable("the chain has no steps")
    if reason := unhideable(reader):
        return timer.measurement(value=math.nan, reason=reason)
    chain = trace.ids[: trace.cuts()[-1]]
    run = _Suppression.of(
        reader.prefix((*chain, *reader.cue_after(chain))),
        spans=[step.tokens for step in steps],
    )
    rows, answer = zip(*(run.hide(j, (span,)) for j, span in enumerate(run.spans)), strict=True)
    top = int(np.argmax(answer))
    identity, noise, noise_kl = run.null_edit(len(steps) // 2)
    about: dict[str, Any] = {"measure": CARD.name, "trace": trace.id, "reader": reader.name}
    about |= {"tokens": tokens_digest(trace.ids)}
    return timer.measurement(
        value=float(answer[top]),
        scalars={
            "identity": identity,
            "noise": noise,
            "noise_kl": noise_kl,
            "null_random": _random(run, top, seed=inputs.seed),
            "top_step": float(top) if answer[top] > FLOORS * noise else math.nan,
            "mean_step": float(np.mean(answer)),
        },
        results={
            "kl": StepMatrix(values=np.array(rows), name="kl", unit="nats", **about),
            "answer": StepVector(
                values=np.array(answer), name="answer", unit="probability", **about
            ),
        },
    )


@dataclass(frozen=True, eq=False)
class _Suppression:
    """The clean run of a chain and the question for its answer, against which every hidden step is held.

    Attributes:
        prefix: The clean run, once for all steps.
        spans: The steps' tokens.
        clean: Its log-probabilities where they fit into `HELD_NUMBERS`, else its states.
        unembed: From `clean` to log-probabilities.
    """

    prefix: Prefix
    spans: Sequence[Span]
    clean: Float[Tensor, "token width"]
    unembed: Unembed

    @classmethod
    def of(cls, prefix: Prefix, *, spans: Sequence[Span]) -> "_Suppression":
        """Keep the clean side of a run that is over."""
        n_vocabulary = int(prefix.backbone.config.get_text_config().vocab_size)
        if len(prefix) * n_vocabulary > HELD_NUMBERS:
            return cls(prefix, spans, prefix.hidden, prefix.unembed)
        parts = [prefix.unembed(states) for states in prefix.hidden.split(256)]
        return cls(prefix, spans, torch.cat(parts), lambda log_probabilities: log_probabilities)

    def hide(self, j: int, keys: Sequence[Span]) -> tuple[np.ndarray, float]:
        """Row j of the matrix and the answer's movement with `keys` hidden from everything after step j."""
        start = self.spans[j].stop
        return self._moved(j, self._rerun(start, keys), self.clean[start:], self.unembed)

    def null_edit(self, j: int) -> tuple[float, float, float]:
        """Rerun what follows step j with nothing hidden.

        Returns:
            Largest movement between two such runs, exactly 0; the answer's movement against the clean run, and the largest
            KL of a step: the noise floor between the two kernel paths.
        """
        start = self.spans[j].stop
        hidden, again = one_path(
            lambda: self._rerun(start, ()), lambda: self._rerun(start, [Span(start, start)])
        )
        row, answer = self._moved(j, hidden, self.clean[start:], self.unembed)
        same = self._moved(j, again, hidden, self.prefix.unembed)
        return _largest(*same), answer, _largest(row, 0.0)

    def _rerun(self, start: int, keys: Sequence[Span]) -> Float[Tensor, "token d_model"]:
        queries = Span(start, len(self.prefix))
        return self.prefix.rerun_from(start, under=[AttentionKnockout(k, queries) for k in keys])[0]

    def _moved(
        self, j: int, hidden: Tensor, clean: Tensor, unembed: Unembed
    ) -> tuple[np.ndarray, float]:
        """Mean KL of each later step, and total variation of the answer; both sides begin behind step j."""
        start, stop = self.spans[j].stop, self.spans[-1].stop - 1
        to_log_q = self.prefix.unembed
        later = slice(0, max(0, stop - start))
        divergence = kl(clean[later], hidden[later], unembed, unembed_q=to_log_q)
        row = np.full(len(self.spans), np.nan)
        for i in range(j + 1, len(self.spans)):
            first = max(self.spans[i].start - 1, start)
            predicted = divergence[first - start : self.spans[i].stop - 1 - start]
            if len(predicted):
                row[i] = float(predicted.mean())
        return row, float(tv(clean[-1:], hidden[-1:], unembed, unembed_q=to_log_q)[0])


def _largest(row: np.ndarray, answer: float) -> float:
    return float(np.nanmax([answer, *row]))


def _random(run: _Suppression, top: int, *, seed: int) -> float:
    """TV when as many random earlier positions (never the first token) are hidden instead."""
    pool = range(1, run.spans[top].start)
    size = min(len(run.spans[top]), len(pool))
    if size == 0:
        return math.nan
    chosen = np.random.default_rng(seed).choice(pool, size=size, replace=False)
    return run.hide(top, [Span(int(p), int(p) + 1) for p in sorted(chosen)])[1]
