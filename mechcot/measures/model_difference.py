"""Model difference: on the same tokens, how far are two checkpoints apart, in what they say and in their states?

    KL[t]           = KL(p_before || p_after) of the chain's token t, read where it is predicted     nats
    value           = mean over the chain's tokens of TV(p_before, p_after)                          probability
    relative[l]     = mean over the chain's tokens of |h_after - h_before| / |h_before|, resid_post.l
    mean_difference[l] = mean over the chain's tokens of h_after - h_before

Taken before any dictionary is trained. KL follows confidence and stays beside the headline. Two checkpoints that
differ by a factor on their logits differ in KL and TV and in no state. Source: Activation Difference Lens (arXiv 2510.13900).
"""

from typing import Any

import torch

from mechcot.core.card import Calls, Forwards, MeasureCard
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import LayerFeatures, LayerVector, TokenVector
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Phase, Trace
from mechcot.measures.inputs import Inputs, Timer, reference
from mechcot.model.activations.capture import capture
from mechcot.model.distances import kl, tv
from mechcot.model.internals.sites import Site
from mechcot.model.prefix.lockstep import twice
from mechcot.model.reasoner import Reasoner

CARD = MeasureCard(
    name="model_difference",
    title="Model difference",
    question="How far are two checkpoints apart on the tokens of the same chain?",
    formula="mean over chain tokens of TV(p_before, p_after)",
    unit="probability",
    low=0.0,
    high=1.0,
    direction=0,
    source="Activation Difference Lens (arXiv 2510.13900)",
    deviations="Total variation for the headline, KL beside it; chain tokens only.",
    confounds="Says that the models differ on this text, not that either uses its chain.",
    cost="3 forwards by the first model, 2 by the second",
    smallest_effect=0.05,
    rank=16,
    forwards=Forwards(5),
    calls=Calls(6),
    paired=True,
)


def measure(after: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace with the reference model (`inputs.against`) and the reader.

    Args:
        after: The reader.
        trace: A chain in its tokens.
        inputs: `against` only.

    Raises:
        NotMeasurable: The chain has no tokens, or the models are not of one architecture.
    """
    before = reference(inputs, after)
    timer = Timer.start(measure=CARD.name, trace=trace, reader=after.name)
    chain = trace.phase(Phase.CHAIN)
    if not len(chain):
        raise NotMeasurable("the chain has no tokens")
    ids = (*trace.ids[: chain.stop], *before.cue_after(trace.ids[: chain.stop]))
    first, again = twice(lambda: before.prefix(ids))
    second = after.prefix(ids)
    here = slice(chain.start - 1, chain.stop - 1)
    other: dict[str, Any] = {"unembed_q": second.unembed}
    near = second.hidden.to(first.hidden.device)
    divergence = kl(first.hidden[here], near[here], first.unembed, **other)
    moved = tv(first.hidden[here], near[here], first.unembed, **other)
    relative, difference = _states(before, after, trace)
    about: dict[str, Any] = {"measure": CARD.name, "trace": trace.id, "reader": after.name}
    about |= {"tokens": tokens_digest(trace.ids)}
    return timer.measurement(
        value=float(moved.mean()),
        scalars={
            "identity": float(tv(first.hidden, again.hidden, first.unembed).max()),
            "kl": float(divergence.mean()),
            "answer": float(tv(first.hidden[-1:], near[-1:], first.unembed, **other)[0]),
            "relative_change": float(relative.mean()),
        },
        results={
            "kl": TokenVector(
                values=divergence.double().cpu().numpy(),
                name="kl",
                unit="nats",
                labels={"token": tuple(float(p) for p in chain.positions())},
                **about,
            ),
            "relative": LayerVector(
                values=relative.numpy(), name="relative", unit="share", **about
            ),
            "mean_difference": LayerFeatures(
                values=difference.numpy(), name="mean_difference", unit="state", **about
            ),
        },
    )


def _states(before: Reasoner, after: Reasoner, trace: Trace) -> tuple[torch.Tensor, torch.Tensor]:
    """Relative change per layer, and the mean difference vectors `[layer, d_model]`."""
    chain = trace.phase(Phase.CHAIN)
    layers = range(before.model.config.get_text_config().num_hidden_layers)
    sites = [Site("resid_post", layer) for layer in layers]
    ids = trace.ids[: chain.stop]
    left, right = (capture(model, ids, sites) for model in (before, after))
    relative, difference = [], []
    for site in sites:
        old, new = (states[site][chain.start :].cpu().double() for states in (left, right))
        relative.append(((new - old).norm(dim=-1) / old.norm(dim=-1)).mean())
        difference.append((new - old).mean(dim=0))
    return torch.stack(relative), torch.stack(difference)
