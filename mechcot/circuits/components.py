"""The components of a model that write to its residual stream, and one run of a text in which all of them are kept with their gradients.

A block is its query heads and its MLP; where heads cannot be told apart (`mechcot.model.internals.heads`) its whole attention; where attention and MLP are
not known to add up to what the block writes, the whole block.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from mechcot.model.gradients import next_logprobs_under
from mechcot.model.interface import Scorer
from mechcot.model.internals.architecture import Backbone
from mechcot.model.internals.heads import HeadPlace, head_places
from mechcot.model.internals.hooks import Hook, HookPoint
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site

ComponentKind = Literal["head", "attention", "mlp", "block"]


@dataclass(frozen=True, order=True)
class Component:
    """Something that writes to the residual stream.

    Attributes:
        layer: Block number, from 0.
        kind: What it is.
        head: Number of the head; 0 for all else.
    """

    layer: int
    kind: ComponentKind
    head: int = 0

    def __str__(self) -> str:
        """`L2.H3`, `L2.MLP`, `L2.attention`, `L2.block`."""
        name = {"head": f"H{self.head}", "mlp": "MLP"}.get(self.kind, self.kind)
        return f"L{self.layer}.{name}"


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Where a model's components are tapped.

    Attributes:
        backbone: The model.
        heads: The heads of each block, or why they cannot be told apart.
        split: Whether each block's attention and MLP are known to add up to what it writes.
    """

    backbone: Backbone
    heads: tuple[HeadPlace | str, ...]
    split: tuple[bool, ...]

    @classmethod
    def of(cls, reader: Scorer, ids: Sequence[int]) -> "Anatomy":
        """Take a model apart. Cost: one forward of the text, once a model.

        Raises:
            UserError: The family has no residual stream between its blocks.
        """
        backbone = backbone_of(reader.model)
        backbone.place(Site("resid_pre", 0))
        split = tuple({"attn_out", "mlp_out"} <= set(places) for places in backbone.places)
        return cls(backbone, head_places(backbone, ids), split)

    @property
    def components(self) -> tuple[Component, ...]:
        """All of them, block by block."""
        return tuple(part for layer in range(len(self.split)) for part in self._of_block(layer))

    def _of_block(self, layer: int) -> list[Component]:
        if not self.split[layer]:
            return [Component(layer, "block")]
        place = self.heads[layer]
        if isinstance(place, str):
            return [Component(layer, "attention"), Component(layer, "mlp")]
        heads = [Component(layer, "head", head) for head in range(place.heads)]
        return [*heads, Component(layer, "mlp")]

    def tap(self, part: Component) -> tuple[HookPoint, slice]:
        """Where a component is read and written, and which numbers there are its own.

        A whole block is read and written at its output.
        """
        place = self.heads[part.layer]
        if part.kind == "head" and isinstance(place, HeadPlace):
            return place.place, place.columns(part.head)
        stream = {"attention": "attn_out", "mlp": "mlp_out", "block": "resid_post"}[part.kind]
        return self.backbone.place(Site(stream, part.layer)), slice(None)

    def notes(self) -> list[str]:
        """What cannot be had in this family, and why, one sentence each."""
        whole = [layer for layer, split in enumerate(self.split) if not split]
        hidden: dict[str, list[int]] = {}
        for layer, place in enumerate(self.heads):
            if self.split[layer] and isinstance(place, str):
                hidden.setdefault(place, []).append(layer)
        name = type(self.backbone.model).__name__
        notes = [
            f"{name}: heads of {_layers(layers)} cannot be told apart ({why}); their attention stands whole"
            for why, layers in hidden.items()
        ]
        if whole:
            notes.append(
                f"{name}: attention and MLP of {_layers(whole)} do not add up to what the block writes; it stands whole"
            )
        shared = {
            place.shared
            for place, split in zip(self.heads, self.split, strict=True)
            if split and isinstance(place, HeadPlace)
        } - {1}
        if shared:
            notes.append(
                f"{name}: {max(shared)} query heads share a key/value head; a head here is a query head with what it reads, and a shared key or value "
                "is given to all of them"
            )
        return notes


def _layers(layers: Sequence[int]) -> str:
    numbers = ", ".join(map(str, layers))
    return f"layer {numbers}" if len(layers) == 1 else f"layers {numbers}"


@dataclass(frozen=True, eq=False)
class KeptRun:
    """One run with its graph: what every block was given and every component gave, batch of one.

    Attributes:
        anatomy: The model.
        given: The input of each block.
        last: What leaves the last block.
        projected: The input of each block's output projection; None where heads cannot be told apart.
        attention: What each block's attention wrote; None where blocks stand whole.
        mlp: What each block's MLP wrote; None where blocks stand whole.
        logprobs: Log-probabilities of the next token.
    """

    anatomy: Anatomy
    given: tuple[Tensor, ...]
    last: Tensor
    projected: tuple[Tensor | None, ...]
    attention: tuple[Tensor | None, ...]
    mlp: tuple[Tensor | None, ...]
    logprobs: Float[Tensor, " d_vocab"]

    def written(self, layer: int) -> Tensor:
        """What a whole block gave."""
        return self.given[layer + 1] if layer + 1 < len(self.given) else self.last

    def holder(self, part: Component) -> Tensor:
        """The kept tensor in which a component's numbers stand (`Anatomy.tap` says which)."""
        if part.kind == "block":
            return self.written(part.layer)
        kept = {"head": self.projected, "attention": self.attention, "mlp": self.mlp}
        tensor = kept[part.kind][part.layer]
        assert tensor is not None
        return tensor

    def value(self, part: Component) -> Float[Tensor, "token width"]:
        """What is kept of a component: a head's share of the projection's input, else what it wrote."""
        return self.holder(part)[0, :, self.anatomy.tap(part)[1]]


def kept_run(reader: Scorer, anatomy: Anatomy, ids: Sequence[int]) -> KeptRun:
    """Run a text with gradients of its states. Cost: one forward; memory as of a training step without weights.

    Args:
        reader: The model.
        anatomy: Where its components are.
        ids: Token ids.
    """
    backbone = anatomy.backbone
    states: dict[object, Tensor] = {}
    taps = [(place, _keep(key, states)) for key, place in _places(anatomy)]
    logprobs = next_logprobs_under(reader, ids, taps)
    layers = range(backbone.n_layers)
    return KeptRun(
        anatomy=anatomy,
        given=tuple(states["resid_pre", layer] for layer in layers),
        last=states["resid_post", backbone.n_layers - 1],
        projected=tuple(states.get(("heads", layer)) for layer in layers),
        attention=tuple(states.get(("attn_out", layer)) for layer in layers),
        mlp=tuple(states.get(("mlp_out", layer)) for layer in layers),
        logprobs=logprobs,
    )


def _places(anatomy: Anatomy) -> list[tuple[tuple[str, int], HookPoint]]:
    """What is kept, by stream and layer, and where."""
    backbone, last = anatomy.backbone, len(anatomy.split) - 1
    places = [(("resid_pre", n), backbone.place(Site("resid_pre", n))) for n in range(last + 1)]
    places.append((("resid_post", last), backbone.place(Site("resid_post", last))))
    for layer, place in enumerate(anatomy.heads):
        if not anatomy.split[layer]:
            continue
        for stream in ("attn_out", "mlp_out"):
            places.append(((stream, layer), backbone.place(Site(stream, layer))))
        if isinstance(place, HeadPlace):
            places.append((("heads", layer), place.place))
    return places


def _keep(key: object, states: dict[object, Tensor]) -> Hook:
    def tap(batch: Tensor) -> Tensor:
        states[key] = batch if batch.requires_grad else batch.detach().requires_grad_()
        return states[key]

    return tap
