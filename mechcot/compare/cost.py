"""Cost of a run, estimated before it starts: forwards, tokens, time, memory, disk.

Forwards are counted from the chains themselves; time is one measured forward of the first model times that.
Memory is that of the weights, from the heads of their files; disk is that of the measurements, from the sizes of their arrays, and of what is
made of them at the end: the report with its drawing library, the tables, the chains.
"""

import json
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from mechcot.compare.forecast import duration, forwards, work
from mechcot.compare.measurements import Job
from mechcot.compare.models import Models
from mechcot.compare.study import Study
from mechcot.core.errors import NotMeasurable
from mechcot.core.store import trace_to_json
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.measures.registry import MEASURES
from mechcot.model.reasoner import Reasoner

TRIED = 3
HEAD_BYTES = 1_500
"""Names and scalars of one measurement."""
NUMBER_BYTES = 8
PAGE_BYTES = 4_880_000
"""A report without chains: nearly all of it is the drawing library."""
CELL_BYTES = 265
"""Of a cell [step, step] in the report: before, after and difference, drawn and in a table."""
_MOST_DRAWN = 150
"""Steps of a map at most."""
ROW_BYTES = 5
"""Of a number in the tables, packed."""
TABLES_BYTES = 130_000
"""Of the summary, the manifest and nearly empty tables."""


@dataclass(frozen=True)
class Cost:
    """One row of the cost table.

    Attributes:
        reader: Which model reads.
        measure: Which measure.
        items: How many measurements are still to be taken.
        forwards: Forwards of a whole trace, about.
        tokens: Tokens that go through the model, about.
        disk: Bytes of the measurements, about.
    """

    reader: str
    measure: str
    items: int
    forwards: float
    tokens: float
    disk: int


def costs(todo: Sequence[Job], *, layers: int, heads: int) -> list[Cost]:
    """Cost of the measurements that are not on disk.

    Args:
        todo: All measurements of the study.
        layers: Blocks of a model.
        heads: Attention heads of a block.
    """
    groups: dict[tuple[str, str], list[Job]] = {}
    for job in todo:
        if not job.finished:
            groups.setdefault((job.cell.reader, job.measure), []).append(job)
    found = []
    for (reader, measure), jobs in groups.items():
        each = [forwards(measure, job.trace, layers=layers) for job in jobs]
        tokens = sum(work(measure, job.trace, layers=layers) for job in jobs)
        disk = sum(
            reading_bytes(measure, steps=len(job.trace.chain_steps), layers=layers, heads=heads)
            for job in jobs
        )
        found.append(Cost(reader, measure, len(jobs), sum(each), tokens, disk))
    return found


def reading_bytes(measure: str, *, steps: int, layers: int, heads: int) -> int:
    """Bytes on disk of one measurement, about: its arrays and its names.

    Args:
        measure: Name of the measure; one that keeps no large array counts two numbers a step.
        steps: Steps of the chain.
        layers: Layers of the reader.
        heads: Heads of a layer.
    """
    numbers = _numbers(measure, steps=steps, layers=layers, heads=heads)
    return HEAD_BYTES + NUMBER_BYTES * numbers


def _numbers(measure: str, *, steps: int, layers: int, heads: int) -> int:
    """Numbers in the arrays of one measurement, about."""
    sizes = {"layer": layers, "head": heads}
    large = (array.axes for array in MEASURES[measure].card.arrays if len(array.axes) > 1)
    return 2 * steps + sum(math.prod(sizes.get(axis, steps) for axis in axes) for axes in large)


def made_bytes(todo: Sequence[Job], *, layers: int, heads: int, comparisons: int) -> int:
    """Bytes of what a run makes of all its measurements, about: report, tables, chains.

    Args:
        todo: All measurements of the study, on disk or not.
        layers: Blocks of a model.
        heads: Attention heads of a block.
        comparisons: Later checkpoints, each with a part of the report.
    """
    traces = {job.trace.id: job.trace for job in todo}
    lengths = sorted(len(trace.chain_steps) for trace in traces.values())
    cards = (MEASURES[measure].card for measure in {job.measure for job in todo})
    maps = sum(bool(a.figure) and a.axes == ("source", "target") for c in cards for a in c.arrays)
    drawn = min(lengths[len(lengths) // 2], _MOST_DRAWN)
    page = PAGE_BYTES + comparisons * maps * CELL_BYTES * drawn**2
    numbers = sum(
        _numbers(job.measure, steps=len(job.trace.chain_steps), layers=layers, heads=heads)
        for job in todo
    )
    tables = TABLES_BYTES + ROW_BYTES * (numbers + 10 * len(todo))
    chains = sum(len(json.dumps(trace_to_json(trace))) for trace in traces.values())
    return page + tables + chains


def announce(study: Study, models: Models, todo: Sequence[Job], *, console: Console) -> None:
    """Print the cost table and the time estimate; nothing when all is on disk.

    Args:
        study: The settings.
        models: Its models; the first is loaded, to time one forward and for its layers and heads.
        todo: All measurements; those on disk cost nothing.
        console: Where to print.
    """
    if all(job.finished for job in todo):
        console.print("every measurement is on disk already", markup=False)
        return
    config = models.get(models.first).model.config.get_text_config()
    rows = costs(todo, layers=config.num_hidden_layers, heads=config.num_attention_heads)
    per_token = _seconds_per_token(models, todo)
    table = Table(title="what this run will cost", title_justify="left")
    for name in ("reader", "measure", "readings", "forwards", "tokens", "about"):
        table.add_column(name, justify="left" if name in {"reader", "measure"} else "right")
    for row in rows:
        about = duration(row.tokens * per_token)
        table.add_row(
            row.reader,
            row.measure,
            str(row.items),
            f"{row.forwards:.0f}",
            f"{row.tokens:.3g}",
            about,
        )
    console.print(table)
    items = sum(row.items for row in rows)
    seconds = sum(row.tokens for row in rows) * per_token / study.workers
    alone = study.residency == "one-at-a-time"
    held = "the largest model alone" if alone else f"{len(models.names)} models together"
    if study.workers > 1:
        held += f", once in each of {study.workers} processes"
    shape = {"layers": config.num_hidden_layers, "heads": config.num_attention_heads}
    disk = sum(row.disk for row in rows)
    disk += made_bytes(todo, comparisons=len(models.names) - 1, **shape)
    console.print(
        f"{count_of(items, 'reading')}, about {duration(seconds)}, about {_megabytes(disk)} of disk; "
        f"{_megabytes(models.weight_bytes() * study.workers)} of weights in memory ({held})",
        markup=False,
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size < 1e8 else f"{size / 1e9:.1f} GB"


def _seconds_per_token(models: Models, todo: Sequence[Job]) -> float:
    """Median of three measured forwards of a trace of middle length, after one; NaN when none of a few can be run."""
    reader = models.get(models.first)
    traces = sorted({job.trace.id: job.trace for job in todo}.values(), key=len)
    middle = len(traces) // 2
    for trace in traces[middle : middle + TRIED]:
        with suppress(NotMeasurable):
            reader.prefix(trace.ids)
            return sorted(_seconds(reader, trace) for _ in range(3))[1] / len(trace)
    return math.nan


def _seconds(reader: Reasoner, trace: Trace) -> float:
    started = time.perf_counter()
    reader.prefix(trace.ids)
    return time.perf_counter() - started
