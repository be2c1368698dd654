"""Train a crosscoder with the loop of a dictionary, on both models' states laid end to end.

Each model's states are divided by their root mean square, so that neither side counts for more. BatchTopK keeps the k n largest
f_j (|d_j before| + |d_j after|) of a batch of n tokens; here the sum of both norms is held at 1, so that these are SAE-Lens' f_j, and its threshold
(a moving average of the smallest one kept) and its loss for dead latents hold as they stand. Both decoders start alike, so two equal models give
two equal halves. Source: arXiv 2504.02922.

To the loss we add `LENGTH_CHARGE` times the sum of these f_j (*ours*). Without it nothing speaks against several latents that fire together in the contexts of
a new direction: they share it in the tuned model, and in the base their parts cancel, so that none of them is one model's own.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils import parametrize

from mechcot.core.argument_kinds import checked
from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.core.trace import Trace
from mechcot.model.internals.sites import Site, sites_of
from mechcot.model.interventions import States
from mechcot.model.reasoner import Reasoner
from mechcot.sae.crosscoder import Crosscoder, end_to_end, paired_states, same_tokens
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.training import TrainingSettings, check_states, fit, inference_form, training_steps

CROSSCODER = TrainingSettings(width=2048, k=32)
"""Settings that a crosscoder has by default."""

LENGTH_CHARGE = 0.06
"""What a unit of f_j (|d_j before| + |d_j after|) costs, in units of the typical length of both states together: what writes less than half of this is not
worth its price. Set on planted directions of two seeds; at a tenth of it several latents still share a new direction. About two thirds of what an L1 crosscoder pays."""

SETTLED = 20
"""The moving average of the threshold spans a training's last twentieth, or 100 steps: in a short one the library's hundredth is still near 0, and far more
than k latents fire."""


class SummedNorms(torch.nn.Module):
    """Keep each latent's two directions at lengths that sum to 1."""

    def forward(self, decoder: Float[Tensor, "latent both"]) -> Float[Tensor, "latent both"]:
        """Give both directions over the sum of their lengths."""
        lengths = decoder.unflatten(-1, (2, -1)).norm(dim=-1).sum(dim=-1, keepdim=True)
        return decoder / lengths


Fresh = Callable[[TrainingSettings, int], Any]
"""Makes an untrained SAE of SAE-Lens from settings and the width of both states together."""


def batchtopk(settings: TrainingSettings, both: int) -> Any:
    """An untrained BatchTopK crosscoder; its encoder starts as its decoder, which is the same in both models."""
    import sae_lens as lib

    sae = _charged()(
        lib.BatchTopKTrainingSAEConfig(
            d_in=both,
            d_sae=settings.width,
            k=settings.k,
            decoder_init_norm=1.0,
            rescale_acts_by_decoder_norm=False,
            topk_threshold_lr=min(1.0, max(0.01, SETTLED / training_steps(settings))),
        )
    )
    start_alike(sae)
    parametrize.register_parametrization(sae, "W_dec", SummedNorms())
    return sae


@cache
def _charged() -> Any:
    """SAE-Lens' BatchTopK SAE with a charge on the lengths that it writes."""
    import sae_lens as lib

    class ChargedBatchTopK(lib.BatchTopKTrainingSAE):
        def calculate_aux_loss(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
            losses = super().calculate_aux_loss(*args, **kwargs)
            size = math.sqrt(self.cfg.d_in)  # of states whose root mean square is 1
            charge = LENGTH_CHARGE * size * kwargs["feature_acts"].sum(dim=-1).mean()
            return losses | {"length_charge": charge}

    return ChargedBatchTopK


def start_alike(sae: Any) -> None:
    """Give both models the first one's decoder and encoder."""
    half = sae.W_dec.shape[-1] // 2
    sae.W_dec.data[:, half:] = sae.W_dec.data[:, :half]
    sae.W_enc.data[half:] = sae.W_enc.data[:half]


def train_crosscoder(
    states: Pair[States],
    *,
    site: Site,
    models: Pair[str],
    settings: TrainingSettings = CROSSCODER,
    fresh: Fresh = batchtopk,
) -> Crosscoder:
    """Train a crosscoder, see `mechcot.sae.training.fit`.

    Args:
        states: Each model's states at the same tokens.
        site: Where they come from; written into the crosscoder.
        models: Names; written into the crosscoder.
        settings: How; `architecture` and `penalty` are what `fresh` makes of them.
        fresh: Makes what is trained.

    Raises:
        UserError: Too few tokens for the width, states that are not finite or all zero, or settings that no crosscoder can have.
    """
    check_states(end_to_end(states), settings)
    scales = states.map(_scale)
    scaled = end_to_end(Pair(states.before * scales.before, states.after * scales.after))

    def untrained() -> Any:
        sae = fresh(settings, scaled.shape[1])
        sae.b_dec.data = scaled.mean(dim=0).float()
        return sae

    trained = fit(untrained, scaled, settings)
    if parametrize.is_parametrized(trained):
        parametrize.remove_parametrizations(trained, "W_dec")
    sae = inference_form(trained)
    _fold(sae, scales)
    sae.cfg.metadata.hook_name = site.name
    sae.cfg.metadata.models, sae.cfg.metadata.scales = [*models], [*scales]
    return Crosscoder(Dictionary(" -> ".join(models), site, sae), models, scales)


def _scale(states: States) -> float:
    """What makes the root mean square of a model's states 1."""
    size = float(states.double().square().mean().sqrt())
    if size == 0:
        raise UserError("all states of a model are 0; name another site")
    return 1 / size


@torch.no_grad()
def _fold(sae: Any, scales: Pair[float]) -> None:
    """Let it read and write plain states instead of scaled ones."""
    half = sae.W_dec.shape[-1] // 2
    factors = torch.cat([torch.full((half,), scale) for scale in scales]).to(sae.W_dec)
    sae.W_enc.data *= factors.unsqueeze(-1)
    sae.W_dec.data /= factors
    sae.b_dec.data /= factors


@checked
def crosscode(
    readers: Pair[Reasoner],
    traces: Sequence[Trace],
    *,
    at: Site | str,
    settings: TrainingSettings = CROSSCODER,
    to_disk: Path | None = None,
) -> Crosscoder:
    """Train a crosscoder on what two models' states at one site are, token by token.

    Cost: one forward a trace and model, then the training (`settings.samples` pairs of states).

    Args:
        readers: A model and its fine-tuned copy.
        traces: The texts, by whomever they were written.
        at: Where, such as `resid_post.2`.
        settings: `mc.sae.TrainingSettings(width=, k=, samples=, ...)`.
        to_disk: Folder where the states are kept, so that a run that was stopped goes on.

    Raises:
        UserError: Models of two widths or tokenizers, a site that a model does not have, or too few tokens for the width.

    Example:
        >>> import mechcot as mc
        >>> pair = mc.load_pair("organism:base", "organism:bypass")
        >>> traces = pair.before.write(mc.problems("mod10", n=2))
        >>> small = mc.sae.TrainingSettings(width=16, k=4, samples=2_000, batch=256)
        >>> mc.sae.crosscode(pair, traces, at="resid_post.2", settings=small).width
        16
    """
    (site,) = sites_of(at)
    if not traces:
        raise UserError("expected traces to train on, got none")
    states = paired_states(readers, same_tokens(readers, traces), site, to_disk=to_disk)
    return train_crosscoder(
        states.map(lambda side: side.states),
        site=site,
        models=readers.map(lambda reader: reader.name),
        settings=settings,
    )
