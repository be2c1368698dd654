"""The frames behind the report's figures: items, lines along the chain, step maps, place maps. Which arrays, the cards say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from mechcot.compare.pair_finding import PairFinding
from mechcot.compare.tables import Measurements, Tables
from mechcot.core.card import ArrayCard, MeasureCard
from mechcot.core.step_arrays import Result
from mechcot.core.trace import Trace
from mechcot.stats.bootstrap import bootstrap_mean
from mechcot.stats.measurement_tables import pair_values
from mechcot.view.pages.numbered_figures import LINE_AXES, PLACE_MAP_AXES, STEP_MAP_AXES
from mechcot.view.pages.report_data import ArrayFrame

GRID = np.linspace(0.0, 1.0, 21)
FIFTHS = ("0-20 %", "20-40 %", "40-60 %", "60-80 %", "80-100 %")
WHOLE = "whole chain"
"""Place of the mean over the whole chain; not drawn."""


@dataclass(frozen=True, eq=False)
class ArrayReader:
    """The arrays of a comparison.

    Attributes:
        finding: Gives the two models and whose chains they read.
        measurements: Every measurement by (measure, author, reader, trace id).
        traces: The chains that are judged.
        seed: Seed of the study, for the bands.
    """

    finding: PairFinding
    measurements: Measurements
    traces: Sequence[Trace]
    seed: int

    def array(self, measure: str, name: str, reader: str, trace: Trace) -> Result | None:
        """An array of one trace; None where it was not measured."""
        key = (measure, self.finding.author(reader), reader, trace.id)
        measurement = self.measurements.get(key)
        return None if measurement is None else measurement.results.get(name)

    def pairs(self, measure: str, name: str) -> Iterator[tuple[Trace, Result, Result]]:
        """The traces that both models have the array of, with it before and after; none where no chain is shared."""
        for trace in self.shared(measure, name):
            before, after = (
                self.array(measure, name, reader, trace) for reader in self.finding.readers
            )
            if before is not None and after is not None:
                yield trace, before, after

    def shared(self, measure: str, name: str) -> list[Trace]:
        """The traces that both models have the array of; none where no chain is shared."""
        author, readers = self.finding.author, self.finding.readers
        both = [
            [self.measurements.get((measure, author(r), r, trace.id)) for r in readers]
            for trace in self.traces
        ]
        return [
            trace
            for trace, sides in zip(self.traces, both, strict=True)
            if self.finding.same and all(m is not None and name in m.results for m in sides)
        ]


def item_values(finding: PairFinding, tables: Tables) -> pd.DataFrame:
    """Every measure item by item, as the contrast table pairs it: `measure`, `item`, `before`, `after`.

    Args:
        finding: Gives the two models, the measures and whose chains they read.
        tables: Measurements of the whole study; several chains of an item are paired and averaged.
    """
    claim, rows = finding.headline, tables.measurements
    parts = []
    for measure in claim.table["measure"]:
        pairs = pair_values(
            rows[rows["measure"] == measure],
            before=claim.before,
            after=claim.after,
            author=claim.author,
            items=None if claim.matched is None else claim.matched.items,
        )
        values = {"item": pairs.items, "before": pairs.before, "after": pairs.after}
        parts.append(pd.DataFrame(values).assign(measure=str(measure)))
    if not parts:
        return pd.DataFrame(columns=["item", "before", "after", "measure"])
    return pd.concat(parts, ignore_index=True)


def array_frames(reader: ArrayReader, cards: Sequence[MeasureCard]) -> tuple[ArrayFrame, ...]:
    """What is drawn of the arrays of some measures, the axes of an array say how."""
    drawn = [(card, array) for card in cards for array in card.arrays if array.figure]
    lines = [line for card, array in drawn if (line := _line(reader, card, array)) is not None]
    maps = _step_maps(reader, [pair for pair in drawn if pair[1].axes == STEP_MAP_AXES])
    places = [
        ArrayFrame(card, array, frame[frame["place"] != WHOLE])
        for card, array, frame in place_frames(reader, cards)
    ]
    return (*lines, *maps, *places)


def _line(reader: ArrayReader, card: MeasureCard, array: ArrayCard) -> ArrayFrame | None:
    """Mean of a line against the share of the chain that was given; None when a model has none."""
    if array.axes != LINE_AXES:
        return None
    bands = [_band(reader, name, card, array) for name in reader.finding.readers]
    if any(band is None for band in bands):
        return None
    return ArrayFrame(card, array, pd.concat(bands).assign(comparison=reader.finding.name))


def _band(
    reader: ArrayReader, name: str, card: MeasureCard, array: ArrayCard
) -> pd.DataFrame | None:
    lines: dict[str, list[np.ndarray]] = {}
    values: dict[str, list[float]] = {}
    unit = ""
    for trace in reader.traces:
        line = reader.array(card.name, array.name, name, trace)
        if line is None:
            continue
        points = np.interp(GRID, np.linspace(0.0, 1.0, len(line.values)), line.values)
        lines.setdefault(trace.problem.id, []).append(points)
        key = (card.name, reader.finding.author(name), name, trace.id)
        values.setdefault(trace.problem.id, []).append(reader.measurements[key].value)
        unit = line.unit
    if not lines:
        return None
    points = np.array([np.mean(of_item, axis=0) for of_item in lines.values()]).T
    draws = {"seed": reader.seed, "purpose": "early curve", "resamples": 2000}
    ends = [bootstrap_mean(point, **draws) for point in points]
    bounds = {"low": [end.low for end in ends], "high": [end.high for end in ends]}
    frame = pd.DataFrame({"share": GRID, "mean": points.mean(axis=1), **bounds})
    value = float(np.mean([np.mean(of_item) for of_item in values.values()]))
    return frame.assign(reader=name, unit=unit, n=len(lines), value=value)


def _step_maps(
    reader: ArrayReader, drawn: Sequence[tuple[MeasureCard, ArrayCard]]
) -> list[ArrayFrame]:
    """Step x step maps of one trace of several steps that both models read: the one whose number of steps is the median.

    All of that trace; arrays that no trace has from both are left out, traces without one of the others as well.
    """
    shared = [
        (
            card,
            array,
            {t.id: t for t in reader.shared(card.name, array.name) if len(t.chain_steps) > 1},
        )
        for card, array in drawn
    ]
    shared = [(card, array, traces) for card, array, traces in shared if traces]
    ids = set.intersection(*(set(traces) for *_, traces in shared)) if shared else set()
    if not ids:
        return []
    traces = [trace for trace in reader.traces if trace.id in ids]
    order = sorted(traces, key=lambda trace: (len(trace.chain_steps), trace.id))
    trace = order[len(order) // 2]
    count = len(trace.chain_steps)
    note = f"One trace, as an example: the chain with the median number of steps ({count}) among {len(order)}."
    frames = []
    for card, array, _ in shared:
        sides = [
            reader.array(card.name, array.name, name, trace) for name in reader.finding.readers
        ]
        frames.append(ArrayFrame(card, array, _cells(trace, *filter(None, sides)), note))
    return frames


def _cells(trace: Trace, before: Result, after: Result) -> pd.DataFrame:
    """One row per cell of a step x step matrix, before and after."""
    texts = [" ".join(step.text.split()) for step in trace.chain_steps]
    frame = before.to_frame()[["source", "target", "unit"]].astype({"source": int, "target": int})
    named = {f"{side}_text": [texts[step] for step in frame[side]] for side in ("source", "target")}
    values = {"before": before.values.reshape(-1), "after": after.values.reshape(-1)}
    return frame.assign(**named, **values, item=trace.problem.id)


def place_frames(
    reader: ArrayReader, cards: Sequence[MeasureCard]
) -> list[tuple[MeasureCard, ArrayCard, pd.DataFrame]]:
    """Layer x place in the chain, mean over items, of each measure that has such arrays on the least number of items that it needs; none of models of other depth."""
    frames = ((card, *_places(reader, card)) for card in cards)
    return [
        (card, arrays[0], pd.concat(parts, ignore_index=True))
        for card, arrays, parts in frames
        if parts
    ]


def _places(reader: ArrayReader, card: MeasureCard) -> tuple[list[ArrayCard], list[pd.DataFrame]]:
    """The arrays over layers and steps that are drawn, and a frame of each that was measured in both models."""
    arrays = [array for array in card.arrays if array.figure and array.axes == PLACE_MAP_AXES]
    parts = []
    for array in arrays:
        sides = []
        for name in reader.finding.readers:
            read = ((t, reader.array(card.name, array.name, name, t)) for t in reader.traces)
            chains = [patched_chain(a, len(t.chain_steps)) for t, a in read if a is not None]
            sides.append([chain for chain in chains if np.isfinite(chain.values).any()])
        enough = min(map(len, sides)) >= max(1, card.min_items)
        if enough and sides[0][0].values.shape[0] == sides[1][0].values.shape[0]:
            parts.append(place_frame(array.figure, *sides))
    return arrays, parts


@dataclass(frozen=True, eq=False)
class Patched:
    """An array over layers and steps of one chain.

    Attributes:
        values: Effect of every step that was acted on; NaN where there is none.
        columns: The step of each column, from 0.
        steps: Steps of the chain.
    """

    values: Float[np.ndarray, "layer column"]
    columns: Sequence[float] | Sequence[int]
    steps: int


def patched_chain(array: Result, steps: int) -> Patched:
    """The array of a chain of so many steps."""
    return Patched(array.values, array.labels["step"], steps)


def place_frame(readout: str, before: Sequence[Patched], after: Sequence[Patched]) -> pd.DataFrame:
    """Means over chains: `readout`, `layer`, `place`, `before`, `after`, `items` that have a value there.

    The place `WHOLE` holds the mean over chains of each chain's mean over all its steps.

    Args:
        readout: Its name.
        before: The chains as the reference model reads them, at least one.
        after: The same for the later checkpoint, as deep as the reference.
    """
    grids = [np.array([by_place(chain) for chain in side]) for side in (before, after)]
    means = [nanmean(grid, axis=0) for grid in grids]
    wholes = [
        nanmean(np.array([nanmean(chain.values, axis=1) for chain in side]), axis=0)
        for side in (before, after)
    ]
    counts = np.minimum(*(np.isfinite(grid).any(axis=1).sum(axis=0) for grid in grids))
    layers = np.arange(len(means[0]))
    cells = {"layer": np.repeat(layers, len(FIFTHS)), "place": list(FIFTHS) * len(layers)}
    values = {"before": means[0].reshape(-1), "after": means[1].reshape(-1)}
    maps = pd.DataFrame(cells | values | {"items": np.tile(counts, len(layers))})
    whole = {"layer": layers, "before": wholes[0], "after": wholes[1]}
    ends = pd.DataFrame(whole).assign(place=WHOLE, items=len(before))
    return pd.concat([maps, ends], ignore_index=True).assign(readout=readout)


def by_place(chain: Patched) -> Float[np.ndarray, "layer place"]:
    """Mean in every fifth of the chain, by where a step ends among the steps; NaN where none was acted on.

    The last step stands at 100 %, in the last fifth, however short the chain is.
    """
    ends = (np.array(chain.columns) + 1) / max(1, chain.steps)
    place = np.ceil(ends * len(FIFTHS) - 1e-9).astype(int) - 1
    grid = np.full((chain.values.shape[0], len(FIFTHS)), np.nan)
    for p in set(place):
        grid[:, p] = nanmean(chain.values[:, place == p], axis=1)
    return grid


def nanmean(values: np.ndarray, *, axis: int) -> np.ndarray:
    """Mean without NaN, NaN where nothing is left (and no warning)."""
    count = np.isfinite(values).sum(axis=axis)
    total = np.nansum(values, axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
