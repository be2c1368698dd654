"""Step patching by layer and place in the chain, mean over chains."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mechcot.compare.findings import Measurements, PairFinding
from mechcot.core.trace import Trace
from mechcot.measures.registry import MEASURES
from mechcot.view.pages.figure_data import PatchMap

PLACES = ("0-20 %", "20-40 %", "40-60 %", "60-80 %", "80-100 %")


@dataclass(frozen=True, eq=False)
class Patched:
    """Step patching of one chain by one reader.

    Attributes:
        values: Effect of every step that was patched; NaN where there is none.
        columns: The step of each column, from 0.
        steps: Steps of the chain.
    """

    values: Float[np.ndarray, "layer column"]
    columns: Sequence[float] | Sequence[int]
    steps: int


def patch_maps(
    finding: PairFinding, measurements: Measurements, traces: Sequence[Trace]
) -> tuple[PatchMap, ...]:
    """Layer x place in the chain, mean over items, for each readout; none for models of different depth.

    Args:
        finding: Gives the two models and whose chains they read.
        measurements: Every measurement by (measure, author, reader, trace id).
        traces: The chains that are judged.
    """
    found = []
    for readout, title in (("next", "next"), ("answer", "answer (later text kept)")):
        sides = [
            _patched(readout, finding.author(reader), reader, measurements, traces)
            for reader in (finding.before, finding.after)
        ]
        if all(sides) and sides[0][0].values.shape[0] == sides[1][0].values.shape[0]:
            found.append(patch_map(title, *sides))
    return tuple(found)


def _patched(
    readout: str, author: str, reader: str, measurements: Measurements, traces: Sequence[Trace]
) -> list[Patched]:
    found = []
    for trace in traces:
        measurement = measurements.get(("step_patching", author, reader, trace.id))
        if measurement is not None and readout in measurement.results:
            result = measurement.results[readout]
            steps = len(trace.chain_steps)
            found.append(Patched(result.values, result.labels["step"], steps))
    return found


def patch_map(readout: str, before: Sequence[Patched], after: Sequence[Patched]) -> PatchMap:
    """Means over chains, by layer and place.

    Args:
        readout: Its name.
        before: The chains as the reference model reads them, at least one.
        after: The same for the later checkpoint, as deep as the reference.
    """
    grids = [np.array([by_place(each) for each in side]) for side in (before, after)]
    means = [nanmean(grid, axis=0) for grid in grids]
    whole = [
        nanmean(np.array([nanmean(each.values, axis=1) for each in side]), axis=0)
        for side in (before, after)
    ]
    counts = np.minimum(*(np.isfinite(grid).any(axis=1).sum(axis=0) for grid in grids))
    return PatchMap(
        readout=readout,
        unit=MEASURES["step_patching"].card.unit,
        layers=tuple(range(len(means[0]))),
        places=PLACES,
        before=means[0],
        after=means[1],
        difference=means[1] - means[0],
        n=len(before),
        counts=counts,
        whole_before=whole[0],
        whole_after=whole[1],
    )


def by_place(patched: Patched) -> Float[np.ndarray, "layer place"]:
    """Mean in every fifth of the chain, by where a step ends among the steps; NaN where none was patched.

    The last step stands at 100 %, in the last fifth, however short the chain is.
    """
    ends = (np.array(patched.columns) + 1) / max(1, patched.steps)
    place = np.ceil(ends * len(PLACES) - 1e-9).astype(int) - 1
    grid = np.full((patched.values.shape[0], len(PLACES)), np.nan)
    for p in set(place):
        grid[:, p] = nanmean(patched.values[:, place == p], axis=1)
    return grid


def nanmean(values: np.ndarray, *, axis: int) -> np.ndarray:
    """Mean without NaN, NaN where nothing is left (and no warning)."""
    count = np.isfinite(values).sum(axis=axis)
    total = np.nansum(values, axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
