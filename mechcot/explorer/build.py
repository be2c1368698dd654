"""A finished run, or measurements in memory -> the trace explorer.

Every number stands in a measurement; which step carries the answer is derived in `mechcot.explorer.critical_step`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pyarrow import ArrowException
from typing_extensions import TypedDict

from mechcot.command_inputs import check_run
from mechcot.compare.measurements import MEASUREMENT
from mechcot.compare.tables import all_cards
from mechcot.core.errors import UserError
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import HeadSteps, LayerSteps, StepMatrix
from mechcot.core.store import read_json, read_traces
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.explorer.critical_step import critical_step, lead_key, strongest
from mechcot.explorer.feature_tracks import strips_of_run
from mechcot.measures.registry import MEASURES
from mechcot.model.loading.options import DEFAULTS, LoadOptions
from mechcot.runs.items import Items, read_checked
from mechcot.stats.gates import GATE_MEASURE
from mechcot.tasks import task_of
from mechcot.view.pages.explorer import Explorer
from mechcot.view.pages.explorer_data import (
    AnswerCurve,
    ExplorerData,
    FeatureStrip,
    Grid,
    ItemView,
    StepCard,
    StepValues,
)

KINDS_OF_GRID: Mapping[type, Literal["steps", "layers", "heads"]] = {
    StepMatrix: "steps",
    LayerSteps: "layers",
    HeadSteps: "heads",
}
ByReader = Mapping[str, Mapping[str, Measurement]]
"""Measurements of one trace, by reader and measure."""


def explore_run(
    run: Path | str,
    *,
    items: Sequence[str] | None = None,
    dictionary: Path | str | None = None,
    features: Sequence[int] | None = None,
    loading: LoadOptions = DEFAULTS,
) -> Explorer:
    """Open a run folder of `mechcot compare`.

    Args:
        run: The folder.
        items: Problem ids to show; None for all.
        dictionary: A sparse dictionary (folder, or RELEASE/ID of SAE-Lens) whose features shall be shown along the
            tokens; the models are then loaded again and read every trace once. None: no features, no model is loaded.
        features: Numbers of its features; None: chosen, see `mechcot.explorer.feature_tracks`.
        loading: How the models are loaded, where they are.

    Raises:
        UserError: The folder is not a finished run, an id or a feature is unknown, the dictionary does not fit, or a
            model is no longer what the run read.
    """
    folder = Path(run)
    check_run(folder)
    about = read_checked(folder / "summary.json", shape=_Summary, what="the summary of a run")
    manifest = folder / "manifest.json"
    command = read_json(manifest, what="the manifest of a run") if manifest.is_file() else {}
    traces = read_traces(folder / "traces.jsonl")
    if items is not None:
        traces = _chosen(traces, items)
    if about["author"] is not None:
        traces.sort(key=lambda trace: trace.author != about["author"])
    names = tuple(model["name"] for model in about["models"])
    measurements = _readings(folder, {trace.id: trace for trace in traces})
    strips: Mapping[str, FeatureStrip] = {}
    if dictionary is not None:
        read_by: dict[str, set[str]] = {}
        for measurement in measurements:
            read_by.setdefault(measurement.trace, set()).add(measurement.reader)
        strips = strips_of_run(
            about["models"],
            traces,
            dictionary=dictionary,
            features=features,
            read_by=read_by,
            loading=loading,
        )
    return explorer(
        traces,
        measurements,
        readers=names,
        title=" → ".join(names),
        source=str(command.get("command") or folder.name),
        strips=strips,
    )


class _Model(TypedDict):
    """A model of a run."""

    name: str
    spec: str
    weights: str


class _Summary(TypedDict):
    """What the explorer needs of `summary.json`."""

    author: str | None
    models: list[_Model]


def _readings(folder: Path, traces: Mapping[str, Trace]) -> list[Measurement]:
    """The measurements that the run's report rests on; the folder may hold those of earlier runs as well.

    Args:
        folder: The folder of the run.
        traces: Its traces by id.

    Raises:
        UserError: The list of them is damaged, or one is not there or about another chain.
    """
    index = folder / "results" / "readings.parquet"
    try:
        names = pd.read_parquet(index, columns=["file"])["file"].dropna()
        if not names.map(_named).all():
            raise ValueError("the column `file` holds something else than names")
    except (ArrowException, OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{index}: expected the readings of a run by this version of mechcot ({' '.join(str(error).split())[:120]}); run `mechcot compare` again"
        ) from error
    items = Items(folder / "readings", MEASUREMENT, shards=folder / "readings")
    found = []
    for name in sorted(set(names) - {""}):
        key = name.removeprefix("readings/").removesuffix(MEASUREMENT.suffix)
        if key not in items:
            raise UserError(
                f"{folder}: the measurement {name} is missing; run `mechcot compare` again, it takes only what is not there"
            )
        measurement = items.read(key)
        trace = traces.get(measurement.trace)
        if trace is not None and (fault := _misfit(measurement, len(trace.chain_steps))):
            raise UserError(
                f"{items.place(key)}: expected a measurement of {trace.id} ({fault}); remove the file and run `mechcot compare` again"
            )
        found.append(measurement)
    return found


def _named(name: object) -> bool:
    """Return whether this is the name of a measurement in the folder, or "" for none."""
    if not isinstance(name, str):
        return False
    return not name or (name.startswith("readings/") and not {"", ".."} & set(name.split("/")))


def _misfit(measurement: Measurement, n: int) -> str:
    """Why a measurement cannot be about a chain of `n` steps; "" where it can."""
    sizes = {"step": n, "source": n, "target": n, "after": n + 1}
    known = MEASURES.get(measurement.measure)
    arrays = {} if known is None else {array.name: array for array in known.card.arrays}
    for name, result in measurement.results.items():
        if name in arrays and result.axes != arrays[name].axes:
            return f"{name} has the axes {result.axes}, expected {arrays[name].axes}"
        if name in arrays and (arrays[name].settled or name) not in measurement.results:
            return f"{name} stands without {arrays[name].settled}"
        for axis, size in zip(result.axes, result.values.shape, strict=True):
            at, end = result.labels[axis], sizes.get(axis)
            if end is None:
                continue
            if not set(at) <= set(range(end)):
                return f"{name} is about steps that the chain does not have"
            some = "layer" in result.axes or at != tuple(range(size))  # some steps, by their labels
            if not some and size != end:
                return (
                    f"{name} is of shape {result.values.shape}, the chain has {count_of(n, 'step')}"
                )
    return ""


def explorer(
    traces: Sequence[Trace],
    measurements: Iterable[Measurement],
    *,
    readers: Sequence[str],
    title: str = "Trace explorer",
    source: str = "",
    strips: Mapping[str, FeatureStrip] | None = None,
) -> Explorer:
    """Show traces and what was read about them.

    Args:
        traces: The traces; one without any measurement is left out.
        measurements: Measurements of any traces, measures and readers; what does not belong is passed over.
        readers: Names of the models to show, the reference first.
        title: Title of the page.
        source: Where the numbers come from.
        strips: By trace id, features along its tokens, as `mechcot.explorer.feature_tracks.strips` gives them.

    Raises:
        UserError: No trace has a measurement by one of the readers.
    """
    found: dict[str, dict[str, dict[str, Measurement]]] = {}
    for measurement in measurements:
        if measurement.reader in readers:
            found.setdefault(measurement.trace, {}).setdefault(measurement.reader, {})[
                measurement.measure
            ] = measurement
    views = (
        _item(trace, found[trace.id], readers, (strips or {}).get(trace.id))
        for trace in traces
        if trace.id in found
    )
    items = tuple(sorted(views, key=lambda view: not view.grids))  # opens on one that was compared
    if not traces:
        raise UserError("expected traces to explore, got none; write some or read a file of chains")
    if not items:
        raise UserError(
            f"no measurement of {count_of(len(traces), 'trace')} by {', '.join(readers)}; run `mechcot compare` first"
        )
    return Explorer(ExplorerData(title, source, tuple(readers), items))


def _chosen(traces: Sequence[Trace], items: Sequence[str]) -> list[Trace]:
    known = {trace.problem.id for trace in traces}
    for item in items:
        if item not in known:
            raise UserError(
                f"unknown item {item!r}; this run has {', '.join(sorted(known)[:8])}, ..."
            )
    return [trace for trace in traces if trace.problem.id in set(items)]


def _item(
    trace: Trace, found: ByReader, readers: Sequence[str], strip: FeatureStrip | None
) -> ItemView:
    by_reader = {name: found[name] for name in readers if name in found}
    values = _step_values(trace, by_reader)
    carried = {name: critical_step(values, name) for name in by_reader}
    chain = trace.chain_steps
    checks = task_of(trace.problem).check_steps(trace)
    return ItemView(
        trace=trace.id,
        author=trace.author,
        question=trace.problem.question,
        reference=trace.problem.answer,
        stated=trace.answer.text or "",
        prompt_tokens=trace.prompt_length,
        tokens=len(trace),
        steps=tuple(
            StepCard(
                text=step.text,
                kind=step.kind.value if step.phase.value == "chain" else "answer",
                tokens=(step.tokens.start, step.tokens.stop),
                chars=(step.chars.start, step.chars.stop),
                doubt="" if check is None else check.doubt,
                wrong=check is not None and check.valid is False,
            )
            for step, check in zip_longest(trace.steps, checks)
        ),
        n_chain=len(chain),
        lines={name: line for name, each in by_reader.items() if (line := _line(each)) is not None},
        values=values,
        grids=_grids(by_reader, n=len(chain)),
        facts={name: _facts(each) for name, each in by_reader.items()},
        answers={name: _answers(each.get(GATE_MEASURE)) for name, each in by_reader.items()},
        sentences={name: sentence for name, (sentence, _, _) in carried.items()},
        carrier={name: step for name, (_, step, _) in carried.items()},
        lead=lead_key(values, [key for _, _, key in carried.values()]),
        strip=strip,
    )


def _line(measurements: Mapping[str, Measurement]) -> AnswerCurve | None:
    """The line along the chain of the first measure that has one, and where the answer is settled."""
    lines = (
        (measurements[card.name], array)
        for card in all_cards()
        for array in card.arrays
        if array.settled and card.name in measurements
    )
    for measurement, array in lines:
        if array.name not in measurement.results:
            continue
        settled = measurement.results[array.settled].values
        unequal = np.flatnonzero(settled < 1)
        after = int(unequal[-1]) + 1 if len(unequal) else 0
        return AnswerCurve(
            soft=measurement.results[array.name].values,
            area=measurement.value,
            fixed=after if after < len(settled) else None,
        )
    return None


def _step_values(trace: Trace, by_reader: ByReader) -> tuple[StepValues, ...]:
    n, made = len(trace.chain_steps), []
    shown = [(card.name, array) for card in all_cards() for array in card.arrays if array.title]
    for measure, array in sorted(shown, key=lambda pair: not pair[1].carries):
        name = array.name
        rows = {
            reader: _along_steps(measurements[measure], name, n)
            for reader, measurements in by_reader.items()
            if measure in measurements and name in measurements[measure].results
        }
        if not rows:
            continue
        made.append(
            StepValues(
                key=f"{measure}/{name}",
                title=array.title,
                meaning=array.meaning,
                unit=_unit(by_reader, measure, name),
                smallest=MEASURES[measure].card.smallest_effect if array.carries else math.nan,
                by_reader=rows,
                null={
                    reader: by_reader[reader][measure].scalars["null_random"]
                    for reader in rows
                    if array.carries and "null_random" in by_reader[reader][measure].scalars
                },
                acts=array.acts,
                carries=array.carries,
            )
        )
    both = strongest(made)
    return tuple(made) if both is None else (both, *made)


def _unit(by_reader: ByReader, measure: str, name: str) -> str:
    return next(
        measurements[measure].results[name].unit
        for measurements in by_reader.values()
        if measure in measurements and name in measurements[measure].results
    )


def _along_steps(measurement: Measurement, name: str, n: int) -> np.ndarray:
    """One value per step: a curve by its rises, layers x steps at the first layer's input."""
    result = measurement.results[name]
    if result.axes == ("after",):
        with np.errstate(invalid="ignore"):  # between infinite values there is none
            return np.diff(result.values)
    if result.axes == ("step",):
        return result.values
    row = np.full(n, np.nan)
    row[[int(step) for step in result.labels["step"]]] = result.values[0]
    return row


def _grids(by_reader: ByReader, *, n: int) -> tuple[Grid, ...]:
    made = []
    pictures = [
        (card.name, array) for card in all_cards() for array in card.arrays if array.picture
    ]
    for measure, array in pictures:
        name = array.name
        found = {
            reader: measurements[measure].results[name]
            for reader, measurements in by_reader.items()
            if measure in measurements and name in measurements[measure].results
        }
        if not found:
            continue
        first = next(iter(found.values()))
        kind = KINDS_OF_GRID[type(first)]
        columns: Any = range(n) if kind == "steps" else map(int, first.labels["step"])
        made.append(
            Grid(
                key=f"{measure}/{name}",
                title=array.picture,
                unit=first.unit,
                kind=kind,
                columns=tuple(columns),
                by_reader={reader: result.values for reader, result in found.items()},
            )
        )
    return tuple(made)


def _facts(measurements: Mapping[str, Measurement]) -> tuple[tuple[str, float, str], ...]:
    return tuple(
        (MEASURES[name].card.title, measurements[name].value, MEASURES[name].card.unit)
        for name in MEASURES
        if name in measurements and name != GATE_MEASURE
    )


def _answers(gates: Measurement | None) -> tuple[tuple[str, str], ...]:
    notes = {} if gates is None else gates.notes
    return tuple(
        (what, notes[key] or "none read")
        for what, key in (("with the chain", "answer"), ("without", "answer_without"))
        if key in notes
    )
