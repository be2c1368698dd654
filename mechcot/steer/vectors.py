"""A steering vector: a direction at a site, and everything that says where it came from.

A vector belongs to the weights and the site it was read from. Combining or applying it elsewhere is an error
that names what differs; what may be overridden, and what not, is said in `SteeringVector.check`.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mechcot.core.errors import UserError
from mechcot.core.store import write_bytes
from mechcot.model.probe import backbone_of
from mechcot.model.reasoner import Reasoner
from mechcot.model.sites import Site

SCHEMA = "1"


@dataclass(frozen=True)
class Origin:
    """Where a vector came from.

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
class SteeringVector:
    """A direction that can be added to the residual stream.

    Attributes:
        direction: The numbers, float32 on the CPU.
        site: Where it was read and where it is added.
        origin: Where it came from.

    Raises:
        UserError: It is no vector, or not finite.
    """

    direction: Float[Tensor, " d_model"]
    site: Site
    origin: Origin

    def __post_init__(self) -> None:
        numbers = self.direction.detach().float().cpu()
        if not bool(torch.isfinite(numbers).all()):
            msg = f"the vector of {self.origin.method} at {self.site.name} is not finite; look at the states it was read from"
            raise UserError(msg)
        object.__setattr__(self, "direction", numbers)

    @property
    def norm(self) -> float:
        """Its length."""
        return float(self.direction.norm())

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
            msg = (
                f"expected two vectors of the same weights and site, got {self.origin.model} {self.site.name} and "
                f"{other.origin.model} {other.site.name}; extract both from one model at one site"
            )
            raise UserError(msg)
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
            msg = (
                f"the vector is {len(self.direction)} wide (from {self.origin.model}), {reasoner.name} is "
                f"{backbone.d_model} wide; extract one from this model"
            )
            raise UserError(msg)
        if self.origin.weights_hash == reasoner.weights_hash:
            return ()
        said = (
            f"the vector is of {self.origin.model} (weights {self.origin.weights_hash}), the model is "
            f"{reasoner.name} (weights {reasoner.weights_hash})"
        )
        if not force:
            msg = f"{said}; extract one from this model, or pass --force to add it all the same"
            raise UserError(msg)
        return (f"other weights: {said}",)

    def save(self, path: Path) -> None:
        """Write a safetensors file with the origin in its header."""
        about = {
            "schema": SCHEMA,
            "site": self.site.name,
            "origin": json.dumps(asdict(self.origin)),
        }
        write_bytes(path, save({"direction": self.direction.contiguous()}, metadata=about))

    @classmethod
    def load(cls, path: Path) -> "SteeringVector":
        """Read what `save` wrote.

        Raises:
            UserError: There is no such file, or it holds something else.
        """
        try:
            with safe_open(path, framework="pt") as file:
                about: dict[str, Any] = file.metadata() or {}
                numbers = file.get_tensor("direction") if "direction" in file.keys() else None  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            msg = f"expected a vector in {path}, but it cannot be read ({error}); make one with `mechcot steer extract`"
            raise UserError(msg) from None
        if numbers is None or about.get("schema") != SCHEMA:
            msg = f"{path} is no steering vector of schema {SCHEMA}; make one with `mechcot steer extract`"
            raise UserError(msg)
        origin = json.loads(about["origin"])
        lists = {name: tuple(origin[name]) for name in ("items", "history")}
        return cls(numbers, Site.parse(about["site"]), Origin(**origin | lists))

    def _changed(self, direction: Tensor, said: str) -> "SteeringVector":
        origin = replace(self.origin, history=(*self.origin.history, said))
        return SteeringVector(direction, self.site, origin)
