"""Attribution patching: what step patching would find, from one backward.

    estimate[l, j] = sum over the tokens t of the stated value j of (twin[l, t] - clean[l, t]) . d LP(y') / d clean[l, t]
    exact[l, j]    = LP(y' | twin's state patched in) - LP(y' | clean), on a sample of the stated values

at the input of every block, later text kept; y' = the first token of the twin's answer. LP is one to one with the
probability that `step_patching` reports, so the ranks of both grids are those of its own metric. A first-order expansion
fails where the model is saturated: below a rank correlation of 0.8 with the exact grid there is no value.
Source: Nanda 2023 (attribution patching); Syed et al. 2023 (arXiv 2310.10348).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import spearmanr

from mechcot.core.card import ArrayCard, Calls, Forwards, MeasureCard
from mechcot.core.counterfactual import Stated
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import LayerSteps
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Trace
from mechcot.measures.counterfactual_runs import ChainStates, Runs
from mechcot.measures.inputs import Inputs, Timer
from mechcot.model.gradients import gradients
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner

AGREEMENT = 0.8
SAMPLE = 4
"""Stated values whose exact grid is taken."""

CARD = MeasureCard(
    name="attribution_patching",
    title="Attribution patching",
    question="Where would patching a stated value move the answer, by one backward instead of many forwards?",
    formula=(
        "mean over steps feeding the answer of (twin's state - clean state) . gradient of LP(twin's answer), at the input "
        "of the first block; none where the ranks agree with exact patching at less than 0.8"
    ),
    unit="nats",
    low=-100.0,
    high=100.0,
    direction=0,
    source="Nanda 2023 (attribution patching); Syed et al. 2023 (arXiv 2310.10348)",
    deviations="Checked on the same item against exact patching; an estimate for maps, never for a verdict.",
    confounds="A linear estimate: saturation hides large effects and invents others; nats follow confidence.",
    cost="3 forwards, 1 backward, and half of `layers` rows of a partial forward for each of up to 4 stated values",
    smallest_effect=1.0,
    rank=14,
    forwards=Forwards(3, layer=0.4),
    calls=Calls(6, alone=1),
    asks=("counterfactuals",),
    arrays=tuple(ArrayCard(name, axes=("layer", "step")) for name in ("estimate", "exact")),
)


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: `maker` and `seed`.

    Raises:
        NotMeasurable: No exact counterfactual can be made, or no stated value feeds the answer.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    if inputs.maker is None:
        raise NotMeasurable("these problems have no maker of counterfactuals")
    twin = inputs.maker(trace, retoken=reader.retoken, seed=inputs.seed)
    feeding = [i for i, each in enumerate(twin.stated) if each.answer_kept is not None]
    if not feeding or twin.answer is None:
        raise NotMeasurable("no stated value that changes feeds the answer directly")
    runs = Runs.of(reader, trace, twin)
    token = runs.answer_token(str(twin.answer))
    sites = [Site("resid_pre", layer) for layer in range(runs.n_layers)]
    clean, slopes = gradients(reader, runs.clean.ids, sites, token=token)
    slope = tuple(slopes[site] for site in sites)
    estimate = np.stack([_estimate(runs, slope, s.tokens.positions()) for s in twin.stated], axis=1)
    sampled = _sampled(len(twin.stated), feeding, seed=inputs.seed)
    exact = np.full_like(estimate, np.nan)
    for i in sampled:
        exact[:, i] = _exact(runs, twin.stated[i], token=token)
    agreement = _ranks_agree(estimate[:, sampled], exact[:, sampled])
    attributed = float(estimate[0, feeding].mean())
    trusted = agreement >= AGREEMENT
    about: dict[str, Any] = {"measure": CARD.name, "trace": trace.id, "reader": reader.name}
    about |= {"tokens": tokens_digest(trace.ids), "unit": CARD.unit}
    labels = {"step": tuple(float(each.step) for each in twin.stated)}
    return timer.measurement(
        value=attributed if trusted else math.nan,
        reason=""
        if trusted
        else f"its ranks agree with exact patching at {agreement:.2f}, below {AGREEMENT}",
        scalars={
            "identity": float(
                np.abs(_estimate(runs, slope, runs.changed(), source=runs.own)).max()
            ),
            "noise": abs(clean - float(runs.clean.unembed(runs.clean.hidden[-1])[token])),
            "null_random": _random(runs, slope, size=len(twin.stated[-1].tokens), seed=inputs.seed),
            "spearman": agreement,
            "attributed": attributed,
            "exact": float(np.nanmean(exact[0, feeding])),
            "sampled": float(len(sampled)),
        },
        results={
            name: LayerSteps(values=values, name=name, labels=labels, **about)
            for name, values in (("estimate", estimate), ("exact", exact))
        },
    )


def _estimate(
    runs: Runs,
    slope: tuple[ChainStates, ...],
    at: Sequence[int],
    *,
    source: tuple[ChainStates, ...] | None = None,
) -> Float[np.ndarray, " layer"]:
    """First-order change of the log-probability per layer."""
    rows = list(at)
    source = runs.other if source is None else source
    layers = zip(slope, source, runs.own, strict=True)
    return np.array(
        [float(((new[rows] - old[rows]) * by[rows]).double().sum()) for by, new, old in layers]
    )


def _exact(runs: Runs, stated: Stated, *, token: int) -> Float[np.ndarray, " layer"]:
    hidden = runs.rows(tuple(stated.tokens.positions()), source=runs.other)
    return runs.answer_moved(hidden, token=token)


def _sampled(count: int, feeding: Sequence[int], *, seed: int) -> list[int]:
    """Return which stated values are patched exactly: the last that feeds the answer, and others by seed."""
    others = [
        i for i in np.random.default_rng(seed).permutation(count).tolist() if i != feeding[-1]
    ]
    return sorted([feeding[-1], *others[: SAMPLE - 1]])


def _ranks_agree(estimate: np.ndarray, exact: np.ndarray) -> float:
    """Spearman over all cells; 0 when either grid is constant."""
    left, right = estimate.ravel(), exact.ravel()
    if len(left) < 3 or np.ptp(left) == 0.0 or np.ptp(right) == 0.0:
        return 0.0
    return float(spearmanr(left, right).statistic)


def _random(runs: Runs, slope: tuple[ChainStates, ...], *, size: int, seed: int) -> float:
    """The estimate for as many random chain tokens that neither state nor predict a change, above the first layer."""
    at = runs.controls(size, rng=np.random.default_rng(seed))
    if at is None or runs.n_layers < 2:
        return math.nan
    return float(_estimate(runs, slope, at)[1:].mean())
