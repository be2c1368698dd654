"""One run, start to end: check, write chains, read, find, and write the folder.

DIR/ gets report.html, summary.json (no durations: a resumed run gives it byte for byte), manifest.json
(provenance and durations), traces.jsonl, results/*.parquet, and the finished measurements it resumes from.
"""

import datetime as dt
import platform
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from mechcot.compare.agreement import agreement_scalars, draw_samples
from mechcot.compare.arrays_on_disk import write_values
from mechcot.compare.chain_validity import hardly_checkable
from mechcot.compare.chains import (
    Chains,
    check_comparable,
    collect,
    foreign,
    problems_of,
    to_write,
)
from mechcot.compare.completion_length import announce_writing, longest, room, told_cut
from mechcot.compare.cost import announce
from mechcot.compare.measurable import able
from mechcot.compare.measurements import (
    Job,
    jobs,
    measure_missing,
    measure_trace,
    unread_measurements,
)
from mechcot.compare.models import Models
from mechcot.compare.own_use import OwnUse, own_uses, use_claim
from mechcot.compare.own_words import askable, in_own_words
from mechcot.compare.pair_finding import PairFinding, find, judged_cards, null_name, too_few
from mechcot.compare.pair_step import next_step
from mechcot.compare.report import report_data
from mechcot.compare.settings import EXPLORER, MOST, Condition, Study, by_reader, cells, use_cells
from mechcot.compare.summary import run_summary
from mechcot.compare.tables import Tables
from mechcot.compare.unjudged import RunFacts, run_facts
from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.store import digest, json_text, write_bytes, write_json, write_text, write_traces
from mechcot.core.trace import Trace
from mechcot.measures.registry import MEASURES
from mechcot.model.loading.training_questions import seen_in_training
from mechcot.runs.output_claims import claimed
from mechcot.tasks import missing
from mechcot.traces.continuations import served_at
from mechcot.traces.own_truth import say_truth
from mechcot.view.pages.report import report_page

_PACKAGES = ("mechcot", "torch", "transformers", "tokenizers", "numpy", "scipy", "pandas")


def run(study: Study, *, console: Console | None = None) -> dict[str, Any]:
    """Run a study and give its summary.

    Raises:
        UserError: Any mistake in the models, problems, options or folder.
    """
    console = console or Console(stderr=True)
    started = time.monotonic()
    if len(study.models) < 2:
        raise UserError(
            f"expected two or more models to compare, got {len(study.models)}; name a base and a tuned one"
        )
    problems = problems_of(study) if study.problems is not None else []
    asked = problems or [chain.problem for chain in foreign(study).chains[: study.most]]
    given, (study, models) = study, askable(study, Models.of(study, asked=asked))
    for spec, address in study.served:
        served_at(spec, address)  # a server that is not there is found before anything is run
    study = replace(able(study, models, console=console), trained_on=_seen(study, asked))
    models.get(models.first)  # fit to be asked, or nothing is left behind
    with claimed(study.out, "compare", _settings(study, models, asked), overwrite=study.overwrite):
        _say_missing(study, asked, console=console)
        if problems:
            study, models = _asked(study, models, problems, console=console)
        chains = collect(study, models, problems)
        samples = draw_samples(study, models, problems)
        _say_written(study, models, chains.every, console=console)
        table = cells(study, author=next(iter(chains.by_author)))
        every = jobs(study, models, by_reader([*table, *use_cells(study)]), chains.by_author)
        used = {trace.id for trace in chains.used}
        todo = list(_first(study, [job for job in every if _wanted(job, used)]))
        announce(study, models, todo, console=console)
        items = len({trace.problem.id for trace in chains.used})
        if warning := too_few(judged_cards(study), items=items):
            console.print(warning, markup=False)
        if study.side_by_side:
            measure_missing(study, todo, chains.by_author)
        taken = list(zip(todo, measure_trace(study, models, todo, chains.by_author), strict=True))
        compared = [measurement for job, measurement in taken if job.cell.role != "use"]
        tables = replace(
            Tables.of([*compared, *unread_measurements(table, chains.unwritten)], chains.every),
            agreement=agreement_scalars(chains.by_author, samples),
        )
        facts = partial(_facts, given, models, problems, chains, limit=study.max_tokens or MOST)
        uses = own_uses(study, chains, facts, taken=taken)
        findings = [
            replace(finding, next=next_step(study, finding, facts))
            for finding in _findings(study, models, tables, chains, uses)
        ]
        found = run_summary(
            study,
            models,
            author=chains.author,
            written=chains.headline,
            used=chains.used,
            findings=findings,
            tables=tables,
        )
        _write(study, models, found, findings=findings, tables=tables, chains=chains, taken=todo)
        _manifest(study, models, tables, seconds=time.monotonic() - started)
        _say(study, findings, console)
        console.print(f"report: {study.out / 'report.html'}", markup=False)
        return found


def _seen(study: Study, asked: Sequence[Problem]) -> tuple[str, ...]:
    """Which models' training was given what they are asked."""
    return tuple(filter(None, (seen_in_training(spec, asked) for spec in study.specs)))


def _asked(
    study: Study, models: Models, problems: Sequence[Problem], *, console: Console
) -> tuple[Study, Models]:
    """The study with its longest completion and the way its models are asked, both said."""
    check_comparable(study, models, problems)
    study = longest(study, models, problems)
    missing = to_write(study, models, problems)
    announce_writing(study, models, problems, missing, console=console)
    study, models = in_own_words(study, models, problems)
    for note in study.asking_notes:
        console.print(note, markup=False, soft_wrap=True)
    return study, models


def _say_written(
    study: Study, models: Models, written: Sequence[Trace], *, console: Console
) -> None:
    """Say which texts were cut, and what the user's own truth gives for them."""
    problems = [trace.problem for trace in written]
    if cut := told_cut(study, written, left=room(models.get(models.first), problems)):
        console.print(cut, markup=False)
    if study.truth.given:
        say_truth(study.truth, models.get(models.first), written)


def _say_missing(study: Study, asked: Sequence[Problem], *, console: Console) -> None:
    """Say which measures the problems' tasks do not serve in full, which file would, where steps cannot be checked, and whose training was given the problems."""
    affected: dict[str, list[str]] = {}
    for name in study.measure_names:
        for follows in missing(asked, MEASURES[name].card.asks).values():
            affected.setdefault(follows, []).append(name)
    for follows, names in affected.items():
        console.print(f"{', '.join(names)}: {follows}", markup=False, soft_wrap=True)
    for note in filter(None, (hardly_checkable(asked), *study.trained_on)):
        console.print(note, markup=False, soft_wrap=True)


def _say(study: Study, findings: Sequence[PairFinding], console: Console) -> None:
    """Print what was found about each pair."""
    for finding in findings:
        if finding.after != null_name(study):
            console.print(f"{finding.before} → {finding.after}", style="bold", markup=False)
            for sentence in finding.told():
                console.print(f"  {sentence}", markup=False, soft_wrap=True)


def _facts(
    given: Study,
    models: Models,
    problems: Sequence[Problem],
    chains: Chains,
    author: str,
    *,
    limit: int,
) -> RunFacts:
    reasons = [each.reason for each in chains.unwritten if each.author == author]
    return run_facts(
        given, models.get(author), problems, command="compare", limit=limit, unwritten=reasons
    )


def _settings(study: Study, models: Models, asked: Sequence[Problem]) -> dict[str, Any]:
    """Whatever decides what the report says."""
    names = ("measure_names", "seed", "draws", "author", "template", "chains", "null_reader")
    names += ("max_tokens", "temperature", "batch_size", "most")
    return {name: getattr(study, name) for name in names} | {
        "models": [[n, models.weights_hash(n), models.text_hash(n)] for n in models.names],
        "questions": digest([[p.id, p.question, p.answer] for p in asked]),
        "chains_file": None if study.traces is None else digest(study.traces.read_bytes().hex()),
        "dtype": study.loading.dtype,
        **({"samples": study.samples} if study.samples else {}),
        **({"most_chains": study.most_chains} if study.most_chains else {}),
        **({"served": [model for model, _ in study.served]} if study.served else {}),
        **({"own_chains": study.own_chains} if study.own_chains != "read" else {}),
        **({"truth": dict(study.truth.digests)} if study.truth.given else {}),
    }


def _wanted(job: Job, used: Set[str]) -> bool:
    """Gates read every chain, a tuned model's chains are read whole, the headline only the usable ones; only finished ones are exchanged."""
    if job.cell.role == "use":
        return job.trace.finished
    return job.measure == "gates" or job.cell.role == "own" or job.trace.id in used


def _first(study: Study, wanted: Sequence[Job]) -> Iterator[Job]:
    """Of a measure with a limit, the first chains of each cell."""
    limits, taken = study.most_chains, Counter[tuple[Condition, str]]()
    for job in wanted:
        which = (job.cell, job.measure)
        taken[which] += 1
        if taken[which] <= limits.get(job.measure, taken[which]):
            yield job


def _findings(
    study: Study, models: Models, tables: Tables, chains: Chains, uses: Mapping[str, OwnUse]
) -> list[PairFinding]:
    """The reference against every later model; the null reads the reference's chains in any study."""
    problems = list({trace.problem.id: trace.problem for trace in chains.headline}.values())
    found = [
        find(study, tables, author=chains.author, after=name, problems=problems)
        for name in models.names[1:]
    ]
    if (null := null_name(study)) is not None:
        author = chains.author or models.first
        found.append(find(study, tables, author=author, after=null, problems=problems))
    pairs = ((finding, (finding.before, finding.after)) for finding in found)
    return [
        replace(finding, use=use_claim(study, models, uses, before=before, after=after))
        for finding, (before, after) in pairs
    ]


def _write(
    study: Study,
    models: Models,
    found: dict[str, Any],
    *,
    findings: Sequence[PairFinding],
    tables: Tables,
    chains: Chains,
    taken: Sequence[Job],
) -> None:
    results = study.out / "results"
    contrasts = pd.concat([finding.headline.table for finding in findings], ignore_index=True)
    _parquet(results / "readings.parquet", _with_files(study, tables.measurements, taken))
    _parquet(results / "scalars.parquet", tables.scalars)
    _parquet(results / "contrasts.parquet", contrasts)
    write_values(results / "values.parquet", list(tables.all.values()))
    _parquet(results / "validity.parquet", tables.validity.table())
    if study.samples:
        _parquet(results / "agreement.parquet", tables.agreement)
    write_traces(
        study.out / "traces.jsonl", chains.every, asking=lambda name: study.asking(name).to_json()
    )
    path = study.out / "summary.json"
    if path.is_file() and path.read_bytes() != json_text(found).encode():
        (study.out / EXPLORER).unlink(missing_ok=True)  # it shows an earlier run
    write_json(path, found)
    data = report_data(study, models, findings=findings, tables=tables, chains=chains)
    write_text(study.out / "report.html", report_page(data))


def _with_files(study: Study, table: pd.DataFrame, taken: Sequence[Job]) -> pd.DataFrame:
    """The table of measurements, each with its place in the folder; "" where there is none."""
    files = {
        (job.measure, job.trace.author, job.cell.reader, job.trace.id): job.path.relative_to(
            study.out
        ).as_posix()
        for job in taken
        if job.finished
    }
    keys = table[["measure", "author", "reader", "trace"]].itertuples(index=False, name=None)
    return table.drop(columns="seconds").assign(file=[files.get(key, "") for key in keys])


def _parquet(path: Path, table: pd.DataFrame) -> None:
    write_bytes(path, table.to_parquet(index=False))


def _manifest(study: Study, models: Models, tables: Tables, *, seconds: float) -> None:
    spent = (
        tables.measurements.groupby(["reader", "measure"])["seconds"]
        .agg(["sum", "count"])
        .reset_index()
    )
    write_json(
        study.out / "manifest.json",
        {
            "schema": 1,
            "command": study.command,
            "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "seconds": round(seconds, 2),
            "seed": study.seed,
            "models": [
                {
                    "name": name,
                    "spec": models.specs[name].text,
                    "weights": models.weights_hash(name),
                    "revision": models.specs[name].revision,
                }
                for name in models.names
            ],
            "versions": {name: version(name) for name in _PACKAGES}
            | {"python": platform.python_version()},
            "readings": spent.to_dict("records"),
        },
    )
