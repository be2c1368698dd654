"""Run an experiment: one file per finished arm, so that a killed run goes on where it was."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, NotRequired

import pandas as pd
from pydantic import AfterValidator
from typing_extensions import TypedDict

from mechcot.core.errors import UserError
from mechcot.core.store import read_json, write_bytes, write_json, write_text
from mechcot.core.trace import StepKind, Trace
from mechcot.model.generation.steering_hooks import WrittenRow
from mechcot.model.loading.options import DEFAULTS, LoadOptions
from mechcot.model.reasoner import Reasoner
from mechcot.runs.executor import SERIAL, Executor
from mechcot.runs.items import Items, json_items
from mechcot.runs.output_claims import claimed
from mechcot.runs.reader_keys import precision
from mechcot.stats.dose_tolerance import same_dose
from mechcot.steering.conditions import SteeringCondition, arms
from mechcot.steering.experiment import Experiment, parse_experiment
from mechcot.steering.experiment_context import ExperimentContext
from mechcot.steering.experiment_questions import missing_parts
from mechcot.steering.summary import summary
from mechcot.steering.text_readout import cut_short, row
from mechcot.traces.own_words import loading_in_own_words
from mechcot.view.pages.steering import steering_page

VERSION = 2
BEGUN = "experiment.json"
UNNAMED = ", and every step of the clean chains is “other”, as in any language but English: counts of kinds say nothing"


def _check_row(row: dict[str, str | float | None]) -> dict[str, str | float | None]:
    """See that a row has an item and its readouts as numbers.

    Raises:
        ValueError: It has not.
    """
    readouts = ("tokens", "steps", "correct", "unread", "finished", "nats_per_token", *StepKind)
    if missing := [name for name in ("item", *readouts) if name not in row]:
        raise ValueError(f"no {missing[0]}")
    if texts := [n for n, value in row.items() if isinstance(value, str) != (n == "item")]:
        raise ValueError(f"{texts[0]}: {row[texts[0]]!r}")
    return row


def _check_dose(dose: dict[str, float | None]) -> dict[str, float | None]:
    """See that a dose says what was asked for and what was measured.

    Raises:
        ValueError: It does not.
    """
    if missing := [name for name in ("nats", "gamma", "kl", "relative") if name not in dose]:
        raise ValueError(f"no {missing[0]}")
    return dose


class WrittenArm(TypedDict):
    """What is kept of one arm, see `_cell`."""

    arm: SteeringCondition
    seconds: float
    rows: list[Annotated[dict[str, str | float | None], AfterValidator(_check_row)]]
    dose: NotRequired[Annotated[dict[str, float | None], AfterValidator(_check_dose)]]
    vector: NotRequired[dict[str, float | None]]
    changed: NotRequired[int]
    shown: NotRequired[list[tuple[str, bool]]]


def _check_arm(cell: WrittenArm) -> WrittenArm:
    """See that what is said of an arm with a vector is there.

    Raises:
        ValueError: It is not.
    """
    if cell["arm"].site and not {"dose", "vector"} <= cell.keys():
        raise ValueError("no dose or no vector")
    return cell


def run_experiment(
    experiment: Experiment,
    out: Path,
    *,
    loading: LoadOptions = DEFAULTS,
    models: Mapping[str, Reasoner] | None = None,
    executor: Executor = SERIAL,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Run what is missing, then write tables and page.

    Args:
        experiment: The experiment.
        out: Folder of the run; the same experiment goes on in it.
        loading: How the models are loaded and asked.
        models: Those that are loaded already, by their names in the experiment.
        executor: Where arms are written.
        overwrite: Replace another run in the folder; arms that were written otherwise are removed. One that was refused before it had a
            report is replaced in any case.

    Returns:
        What `summary.json` holds.

    Raises:
        UserError: The folder holds another experiment, a model or vector is refused, or a vector's dose is out of its reach.
    """
    if models is None:
        loading = loading_in_own_words(
            experiment.models[0],
            loading,
            problems=experiment.items.problems or None,
            fields=experiment.items.fields,
            max_tokens=experiment.max_tokens,
        )
    with claimed(out, "steer run", {}, overwrite=overwrite):
        lab = ExperimentContext.open(experiment, loading, models)
        stamp = json.loads(json.dumps({"version": VERSION, "experiment": asdict(experiment)}))
        stamp["weights"] = {name: reader.weights_hash for name, reader in lab.models.items()}
        stamp |= {"asking": loading.asking.key} if loading.asking.key else {}
        dtypes = [dtype for reader in lab.models.values() for dtype in precision(reader)]
        stamp |= {"dtype": dtypes} if dtypes else {}
        stamp["files"] = experiment.file_digests()
        _begin(out, stamp, overwrite=overwrite)
        try:
            cells = _cells(lab, out, executor=executor)
        except UserError:
            if not (out / "summary.json").exists():
                write_json(out / BEGUN, stamp | {"refused": True})
            raise
        result = summary(experiment, cells)
        result["weights"] = stamp["weights"]
        result["missing"] = missing_parts(experiment, lab.questions)
        if "kinds" in result["missing"] and _unnamed(cells):
            result["missing"]["kinds"] += UNNAMED
        if shortest := lab.questions.task.shortest_chain:
            result["shortest"] = {
                "marked": fmean(map(shortest.marked, lab.items)),
                "bare": fmean(map(shortest.unmarked, lab.items)),
            }
        _tables(out, cells, result)
        write_json(out / "summary.json", result)
        write_text(out / "report.html", steering_page(result))
        return result


def _begin(out: Path, stamp: dict[str, Any], *, overwrite: bool) -> None:
    """Note which experiment a folder holds. Arms that were written alike serve this one too; others go, where they may.

    Raises:
        UserError: It holds another one, which was not refused before it had a report.
    """
    path, made = out / BEGUN, list((out / "arms").glob("*.json"))
    if path.exists() and made:
        begun = read_json(path, what="what an experiment began with")
        refused = begun.pop("refused", False)
        if not (overwrite or refused or _same(begun, stamp)):
            raise UserError(
                f"{out} holds a run of another experiment, other files or other weights; choose another --out, or replace it with --overwrite"
            )
        for arm in () if _same(begun, stamp, written=True) else made:
            arm.unlink()
    write_json(path, stamp)


def _cells(lab: ExperimentContext, out: Path, *, executor: Executor) -> list[dict[str, Any]]:
    """Every arm, written where it is missing.

    Raises:
        UserError: A vector's dose is out of its reach, or an arm cannot be written.
    """
    items: Items[dict[str, Any]] = Items(
        out / "arms",
        json_items(Annotated[WrittenArm, AfterValidator(_check_arm)]),
        current=_current,
    )
    every = {arm.key: arm for arm in arms(lab.experiment)}
    for key, arm in every.items():
        if arm.role == "vector" and arm.source == arm.model and key not in items:
            lab.dose(arm)  # out of reach: say so before anything is written
    work = items.fill(every, partial(_cell, lab), executor=executor, desc="arms", unit="arm")
    failures = [(every[key], failed.reason) for key, failed in work if failed is not None]
    for arm, reason in failures:
        raise UserError(
            f"the arm {arm.role!r} of {arm.model} {reason}; the others are finished, the same command tries it again"
        )
    return [items.read(key) for key in every]


def _unnamed(cells: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether no step of the clean chains has a kind but `other`."""
    clean = [row for cell in cells if cell["arm"]["role"] == "clean" for row in cell["rows"]]
    return all(row["other"] == row["steps"] for row in clean)


def _same(begun: Any, stamp: dict[str, Any], *, written: bool = False) -> bool:
    """Return whether a folder began with this experiment, or with one whose arms are `written` alike; keys that earlier versions did not have count as left out."""
    try:
        held, own = (parse_experiment(each["experiment"]) for each in (begun, stamp))
    except (UserError, KeyError, TypeError):
        return False
    rest = {"files": stamp["files"]} | begun  # earlier versions did not note it
    alike = held.shared == own.shared if written else held == own
    return alike and {**rest, "experiment": None} == {**stamp, "experiment": None}


def _current(cell: dict[str, Any]) -> bool:
    """Return whether an arm on disk has a dose as near to what was asked for as this version brings it.

    Earlier versions gave what they could not bring to the dose the vector's own factor, and noted no ends of the dose.
    """
    dose = cell.get("dose")
    return not dose or "kl_low" in dose or same_dose((dose["nats"], dose["kl"]))


def _cell(lab: ExperimentContext, arm: SteeringCondition) -> dict[str, Any]:
    """One finished arm as JSON."""
    started = time.perf_counter()
    traces, lines = lab.write(arm)
    seconds = time.perf_counter() - started
    reasoner, phrases = lab.models[arm.model], lab.phrases(arm.model)
    rows = [row(reasoner, trace, phrases) for trace in traces]
    if arm.role == "truncation":
        texts, _ = lab.write(replace(arm, role="vector"))
        for readouts, trace, short in zip(rows, traces, texts, strict=True):
            steered = min(row(reasoner, short)["tokens"], readouts["tokens"])
            readouts |= cut_short(reasoner, trace, steered) | {"tokens": steered}
            readouts |= dict.fromkeys(("steps", "nats_per_token", *map(str, StepKind)))
    cell: dict[str, Any] = {
        "arm": asdict(arm),
        "seconds": seconds,
        "rows": [_plain(r) for r in rows],
    }
    if arm.site:
        vector = lab.steered(arm)
        cell["dose"] = _plain(asdict(lab.dose(arm)))
        cell["vector"] = _plain(
            {
                "norm": vector.norm,
                "split_half": vector.origin.split_half,
                "cone": vector.origin.cone,
            }
        )
        if arm.role == "vector":
            first = lab.vector(lab.experiment.models[0], arm.site)
            cell["vector"]["cosine_with_first"] = lab.vector(arm.source, arm.site).cosine(first)
    if lines:
        cell["changed"] = sum(line.changed for line in lines)
        cell["shown"] = _shown(reasoner, traces[0], lines[0])
    elif arm.role == "clean":
        cell["shown"] = _shown(reasoner, traces[0], None)
    return cell


def _shown(reasoner: Reasoner, trace: Trace, line: WrittenRow | None) -> list[list[Any]]:
    """The text of one item as [word, was the position steered]."""
    acted = {position for positions in line.acted for position in positions} if line else set()
    words = [reasoner.decode([token]) for token in trace.ids]
    return [[word, position in acted] for position, word in enumerate(words)]


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """NaN and infinity as None, which JSON has (a vector that moves no logit has no factor)."""
    strange = {n for n, v in values.items() if isinstance(v, float) and not math.isfinite(v)}
    return {name: None if name in strange else value for name, value in values.items()}


def _tables(out: Path, cells: Sequence[Mapping[str, Any]], result: Mapping[str, Any]) -> None:
    rows = [cell["arm"] | row for cell in cells for row in cell["rows"]]
    write_bytes(out / "items.parquet", pd.DataFrame(rows).to_parquet(index=False))
    arms = [
        {name: value for name, value in arm.items() if name != "shown"} for arm in result["arms"]
    ]
    write_bytes(out / "arms.parquet", pd.json_normalize(arms, sep="_").to_parquet(index=False))
