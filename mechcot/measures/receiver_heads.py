"""Receiver heads: do some heads attend to a few steps of the chain from everywhere?

    r_j   = mean over later steps i >= j + 4 of the mean attention from step i to step j
    peak  = excess kurtosis of r over the steps j, per head

The kurtosis of n values is at most about n - 5 and grows with n when nothing else changes, so the raw number follows the
length of the chain. Ours is its rank among content-free vectors of the same n (exponential draws):

    value = mean over heads of the share of content-free vectors with a smaller kurtosis

Direction 0: a head may receive much and matter little. The first token is no step, so the sink is left out; the first
step is dropped with it. Split half: correlation over heads between r from odd and from even later steps.
Source: Bogdan et al. 2025 (Thought Anchors, arXiv 2506.19143).
"""

from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import kurtosis, spearmanr

from mechcot.core.card import ArrayCard, Calls, Forwards, MeasureCard
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import HeadSteps
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.measures.inputs import Inputs, Timer
from mechcot.model.attention import group_attention
from mechcot.model.reasoner import Reasoner

CARD = MeasureCard(
    name="receiver_heads",
    title="Receiver heads",
    question="Do heads attend to few steps of the chain more than chance would have it at this length?",
    formula="mean over heads of the rank of the kurtosis of received attention among content-free vectors of the same length",
    unit="share",
    low=0.0,
    high=1.0,
    direction=0,
    source="Bogdan et al. 2025 (Thought Anchors, arXiv 2506.19143)",
    deviations="Rank at equal length instead of the raw kurtosis, which is kept as a scalar.",
    confounds="The raw kurtosis follows chain length; attention is not use.",
    cost="about 3 forwards of the trace",
    smallest_effect=0.1,
    rank=12,
    needs=("attention",),
    forwards=Forwards(1),
    calls=Calls(1, together=False),
    arrays=(
        ArrayCard(
            name="received",
            axes=("layer", "head", "step"),
            picture="Attention received from later steps, by head",
        ),
    ),
)

APART = 4
FEWEST_STEPS = 4
_DRAWS = 2000


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:  # noqa: ARG001
    """Read one trace.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: None of them is used.

    Raises:
        NotMeasurable: Fewer than four steps have a step at least four after them.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    spans = [step.tokens for step in trace.chain_steps]
    if len(spans) < 1 + FEWEST_STEPS + APART:
        raise NotMeasurable(
            f"receiver heads need a chain of at least {count_of(1 + FEWEST_STEPS + APART, 'step')}, this has {len(spans)}"
        )
    mean = group_attention(reader, trace.ids[: trace.cuts()[-1]], spans).mean[:, :, 1:, 1:]
    received = received_attention(mean)
    raw = np.asarray(kurtosis(received, axis=-1))
    n = received.shape[-1]
    about: dict[str, Any] = {"measure": CARD.name, "trace": trace.id, "reader": reader.name}
    about |= {"tokens": tokens_digest(trace.ids), "unit": "attention"}
    labels = {"step": tuple(float(step) for step in range(1, n + 1))}
    return timer.measurement(
        value=float(rank(raw, n=n).mean()),
        scalars={
            "kurtosis": float(raw.mean()),
            "kurtosis_top": float(raw.max()),
            "steps": float(n),
            "split_half": _split_half(mean),
        },
        results={"received": HeadSteps(values=received, name="received", labels=labels, **about)},
    )


def received_attention(
    mean: Float[np.ndarray, "layer head source target"],
) -> Float[np.ndarray, "layer head step"]:
    """Mean attention that each step receives from steps at least four later; steps without such are left out.

    Args:
        mean: Mean attention between steps.
    """
    n = mean.shape[-1]
    far = np.triu(np.ones((n, n), dtype=bool), k=APART)[: n - APART]
    kept = np.where(far, mean[:, :, : n - APART], 0.0)
    return kept.sum(-1) / far.sum(-1)


@lru_cache(maxsize=256)
def _null(n: int) -> np.ndarray:
    """Sorted kurtosis of content-free vectors of length n."""
    draws = np.random.default_rng(n).exponential(size=(_DRAWS, n))
    return np.sort(kurtosis(draws, axis=-1))


def rank(raw: Float[np.ndarray, "*head"], *, n: int) -> Float[np.ndarray, "*head"]:
    """Share of content-free vectors of length n with a smaller kurtosis."""
    return np.searchsorted(_null(n), raw) / _DRAWS


def _split_half(mean: Float[np.ndarray, "layer head source target"]) -> float:
    """Spearman over heads between the kurtosis from odd and from even later steps."""
    halves = []
    for start in (0, 1):
        half = mean.copy()
        half[..., start::2] = np.nan
        n = half.shape[-1]
        far = np.triu(np.ones((n, n), dtype=bool), k=APART)[: n - APART - 1]
        values = np.where(
            far & np.isfinite(half[:, :, : n - APART - 1]), half[:, :, : n - APART - 1], 0.0
        )
        counts = (far & np.isfinite(half[:, :, : n - APART - 1])).sum(-1)
        halves.append(kurtosis(values.sum(-1) / np.maximum(counts, 1), axis=-1).ravel())
    return float(spearmanr(*halves).statistic)
