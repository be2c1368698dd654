"""A crosscoder: one sparse code of two models' states at the same tokens, with one decoder a model.

    f = JumpReLU(E_before s_before x_before + E_after s_after x_after + e)       s_m: one scale a model, so that states have RMS 1
    x_m ~ f D_m + b_m

In SAE-Lens' form it is a dictionary of both states laid end to end, with the scales folded into its weights: it reads and writes plain
states. Its latents are in units in which |D_before s_before| + |D_after s_after| = 1 for each of them.
Source: Lindsey et al. 2024 (Sparse Crosscoders for Cross-Layer Features and Model Diffing); arXiv 2504.02922.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mechcot.core.argument_kinds import checked
from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.core.trace import Phase, Trace
from mechcot.model.compatibility import check_tokenizers, refuse_soft
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import States
from mechcot.model.reasoner import Reasoner
from mechcot.sae.dictionary import CONFIG, Dictionary, load_folder
from mechcot.sae.token_states import TokenStates, features_of, token_states
from mechcot.sae.training import check_finite_states

Latents = Float[Tensor, "*batch token latent"]


@dataclass(frozen=True, eq=False, repr=False)
class Crosscoder:
    """A crosscoder of two models at one site.

    Attributes:
        dictionary: The dictionary of both models' states, the first model's before the second's.
        models: Their names.
        scales: What each model's states are multiplied by, so that their root mean square is 1.

    Example:
        >>> import mechcot as mc
        >>> pair = mc.load_pair("organism:base", "organism:bypass")
        >>> traces = pair.before.write(mc.problems("mod10", n=2))
        >>> small = mc.sae.TrainingSettings(width=16, k=4, samples=2_000, batch=256)
        >>> mc.sae.crosscode(pair, traces, at="resid_post.2", settings=small)
        Crosscoder base -> bypass: 16 latents of the states at resid_post.2, 128 wide
    """

    dictionary: Dictionary
    models: Pair[str]
    scales: Pair[float]

    def __repr__(self) -> str:
        return (
            f"Crosscoder {self.models.before} -> {self.models.after}: {self.width} latents of the states at {self.site.short}, "
            f"{self.d_model} wide"
        )

    @property
    def site(self) -> Site:
        """Where it reads both models."""
        return self.dictionary.site

    @property
    def width(self) -> int:
        """Number of latents."""
        return self.dictionary.width

    @property
    def d_model(self) -> int:
        """Width of each model's states."""
        return self.dictionary.d_model // 2

    @property
    def decoders(self) -> Pair[Float[Tensor, "latent d_model"]]:
        """The direction that one unit of each latent writes in each model."""
        return Pair(*self.dictionary.decoder.split(self.d_model, dim=-1))

    @property
    def norms(self) -> Pair[Float[Tensor, " latent"]]:
        """Length of each latent's direction in each model, in units of that model's states."""
        lengths = self.decoders.map(lambda decoder: decoder.norm(dim=-1))
        return Pair(lengths.before * self.scales.before, lengths.after * self.scales.after)

    @property
    def relative_norms(self) -> Float[np.ndarray, " latent"]:
        """Share of each latent's length that lies in the second model: 0 base only, 1/2 shared, 1 tuned only."""
        before, after = self.norms
        return (after / (before + after)).double().cpu().numpy()

    @property
    def differences(self) -> Float[Tensor, "latent d_model"]:
        """The second model's direction of each latent less the first's, in units of the models' states."""
        before, after = self.decoders
        return after * self.scales.after - before * self.scales.before

    @property
    def difference_shares(self) -> Float[np.ndarray, " latent"]:
        """How far each latent's two directions lie apart: |d_after - d_before| / (|d_after| + |d_before|), 0 alike, 1 in one model only or opposite."""
        return (self.differences.norm(dim=-1) / sum(self.norms)).double().cpu().numpy()

    def encode(self, states: Pair[States]) -> Latents:
        """Latents of both models' states at the same tokens."""
        return self.dictionary.encode(end_to_end(states))

    def decode(self, latents: Latents) -> Pair[States]:
        """Each model's states of latents."""
        return Pair(*self.dictionary.decode(latents).split(self.d_model, dim=-1))

    def latents_of(self, states: Pair[TokenStates]) -> Float[np.ndarray, "token latent"]:
        """Latents of many tokens, in blocks.

        Raises:
            UserError: None fires on any of them, or states are not finite.
        """
        both = end_to_end(states.map(lambda side: side.states))
        check_finite_states(both)
        values = features_of(self.dictionary, both)
        if not (values > 0).any():
            raise UserError(
                f"no latent of the crosscoder of {self.models.before} and {self.models.after} fires on any of {len(values)} tokens: it is "
                "dead or made for other models; train it anew (`mechcot sae crosscode`)"
            )
        return values

    def save(self, folder: Path | str) -> None:
        """Write `cfg.json` and `sae_weights.safetensors`, as `mc.sae.load_crosscoder` reads them.

        Raises:
            OSError: The folder cannot be written.
        """
        self.dictionary.save(folder)

    def check(self, readers: Pair[Reasoner]) -> None:
        """See that two models have states of its width, and are the ones that it was trained on, in their order.

        Raises:
            UserError: One has not, or they are others.
        """
        check_widths(readers)
        if (names := readers.map(lambda reader: reader.name)) != self.models:
            raise UserError(
                f"the crosscoder is of {self.models.before} and {self.models.after}, in this order, got {names.before} and {names.after}"
            )
        width = _width(readers.before)
        if width != self.d_model:
            raise UserError(
                f"the crosscoder of {self.models.before} and {self.models.after} reads states of width {self.d_model}, {readers.before.name} "
                f"has width {width}; take one that was trained on these models"
            )


@checked
def load_crosscoder(folder: str | Path) -> Crosscoder:
    """Load a crosscoder from a folder that `mechcot sae crosscode --out` or `Crosscoder.save` wrote.

    Raises:
        UserError: Nothing is there, or something else.

    Example:
        >>> import mechcot as mc
        >>> mc.sae.load_crosscoder("no/such/folder")
        Traceback (most recent call last):
            ...
        mechcot.core.errors.UserError: no/such/folder: no folder with a crosscoder; `mechcot sae crosscode BASE TUNED --out DIR` makes one
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file():
        raise UserError(
            f"{folder}: no folder with a crosscoder; `mechcot sae crosscode BASE TUNED --out DIR` makes one"
        )
    dictionary = load_folder(folder)
    noted = dictionary.sae.cfg.metadata
    models, scales = noted.models or (), noted.scales or ()
    if len(models) != 2 or len(scales) != 2 or not all(0 < scale < math.inf for scale in scales):
        raise UserError(
            f"{folder / CONFIG}: expected a crosscoder with two models and two scales; `mc.sae.load` reads a dictionary of one model"
        )
    return Crosscoder(dictionary, Pair(*models), Pair(*scales))


def end_to_end(states: Pair[States]) -> Float[Tensor, "*batch token both"]:
    """Both models' states end to end, as the dictionary of a crosscoder reads them."""
    return torch.cat([*states], dim=-1)


def paired_states(
    readers: Pair[Reasoner],
    traces: Sequence[Trace],
    site: Site,
    *,
    phases: Sequence[Phase] = tuple(Phase),
    to_disk: Path | None = None,
) -> Pair[TokenStates]:
    """Read both models' states at the same tokens. Cost: one forward a trace and model.

    Args:
        readers: The models.
        traces: The texts, as the first model reads them.
        site: Where.
        phases: Which parts are kept; by default all.
        to_disk: Folder where the states are kept, so that a run that was stopped goes on; None keeps them in memory.

    Raises:
        UserError: The models differ in width or tokens, or one does not have the site.
    """
    check_widths(readers)
    refuse_soft(*readers)
    check_tokenizers(readers.before, readers.after, traces)
    folders = Pair("before", "after").map(lambda name: to_disk and to_disk / name)
    before, after = (
        token_states(reader, traces, site, phases=phases, to_disk=folder)
        for reader, folder in zip(readers, folders, strict=True)
    )
    return Pair(before, after)


def same_tokens(readers: Pair[Reasoner], traces: Sequence[Trace]) -> list[Trace]:
    """The traces as both models read them.

    Raises:
        UserError: The models read different tokens.
    """
    seen = readers.map(lambda reader: [reader.view(trace) for trace in traces])
    for before, after in zip(*seen, strict=True):
        if before.ids != after.ids:
            raise UserError(
                f"trace {before.id}: {readers.before.name} and {readers.after.name} read different tokens, a crosscoder needs the same; "
                "load both with `mc.load_pair`, which gives them one prompt"
            )
    return seen.before


def check_widths(readers: Pair[Reasoner]) -> None:
    """See that both models' states have one width.

    Raises:
        UserError: They have not.
    """
    widths = readers.map(_width)
    if widths.before != widths.after:
        raise UserError(
            f"{readers.before.name} has width {widths.before}, {readers.after.name} has width {widths.after}; a crosscoder compares a model "
            "with its fine-tuned copy: give two checkpoints of one architecture"
        )


def _width(reader: Reasoner) -> int:
    return int(reader.model.config.get_text_config().hidden_size)
