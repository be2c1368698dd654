"""Take every measure of every cell on every chain; one file per finished reading.

A reading's file name is a hash of what it depends on (tokens, weights, measure, seed, settings), so a
resumed run finds its own work and never another's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm.auto import tqdm

from mechcot.core.errors import NotMeasurable
from mechcot.core.reading import Reading
from mechcot.core.store import digest
from mechcot.core.trace import Trace
from mechcot.measure.inputs import Inputs
from mechcot.measure.registry import MEASURES
from mechcot.model.authoring import item_seed
from mechcot.model.prompts import spells
from mechcot.model.reasoner import Reasoner
from mechcot.study.makers import maker_for
from mechcot.study.models import Models
from mechcot.study.plan import Cell, Study
from mechcot.text.filler import DOTS

READING_VERSION = 1
FILLERS = (DOTS, " hmm", " .")


@dataclass(frozen=True)
class Job:
    """One reading to take."""

    cell: Cell
    trace: Trace
    measure: str
    path: Path


def jobs(
    study: Study, models: Models, cells: Sequence[Cell], chains: dict[str, list[Trace]]
) -> list[Job]:
    """All readings of a study, grouped by reader."""
    return [
        Job(cell, trace, name, _path(study, models, cell, trace, name))
        for cell in cells
        for trace in chains[cell.author]
        for name in cell.measures
    ]


def take(
    study: Study,
    models: Models,
    todo: Sequence[Job],
    chains: dict[str, list[Trace]],
    *,
    bar: Literal["shown", "hidden"] = "shown",
) -> Iterator[Reading]:
    """Give every reading, from disk or taken now; each is on disk before the next begins."""
    missing = sum(not job.path.exists() for job in todo)
    with tqdm(total=missing, desc="reading", unit="reading", disable=bar == "hidden") as shown:
        for job in todo:
            if not job.path.exists():
                shown.set_postfix_str(f"{job.cell.reader} {job.measure}", refresh=False)
                _take(study, models, job, chains[job.cell.author]).save(job.path)
                shown.update()
            yield Reading.load(job.path)


def _take(study: Study, models: Models, job: Job, others: Sequence[Trace]) -> Reading:
    reader = models.get(job.cell.reader, spec=job.cell.spec)
    try:
        trace = reader.view(job.trace)
        inputs = inputs_for(study, trace, others=others, filler=filler_for(reader))
        reading = MEASURES[job.measure].run(reader, trace, inputs)
    except NotMeasurable as reason:
        return _nothing(job, str(reason))
    if np.isnan(reading.value) and not reading.reason:
        return _nothing(job, "the model's output is not a number (NaN logits)")
    return reading


def _nothing(job: Job, reason: str) -> Reading:
    return Reading(
        measure=job.measure,
        trace=job.trace.id,
        item=job.trace.problem.id,
        author=job.trace.author,
        reader=job.cell.reader,
        value=float("nan"),
        reason=reason,
    )


def inputs_for(study: Study, trace: Trace, *, others: Sequence[Trace], filler: str) -> Inputs:
    """The inputs of one item: the next chain with another answer, the problems' maker, a seed."""
    start = next((i for i, other in enumerate(others) if other.id == trace.id), 0)
    around = [*others[start + 1 :], *others[:start]]
    other = next(
        (t for t in around if t.problem.answer != trace.problem.answer and t.chain_steps), None
    )
    return Inputs(
        other=other,
        maker=maker_for(trace.problem),
        filler=filler,
        seed=item_seed(study.seed, trace.problem.id),
    )


def filler_for(reader: Reasoner) -> str:
    """The first filler text that the reader's vocabulary has."""
    return next((text for text in FILLERS if spells(reader.tokenizer, text)), FILLERS[0])


def _path(study: Study, models: Models, cell: Cell, trace: Trace, measure: str) -> Path:
    key = digest(
        READING_VERSION,
        trace.id,
        list(trace.ids),
        [[step.tokens.start, step.tokens.stop] for step in trace.steps],
        models.weights_hash(cell.reader),
        cell.spec.logit_scale,
        (study.seed, study.n, study.prompt, study.dtype),
        MEASURES[measure].card.formula,
    )
    folder = study.out / "readings" / models.file_name(cell.reader) / measure
    return folder / f"{key}.safetensors"
