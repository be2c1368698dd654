"""The values behind the page's figures, picked from tables and readings: curves, maps, slopes, series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mechcot.core.reading import Reading
from mechcot.core.trace import Trace
from mechcot.measure.registry import MEASURES
from mechcot.stats.bootstrap import bootstrap_mean
from mechcot.stats.series import series
from mechcot.stats.tables import pair_values
from mechcot.study.findings import Finding, Tables, judged_cards
from mechcot.study.plan import Study
from mechcot.view.report_data import Band, EarlyCurves, ItemValues, PatchMap, SeriesLine, StepMaps

GRID = np.linspace(0.0, 1.0, 21)
PLACES = ("0-20 %", "20-40 %", "40-60 %", "60-80 %", "80-100 %")

Readings = Mapping[tuple[str, str, str, str], Reading]


def item_values(finding: Finding, tables: Tables) -> tuple[ItemValues, ...]:
    """Every measure item by item, for the slope plots: the pairs and the means of the contrast table.

    Args:
        finding: Gives the two models, the measures and whose chains they read.
        tables: Readings of the whole study; several chains of an item are paired and averaged.

    Returns:
        One entry per measure, on the items with a value on both sides.
    """
    claim = finding.headline
    found = []
    for row in claim.table.to_dict("records"):
        pairs = pair_values(
            tables.readings[tables.readings["measure"] == row["measure"]],
            before=claim.before,
            after=claim.after,
            author=claim.author,
            items=None if claim.matched is None else claim.matched.items,
        )
        found.append(
            ItemValues(
                measure=str(row["measure"]),
                title=str(row["title"]),
                unit=str(row["unit"]),
                items=pairs.items,
                before=pairs.before,
                after=pairs.after,
                mean_before=row["before"],
                mean_after=row["after"],
                low_before=row["before_low"],
                high_before=row["before_high"],
                low_after=row["after_low"],
                high_after=row["after_high"],
            )
        )
    return tuple(found)


def early_curves(
    finding: Finding, readings: Readings, traces: Sequence[Trace], *, seed: int
) -> EarlyCurves | None:
    """Mean answer probability against the share of the chain that was given.

    Args:
        finding: Gives the two models and whose chains they read.
        readings: Every reading by (measure, author, reader, trace id).
        traces: The chains that are judged.
        seed: Seed of the study, for the bands.

    Returns:
        None when one of the models has no such curve.
    """
    bands = [
        _band(finding.author(reader), reader, readings, traces, seed=seed)
        for reader in (finding.before, finding.after)
    ]
    return None if None in bands else EarlyCurves(before=bands[0], after=bands[1])


def _band(
    author: str, reader: str, readings: Readings, traces: Sequence[Trace], *, seed: int
) -> Band | None:
    curves, areas = [], []
    for trace in traces:
        reading = readings.get(("early_answering", author, reader, trace.id))
        if reading is None or "soft" not in reading.results:
            continue
        soft = reading.results["soft"].values
        curves.append(np.interp(GRID, np.linspace(0.0, 1.0, len(soft)), soft))
        areas.append(reading.value)
    if not curves:
        return None
    points = np.array(curves).T
    ends = [
        bootstrap_mean(point, clusters=None, seed=seed, purpose="early curve", resamples=2000)
        for point in points
    ]
    return Band(
        model=reader,
        x=GRID,
        mean=points.mean(axis=1),
        low=np.array([e.low for e in ends]),
        high=np.array([e.high for e in ends]),
        n=len(curves),
        area=float(np.mean(areas)),
    )


def step_maps(
    finding: Finding, readings: Readings, traces: Sequence[Trace]
) -> tuple[StepMaps, ...]:
    """Step x step matrices of one trace that both read: the one whose number of steps is the median.

    Args:
        finding: Gives the two models; nothing is shown when each read its own chains.
        readings: Every reading by (measure, author, reader, trace id).
        traces: The chains to choose from.

    Returns:
        Suppression (nats) and attention mass, both of that trace; empty when no trace has both from both.
    """
    if not finding.same:
        return ()
    both = [
        trace
        for trace in traces
        if all(
            (r := readings.get((m, trace.author, reader, trace.id))) is not None and r.results
            for m in ("suppression", "step_attention")
            for reader in (finding.before, finding.after)
        )
    ]
    if not both:
        return ()
    order = sorted(both, key=lambda trace: (len(trace.chain_steps), trace.id))
    trace = order[len(order) // 2]
    labels = tuple(f"{s.index + 1} {' '.join(s.text.split())}" for s in trace.chain_steps)
    found = []
    for measure, name, title in (
        ("suppression", "kl", "Attention suppression: KL of each later step when a step is hidden"),
        ("step_attention", "mass", "Attention mass of each step on earlier steps, all heads"),
    ):
        before, after = (
            readings[(measure, trace.author, reader, trace.id)].results[name]
            for reader in (finding.before, finding.after)
        )
        found.append(
            StepMaps(
                measure=measure,
                title=title,
                unit=before.unit,
                item=trace.problem.id,
                sources=labels,
                targets=labels,
                before=before.values,
                after=after.values,
                difference=(after - before).values,
                why=f"the chain with the median number of steps ({len(labels)}) among {len(both)}",
            )
        )
    return tuple(found)


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
    finding: Finding, readings: Readings, traces: Sequence[Trace]
) -> tuple[PatchMap, ...]:
    """Layer x place in the chain, mean over items, for each readout; none for models of different depth.

    Args:
        finding: Gives the two models and whose chains they read.
        readings: Every reading by (measure, author, reader, trace id).
        traces: The chains that are judged.
    """
    found = []
    for readout, title in (("next", "next"), ("answer", "answer (later text kept)")):
        sides = [
            _patched(readout, finding.author(reader), reader, readings, traces)
            for reader in (finding.before, finding.after)
        ]
        if all(sides) and sides[0][0].values.shape[0] == sides[1][0].values.shape[0]:
            found.append(patch_map(title, *sides))
    return tuple(found)


def _patched(
    readout: str, author: str, reader: str, readings: Readings, traces: Sequence[Trace]
) -> list[Patched]:
    found = []
    for trace in traces:
        reading = readings.get(("step_patching", author, reader, trace.id))
        if reading is not None and readout in reading.results:
            result = reading.results[readout]
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


def series_lines(
    study: Study,
    tables: Tables,
    *,
    author: str | None,
    names: Sequence[str],
    answers: Mapping[str, str],
) -> tuple[SeriesLine, ...]:
    """One line per measure over all checkpoints, on the items that every checkpoint has, from the same chains.

    Args:
        study: The settings.
        tables: Readings and scalars of the whole study.
        author: Who wrote the chains; None (each its own): no lines.
        names: Checkpoints in training order; fewer than three: no lines.
        answers: Reference answer of each item, for the chance level.
    """
    if len(names) < 3 or author is None:
        return ()
    cards = judged_cards(study)
    table = series(
        tables.readings,
        tables.scalars,
        cards,
        checkpoints=names,
        author=author,
        answers=answers,
        seed=study.seed,
    )
    found = []
    for card in cards:
        rows = table[table["measure"] == card.name].sort_values("position")
        found.append(
            SeriesLine(
                measure=card.name,
                title=card.title,
                unit=card.unit,
                checkpoints=tuple(rows["checkpoint"]),
                mean=rows["value"].to_numpy(float),
                low=rows["value_low"].to_numpy(float),
                high=rows["value_high"].to_numpy(float),
                n=int(rows["n"].max()),
                verdicts=("reference", *rows["verdict"].iloc[1:]),
            )
        )
    return tuple(found)
