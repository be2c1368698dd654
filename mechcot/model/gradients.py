"""Gradient of a log-probability by the states at some sites: one forward and one backward for all of them.

    gradient[site][t] = d log p(token | ids) / d state of `site` at position t

Weights stay frozen; only states carry gradients. Holds what the backward needs, several times the memory of a
plain forward.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from mechcot.model.interface import Scorer
from mechcot.model.internals.hooks import Hook, HookPoint, tapped
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site


def gradients(
    reasoner: Scorer, ids: Sequence[int], sites: Sequence[Site], *, token: int
) -> tuple[float, dict[Site, Float[Tensor, "token d_model"]]]:
    """The log-probability of a next token and its gradient at some sites.

    Cost: one forward and one backward. Sites that take the state of a block's input or output only: a state
    that is overwritten in place (`resid_mid`) has no gradient of its own.

    Returns:
        The log-probability in nats, and the gradients in nats per unit of state.

    Raises:
        UserError: A site that the model does not have.
    """
    backbone = backbone_of(reasoner.model)
    states: dict[Site, Tensor] = {}
    taps: list[tuple[HookPoint, Hook]] = [
        (backbone.place(site), _carrying(site, states)) for site in sites
    ]
    with torch.enable_grad():
        target = next_logprobs_under(reasoner, ids, taps)[token]
        grads = torch.autograd.grad(target, [states[site] for site in sites])
    pairs = zip(sites, grads, strict=True)
    return float(target.detach()), {site: gradient[0].detach() for site, gradient in pairs}


def next_logprobs_under(
    reasoner: Scorer, ids: Sequence[int], taps: Sequence[tuple[HookPoint, Hook]]
) -> Float[Tensor, " d_vocab"]:
    """Log-probabilities in nats of the token after a text, with gradients to what the hooks keep. Cost: one forward without a cache."""
    backbone = backbone_of(reasoner.model)
    tokens = torch.tensor([list(ids)], dtype=torch.long, device=backbone.device)
    with torch.enable_grad(), tapped(taps):
        hidden = backbone.base(
            input_ids=tokens,
            attention_mask=torch.ones_like(tokens),
            use_cache=False,
            return_dict=True,
        ).last_hidden_state
        return backbone.log_probabilities(hidden[0, -1], scale=float(reasoner.logit_scale))


def _carrying(site: Site, states: dict[Site, Tensor]) -> Hook:
    """A tap that keeps the states of a site and sees that they carry gradients."""

    def tap(batch: Tensor) -> Tensor:
        states[site] = batch if batch.requires_grad else batch.detach().requires_grad_()
        return states[site]

    return tap
