"""Results: arrays that know their axes, their trace, their measure and their unit.

A result is a value: it can be put in a tidy table, saved, loaded, and subtracted from another result
about the same tokens, measure and unit. Anything else raises.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

import numpy as np
from jaxtyping import Float

from mechcot.core.display import Displayed

if TYPE_CHECKING:
    import pandas as pd

R = TypeVar("R", bound="Result")
HEAD = ("measure", "name", "trace", "reader", "unit")
"""What the tidy table says about every value."""


@dataclass(frozen=True, eq=False, repr=False)
class Result(Displayed):
    """An array over named axes, about one trace read by one model.

    Attributes:
        values: float array, one dimension per axis; NaN where not defined.
        measure: Name of the measure's card.
        name: Which array of the measure this is.
        unit: Unit of the values.
        trace: Id of the trace.
        reader: Name of the model that read it.
        labels: For each axis its coordinates (step indices, layer numbers, ...).
        tokens: Hash of the token ids the values are about.
    """

    axes: ClassVar[tuple[str, ...]] = ()

    values: np.ndarray
    measure: str
    name: str
    unit: str
    trace: str
    reader: str
    tokens: str
    labels: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=np.float64)
        if values.ndim != len(self.axes):
            raise ValueError(
                f"{type(self).__name__} needs axes {self.axes}, got an array of shape {values.shape}"
            )
        labels = {
            axis: tuple(float(x) for x in self.labels.get(axis, range(size)))
            for axis, size in zip(self.axes, values.shape, strict=True)
        }
        for axis, size in zip(self.axes, values.shape, strict=True):
            if len(labels[axis]) != size:
                raise ValueError(f"axis {axis} has {size} values but {len(labels[axis])} labels")
        values.setflags(write=False)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "labels", labels)

    def __repr__(self) -> str:
        known = self.values[np.isfinite(self.values)]
        span = f"{known.min():.3g} to {known.max():.3g}" if known.size else "no value"
        shape = " x ".join(
            f"{size} {axis}" for axis, size in zip(self.axes, self.values.shape, strict=True)
        )
        return f"{self.measure}/{self.name} ({shape}): {span} {self.unit}, trace {self.trace} read by {self.reader}"

    def to_frame(self) -> "pd.DataFrame":
        """A tidy table: one row per value, with measure, name, unit, trace, reader and the axes."""
        return tidy([self])

    def places(self, axis: str) -> np.ndarray:
        """The coordinate of every value on an axis `[size]`, NaN on an axis that these values do not have."""
        if axis not in self.axes:
            return np.full(self.values.size, np.nan)
        at = self.axes.index(axis)
        along = np.array(self.labels[axis]).reshape(
            [-1 if i == at else 1 for i in range(self.values.ndim)]
        )
        return np.broadcast_to(along, self.values.shape).reshape(-1)

    def __sub__(self: R, other: "Result") -> R:
        mine = (type(self), self.measure, self.name, self.unit, self.tokens, self.labels)
        theirs = (type(other), other.measure, other.name, other.unit, other.tokens, other.labels)
        for what, left, right in zip(
            ("type", "measure", "name", "unit", "tokens", "labels"), mine, theirs, strict=True
        ):
            if left != right:
                raise ValueError(
                    f"cannot subtract results that differ in {what}: {left} against {right}"
                )
        return replace(
            self, values=self.values - other.values, reader=f"{self.reader} - {other.reader}"
        )


def tidy(results: Sequence[Result], **more: Sequence[str]) -> "pd.DataFrame":
    """Results as one tidy table: one row per value; axes that a result does not have are missing.

    Args:
        results: The results.
        more: Further columns: a name and one entry per result.
    """
    import pandas as pd

    if not results:
        return pd.DataFrame(columns=[*HEAD, *more, "value"])
    heads = pd.DataFrame(
        {name: [getattr(r, name) for r in results] for name in HEAD} | dict(more), dtype=str
    )
    row = np.repeat(np.arange(len(results)), [r.values.size for r in results])
    axes = dict.fromkeys(axis for r in results for axis in r.axes)
    columns = {axis: [r.places(axis) for r in results] for axis in axes}
    columns["value"] = [r.values.reshape(-1) for r in results]
    table = heads.iloc[row].reset_index(drop=True)
    return table.assign(**{name: np.concatenate(parts) for name, parts in columns.items()})


class StepVector(Result):
    """One value per chain step."""

    axes: ClassVar[tuple[str, ...]] = ("step",)
    values: Float[np.ndarray, " step"]


class StepMatrix(Result):
    """One value per (source step, target step): source acts, target is acted on."""

    axes: ClassVar[tuple[str, ...]] = ("source", "target")
    values: Float[np.ndarray, "source target"]


class LayerSteps(Result):
    """One value per (layer, step)."""

    axes: ClassVar[tuple[str, ...]] = ("layer", "step")
    values: Float[np.ndarray, "layer step"]


class Curve(Result):
    """One value per point of a line: after 0, 1, ..., n steps."""

    axes: ClassVar[tuple[str, ...]] = ("after",)
    values: Float[np.ndarray, " after"]


class HeadSteps(Result):
    """One value per (layer, head, step)."""

    axes: ClassVar[tuple[str, ...]] = ("layer", "head", "step")
    values: Float[np.ndarray, "layer head step"]


class TokenVector(Result):
    """One value per token; the labels are positions in the trace."""

    axes: ClassVar[tuple[str, ...]] = ("token",)
    values: Float[np.ndarray, " token"]


class LayerVector(Result):
    """One value per layer."""

    axes: ClassVar[tuple[str, ...]] = ("layer",)
    values: Float[np.ndarray, " layer"]


class LayerFeatures(Result):
    """One vector of the residual stream per layer."""

    axes: ClassVar[tuple[str, ...]] = ("layer", "feature")
    values: Float[np.ndarray, "layer feature"]


RESULT_TYPES: Mapping[str, type[Result]] = {
    kind.__name__: kind
    for kind in (
        StepVector,
        StepMatrix,
        LayerSteps,
        Curve,
        HeadSteps,
        TokenVector,
        LayerVector,
        LayerFeatures,
    )
}
