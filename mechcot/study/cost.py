"""What a run will cost, said before it starts: forwards, tokens, time, memory, disk.

Forwards are counted from the chains themselves; time is one measured forward per model times that.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from mechcot.measure.registry import MEASURES
from mechcot.study.models import Models
from mechcot.study.plan import Study
from mechcot.study.run import Job

BYTES_PER_READING = 12_000


@dataclass(frozen=True)
class Cost:
    """One row of the cost table.

    Attributes:
        reader: Which model reads.
        measure: Which measure.
        items: How many readings are still to be taken.
        forwards: Forwards of a whole trace, about.
        tokens: Tokens that go through the model, about.
    """

    reader: str
    measure: str
    items: int
    forwards: float
    tokens: float


def costs(todo: Sequence[Job]) -> list[Cost]:
    """Cost of the readings that are not on disk."""
    groups: dict[tuple[str, str], list[Job]] = {}
    for job in todo:
        if not job.path.exists():
            groups.setdefault((job.cell.reader, job.measure), []).append(job)
    found = []
    for (reader, measure), jobs in groups.items():
        fixed, per_step = MEASURES[measure].forwards
        each = [fixed + per_step * len(job.trace.chain_steps) for job in jobs]
        tokens = sum(f * len(job.trace) for f, job in zip(each, jobs, strict=True))
        found.append(Cost(reader, measure, len(jobs), sum(each), tokens))
    return found


def announce(study: Study, models: Models, todo: Sequence[Job], *, console: Console) -> None:
    """Print the cost table and the time estimate; nothing when all is on disk."""
    rows = costs(todo)
    if not rows:
        console.print("every reading is on disk already", markup=False)
        return
    per_token = _seconds_per_token(models, todo)
    table = Table(title="what this run will cost", title_justify="left")
    for name in ("reader", "measure", "readings", "forwards", "tokens", "about"):
        table.add_column(name, justify="left" if name in {"reader", "measure"} else "right")
    for row in rows:
        about = _duration(row.tokens * per_token)
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
    seconds = sum(row.tokens for row in rows) * per_token
    weights = sum(_bytes(models, name) for name in _held(study, models))
    console.print(
        f"{items} readings, about {_duration(seconds)}, about {items * BYTES_PER_READING / 1e6:.0f} MB of disk, "
        f"{weights / 1e6:.0f} MB of weights in memory",
        markup=False,
    )


def _held(study: Study, models: Models) -> tuple[str, ...]:
    return models.names[:1] if study.residency == "one-at-a-time" else models.names


def _bytes(models: Models, name: str) -> int:
    del name
    model = models.get(models.first).model
    return sum(weight.numel() * weight.element_size() for weight in model.parameters())


def _seconds_per_token(models: Models, todo: Sequence[Job]) -> float:
    """One measured forward of one trace (the second of two)."""
    reader = models.get(models.first)
    ids = todo[0].trace.ids
    reader.prefix(ids)
    started = time.perf_counter()
    reader.prefix(ids)
    return (time.perf_counter() - started) / len(ids)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
