"""Train a dictionary with SAE-Lens' trainer, from states in memory (`train`) or from traces (`train_on`).

    batchtopk   the k largest features of a token *on average over a batch*; saved with one threshold (JumpReLU)
                (Bussmann et al. 2024, arXiv 2412.06410)
    topk        the k largest features of every token (Gao et al. 2024, arXiv 2406.04093)
    jumprelu    a threshold per feature, L0 penalty (a step, with gradients through thresholds and encoder)
                (Rajamanoharan et al. 2024, arXiv 2407.14435)
    standard    ReLU and an L1 penalty (Cunningham et al. 2023, arXiv 2309.08600)

States are scaled to norm sqrt(d_model) on average while training; SAE-Lens folds the scale into the
weights, so the dictionary that is saved reads plain states.
"""

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from mechcot.core.argument_kinds import checked
from mechcot.core.errors import UserError
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.model.internals.sites import Site, sites_of
from mechcot.model.reasoner import Reasoner
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.token_states import token_states

Architecture = Literal["batchtopk", "topk", "jumprelu", "standard"]

ARCHITECTURES: tuple[Architecture, ...] = ("batchtopk", "topk", "jumprelu", "standard")

TOKENS_PER_FEATURE = 10

PENALTY = {"jumprelu": 0.6, "standard": 1.5}
"""Chosen on the shipped models, to explain 0.9 of the variance or more with at most 16 features a token; other models may need others."""

JUMP = {
    "jumprelu_init_threshold": 0.1,
    "jumprelu_bandwidth": 0.5,
    "jumprelu_ste_to_input": True,
}
"""In units in which states have norm sqrt(d_model). With gradients to the thresholds alone a short training leaves them near where
they started, whatever the penalty."""


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a dictionary's training.

    Attributes:
        architecture: One of `ARCHITECTURES`.
        width: Number of features.
        k: Features per token (batchtopk, topk).
        penalty: Coefficient of the L0 (jumprelu) or L1 (standard) penalty; 0: the architecture's own (`PENALTY`).
        samples: States seen, repeats counted.
        batch: States in a step.
        rate: Peak learning rate; the last third declines to a hundredth.
        seed: Of weights and order.

    Example:
        >>> import mechcot as mc
        >>> mc.sae.TrainingSettings(width=512, k=12).architecture
        'batchtopk'
    """

    architecture: Architecture = "batchtopk"
    width: int = 1024
    k: int = 12
    penalty: float = 0.0
    samples: int = 1_000_000
    batch: int = 1024
    rate: float = 2e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.penalty == 0:
            object.__setattr__(self, "penalty", PENALTY.get(self.architecture, 1.0))


def train(
    states: Float[Tensor, "token d_model"], *, site: Site, model: str, settings: TrainingSettings
) -> Dictionary:
    """Train one dictionary, see `fit`.

    Args:
        states: All states, of both checkpoints.
        site: Where they come from; written into the dictionary.
        model: Name of the model; written into the dictionary.
        settings: How.

    Raises:
        UserError: Too few tokens for the width, or settings that no dictionary can have.
    """
    check_states(states, settings)
    steps = training_steps(settings)
    trained = fit(
        lambda: _fresh(settings, d_model=states.shape[1], steps=steps, states=states),
        states,
        settings,
    )
    trained.cfg.metadata.hook_name = site.name
    trained.cfg.metadata.model_name = model
    return Dictionary(name=model, site=site, sae=inference_form(trained))


def training_steps(settings: TrainingSettings) -> int:
    """Number of optimiser steps."""
    return max(1, settings.samples // settings.batch)


def fit(
    fresh: Callable[[], Any], states: Float[Tensor, "token width"], settings: TrainingSettings
) -> Any:
    """Train an SAE of SAE-Lens with its trainer. Deterministic for one thread count; torch's global seed is put back.

    Args:
        fresh: Makes the untrained SAE; its weights are drawn under the settings' seed.
        states: All states, as the SAE reads them.
        settings: Seed, samples, batch and rate.

    Returns:
        The SAE in training form.
    """
    from sae_lens.config import LoggingConfig, SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer

    steps = training_steps(settings)
    config = SAETrainerConfig(
        total_training_samples=steps * settings.batch,
        train_batch_size_samples=settings.batch,
        lr=settings.rate,
        lr_end=settings.rate / 100,
        lr_scheduler_name="constant",
        lr_warm_up_steps=steps // 20,
        lr_decay_steps=steps // 3,
        dead_feature_window=max(20, steps // 10),
        n_batches_for_norm_estimate=20,
        logger=LoggingConfig(log_to_wandb=False),
    )
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        sae = fresh()
        return SAETrainer(cfg=config, sae=sae, data_provider=_shuffled(states, settings)).fit()


@checked
def train_on(
    readers: Iterable[Reasoner],
    traces: Sequence[Trace],
    *,
    at: Site | str,
    settings: TrainingSettings | None = None,
) -> Dictionary:
    """Train one sparse dictionary on what all readers' states at one site are, token by token.

    Cost: one forward a trace and reader, then the training (`settings.samples` states).

    Args:
        readers: The models; a pair gives one dictionary for both.
        traces: The texts, by whomever they were written.
        at: Where, such as `resid_post.2`.
        settings: `mc.sae.TrainingSettings(width=, k=, samples=, ...)`; None: the defaults.

    Raises:
        UserError: No reader, several sites, a site that a model does not have, or too few tokens for the width.

    Example:
        >>> import mechcot as mc
        >>> base = mc.load("organism:base")
        >>> small = mc.sae.TrainingSettings(width=16, k=4, samples=2_000, batch=256)
        >>> mc.sae.train_on([base], base.write(mc.problems("mod10", n=2)), at="resid_post.2", settings=small).width
        16
    """
    models, sites = list(readers), sites_of(at)
    if not models or len(sites) != 1:
        raise UserError(
            f"expected models and one site, got {count_of(len(models), 'model')} and {count_of(len(sites), 'site')}"
        )
    if not traces:
        raise UserError("expected traces to train on, got none")
    states = [
        token_states(reader, [reader.view(trace) for trace in traces], sites[0]).states
        for reader in models
    ]
    return train(
        torch.cat(states),
        site=sites[0],
        model=models[0].name,
        settings=settings or TrainingSettings(),
    )


def check_states(states: Tensor, settings: TrainingSettings) -> None:
    """See that states can be trained on.

    Raises:
        UserError: Too few tokens for the width, a k that no width has, or states that are not finite.
    """
    need = TOKENS_PER_FEATURE * settings.width
    if len(states) < need:
        raise UserError(
            f"{count_of(len(states), 'token')} are too few for width {settings.width}: at least {need} are needed; "
            "give more problems or a smaller width"
        )
    if not 1 <= settings.k <= settings.width:
        raise UserError(f"expected k between 1 and the width {settings.width}, got {settings.k}")
    check_finite_states(states)


def check_finite_states(states: Tensor) -> None:
    """See that states are numbers.

    Raises:
        UserError: One is NaN or infinite.
    """
    if not bool(torch.isfinite(states).all()):
        raise UserError("the states are not finite; load the model in float32 or bfloat16")


def _fresh(settings: TrainingSettings, *, d_model: int, steps: int, states: Tensor) -> Any:
    """An untrained SAE; its decoder's bias starts at the scaled mean of the states."""
    import sae_lens as lib

    common = {
        "d_in": d_model,
        "d_sae": settings.width,
        "normalize_activations": "expected_average_only_in",
        "apply_b_dec_to_input": True,
    }
    warm = {"l0_warm_up_steps": steps // 5}
    made: dict[str, Any] = {
        "batchtopk": lambda: lib.BatchTopKTrainingSAE(
            lib.BatchTopKTrainingSAEConfig(**common, k=settings.k)
        ),
        "topk": lambda: lib.TopKTrainingSAE(lib.TopKTrainingSAEConfig(**common, k=settings.k)),
        "jumprelu": lambda: lib.JumpReLUTrainingSAE(
            lib.JumpReLUTrainingSAEConfig(**common, **warm, **JUMP, l0_coefficient=settings.penalty)
        ),
        "standard": lambda: lib.StandardTrainingSAE(
            lib.StandardTrainingSAEConfig(
                **common, l1_coefficient=settings.penalty, l1_warm_up_steps=steps // 5
            )
        ),
    }
    sae = made[settings.architecture]()
    scale = math.sqrt(d_model) / float(states[:50_000].norm(dim=-1).mean())
    sae.b_dec.data = scale * states.mean(dim=0)
    return sae


def inference_form(trained: Any) -> Any:
    """The trained SAE in the form that SAE-Lens loads, through its own writer and reader."""
    from sae_lens import SAE

    with tempfile.TemporaryDirectory() as folder:
        trained.save_inference_model(folder)
        sae = SAE.load_from_disk(folder)
    return sae.eval().requires_grad_(requires_grad=False)


def _shuffled(states: Tensor, settings: TrainingSettings) -> Iterator[Tensor]:
    """Batches without end, every state once a round."""
    draw = torch.Generator().manual_seed(settings.seed)
    batch = min(settings.batch, len(states))
    while True:
        order = torch.randperm(len(states), generator=draw)
        for start in range(0, len(order) - batch + 1, batch):
            yield states[order[start : start + batch]].float()
