"""The arrays of a run stay on disk: what a run holds in memory does not grow with them.

A measurement of a long chain is a number and megabytes of arrays; figures and tables read those of one measurement at a time.
"""

from collections.abc import Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass, replace
from pathlib import Path

from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import HEAD, Result, tidy
from mechcot.core.store import new_file
from mechcot.runs.items import Items

_AT_ONCE = 20_000
"""Numbers of a part of the table, about."""


@dataclass(frozen=True, eq=False, slots=True)
class ArraysOnDisk(Mapping[str, Result]):
    """The arrays of a finished measurement, read when they are asked for.

    Attributes:
        folder: Where it lies.
        key: What it is called there.
        axes: Axes of each array, by its name.
        size: Numbers in all of them.
    """

    folder: Items[Measurement]
    key: str
    axes: Mapping[str, tuple[str, ...]]
    size: int

    def __getitem__(self, name: str) -> Result:
        if name not in self.axes:
            raise KeyError(name)
        return self.folder.read(self.key).results[name]

    def __contains__(self, name: object) -> bool:
        return name in self.axes

    def __iter__(self) -> Iterator[str]:
        return iter(self.axes)

    def __len__(self) -> int:
        return len(self.axes)

    def values(self) -> ValuesView[Result]:
        """All arrays, read once."""
        return self.folder.read(self.key).results.values() if self.axes else ValuesView({})


def on_disk(items: Items[Measurement], key: str) -> Measurement:
    """Read a finished measurement; its arrays stay where they are."""
    measurement = items.read(key)
    results = measurement.results
    axes = {name: result.axes for name, result in results.items()}
    size = sum(result.values.size for result in results.values())
    return replace(measurement, results=ArraysOnDisk(items, key, axes, size))


def write_values(path: Path, measurements: Sequence[Measurement]) -> None:
    """Write all arrays as one tidy table, part by part; axes that an array does not have are missing.

    Args:
        path: The file, in parquet.
        measurements: Whose arrays.

    Raises:
        OSError: It cannot be written.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    with_arrays = [m for m in measurements if m.results]
    axes = dict.fromkeys(axis for m in with_arrays for array in _axes(m) for axis in array)
    texts = [(name, pa.string()) for name in (*HEAD, "author")]
    schema = pa.schema([*texts, *((name, pa.float64()) for name in (*axes, "value"))])
    with new_file(path) as file, ParquetWriter(file, schema) as writer:
        for part in _parts(with_arrays):
            results = [(result, m.author) for m in part for result in m.results.values()]
            table = tidy([r for r, _ in results], author=[author for _, author in results])
            table = table.reindex(columns=schema.names)
            writer.write_table(pa.Table.from_pandas(table, schema=schema, preserve_index=False))


def _axes(measurement: Measurement) -> list[tuple[str, ...]]:
    results = measurement.results
    if isinstance(results, ArraysOnDisk):
        return list(results.axes.values())
    return [result.axes for result in results.values()]


def _parts(measurements: Sequence[Measurement]) -> Iterator[list[Measurement]]:
    """Measurements in parts of about so many numbers."""
    part: list[Measurement] = []
    size = 0
    for measurement in measurements:
        results = measurement.results
        part.append(measurement)
        size += results.size if isinstance(results, ArraysOnDisk) else 0
        if size >= _AT_ONCE:
            yield part
            part, size = [], 0
    if part:
        yield part
