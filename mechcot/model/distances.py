"""Distances between next-token distributions over the whole vocabulary, in chunks of tokens.

Per token: KL(p || q) = sum p (log p - log q); total variation = 1/2 sum |p - q|; Jensen-Shannon
divergence = 1/2 KL(p || m) + 1/2 KL(q || m), m = (p + q) / 2 (at most log 2). All in nats, float32, on the
device; only one `[chunk, d_vocab]` array per side lives at a time. Equal states give exactly 0.
Source of the Jensen-Shannon divergence: Lin 1991 (IEEE Transactions on Information Theory 37:145).
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from mechcot.model.prefix.lockstep import one_path

Unembed = Callable[[Tensor], Tensor]
_Hidden = Float[Tensor, "token d_model"]
PerToken = Float[Tensor, " token"]


def kl(
    hidden_p: _Hidden,
    hidden_q: Tensor,
    unembed: Unembed,
    chunk: int = 256,
    *,
    unembed_q: Unembed | None = None,
) -> PerToken:
    """KL(p || q) of each token in nats.

    Args:
        hidden_p: States after the final norm of the reference (clean) run.
        hidden_q: The same of the other run; as many tokens.
        unembed: From states to log-probabilities (`Prefix.unembed`).
        chunk: Tokens unembedded at a time.
        unembed_q: The other model's, when there are two models.
    """
    return _each(_kl, hidden_p, hidden_q, (unembed, unembed_q or unembed), chunk)


def tv(
    hidden_p: _Hidden,
    hidden_q: Tensor,
    unembed: Unembed,
    chunk: int = 256,
    *,
    unembed_q: Unembed | None = None,
) -> PerToken:
    """Total variation of each token, in [0, 1]."""
    return _each(_tv, hidden_p, hidden_q, (unembed, unembed_q or unembed), chunk)


def js(
    hidden_p: _Hidden,
    hidden_q: Tensor,
    unembed: Unembed,
    chunk: int = 256,
    *,
    unembed_q: Unembed | None = None,
) -> PerToken:
    """Jensen-Shannon divergence of each token in nats, in [0, log 2]."""
    return _each(_js, hidden_p, hidden_q, (unembed, unembed_q or unembed), chunk)


def token_logprobs(
    hidden: _Hidden, ids: Sequence[int], unembed: Unembed, chunk: int = 256
) -> PerToken:
    """Log-probability of `ids[t]` under the distribution that row t predicts.

    Returns:
        Nats, one per token; NaN for a soft token, which no row predicts.

    Raises:
        ValueError: Not as many ids as rows.
    """
    if len(ids) != len(hidden):
        raise ValueError(
            f"expected one token id per row of states, got {len(ids)} for {len(hidden)}"
        )
    if not len(ids):
        return torch.zeros(0, device=hidden.device)
    wanted = torch.tensor(list(ids), dtype=torch.long)
    parts = []
    for at in range(0, len(ids), chunk):
        log_p = unembed(hidden[at : at + chunk])
        here = wanted[at : at + chunk, None].to(log_p.device)
        known = here < log_p.shape[-1]
        own = log_p.gather(-1, here.where(known, 0)).where(known, torch.nan)
        parts.append(own.squeeze(-1))
    return torch.cat(parts)


def _each(
    distance: Callable[[Tensor, Tensor], Tensor],
    hidden_p: Tensor,
    hidden_q: Tensor,
    unembeds: tuple[Unembed, Unembed],
    chunk: int,
) -> Tensor:
    if len(hidden_p) != len(hidden_q):
        raise ValueError(
            f"expected states of the same tokens, got {len(hidden_p)} and {len(hidden_q)}"
        )
    if not len(hidden_p):
        return torch.zeros(0, device=hidden_p.device)
    parts = []
    for at in range(0, len(hidden_p), chunk):
        here = slice(at, at + chunk)
        log_p, log_q = one_path(
            partial(unembeds[0], hidden_p[here]), partial(unembeds[1], hidden_q[here])
        )
        parts.append(distance(log_p, log_q.to(log_p.device)))
    return torch.cat(parts)


def _weighted(log_p: Tensor, difference: Tensor) -> Tensor:
    """Sum of p x difference, where 0 x anything is 0."""
    p = log_p.exp()
    return torch.where(p > 0, p * difference, 0.0).sum(dim=-1)


def _kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    return _weighted(log_p, log_p - log_q).clamp(min=0.0)


def _tv(log_p: Tensor, log_q: Tensor) -> Tensor:
    return 0.5 * (log_p.exp() - log_q.exp()).abs().sum(dim=-1)


def _js(log_p: Tensor, log_q: Tensor) -> Tensor:
    half = math.log(2.0)
    from_p = half - torch.log1p((log_q - log_p).exp())
    from_q = half - torch.log1p((log_p - log_q).exp())
    return (0.5 * (_weighted(log_p, from_p) + _weighted(log_q, from_q))).clamp(min=0.0)
