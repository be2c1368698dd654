"""Ways to say which directions only one of two models has: a crosscoder, and what it must beat.

crosscoder        BatchTopK, by relative norm, and by latent scaling on top
L1 crosscoder     ReLU and a penalty on f_j (|d_j before| + |d_j after|)
concatenation     SAE-Lens' BatchTopK dictionary of both states end to end: it picks by the joint length of both directions
PCA               components of tuned - base, each with a tenth of the squared difference or more; the model in which its projection is larger has it
mean difference   of the states, the same
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from sae_lens import (
    BatchTopKTrainingSAE,
    BatchTopKTrainingSAEConfig,
    StandardTrainingSAE,
    StandardTrainingSAEConfig,
)
from torch import Tensor

from mechcot.core.pair import Pair
from mechcot.model.interventions import States
from mechcot.sae.crosscoder import Crosscoder
from mechcot.sae.crosscoder_training import Fresh, batchtopk, train_crosscoder
from mechcot.sae.evaluation import explained_variance
from mechcot.sae.latent_scaling import latent_scaling
from mechcot.sae.latent_sides import FAR_APART, FEWEST_TOKENS, Whose, whose
from mechcot.sae.plants.training import SITE
from mechcot.sae.training import PENALTY, TrainingSettings

COMPONENT = 0.1
"""Least share of the squared difference that a component of the PCA explains."""


@dataclass(frozen=True, eq=False)
class Claim:
    """A direction that only one model is said to have.

    Attributes:
        whose: Which model.
        direction: Unit vector in that model's states; of either sign where `signed` is not set.
        signed: Whether its sign is known.
    """

    whose: Whose
    direction: Float[Tensor, " d_model"]
    signed: bool = True

    def cosine(self, u: Float[Tensor, " d_model"]) -> float:
        """Cosine with a unit vector."""
        value = float(self.direction @ u.to(self.direction))
        return value if self.signed else abs(value)


@dataclass(frozen=True, eq=False)
class Finding:
    """What a method said, and how well its dictionary fits; None where it has none.

    Attributes:
        claims: Directions of one model.
        shared: Directions that both models are said to have, in each.
        live: Latents that fire.
        l0: Latents that fire per token.
        explained: Explained variance of each side.
    """

    claims: tuple[Claim, ...]
    shared: tuple[Pair[Tensor], ...] = ()
    live: int | None = None
    l0: float | None = None
    explained: Pair[float] | None = None


class SummedL1(StandardTrainingSAE):
    """An L1 crosscoder: the penalty is on f_j (|d_j before| + |d_j after|)."""

    def calculate_aux_loss(  # type: ignore[override]
        self, step_input: Any, feature_acts: Tensor, **_: Any
    ) -> dict[str, Tensor]:
        """The penalty of a batch."""
        lengths = self.W_dec.unflatten(-1, (2, -1)).norm(dim=-1).sum(dim=-1)
        penalty = (feature_acts * lengths).sum(dim=-1).mean()
        return {"l1_loss": step_input.coefficients["l1"] * penalty}


def summed_l1(settings: TrainingSettings, both: int) -> SummedL1:
    """An untrained L1 crosscoder."""
    return SummedL1(
        StandardTrainingSAEConfig(
            d_in=both,
            d_sae=settings.width,
            l1_coefficient=PENALTY["standard"],
            l1_warm_up_steps=20,
        )
    )


def concatenation(settings: TrainingSettings, both: int) -> BatchTopKTrainingSAE:
    """An untrained dictionary of both states, as SAE-Lens has it."""
    return BatchTopKTrainingSAE(
        BatchTopKTrainingSAEConfig(
            d_in=both, d_sae=settings.width, k=settings.k, decoder_init_norm=1.0
        )
    )


def by_dictionary(
    fresh: Fresh,
    seen: Pair[States],
    unseen: Pair[States],
    settings: TrainingSettings,
) -> Iterator[tuple[str, Finding]]:
    """Train one dictionary of both models and say what it finds by relative norm, by latent scaling on top, and by difference."""
    crosscoder = train_crosscoder(
        seen, site=SITE, models=Pair("before", "after"), settings=settings, fresh=fresh
    )
    latents = crosscoder.encode(unseen)
    fires = (latents > 0).sum(dim=0)
    written = crosscoder.decode(latents)
    sides = [whose(share) for share in crosscoder.relative_norms.tolist()]
    scaling = latent_scaling(crosscoder, unseen)
    small = {Whose.BASE: scaling.before.small, Whose.TUNED: scaling.after.small}
    fit = {
        "shared": tuple(
            _directions(crosscoder, latent)
            for latent in fires.nonzero().flatten().tolist()
            if sides[latent] == Whose.SHARED
        ),
        "live": int((fires > 0).sum()),
        "l0": float((latents > 0).sum(dim=1).float().mean()),
        "explained": Pair(
            explained_variance(unseen.before, written.before),
            explained_variance(unseen.after, written.after),
        ),
    }
    often = (fires >= FEWEST_TOKENS).nonzero().flatten().tolist()
    claimed = [latent for latent in often if sides[latent] in small]
    for name, some in (
        ("by norm", claimed),
        ("and scaling", [latent for latent in claimed if small[sides[latent]][latent]]),
    ):
        claims = [
            Claim(sides[latent], _own(_directions(crosscoder, latent), sides[latent]))
            for latent in some
        ]
        yield name, Finding(tuple(claims), **fit)
    apart = crosscoder.difference_shares
    changed = [latent for latent in often if apart[latent] > FAR_APART]
    yield (
        "by difference",
        Finding(tuple(_difference(crosscoder, latent) for latent in changed), **fit),
    )


def _difference(crosscoder: Crosscoder, latent: int) -> Claim:
    side = Whose.TUNED if crosscoder.relative_norms[latent] > 1 / 2 else Whose.BASE
    return Claim(
        side, torch.nn.functional.normalize(crosscoder.differences[latent], dim=-1), signed=False
    )


def _directions(crosscoder: Crosscoder, latent: int) -> Pair[Tensor]:
    return crosscoder.decoders.map(
        lambda decoder: torch.nn.functional.normalize(decoder[latent], dim=-1)
    )


def _own(sides: Pair[Tensor], name: Whose) -> Tensor:
    return sides.before if name == Whose.BASE else sides.after


def by_components(states: Pair[States]) -> Finding:
    """The components of the difference that explain most of it."""
    difference = (states.after - states.before).double()
    sizes, components = torch.linalg.eigh(difference.T @ difference)
    total = float(sizes.sum())
    large = [n for n, size in enumerate(sizes.tolist()) if total and size >= COMPONENT * total]
    return Finding(tuple(_claim(states, components[:, n], mean=False) for n in large))


def by_mean(states: Pair[States]) -> Finding:
    """The mean difference."""
    difference = (states.after - states.before).double().mean(dim=0)
    length = difference.norm()
    return Finding((_claim(states, difference / length, mean=True),) if length else ())


def _claim(states: Pair[States], v: Tensor, *, mean: bool) -> Claim:
    """Give a direction to the model whose states lie further along it."""
    along = states.map(lambda side: side.double() @ v)
    before, after = (
        float(values.mean().abs() if mean else values.square().mean()) for values in along
    )
    return Claim(Whose.TUNED if after > before else Whose.BASE, v.float(), signed=False)


def findings(
    seen: Pair[States], unseen: Pair[States], settings: TrainingSettings
) -> Mapping[str, Finding]:
    """What every method says of two models.

    Args:
        seen: States that dictionaries are trained on.
        unseen: States of other chains, on which latents are judged and differences taken.
        settings: Of the dictionaries.
    """
    trained: dict[str, Callable[[], Iterator[tuple[str, Finding]]]] = {
        name: partial(by_dictionary, fresh, seen, unseen, settings)
        for name, fresh in (
            ("crosscoder", batchtopk),
            ("L1 crosscoder", summed_l1),
            ("concatenation", concatenation),
        )
    }
    said = {f"{name}, {how}": finding for name, run in trained.items() for how, finding in run()}
    return said | {"PCA of differences": by_components(unseen), "mean difference": by_mean(unseen)}
