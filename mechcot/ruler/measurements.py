"""Reads the panel: base's correct chains by every model, and chains with unused steps by the base.

Everything finished lies in the folder and is not read again. Models are read by several processes, one
thread each: the panel's models are small, and a process per core is what a machine gives them best.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mechcot.compare.chains import problems_of, written_chains
from mechcot.compare.measurements import jobs, measure_trace
from mechcot.compare.models import Models
from mechcot.compare.settings import NULL_SCALE, Condition, Study
from mechcot.core.errors import UserError
from mechcot.core.measurement import Measurement
from mechcot.core.progress import progress_bar
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.problems import write_problems
from mechcot.organisms.registry import family_named
from mechcot.organisms.unused_steps import WRITER, as_completion, with_unused_steps
from mechcot.ruler.panel import Panel, PanelModel
from mechcot.runs.executor import Executor, Failed
from mechcot.tasks import with_kinds
from mechcot.text.answers import same_answer

BASE = "base"
SCALED = f"{BASE}@logits={NULL_SCALE:g}"
_LONGEST = 320


@dataclass(frozen=True)
class PanelTask:
    """Work of one process: one model.

    Attributes:
        spec: The model spec.
        measures: Names of measures.
        traces: The chains, by author.
        out: Folder of the ruler.
        seed: Seed of the nulls.
        panel: Whose models it is one of.
    """

    spec: str
    measures: tuple[str, ...]
    traces: tuple[tuple[str, tuple[Trace, ...]], ...]
    out: Path
    seed: int
    panel: Panel


def panel_chains(panel: Panel, *, out: Path, seed: int) -> tuple[Trace, ...]:
    """The base's correct chains on one problem file with the hint present for all.

    Args:
        panel: Gives the number of chains wanted; a quarter more problems are drawn.
        out: Folder of the ruler.
        seed: Of the problems.

    Returns:
        The first finished and right ones, fewer than wanted when too many are wrong.
    """
    path = out / "problems.jsonl"
    family = family_named(panel.family)
    n = round(panel.items * panel.spare)
    write_problems(path, family.problems(n, seed=seed, style="random"))
    study = _study(panel.base, panel=panel, out=out, seed=seed, file=str(path), n=n)
    models = Models.of(study)
    every = written_chains(study, models, models.first, problems_of(study))
    right = [t for t in every if t.finished and same_answer(t.answer.text, t.problem.answer)]
    return tuple(right[: panel.items])


def unused(n: int, *, seed: int) -> tuple[Trace, ...]:
    """Chains with steps that nothing needs, written by the task's own writer."""
    reader = Reasoner.load(f"organism:{BASE}")
    drawn = with_unused_steps(n, seed=seed)
    return tuple(
        with_kinds(reader.read(as_completion(problem, draft), trace_id=f"{problem.id}/{WRITER}"))
        for problem, draft in drawn
    )


def tasks(
    panel: Panel,
    *,
    measures: Sequence[str],
    headline: Sequence[Trace],
    stepwise: Sequence[Trace],
    out: Path,
    seed: int,
) -> list[PanelTask]:
    """One task per model, one more for each costly measure; the longest first.

    Args:
        panel: The models, and how many chains each costly measure reads.
        measures: Names of measures.
        headline: The base's correct chains, which all models read.
        stepwise: Chains with unused steps; only the base reads them.
        out: Folder of the ruler.
        seed: Seed of the nulls.
    """
    fewer = dict(panel.fewer)
    often = tuple(name for name in measures if name not in fewer)
    read_by = {s.spec: _traces(s, panel, headline, stepwise) for s in panel.subjects}
    read_by[f"{panel.base}@logits={NULL_SCALE:g}"] = ((BASE, tuple(headline)),)
    most = [PanelTask(spec, often, traces, out, seed, panel) for spec, traces in read_by.items()]
    costly = [
        PanelTask(spec, (name,), ((BASE, tuple(headline[: fewer[name]])),), out, seed, panel)
        for name in measures
        if name in fewer
        for spec in read_by
    ]
    return sorted([*most, *costly], key=lambda task: -sum(len(each) for _, each in task.traces))


def _traces(
    subject: PanelModel, panel: Panel, headline: Sequence[Trace], stepwise: Sequence[Trace]
) -> tuple[tuple[str, tuple[Trace, ...]], ...]:
    if subject.group == "harmless":
        return ((BASE, tuple(headline[: panel.tuning_items])),)
    if subject.group == "base":
        return ((BASE, tuple(headline)), (WRITER, tuple(stepwise)))
    return ((BASE, tuple(headline)),)


def measure_panel(todo: Sequence[PanelTask], *, executor: Executor) -> list[Measurement]:
    """All measurements of all tasks, in their order; models are read side by side.

    Args:
        todo: The tasks.
        executor: Where models are read.

    Raises:
        UserError: A model could not be read.
    """
    results: dict[int, list[Measurement]] = {}
    with progress_bar(
        executor.map(_read, todo), total=len(todo), desc="ruler", unit="model"
    ) as bar:
        for index, result in bar:
            if isinstance(result, Failed):
                raise UserError(f"{todo[index].spec}: {result.reason}")
            results[index] = result
    return [measurement for index in sorted(results) for measurement in results[index]]


def _read(task: PanelTask) -> list[Measurement]:
    """One model in a process of its own; every measurement is on disk before the next begins."""
    study = _study(task.spec, panel=task.panel, out=task.out, seed=task.seed)
    models = Models.of(study)
    spec = next(s for s in models.specs.values() if s.text == task.spec)
    found: list[Measurement] = []
    for author, traces in task.traces:
        cell = Condition(author, spec.name, spec, task.measures, "headline")
        here = {author: list(traces)}
        found += measure_trace(study, models, jobs(study, models, [cell], here), here, bar="hidden")
    prefix = f"{task.panel.family}-"
    return [
        replace(m, reader=m.reader.removeprefix(prefix), author=m.author.removeprefix(prefix))
        for m in found
    ]


def _study(spec: str, *, panel: Panel, out: Path, seed: int, file: str = "", n: int = 1) -> Study:
    """A study of the base and the model to read; when that is the base itself, the other is never loaded."""
    other = next(s.spec for s in panel.subjects if s.group == "bypasses")
    return Study(
        models=(panel.base, spec if spec != panel.base else other),
        out=out,
        problems=file,
        n=n,
        seed=seed,
        max_tokens=_LONGEST,
        null_reader="none",
    )
