"""Cost of a run, estimated before it starts: forwards, tokens, time, memory, disk.

Forwards and calls are counted from the chains themselves, by the laws on the cards. Time is what a token and a call of the first model take, times that.

    seconds = readings x (inputs + counterfactual) + calls x call + tokens x token

    inputs = making those of a measure,   counterfactual = changing the text where a measure asks for that,   call = a run of the last token of a trace,   token = (a run of its second half - call) / its tokens

Both runs are on kept states and under a mask, as most of those of the measures are.
Memory is that of the weights, from the heads of their files; disk is that of the measurements, from the sizes of their arrays, and of what is
made of them at the end: the report with its drawing library, the tables, the chains.
"""

import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain

from rich.console import Console
from rich.table import Table

from mechcot.compare.forecast import calls, duration, forwards, work
from mechcot.compare.measure_inputs import inputs_for
from mechcot.compare.measurements import Job, JobGroup, job_groups
from mechcot.compare.models import Models
from mechcot.compare.settings import Study
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.store import trace_to_json
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.measures.inputs import DRAWS, Inputs
from mechcot.measures.registry import MEASURES
from mechcot.model.reasoner import Reasoner
from mechcot.tasks import task_of

TRIED = 3
REPEATED = 3
HEAD_BYTES = 1_500
"""Names and scalars of one measurement."""
NUMBER_BYTES = 8
PAGE_BYTES = 1_570_000
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
        calls: Times that the model is called, about.
        disk: Bytes of the measurements, about.
    """

    reader: str
    measure: str
    items: int
    forwards: float
    tokens: float
    calls: float
    disk: int


def costs(todo: Sequence[Job], *, layers: int, heads: int, draws: int = DRAWS) -> list[Cost]:
    """Cost of the measurements that are not on disk.

    Args:
        todo: All measurements of the study.
        layers: Blocks of a model.
        heads: Attention heads of a block.
        draws: Continuations drawn at each place of a chain.
    """
    rows: dict[tuple[str, str], list[JobGroup]] = {}
    for group in job_groups(todo):
        left = tuple(job for job in group if not job.finished)
        if left:
            rows.setdefault((left[0].cell.reader, left[0].measure), []).append(left)
    return [
        _cost(reader, measure, groups, layers=layers, heads=heads, draws=draws)
        for (reader, measure), groups in rows.items()
    ]


def _cost(
    reader: str, measure: str, groups: Sequence[JobGroup], *, layers: int, heads: int, draws: int
) -> Cost:
    traces = [[job.trace for job in group] for group in groups]
    every = list(chain.from_iterable(traces))
    run = {"layers": layers, "draws": draws}
    return Cost(
        reader,
        measure,
        items=len(every),
        forwards=sum(forwards(measure, trace, **run) for trace in every),
        tokens=sum(work(measure, trace, **run) for trace in every),
        calls=sum(calls(measure, group) for group in traces),
        disk=sum(
            reading_bytes(measure, steps=len(trace.chain_steps), layers=layers, heads=heads)
            for trace in every
        ),
    )


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


def announce(
    study: Study,
    models: Models,
    todo: Sequence[Job],
    *,
    console: Console,
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """Print the cost table and the time estimate; nothing when all is on disk.

    Args:
        study: The settings.
        models: Its models; the first is loaded, to time one forward and for its layers and heads.
        todo: All measurements; those on disk cost nothing.
        console: Where to print.
        clock: Gives seconds.
    """
    if all(job.finished for job in todo):
        console.print("every measurement is on disk already", markup=False)
        return
    config = models.get(models.first).model.config.get_text_config()
    shape = {"layers": config.num_hidden_layers, "heads": config.num_attention_heads}
    rows = costs(todo, **shape, draws=study.draws)
    speed = _speed(models, todo, clock)
    table = Table(title="what this run will cost", title_justify="left")
    for name in ("reader", "measure", "readings", "forwards", "tokens", "about"):
        table.add_column(name, justify="left" if name in {"reader", "measure"} else "right")
    for row in rows:
        table.add_row(
            row.reader,
            row.measure,
            str(row.items),
            f"{row.forwards:.0f}",
            f"{row.tokens:.3g}",
            duration(speed.seconds(row)),
        )
    console.print(table)
    items = sum(row.items for row in rows)
    seconds = sum(map(speed.seconds, rows)) / study.workers
    alone = study.residency == "one-at-a-time"
    held = "the largest model alone" if alone else f"{len(models.names)} models together"
    if study.workers > 1:
        held += f", once in each of {study.workers} processes"
    disk = sum(row.disk for row in rows)
    disk += made_bytes(todo, comparisons=len(models.names) - 1, **shape)
    console.print(
        f"{count_of(items, 'reading')}, about {duration(seconds)}, about {_megabytes(disk)} of disk; "
        f"{_megabytes(models.weight_bytes() * study.workers)} of weights in memory ({held})",
        markup=False,
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size < 1e8 else f"{size / 1e9:.1f} GB"


@dataclass(frozen=True)
class _Speed:
    """What a model takes.

    Attributes:
        inputs: Seconds of the inputs of a measurement.
        counterfactual: Seconds of the change of a text, for the measures that ask for one.
        call: Seconds of a call, whatever its tokens.
        token: Seconds of a token.
    """

    inputs: float
    counterfactual: float
    call: float
    token: float

    def seconds(self, row: Cost) -> float:
        """Seconds of a row."""
        changed = "counterfactuals" in MEASURES[row.measure].card.asks
        each = self.inputs + self.counterfactual * changed
        return row.items * each + row.calls * self.call + row.tokens * self.token


def _speed(models: Models, todo: Sequence[Job], clock: Callable[[], float]) -> _Speed:
    """Time a trace of middle length, medians of a few; NaN when none of a few can be run.

    One that the first model reads; where it has read all of its own, another model's.
    """
    left = [job for job in todo if not job.finished]
    mine = [job for job in left if job.cell.reader == models.first] or left
    jobs = sorted({job.trace.id: job for job in mine}.values(), key=lambda job: len(job.trace))
    for job in jobs[len(jobs) // 2 :][:TRIED]:
        reader, trace = models.get(job.cell.reader, spec=job.cell.spec), job.trace
        with suppress(NotMeasurable, UserError):
            seen = reader.view(trace)
            prefix, last, half = reader.prefix(seen.ids), len(seen) - 1, len(seen) // 2
            ready = _seconds(partial(_inputs, reader, trace), clock)
            change = _seconds(partial(_changed, reader, seen), clock)
            call = _seconds(partial(prefix.rerun_from, last, rows=[seen.ids[last:]]), clock)
            rest = _seconds(partial(prefix.rerun_from, half, rows=[seen.ids[half:]]), clock)
            return _Speed(ready, change, call, max(0.0, rest - call) / (len(seen) - half))
    return _Speed(*[math.nan] * 4)


def _inputs(reader: Reasoner, trace: Trace) -> Inputs:
    return inputs_for(reader, reader.view(trace), others=(), seed=0)


def _changed(reader: Reasoner, trace: Trace) -> None:
    maker = task_of(trace.problem).counterfactuals
    if maker is not None:
        with suppress(NotMeasurable):
            maker(trace, retoken=reader.retoken, seed=0)


def _seconds(run: Callable[[], object], clock: Callable[[], float]) -> float:
    """Median time of a run after a first one."""
    run()
    times = []
    for _ in range(REPEATED):
        started = clock()
        run()
        times.append(clock() - started)
    return sorted(times)[REPEATED // 2]
