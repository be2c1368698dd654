"""A measurement: all that one measure says about one trace read by one model, stored as one file.

The file is safetensors (arrays) with one JSON string of metadata; no pickle. It is written to a
temporary name and moved, so that a killed process leaves either the whole file or none.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired

import numpy as np
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save
from typing_extensions import TypedDict

from mechcot.core.display import Displayed
from mechcot.core.errors import UserError
from mechcot.core.faults import fault_of
from mechcot.core.step_arrays import RESULT_TYPES, Result
from mechcot.core.store import write_bytes
from mechcot.core.trace import Trace

if TYPE_CHECKING:
    import pandas as pd

_SCHEMA = 1


class _Array(TypedDict):
    """What the file says of an array."""

    kind: str
    name: str
    unit: str
    tokens: str
    labels: dict[str, list[float]]


class _Meta(TypedDict):
    """What the file says of a measurement; None for a number that is none."""

    schema: int
    measure: str
    trace: str
    item: str
    author: str
    reader: str
    reason: str
    seconds: float
    value: float | None
    scalars: dict[str, float | None]
    notes: dict[str, str]
    unit: NotRequired[str]
    results: dict[str, _Array]


_READER = TypeAdapter(_Meta)
_PLAIN = ("measure", "trace", "item", "author", "reader", "reason", "seconds")
"""Attributes that stand in the file as they are."""


@dataclass(frozen=True, repr=False)
class Measurement(Displayed):
    """One measure on one trace by one reader.

    Attributes:
        measure: Card name.
        trace: Trace id.
        item: Problem id: the unit of the paired statistics.
        author: Who wrote the chain.
        reader: Who read it.
        value: Headline value in the card's unit; NaN when not measurable (then `reason` says why).
        reason: Why there is no value, else "".
        scalars: Further named numbers (nulls, gates, ceilings): `identity`, `null_random`, ...
        results: Named arrays.
        seconds: Wall time spent.
        notes: Named texts, such as the answer that was read.
        unit: Unit of the headline value.

    Example:
        >>> import mechcot as mc
        >>> base = mc.load("organism:base")
        >>> one = mc.measure("early_answering", base, base.write(mc.problems("mod10", n=1))[0])
        >>> list(one.results)
        ['soft', 'hard']
    """

    measure: str
    trace: str
    item: str
    author: str
    reader: str
    value: float
    reason: str = ""
    scalars: Mapping[str, float] = field(default_factory=dict)
    results: Mapping[str, Result] = field(default_factory=dict)
    seconds: float = 0.0
    notes: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""

    @classmethod
    def without_value(
        cls, measure: str, trace: Trace, *, reader: str, reason: str
    ) -> "Measurement":
        """A measurement without a value, for a measure that a trace or a model does not allow."""
        return cls(
            measure=measure,
            trace=trace.id,
            item=trace.problem.id,
            author=trace.author,
            reader=reader,
            value=math.nan,
            reason=reason,
        )

    def __getitem__(self, name: str) -> Result:
        """One of the arrays.

        Raises:
            UserError: There is no array of that name.
        """
        if name not in self.results:
            raise UserError(
                f"{self.measure} has no array {name!r} here; it has {', '.join(self.results) or 'none'}"
            )
        return self.results[name]

    def __repr__(self) -> str:
        value = (
            f"not measurable ({self.reason})" if self.reason else f"{self.value:.4g} {self.unit}"
        )
        lines = [f"{self.measure}: {value.strip()}; trace {self.trace} read by {self.reader}"]
        if self.scalars:
            numbers = ", ".join(f"{name} {number:.4g}" for name, number in self.scalars.items())
            lines.append(f"  beside it: {numbers}")
        if self.results:
            lines.append(f"  arrays: {', '.join(self.results)}")
        return "\n".join(lines)

    def to_frame(self) -> "pd.DataFrame":
        """The headline value and every scalar: one row each, with `measure`, `name`, `value`, `trace`, `author` and `reader`."""
        import pandas as pd

        numbers = {"value": self.value, **self.scalars}
        labels = {"trace": self.trace, "author": self.author, "reader": self.reader}
        return pd.DataFrame(
            [
                {"measure": self.measure, "name": name, "value": number} | labels
                for name, number in numbers.items()
            ]
        )

    def save(self, path: Path) -> None:
        """Write the measurement to `path` in one atomic move."""
        write_bytes(path, self.content())

    def content(self) -> bytes:
        """What `save` writes: arrays as safetensors, the rest as their metadata."""
        meta = {name: getattr(self, name) for name in _PLAIN} | {
            "schema": _SCHEMA,
            "value": _known(self.value),
            "scalars": {key: _known(v) for key, v in self.scalars.items()},
            "notes": dict(self.notes),
            "unit": self.unit,
            "results": {
                key: {
                    "kind": type(result).__name__,
                    "name": result.name,
                    "unit": result.unit,
                    "tokens": result.tokens,
                    "labels": {axis: list(values) for axis, values in result.labels.items()},
                }
                for key, result in self.results.items()
            },
        }
        arrays = {key: np.ascontiguousarray(r.values) for key, r in self.results.items()}
        text = json.dumps(meta, sort_keys=True, allow_nan=False)
        return save(arrays, metadata={"reading": text})

    @classmethod
    def load(cls, path: Path) -> "Measurement":
        """Read a measurement back.

        Raises:
            UserError: The file is damaged or of another schema.
        """
        return cls.parse(path.read_bytes(), str(path))

    @classmethod
    def parse(cls, content: bytes, where: str) -> "Measurement":
        """Read the content of a file that `save` wrote.

        Args:
            content: What stands in the file.
            where: Its name, for messages.

        Raises:
            UserError: It is damaged or of another schema.
        """
        try:
            tensors = load(content)
            head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            text = head.get("__metadata__", {}).get("reading", "{}")
            meta = _READER.validate_json(text, strict=True)
            arrays = {key: tensors[key] for key in meta["results"]}
            if meta["schema"] != _SCHEMA:
                raise ValueError(f"expected schema {_SCHEMA}, got {meta['schema']}")
            return cls._of(meta, arrays)
        except ValidationError as error:
            fault = fault_of(error)
        except (SafetensorError, ValueError, TypeError, LookupError) as error:
            fault = f"{type(error).__name__}: {error}"
        raise UserError(
            f"{where}: expected a measurement, the file is damaged ({fault}); remove it and run again"
        )

    @classmethod
    def _of(cls, meta: _Meta, arrays: Mapping[str, np.ndarray]) -> "Measurement":
        results = {
            key: RESULT_TYPES[array["kind"]](
                values=arrays[key],
                measure=meta["measure"],
                name=array["name"],
                unit=array["unit"],
                trace=meta["trace"],
                reader=meta["reader"],
                tokens=array["tokens"],
                labels={axis: tuple(values) for axis, values in array["labels"].items()},
            )
            for key, array in meta["results"].items()
        }
        return cls(
            **{name: meta[name] for name in _PLAIN},  # pyright: ignore[reportArgumentType]
            value=math.nan if meta["value"] is None else meta["value"],
            scalars={k: math.nan if v is None else v for k, v in meta["scalars"].items()},
            results=results,
            notes=meta["notes"],
            unit=meta.get("unit", ""),
        )


def _known(value: float) -> float | None:
    """A number as JSON has it; None where it is NaN or infinite."""
    return value if math.isfinite(value) else None
