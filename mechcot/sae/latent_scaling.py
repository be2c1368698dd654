"""Latent scaling: how much of a latent that one model's decoder claims for itself is in the other model too.

For a latent with activations f and direction d in its own model, and for each model m (states, errors and directions times its scale),

    error             y = x_m - (decode_m(f) - f d_m)       what the latent would have to explain, were it the last
    reconstruction    y = sum_k f_k D_m,k                    what all latents write, the bias left out
    beta_m = argmin |y - beta f d|^2 = sum f y.d / (sum f^2 |d|^2)
    nu     = beta_other / beta_own

Both near 0: the direction is not in the other model. nu of the error near 1: the decoder's norm was shrunk though the other model has the
direction (complete shrinkage). nu of the reconstruction near 1: other latents write it there (latent decoupling).
Source: arXiv 2504.02922; the bias is left out of the reconstruction (*ours*: no latent writes it).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from mechcot.core.pair import Pair
from mechcot.model.interventions import States
from mechcot.sae.crosscoder import Crosscoder

NU_ERROR, NU_RECONSTRUCTION = 0.2, 0.5
"""A latent is believed to be one model's own below both."""
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Nu:
    """Presence of latents in the other model over that in their own; NaN where the latent does nothing in its own.

    Attributes:
        error: From the error.
        reconstruction: From the reconstruction.
    """

    error: Float[np.ndarray, " latent"]
    reconstruction: Float[np.ndarray, " latent"]

    @property
    def small(self) -> Bool[np.ndarray, " latent"]:
        """Whether the other model has hardly anything of a latent's direction; never where that is unknown."""
        with np.errstate(invalid="ignore"):
            return (np.abs(self.error) < NU_ERROR) & (
                np.abs(self.reconstruction) < NU_RECONSTRUCTION
            )


@torch.no_grad()
def latent_scaling(crosscoder: Crosscoder, states: Pair[States]) -> Pair[Nu]:
    """Nu of every latent as one of the first model alone, and as one of the second alone.

    Cost: two products of (latent x token) and (token x d_model) a model.

    Args:
        crosscoder: The crosscoder.
        states: Both models' states at the same tokens.
    """
    scales = torch.tensor([*crosscoder.scales])[:, None, None]
    directions = torch.stack([*crosscoder.decoders]) * scales
    sums, squares = torch.zeros(2, *directions.shape), torch.zeros(crosscoder.width)
    for before, after in zip(*states.map(lambda side: side.split(_BLOCK)), strict=True):
        read = Pair(before, after)
        latents = crosscoder.encode(read)
        errors = (torch.stack([*read]) - torch.stack([*crosscoder.decode(latents)])) * scales
        for row, target in enumerate((errors, latents @ directions)):
            sums[row] += latents.T @ target
        squares += latents.square().sum(dim=0)
    sums[0] += squares[:, None] * directions

    def nu(own: int) -> Nu:
        size = squares * directions[own].square().sum(dim=-1)
        betas = (sums * directions[own]).sum(dim=-1) / size
        ratios = torch.where(betas[:, own] > 0, betas[:, 1 - own] / betas[:, own], math.nan)
        return Nu(*ratios.double().numpy())

    return Pair(nu(0), nu(1))
