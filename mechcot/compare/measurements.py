"""Take every measure of every cell on every chain; a finished measurement is on disk at once.

A measurement's name is a hash of what it depends on (tokens, weights, the measure's code, seed, settings), so a
resumed run finds its own work and never another's.

What a kill costs: measurements of one measure share their forwards, up to `TASKS_AT_ONCE` chains or `TOKENS_AT_ONCE` tokens (one longer chain is a
group by itself). They finish together, and a group that was stopped is taken again whole: the last bits of a number depend on its batch, and a
resumed run gives what an undisturbed one gives.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mechcot.compare.arrays_on_disk import on_disk
from mechcot.compare.chains import Unwritten
from mechcot.compare.forecast import Forecast, duration
from mechcot.compare.measure_inputs import inputs_for
from mechcot.compare.models import Models, models_of_process
from mechcot.compare.settings import DRAWN_BY_SERVERS, Condition, Study
from mechcot.core.errors import DoesNotFit, NotMeasurable, Unanswered, UserError
from mechcot.core.measurement import Measurement
from mechcot.core.progress import progress_bar
from mechcot.core.store import digest
from mechcot.core.trace import Trace
from mechcot.measures.registry import DRAWING, MEASURES, PAIRED
from mechcot.model.prefix.lockstep import companies, together
from mechcot.model.prefix.memory import Limit, out_of_memory, release
from mechcot.runs.executor import Failed, executor_of
from mechcot.runs.items import Format, Items
from mechcot.text.given_truth import KEY
from mechcot.traces.continuations import ServedModel, served_at

log = logging.getLogger(__name__)

READING_VERSION = 3
"""Counted up where code outside of `mechcot.measures` changes what measures give."""
BAR: Mapping[str, Any] = {
    "desc": "measurement",
    "unit": "measurement",
    "bar_format": "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]",
}
"""The progress line; its forecast is `Forecast`'s, which knows that measurements differ."""


MEASUREMENT: Format[Measurement] = Format(".safetensors", Measurement.parse, Measurement.content)


@dataclass(frozen=True, slots=True)
class Job:
    """One measurement to take."""

    cell: Condition
    trace: Trace
    measure: str
    items: Items[Measurement]
    key: str

    @property
    def path(self) -> Path:
        """Its file."""
        return self.items.path(self.key)

    @property
    def id(self) -> tuple[Path, str]:
        """What no other measurement is called."""
        return self.items.folder, self.key

    @property
    def finished(self) -> bool:
        """Whether it was taken."""
        return self.key in self.items


def unread_measurements(
    cells: Sequence[Condition], unwritten: Sequence[Unwritten]
) -> list[Measurement]:
    """Measurements without a value for the problems that have no chain, one for each cell and measure."""
    return [
        Measurement(
            measure=measure,
            trace=f"{each.problem}/{each.author}",
            item=each.problem,
            author=each.author,
            reader=cell.reader,
            value=float("nan"),
            reason=each.reason,
        )
        for cell in cells
        for each in unwritten
        if each.author == cell.author
        for measure in cell.measures
    ]


def jobs(
    study: Study, models: Models, cells: Sequence[Condition], chains: dict[str, list[Trace]]
) -> list[Job]:
    """All measurements of a study, grouped by reader.

    Args:
        study: The settings; what a measurement depends on goes into its file name.
        models: Its models, for the hashes of weights and tokenizers.
        cells: Who reads whose chains with which measures.
        chains: Chains by author.
    """
    around = {author: _around(traces) for author, traces in chains.items()}
    text = {cell.reader: models.text_hash(cell.reader) for cell in cells}
    items = {
        (cell.reader, name): measurements_of(study.out, models.file_name(cell.reader), name)
        for cell in cells
        for name in cell.measures
    }
    return [
        Job(
            cell,
            trace,
            name,
            items[cell.reader, name],
            _key(study, models, cell, trace, name, around[cell.author], text[cell.reader]),
        )
        for cell in cells
        for trace in chains[cell.author]
        for name in cell.measures
    ]


def measurements_of(out: Path, reader: str, measure: str) -> Items[Measurement]:
    """The finished measurements of a run by one reader.

    Args:
        out: Folder of the run.
        reader: The reader's name in it.
        measure: Name of the measure.
    """
    readings = out / "readings"
    return Items(readings / reader / measure, MEASUREMENT, shards=readings)


def _around(traces: Sequence[Trace]) -> str:
    """All chains of an author: a measure that borrows another item's chain is about them too."""
    return digest([[t.id, t.problem.answer, list(t.ids)] for t in traces])


JobGroup = tuple[Job, ...]
"""Measurements of one measure by one reader that are taken side by side."""


def job_groups(todo: Sequence[Job]) -> list[JobGroup]:
    """Return all measurements in groups, those that are finished too; chains that are added later go into later groups."""
    by_measure: dict[tuple[Condition, str], list[Job]] = {}
    for job in todo:
        by_measure.setdefault((job.cell, job.measure), []).append(job)
    return [
        tuple(jobs[part])
        for jobs in by_measure.values()
        for part in companies([len(job.trace) for job in jobs])
    ]


def measure_missing(study: Study, todo: Sequence[Job], chains: dict[str, list[Trace]]) -> None:
    """Put the missing measurements on disk, taken by `study.workers` processes side by side.

    One that does not fit in memory stays missing.

    Args:
        study: The settings.
        todo: All measurements; those on disk are passed over.
        chains: All chains by author: some measures borrow another item's.
    """
    unfinished = [group for group in job_groups(todo) if not all(job.finished for job in group)]
    if not unfinished:
        return
    forecast = _forecast(job for group in unfinished for job in group)
    work = partial(_fill, study, chains)  # sent once to each process
    with progress_bar(total=sum(map(len, unfinished)), **BAR) as bar:
        for index, seconds in executor_of(study.workers, study.engine).map(work, unfinished):
            group = unfinished[index]
            spent = 0.0 if isinstance(seconds, Failed) else seconds / len(group) / study.workers
            for job in group:
                forecast.took(job.measure, job.trace, seconds=spent)
            bar.set_postfix_str(_left(forecast), refresh=False)
            bar.update(len(group))


@cache
def _served(study: Study, reader: str) -> ServedModel | None:
    """A reader on the server that draws its continuations."""
    address = study.address_of(reader)
    return None if address is None else served_at(*address)


@cache
def _limit(_study: Study) -> Limit:
    """What one process learned of its memory."""
    return Limit()


def _fill(study: Study, chains: dict[str, list[Trace]], group: JobGroup) -> float:
    """Seconds that a group took."""
    started = time.monotonic()
    finished = [
        job.items.read(job.key) for job in group if job.finished
    ]  # by a job that was sent again
    if len(finished) < len(group):
        _keep_all(
            study, models_of_process(study), group, chains[group[0].cell.author], _limit(study)
        )
    return time.monotonic() - started


def _forecast(jobs: Iterable[Job]) -> Forecast:
    """The forecast of measurements that are still to be taken."""
    forecast = Forecast()
    for job in jobs:
        forecast.add(job.measure, job.trace)
    return forecast


def _left(forecast: Forecast) -> str:
    return f"about {duration(forecast.seconds())} left"


def measure_trace(
    study: Study,
    models: Models,
    todo: Sequence[Job],
    chains: dict[str, list[Trace]],
    *,
    bar: Literal["shown", "hidden"] = "shown",
) -> Iterator[Measurement]:
    """Give every measurement, from disk or taken now; each is on disk as soon as it is there, and its arrays stay there.

    One that does not fit in memory, or failed, is given with that reason and not kept: the next run tries it again.

    Args:
        study: The settings.
        models: Its models, loaded as they are needed.
        todo: All measurements, in the order in which they are given.
        chains: All chains by author: some measures borrow another item's.
        bar: Whether progress is shown.
    """
    missing = [job for job in todo if not job.finished]
    forecast = _forecast(missing)
    groups = {job.id: group for group in job_groups(todo) for job in group} if missing else {}
    refused: dict[tuple[Path, str], str] = {}
    limit = Limit()
    with progress_bar(total=len(missing), disable=bar == "hidden" or not missing, **BAR) as shown:
        for job in todo:
            if job.id not in refused and not job.finished:
                group = groups[job.id]
                new = [member for member in group if not member.finished]
                started = time.monotonic()
                refused |= _keep_all(study, models, group, chains[job.cell.author], limit)
                spent = (time.monotonic() - started) / len(new)
                for member in new:
                    forecast.took(member.measure, member.trace, seconds=spent)
                told = f"{job.cell.reader} {job.measure}, {_left(forecast)}"
                shown.set_postfix_str(told, refresh=False)
                shown.update(len(new))
            if job.id in refused:
                yield nothing(job, refused[job.id])
            else:
                yield on_disk(job.items, job.key)


def _keep_all(
    study: Study, models: Models, group: JobGroup, others: Sequence[Trace], limit: Limit
) -> dict[tuple[Path, str], str]:
    """Take a group side by side; gives why there is nothing to keep of some, which were also tried alone."""
    keep = partial(_keep, study, models, others)
    tasks = [partial(keep, job) for job in group]
    reasons = together(tasks, sizes=[len(job.trace) for job in group], limit=limit)
    refused = {}
    for job, reason in zip(group, reasons, strict=True):
        if reason:
            release()
        if reason and (len(group) == 1 or (reason := keep(job))):
            refused[job.id] = reason
    return refused


def _keep(study: Study, models: Models, others: Sequence[Trace], job: Job) -> str:
    """Take a measurement and put it on disk; gives why there is none to keep, "" when there is.

    Neither one item nor one measure ends a run: what nobody foresaw is logged and tried again by the next one.
    """
    try:
        measurement = _take(study, models, job, others)
        job.items.get(job.key, lambda: measurement)
    except DoesNotFit as reason:
        return str(reason)
    except (OSError, Unanswered):  # the disk or a server, not the item
        raise
    except Exception as error:
        first = " ".join(str(error).split())[:160]
        log.exception("%s, %s, %s", job.cell.reader, job.measure, job.trace.id)
        return f"failed ({type(error).__name__}: {first})"
    return ""


def _take(study: Study, models: Models, job: Job, others: Sequence[Trace]) -> Measurement:
    reader = models.get(job.cell.reader, spec=job.cell.spec)
    against = models.get(models.first) if job.measure in PAIRED else None
    try:
        trace = reader.view(job.trace)
        inputs = inputs_for(
            reader,
            trace,
            others=others if MEASURES[job.measure].card.borrows else (),
            seed=study.seed,
            draws=study.draws,
            against=against,
            served=_served(study, job.cell.reader) if job.measure in DRAWN_BY_SERVERS else None,
            asks=MEASURES[job.measure].card.asks,
        )
        measurement = MEASURES[job.measure].run(reader, trace, inputs)
    except (DoesNotFit, Unanswered):
        raise
    except (NotMeasurable, UserError) as reason:
        return nothing(job, str(reason))
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise DoesNotFit(f"does not fit in memory: a trace of {len(job.trace)} tokens") from None
    if not np.isfinite(measurement.value) and not measurement.reason:
        return nothing(job, "the model's values are not finite (NaN or infinite) on this text")
    return measurement


def nothing(job: Job, reason: str) -> Measurement:
    """A measurement without a value: the item is counted as not judged, with the reason."""
    return Measurement.without_value(job.measure, job.trace, reader=job.cell.reader, reason=reason)


def _key(
    study: Study,
    models: Models,
    cell: Condition,
    trace: Trace,
    measure: str,
    around: str,
    text: str,
) -> str:
    return digest(
        READING_VERSION,
        trace.id,
        trace.problem.answer,
        around if MEASURES[measure].card.borrows else "",
        list(trace.ids),
        [[step.tokens.start, step.tokens.stop] for step in trace.steps],
        models.weights_hash(cell.reader),
        cell.spec.logit_scale,
        text,
        (study.seed, study.template, study.loading.dtype),
        MEASURES[measure].card.formula,
        MEASURES[measure].code,
        *([models.weights_hash(models.first)] if measure in PAIRED else []),
        *([study.draws] if measure in DRAWING else []),
        *(["served"] if measure in DRAWN_BY_SERVERS and study.address_of(cell.reader) else []),
        *([truth] if (truth := trace.problem.meta.get(KEY)) else []),
    )
