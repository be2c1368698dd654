"""Mediation index (CMI): does the answer hang on what the chain says, more than on its other tokens?

    d_chain[l] = max(0, LP(y | clean) - LP(y | twin's states at every chain token that differs, input of block l))
    d_ctrl[l]  = the same for as many random chain tokens that neither state nor predict anything changed, a mean
    CMI[l]     = max(0, d_chain - d_ctrl) / (d_chain + d_ctrl);   NaN where the sum is below a floor, and counted
    value      = the same ratio of the sums over the blocks from the second on

y = the first token of the reader's own answer. At the input of the first block equal tokens have equal states, so
that d_ctrl is 0 there by construction: it is kept in the arrays and left out of the value. A ratio of two effects of one
model does not follow its confidence, as nats do. Source: Sathyanarayanan et al. 2026 (arXiv 2602.03994).
"""

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from mechcot.core.card import Calls, Forwards, MeasureCard
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import LayerVector
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Trace
from mechcot.measures.counterfactual_runs import Runs
from mechcot.measures.inputs import Inputs, Timer
from mechcot.measures.own_answer import own_answer
from mechcot.model.reasoner import Reasoner

FLOOR = 0.05
"""Nats: below this sum of both effects the ratio is noise."""
_DRAWS = 4

CARD = MeasureCard(
    name="mediation_index",
    title="Mediation index",
    question="How much more does the answer hang on what the chain says than on the chain's other tokens?",
    formula=(
        "max(0, d_chain - d_ctrl) / (d_chain + d_ctrl), d = sum over blocks from the second on of max(0, "
        "LP(own answer | clean) - LP(own answer | twin's states at the changed chain tokens, or at as many others))"
    ),
    unit="share",
    low=0.0,
    high=1.0,
    direction=1,
    source="Sathyanarayanan et al. 2026 (CMI, arXiv 2602.03994)",
    deviations=(
        "States come from a counterfactual twin in the same layout; controls are chain tokens that neither state nor "
        "predict a change, never the answer's; NaN, not 0, where nothing moves."
    ),
    confounds="No value where neither patch moves the answer: a model that ignores its chain mostly has none.",
    cost="3 forwards plus 6 partial forwards of half of `layers` rows",
    smallest_effect=0.15,
    rank=13,
    forwards=Forwards(3, layer=2),
    calls=Calls(13),
    asks=("counterfactuals",),
)


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: `maker`, `seed` and `answer_tokens`.

    Raises:
        NotMeasurable: The chain is empty, gives no answer, has no twin, or leaves no room for controls.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    if inputs.maker is None:
        raise NotMeasurable("these problems have no maker of counterfactuals")
    own = own_answer(reader, trace, inputs)
    runs = Runs.of(reader, trace, inputs.maker(trace, retoken=reader.retoken, seed=inputs.seed))
    changed = runs.changed()
    rng = np.random.default_rng(inputs.seed)
    draws = [runs.controls(len(changed), rng=rng) for _ in range(_DRAWS)]
    controls = [draw for draw in draws if draw is not None]
    if not changed or not controls or runs.n_layers < 2:
        raise NotMeasurable(
            f"no place for a patch of {len(changed)} tokens and as many controls in {runs.n_layers} blocks"
        )
    chain = _loss(runs, changed, token=own.answer[0])
    ctrl = np.mean([_loss(runs, at, token=own.answer[0]) for at in controls], axis=0)
    about: dict[str, Any] = {"measure": CARD.name, "trace": trace.id, "reader": reader.name}
    about |= {"tokens": tokens_digest(trace.ids)}
    identity, noise = runs.null_edit(changed)
    layers = index(chain, ctrl)
    value = float(index(chain[1:].sum(), ctrl[1:].sum()))
    return timer.measurement(
        value=value,
        reason=f"both patches together move the answer by less than {FLOOR} nats"
        if math.isnan(value)
        else "",
        scalars={
            "identity": identity,
            "noise": noise,
            "d_chain": float(chain[1:].mean()),
            "control": float(ctrl[1:].mean()),
            "undefined": float(np.isnan(layers[1:]).mean()),
            "patched": float(len(changed)),
        },
        results={
            "cmi": LayerVector(values=layers, name="cmi", unit="share", **about),
            "d_chain": LayerVector(values=chain, name="d_chain", unit="nats", **about),
            "d_ctrl": LayerVector(values=ctrl, name="d_ctrl", unit="nats", **about),
        },
    )


def index(
    chain: Float[np.ndarray, "*layer"] | float, ctrl: Float[np.ndarray, "*layer"] | float
) -> Float[np.ndarray, "*layer"]:
    """The mediation index of two losses in nats; NaN where their sum is below the floor."""
    both = np.asarray(chain) + np.asarray(ctrl)
    excess = np.maximum(0.0, np.asarray(chain) - np.asarray(ctrl))
    return np.where(both < FLOOR, np.nan, excess / np.where(both < FLOOR, 1.0, both))


def _loss(runs: Runs, at: tuple[int, ...], *, token: int) -> Float[np.ndarray, " layer"]:
    """Nats that the answer loses when the twin's states stand at some positions, per layer."""
    moved = runs.answer_moved(runs.rows(at, source=runs.other), token=token)
    return np.maximum(0.0, -moved)
