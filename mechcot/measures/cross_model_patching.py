"""Cross-model patching: one checkpoint's states written into the other, at the same tokens.

    effect[l, j] = p(y | donor's states over step j at the input of block l) - p(y | the host's own states written there)

in both directions, y = the first token of the first model's own answer, text the same in both. Patched and unpatched rows run
on one kernel path, so a model patched into itself gives exactly 0. At most 8 steps, evenly spaced; beside them the whole chain
at once. The output of the last block is not patched: away from the predicting position it is 0 by construction.
    value = mean over both directions and the steps of the largest over layers of |effect|
Source: ours; cf. Prakash et al. 2024 (CMAP, arXiv 2402.14811).
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from mechcot.core.card import ArrayCard, Calls, Forwards, MeasureCard
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import LayerSteps, LayerVector
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Phase, Trace
from mechcot.measures.inputs import Inputs, Timer, reference
from mechcot.measures.own_answer import own_answer
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Intervention, Replace
from mechcot.model.prefix.grown_rows import BlockInputs
from mechcot.model.prefix.layer_rows import layer_rows, run_with_inputs
from mechcot.model.prefix.lockstep import one_path
from mechcot.model.prefix.prefix import Prefix
from mechcot.model.reasoner import Reasoner

_STEPS = 8

CARD = MeasureCard(
    name="cross_model_patching",
    title="Cross-model patching",
    question="Do one checkpoint's states of a step change the other's answer?",
    formula=(
        "mean over both directions and steps of the largest over layers of |p(answer | donor's states over the step) - "
        "p(answer | own states)|"
    ),
    unit="probability",
    low=0.0,
    high=1.0,
    direction=0,
    source="ours; cf. Prakash et al. 2024 (arXiv 2402.14811)",
    deviations="Both directions, but one answer, the first model's: swapping the models changes the number. The host's own states, written the same way, are the reference.",
    confounds="Models that drifted apart no longer read each other's states: that moves the answer too. A maximum over layers.",
    cost="3 forwards, and 4 partial forwards of half of `layers` rows for each of up to 8 steps and the whole chain",
    smallest_effect=0.1,
    rank=17,
    forwards=Forwards(12, layer=9),
    calls=Calls(45, alone=4),
    arrays=tuple(
        ArrayCard(name, axes=("layer", "step"))
        for name in ("before_into_after", "after_into_before")
    ),
    paired=True,
)


def measure(after: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace with the reference model (`inputs.against`) and the reader.

    Args:
        after: The reader.
        trace: A chain in its tokens.
        inputs: `against`, `seed` (of the control) and `answer_tokens`.

    Raises:
        NotMeasurable: The chain is empty, the reference gives no answer, or the models are not of one architecture.
    """
    before = reference(inputs, after)
    timer = Timer.start(measure=CARD.name, trace=trace, reader=after.name)
    token = own_answer(before, trace, inputs).answer[0]
    chain = trace.ids[: trace.cuts()[-1]]
    ids = (*chain, *before.cue_after(chain))
    steps = trace.chain_steps
    chosen = sorted({round(x) for x in np.linspace(0, len(steps) - 1, min(_STEPS, len(steps)))})
    places = [tuple(steps[j].tokens.positions()) for j in chosen]
    places = [at for at in places if at]
    chosen = [j for j in chosen if len(steps[j].tokens)]
    whole = tuple(trace.phase(Phase.CHAIN).positions())
    control = _control(trace, places[-1], seed=inputs.seed)
    runs = {id(model): run_with_inputs(model, ids) for model in (before, after)}
    about: dict[str, Any] = {"measure": CARD.name, "trace": trace.id, "reader": after.name}
    about |= {"tokens": tokens_digest(trace.ids), "unit": CARD.unit}
    labels = {"step": tuple(float(j) for j in chosen)}
    results, scalars, tops = {}, {}, []
    for way, donor, host in (
        ("before_into_after", before, after),
        ("after_into_before", after, before),
    ):
        prefix, own = runs[id(host)]
        effect = partial(_effect, prefix, own, token=token)
        states = runs[id(donor)][1]
        grid = np.stack([effect(at, states) for at in places], axis=1)
        chain = effect(whole, states)
        tops.append(np.abs(grid).max(axis=0).mean())
        results[way] = LayerSteps(values=grid, name=way, labels=labels, **about)
        results[f"{way}_chain"] = LayerVector(values=chain, name=f"{way}_chain", **about)
        null = np.abs(effect(control, states)).max() if control else math.nan
        scalars |= {
            f"{way}_chain": float(chain[np.abs(chain).argmax()]),
            f"null_{way}": float(null),
        }
        if host is before:
            scalars["identity"] = float(np.abs(effect(places[-1], own)).max())
    return timer.measurement(value=float(np.mean(tops)), scalars=scalars, results=results)


def _effect(
    prefix: Prefix, own: BlockInputs, at: Sequence[int], donor: BlockInputs, *, token: int
) -> Float[np.ndarray, " layer"]:
    """Per layer: change of the token's probability by the donor's states at some positions, against the host's own written there."""

    def answered(states: BlockInputs) -> Float[np.ndarray, " layer"]:
        edits = [
            Intervention(Site("resid_pre", layer), tuple(at), Replace(rows[list(at)]))
            for layer, rows in enumerate(states)
        ]
        hidden = layer_rows(prefix, min(at), edits, inputs=own)
        return prefix.unembed(hidden[:, -1])[:, token].exp().double().cpu().numpy()

    return np.subtract(*one_path(lambda: answered(donor), lambda: answered(own)))


def _control(trace: Trace, at: Sequence[int], *, seed: int) -> tuple[int, ...]:
    """As many random tokens of the question as a step has, the first token left out; empty when too few."""
    pool = range(1, trace.prompt_length)
    if len(pool) < len(at):
        return ()
    chosen = np.random.default_rng(seed).choice(pool, size=len(at), replace=False)
    return tuple(sorted(int(p) for p in chosen))
