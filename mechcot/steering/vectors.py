"""A steering vector: a direction at a site, and everything that says where it came from.

    add     x + gamma v
    clamp   x + (gamma - g(x)) v, with g(x) how much of v the state already holds, as the vector's `FeatureGate` reads it: a feature of a
            sparse dictionary is kept at gamma times its largest activation

Adding after Turner et al. 2023 (arXiv 2308.10248), clamping after Templeton et al. 2024 (Scaling Monosemanticity).

A vector belongs to the weights and the site it was read from. Combining or applying it elsewhere is an error
that names what differs; what may be overridden, and what not, is said in `SteeringVector.check`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from jaxtyping import Float
from pydantic import FiniteFloat, TypeAdapter, ValidationError
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from mechcot.core.argument_kinds import checked
from mechcot.core.display import Displayed
from mechcot.core.errors import UserError
from mechcot.core.faults import fault_of
from mechcot.core.store import write_bytes
from mechcot.core.wording import count_of
from mechcot.model.generation.steering_hooks import Change, PositionSelector, Steer
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Add, Positions, States
from mechcot.model.loading.tensor_files import tensor_shapes
from mechcot.model.reasoner import Reasoner

if TYPE_CHECKING:
    import plotly.graph_objects as go

_SCHEMA = "1"


@dataclass(frozen=True)
class Origin:
    """Origin of a vector.

    Attributes:
        model: Name of the model.
        weights_hash: Its weights.
        method: `mean difference`, `pca`, `probe`, `span`, or a control.
        read: Which positions were read.
        items: Ids of the pairs or traces that it was made from.
        split_half: Mean cosine of vectors from two random halves of the items; NaN below 4 items.
        cone: Degrees around the vector that hold 95 % of its bootstrap copies; NaN below 4 items.
        history: What was done to it since.
    """

    model: str
    weights_hash: str
    method: str
    read: str
    items: tuple[str, ...]
    split_half: float = float("nan")
    cone: float = float("nan")
    history: tuple[str, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class FeatureGate:
    """Activation of a feature of a sparse dictionary, in units of its largest activation.

        g(x) = z / largest where z = x . encoder + bias > threshold, else 0

    Attributes:
        encoder: Numbers, float32 on the CPU.
        bias: Of the feature.
        threshold: Of the feature, >= 0.
        largest: Its largest activation, > 0.
    """

    encoder: Float[Tensor, " d_model"]
    bias: float
    threshold: float
    largest: float

    def __call__(self, states: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch"]:
        """Return how much of its largest activation the feature has."""
        z = states.float() @ self.encoder.to(states.device) + self.bias
        return torch.where(z > self.threshold, z, torch.zeros_like(z)) / self.largest


@dataclass(frozen=True, eq=False)
class Clamp:
    """Hold a feature: x + (level - g(x)) v."""

    vector: Float[Tensor, " d_model"]
    gate: FeatureGate
    level: float

    def __call__(self, states: States, which: Positions | None = None) -> States:  # noqa: ARG002
        """Give the states with the feature at its level."""
        missing = (self.level - self.gate(states)).unsqueeze(-1)
        return states + (missing * self.vector.to(states.device)).to(states)


@dataclass(frozen=True, eq=False, repr=False)
class SteeringVector(Displayed):
    """A direction that can be added to the residual stream.

    Attributes:
        direction: The numbers, float32 on the CPU.
        site: Where it was read and where it is added.
        origin: Where it came from.
        gate: What reads how much of it a state holds; None for a vector that is no feature.

    Raises:
        UserError: It is no vector, or not finite.

    Example:
        >>> import mechcot as mc
        >>> vector = mc.steering.mean_difference(mc.load("organism:base"), mc.contrast_pairs("mod10", n=4), at="resid_post.1")
        >>> round((-vector).cosine(vector), 3)
        -1.0
    """

    direction: Float[Tensor, " d_model"]
    site: Site
    origin: Origin
    gate: FeatureGate | None = None

    def __post_init__(self) -> None:
        numbers = self.direction.detach().float().cpu()
        if not bool(torch.isfinite(numbers).all()):
            raise UserError(
                f"the vector of {self.origin.method} at {self.site.name} is not finite; look at the states it was read from"
            )
        object.__setattr__(self, "direction", numbers)

    def __repr__(self) -> str:
        origin = self.origin
        name = f"{origin.method} at {self.site.short} of {origin.model}"
        lines = [f"SteeringVector: {name}, {len(self.direction)} wide, length {self.norm:.3g}"]
        lines.append(
            f"  read at {origin.read} of {count_of(len(origin.items), 'item')}; {self._stability}"
        )
        if origin.history:
            lines.append(f"  since then: {', '.join(origin.history)}")
        return "\n".join(lines)

    @property
    def _stability(self) -> str:
        if self.origin.split_half != self.origin.split_half:
            return "its stability is not known: that needs 4 items"
        return f"split-half cosine {self.origin.split_half:.3f}, 95 % cone {self.origin.cone:.0f} degrees"

    def to_frame(self) -> pd.DataFrame:
        """One row per `coordinate` of the residual stream, with its `value` in units of the state."""
        return (
            pd.DataFrame({"value": self.direction.numpy()}).rename_axis("coordinate").reset_index()
        )

    def plot(self) -> "go.Figure":
        """The numbers, one bar a coordinate."""
        from mechcot.view.figures.results import components

        name = f"{self.origin.method} at {self.site.short} of {self.origin.model}"
        note = f"length {self.norm:.3g}; {self._stability}"
        return components(self.to_frame(), name=name, note=note)

    @property
    def norm(self) -> float:
        """Its length."""
        return float(self.direction.norm())

    def edit(self, factor: float, how: str = "add") -> Add | Clamp:
        """Return what `factor` of the vector does to states.

        Raises:
            UserError: A clamp without a gate.
        """
        if how == "add":
            return Add(factor * self.direction)
        if self.gate is None:
            raise UserError(
                f"the vector of {self.origin.method} cannot be clamped: it does not say how much of it a state holds; add it, "
                "or make one from a batchtopk, jumprelu or standard dictionary with `mechcot sae vector`"
            )
        return Clamp(self.direction, self.gate, factor)

    def acting(self, factor: float, where: PositionSelector, *, how: str = "add") -> Steer | Change:
        """The same while a model writes.

        Args:
            factor: Factor on the vector, or the clamp's level.
            where: At which positions.
            how: `add` or `clamp`.

        Raises:
            UserError: A clamp without a gate.
        """
        if how == "add":
            return Steer(self.site, factor * self.direction, where)
        edit: Any = self.edit(factor, how)  # a clamp needs no positions
        return Change(self.site, edit, where)

    def times(self, factor: float) -> "SteeringVector":
        """The vector, scaled."""
        return self._changed(factor * self.direction, f"times {factor:g}")

    def __neg__(self) -> "SteeringVector":
        return self._changed(-self.direction, "negated")

    def __add__(self, other: "SteeringVector") -> "SteeringVector":
        """The sum of two vectors of the same weights and site.

        Raises:
            UserError: They are not.
        """
        if other.site != self.site or other.origin.weights_hash != self.origin.weights_hash:
            raise UserError(
                f"expected two vectors of the same weights and site, got {self.origin.model} {self.site.name} and "
                f"{other.origin.model} {other.site.name}; extract both from one model at one site"
            )
        return self._changed(self.direction + other.direction, f"plus {other.origin.method}")

    def cosine(self, other: "SteeringVector") -> float:
        """Cosine with another vector of the same width; 0 with a zero vector."""
        return float(torch.cosine_similarity(self.direction, other.direction, dim=0))

    def check(self, reasoner: Reasoner, *, force: bool = False) -> tuple[str, ...]:
        """See that the vector belongs to a model.

        Args:
            reasoner: The model that it shall be added to.
            force: Go on although the weights differ (a vector of the base on its tuned copy). Width and
                layer cannot be overridden.

        Returns:
            What `force` overrode, in words.

        Raises:
            UserError: Another width, no such site, or other weights without `force`.
        """
        backbone = backbone_of(reasoner.model)
        backbone.place(self.site)
        if len(self.direction) != backbone.d_model:
            raise UserError(
                f"the vector is {len(self.direction)} wide (from {self.origin.model}), {reasoner.name} is "
                f"{backbone.d_model} wide; extract one from this model"
            )
        if self.origin.weights_hash == reasoner.weights_hash:
            return ()
        difference = (
            f"the vector is of {self.origin.model} (weights {self.origin.weights_hash}), the model is "
            f"{reasoner.name} (weights {reasoner.weights_hash})"
        )
        if not force:
            raise UserError(
                f"{difference}; extract one from this model (`mechcot steer apply` and `sweep` add it all the same with --force)"
            )
        return (f"other weights: {difference}",)

    @checked
    def save(self, path: Path | str) -> None:
        """Write a safetensors file with the origin in its header.

        Raises:
            UserError: The vector is zero, so it would push nothing anywhere.
        """
        if not self.norm:
            raise UserError(f"not written: {_zero(self)}")
        header = {
            "schema": _SCHEMA,
            "site": self.site.name,
            "origin": json.dumps(asdict(self.origin)),
        }
        tensors = {"direction": self.direction.contiguous()}
        if self.gate is not None:
            tensors["encoder"] = self.gate.encoder.contiguous()
            header["gate"] = json.dumps([self.gate.bias, self.gate.threshold, self.gate.largest])
        write_bytes(Path(path), save(tensors, metadata=header))

    @classmethod
    def load(cls, path: Path) -> "SteeringVector":
        """Read what `save` wrote.

        Raises:
            UserError: There is no such file, it holds something else, or a vector of length 0.
        """
        try:
            shapes = tensor_shapes(path)
            with safe_open(path, framework="pt") as file:
                header: dict[str, str] = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except UserError as error:
            raise UserError(
                f"expected a vector in {path} ({error}); make one with `mechcot steer extract`"
            ) from None
        if "direction" not in tensors or header.get("schema") != _SCHEMA:
            raise UserError(
                f"{path} is no steering vector of schema {_SCHEMA}; make one with `mechcot steer extract`"
            )
        wide = shapes["direction"]
        if len(wide) != 1 or shapes.get("encoder", wide) != wide:
            raise UserError(
                f"{path}: expected a direction with one number for each entry of a state, got the shapes {shapes}; make one with `mechcot steer extract`"
            )
        try:
            site, origin = Site.parse(header.get("site", "")), _ORIGIN(header.get("origin", ""))
            gate = _gate(tensors["encoder"], header) if "encoder" in tensors else None
        except (UserError, ValidationError) as error:
            fault = fault_of(error) if isinstance(error, ValidationError) else error
            raise UserError(
                f"{path}: expected the header of a steering vector ({fault}); make one with `mechcot steer extract`"
            ) from None
        vector = cls(tensors["direction"], site, origin, gate)
        if not vector.norm:
            raise UserError(f"{path}: {_zero(vector)}")
        return vector

    def _changed(self, direction: Tensor, change: str) -> "SteeringVector":
        origin = replace(self.origin, history=(*self.origin.history, change))
        return SteeringVector(direction, self.site, origin, self.gate)


_ORIGIN = partial(TypeAdapter(Origin).validate_json, strict=True)
_THRESHOLDS = partial(
    TypeAdapter(tuple[FiniteFloat, FiniteFloat, FiniteFloat]).validate_json, strict=True
)


def _gate(encoder: Tensor, header: Mapping[str, str]) -> FeatureGate:
    if not bool(torch.isfinite(encoder).all()):
        raise UserError("the encoder is not finite")
    return FeatureGate(encoder, *_THRESHOLDS(header.get("gate", "")))


def _zero(vector: SteeringVector) -> str:
    return (
        f"the vector of {vector.origin.method} at {vector.site.name} from {vector.origin.model} has length 0, so nothing differed where it was "
        "read; make one with `mechcot steer extract --pairs FILE` from pairs that differ in the model's tokens"
    )
