"""A sparse dictionary at one site: SAE-Lens' weights, its fit to a model, and edits that go through it.

    f = encode(x)          features, >= 0, most of them 0
    splice(x, g)           x + (decode(g(f)) - decode(f)): the reconstruction error x - decode(f) is kept,
                           so an edit g of nothing changes nothing, exactly
    reconstruct(x)         decode(f): the error is dropped; only for the loss recovered

SAE-Lens gives weights, formats and training. Its bridge is not used: edits run on the fast path.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from safetensors.torch import save
from torch import Tensor

from mechcot.core.argument_kinds import checked
from mechcot.core.errors import UserError
from mechcot.core.store import write_bytes, write_text
from mechcot.core.trace import StepKind, Trace
from mechcot.model.internals.sites import Site
from mechcot.model.loading.tensor_files import tensor_shapes
from mechcot.model.reasoner import Reasoner

if TYPE_CHECKING:
    from mechcot.sae.top_features import FeatureTable

CONFIG, WEIGHTS = "cfg.json", "sae_weights.safetensors"
"""Files of a dictionary, by SAE-Lens' names."""
_States = Float[Tensor, "*batch token d_model"]
Which = Int[Tensor, " token"]
FeatureEdit = Callable[[Float[Tensor, "*batch token feature"], Which], Tensor]


@dataclass(frozen=True, eq=False, repr=False)
class Dictionary:
    """A dictionary and the site whose states it explains.

    Attributes:
        name: Short name for tables.
        site: Where it reads and writes.
        sae: An SAE of SAE-Lens in inference form.

    Example:
        >>> import mechcot as mc
        >>> base = mc.load("organism:base")
        >>> small = mc.sae.TrainingSettings(width=16, k=4, samples=2_000, batch=256)
        >>> mc.sae.train_on([base], base.write(mc.problems("mod10", n=2)), at="resid_post.2", settings=small)
        Dictionary base: 16 features of the states at resid_post.2, 128 wide
    """

    name: str
    site: Site
    sae: Any

    def __repr__(self) -> str:
        return f"Dictionary {self.name}: {self.width} features of the states at {self.site.short}, {self.d_model} wide"

    def __reduce__(self) -> tuple[Any, ...]:
        """How it is sent to another process: SAE-Lens' object holds functions that no pickle can."""
        return _rebuilt, (self.name, self.site, self.sae.cfg.to_dict(), self.sae.state_dict())

    @checked
    def top(
        self, reader: Reasoner, traces: Sequence[Trace], *, kind: StepKind | str, count: int = 12
    ) -> "FeatureTable":
        """Order features by how selective they are for one kind of step. Cost: one forward a trace.

        Args:
            reader: Whose states are read.
            traces: The chains.
            kind: A kind of step, such as `verification`.
            count: Most features.

        Returns:
            A table: `selectivity` is Cohen's d of the mean activation on the kind's steps against all other steps. It is a ranking and no
            test: `mechcot sae falsify` says which features survive one.

        Raises:
            UserError: The dictionary does not fit the model, no such kind, or fewer than two steps of it or of the others.
        """
        from mechcot.sae.top_features import top_features

        return top_features(self, reader, traces, kind=kind, count=count)

    @property
    def width(self) -> int:
        """Number of features."""
        return int(self.sae.cfg.d_sae)

    @property
    def d_model(self) -> int:
        """Width of the states that it reads."""
        return int(self.sae.cfg.d_in)

    @property
    def decoder(self) -> Float[Tensor, "feature d_model"]:
        """The direction that one unit of each feature writes."""
        return self.sae.W_dec.detach()

    @torch.no_grad()
    def encode(self, states: _States) -> Float[Tensor, "*batch token feature"]:
        """Features of states."""
        return self.sae.encode(states.to(self.sae.W_dec.dtype))

    @torch.no_grad()
    def decode(self, features: Float[Tensor, "*batch token feature"]) -> _States:
        """States of features."""
        return self.sae.decode(features)

    def save(self, folder: Path | str) -> None:
        """Write `cfg.json` and `sae_weights.safetensors`, as SAE-Lens and `mc.sae.load` read them, each whole or not at all.

        Raises:
            OSError: The folder cannot be written.
        """
        weights = self.sae.state_dict()
        self.sae.process_state_dict_for_saving(weights)
        write_bytes(Path(folder) / WEIGHTS, save({n: t.contiguous() for n, t in weights.items()}))
        write_text(Path(folder) / CONFIG, json.dumps(self.sae.cfg.to_dict()))

    def check(self, reader: Reasoner) -> None:
        """See that a model has this site at this width.

        Raises:
            UserError: It has not.
        """
        config = reader.model.config.get_text_config()
        if config.hidden_size != self.d_model:
            raise UserError(
                f"dictionary {self.name} reads states of width {self.d_model}, {reader.name} has width "
                f"{config.hidden_size}; take a dictionary that was trained on this model"
            )
        if self.site.layer >= config.num_hidden_layers:
            raise UserError(
                f"dictionary {self.name} stands at {self.site.name}, {reader.name} has "
                f"{config.num_hidden_layers} blocks, counted from 0"
            )


def _rebuilt(
    name: str, site: Site, config: dict[str, Any], weights: dict[str, Tensor]
) -> Dictionary:
    from sae_lens import SAE

    sae = SAE.from_dict(config)
    sae.load_state_dict(weights)
    return Dictionary(name, site, sae.eval().requires_grad_(requires_grad=False))


@dataclass(frozen=True, eq=False)
class Splice:
    """Change features and keep the reconstruction error."""

    dictionary: Dictionary
    edit: FeatureEdit

    def __call__(self, states: _States, which: Which) -> _States:
        """Give x + (decode(edit(f)) - decode(f))."""
        features = self.dictionary.encode(states)
        before = self.dictionary.decode(features)
        after = self.dictionary.decode(self.edit(features, which))
        return states + (after - before).to(states)


@dataclass(frozen=True, eq=False)
class Reconstruct:
    """Write what the dictionary gives back; the reconstruction error is lost."""

    dictionary: Dictionary

    def __call__(self, states: _States, which: Which) -> _States:  # noqa: ARG002
        """Give decode(encode(x))."""
        return self.dictionary.decode(self.dictionary.encode(states)).to(states)


@checked
def load(source: str | Path) -> Dictionary:
    """Load a dictionary from a folder, or from the hub as RELEASE/ID.

    Args:
        source: A folder that `mechcot sae train --out` or SAE-Lens wrote, or RELEASE/ID of SAE-Lens.

    Raises:
        UserError: Nothing is there, its site is not one of ours, or it was trained on edited weights.

    Example:
        >>> import mechcot as mc
        >>> mc.sae.load("no/such/folder")
        Traceback (most recent call last):
            ...
        mechcot.core.errors.UserError: no/such/folder: neither a folder with a dictionary nor RELEASE/ID of a release that SAE-Lens knows; `mechcot sae train BEFORE AFTER --site SITE --out DIR` makes one
    """
    folder, source = Path(source), str(source)
    if not folder.exists():
        return _named(_from_hub(source), folder.name, source)
    if not (folder / CONFIG).is_file():
        raise UserError(
            f"{source}: expected cfg.json and sae_weights.safetensors, as SAE-Lens and `mechcot sae train` write them"
        )
    dictionary = load_folder(folder)
    if dictionary.sae.cfg.metadata.models:
        raise UserError(
            f"{source} holds a crosscoder of two models, not a dictionary of one; `mc.sae.load_crosscoder` reads it"
        )
    return dictionary


def load_folder(folder: Path) -> Dictionary:
    """A dictionary that lies in a folder, whatever states it reads.

    Raises:
        UserError: It is damaged, its site is not one of ours, or it was trained on edited weights.
    """
    return _named(_from_folder(folder), folder.name, str(folder))


def _named(sae: Any, name: str, source: str) -> Dictionary:
    sae.eval().requires_grad_(requires_grad=False)
    return Dictionary(name=name, site=_site(sae, source), sae=sae)


def _from_folder(folder: Path) -> Any:
    from sae_lens import SAE

    tensor_shapes(folder / WEIGHTS)
    try:
        sae = SAE.load_from_disk(folder)
        if tuple(sae.W_dec.shape) != (sae.cfg.d_sae, sae.cfg.d_in):
            raise ValueError("its weights are of another size")
        for part in fields(sae.cfg):
            if isinstance(part.default, bool) and type(getattr(sae.cfg, part.name)) is not bool:
                raise ValueError(f"{part.name} is neither true nor false")
        _site(sae, str(folder))
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise UserError(
            f"{folder / CONFIG}: expected the settings of a dictionary as SAE-Lens writes them "
            f"({type(error).__name__}: {' '.join(str(error).split())[:120]}); train it anew, or take another folder"
        ) from error
    spoilt = [name for name, weight in sae.named_parameters() if not bool(weight.isfinite().all())]
    if spoilt:
        raise UserError(
            f"{folder / WEIGHTS}: {spoilt[0]} is not finite (NaN or infinite); copy it again, or train it anew"
        )
    return sae


def _from_hub(source: str) -> Any:
    from sae_lens import SAE
    from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

    release, _, sae_id = source.partition("/")
    known = get_pretrained_saes_directory() if sae_id else {}
    if release not in known:
        raise UserError(
            f"{source}: neither a folder with a dictionary nor RELEASE/ID of a release that SAE-Lens knows; "
            "`mechcot sae train BEFORE AFTER --site SITE --out DIR` makes one"
        )
    if sae_id not in known[release].saes_map:
        some = ", ".join(sorted(known[release].saes_map)[:3])
        raise UserError(f"release {release} has no dictionary {sae_id!r}; it has {some}, ...")
    try:
        return SAE.from_pretrained(release, sae_id)
    except OSError as error:
        raise UserError(
            f"{source} could not be fetched ({type(error).__name__}); give the folder of a local copy"
        ) from error


def _site(sae: Any, source: str) -> Site:
    hook = sae.cfg.metadata.hook_name
    if sae.cfg.metadata.hook_head_index is not None or not hook:
        raise UserError(f"{source}: expected a dictionary on a residual site, got hook {hook!r}")
    asked = sae.cfg.metadata.model_from_pretrained_kwargs or {}
    edited = [k for k in ("center_writing_weights", "fold_ln", "center_unembed") if asked.get(k)]
    if edited:
        raise UserError(
            f"{source} was trained on edited weights ({', '.join(edited)}); states of the plain model do not fit it"
        )
    return Site.parse(hook)
