"""`mechcot check`: does each model use its own chains? A verdict for every model alone, nothing is paired.

DIR/ gets check.json (what was found, no durations: a resumed run gives it byte for byte) and check.html; chains and measurements lie
beside it as those of a comparison do, and are not made twice. check.json:

    schema    1
    problems, n, seed, until (most problems where they were asked until it was decided, else null), bounds (`mechcot.stats.chain_use.UseBounds`)
    models    one entry each:
        name, spec
        verdict, reason, remark     the words of `mechcot.stats.chain_use`; remark may be ""
        decides                     number of items that would decide it, or null
        next                        the one command or option that would open what is not judged; ""
        followed, swapped, alone    {mean, low, high, n, spread, says}, in probability; low and high are a 90 % interval (with `until` one that holds at any n);
                                    alone is of the items that were answered right; of all where fewer than are needed are, and it says no
        needed                      the lesser of swapped and alone, the same, and `by`
        source                      the same, of chains written anew: whether they end where another hint points
        accuracy                    written, with (its own chain), other (another item's), without (any chain), guess (the most frequent answer)
        asked                       number of its texts
        asking, asking_notes        how it was asked and read where that is not as its files say, and why where its own texts showed it
        trained_on                  how many of the questions its training was given, a sentence, "" for none; see `mechcot.model.loading.training_questions`
        tokens, same                median tokens of a chain; share of the most frequent chain text
        beside                      means of measures that are shown and do not decide, and the null of the exchange; null where they were not taken,
                                    since gates and exchange had shown that the model cannot be judged
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.console import Console

from mechcot.compare.chains import problems_of, unwritten, write_side_by_side, written_chains
from mechcot.compare.completion_length import longest
from mechcot.compare.judgement import (
    BESIDE,
    CHECK_MEASURES,
    DECIDING,
    SOURCE,
    SOURCE_ITEMS,
    judgement,
)
from mechcot.compare.measurements import jobs, measure_missing, measure_trace
from mechcot.compare.models import Models
from mechcot.compare.own_words import askable, in_own_words
from mechcot.compare.settings import MOST, Study, cells
from mechcot.compare.unjudged import run_facts
from mechcot.core.errors import UserError
from mechcot.core.measurement import Measurement
from mechcot.core.problem import Problem
from mechcot.core.store import nan_to_none, write_json, write_text
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.model.loading.training_questions import seen_in_training
from mechcot.stats.bootstrap import random_stream
from mechcot.stats.chain_use import BOUNDS
from mechcot.stats.chain_use_change import AXES, deciding_loss
from mechcot.text.number_format import estimate
from mechcot.traces.own_truth import say_truth
from mechcot.view.pages.check import check_page

_SCHEMA = 1
CHECKED_AT_ONCE = 32
"""Fewest problems that are asked at a time until it is decided."""


def check(study: Study, *, console: Console | None = None) -> dict[str, Any]:
    """Judge every model of a study on chains that it writes itself, and write the folder; gives what check.json holds.

    Args:
        study: The settings, with `author="own"`.
        console: Where a line a model is printed.

    Raises:
        UserError: Any mistake in the models, problems, options or folder.
    """
    console = console or Console()
    asked = problems_of(study)
    problems = _order(study, [problem for problem in asked if problem.answerable])
    if len(problems) < len(asked):
        console.print(_left_out(len(asked) - len(problems), len(problems)), soft_wrap=True)
    study.out.mkdir(parents=True, exist_ok=True)
    entries = []
    for spec in study.specs:
        alone = replace(study, models=(spec.text,), measures=CHECK_MEASURES, null_reader="none")
        entry, _ = judge(alone, problems, name=spec.name, given=study, groups=(DECIDING, BESIDE))
        for note in filter(None, (*entry["asking_notes"], entry["trained_on"])):
            console.print(note, markup=False, soft_wrap=True)
        console.print(line(entry), markup=False, soft_wrap=True)
        entries.append(entry)
    result = nan_to_none(
        {
            "schema": _SCHEMA,
            "problems": study.problems,
            "n": len(problems),
            "seed": study.seed,
            "until": study.until,
            "bounds": asdict(BOUNDS),
            "models": entries,
        }
    )
    write_json(study.out / "check.json", result)
    write_text(study.out / "check.html", check_page(result))
    console.print(f"report: {study.out / 'check.html'}", markup=False, soft_wrap=True)
    return result


def line(entry: dict[str, Any]) -> str:
    """One line about one model; numbers stand in it where they are judged."""
    remark = f" ({entry['remark']})" if entry["remark"] else ""
    numbers = ""
    if entry["followed"]["n"] and entry["verdict"] != "not judged":
        shown = [("followed", entry["followed"]), ("needed", entry["needed"])]
        if loss := deciding_loss(entry):
            shown.append((AXES[loss], entry[loss]))
        numbers = "; ".join(
            f"{word} {estimate(one['mean'], one['low'], one['high'])}" for word, one in shown
        )
        numbers = f" [{numbers}]".replace("[[", "[")
    ahead = f" {entry['next']}" if entry["next"] else ""
    return f"{entry['name']}: {entry['verdict']}{remark} - {entry['reason']}.{numbers}{ahead}"


def judge(
    study: Study,
    problems: Sequence[Problem],
    *,
    name: str,
    given: Study,
    groups: Sequence[Sequence[str]] = (),
) -> "tuple[dict[str, Any], Taken]":
    """Everything about one model: its entry, and what was written and measured.

    Args:
        study: The settings for this model alone.
        problems: What it is asked.
        name: The model's name among all of them.
        given: The settings as they were given, for what to do next.
        groups: Its measures in the order in which they are taken, those that decide first: where they show that the model cannot be judged, the others
            are left out. None: all are taken.

    Raises:
        UserError: It could not write a chain for any problem.
    """
    study, models = askable(study, Models.of(study, asked=problems))
    study = longest(study, models, problems)
    study, models = in_own_words(study, models, problems)
    taken, entry = Taken(), {}
    for block in blocks(study, problems):
        sourced = max(0, SOURCE_ITEMS - len(taken.traces))
        taken, chains = _written(study, models, block, taken)
        if not taken.traces:
            raise UserError(
                f"{name} could not write a chain for any of {count_of(len(taken.unwritten), 'problem')}: {taken.unwritten[0]}"
            )
        facts = run_facts(
            given,
            models.get(models.first),
            problems,
            command="check",
            limit=study.max_tokens or MOST,
            unwritten=taken.unwritten,
        )
        for measures in groups or (study.measures,):
            part = replace(study, measures=measures and tuple(measures))
            taken = _measured(part, models, chains, taken, sourced=sourced)
            entry = judgement(taken.traces, taken.measurements, facts)
            if unjudgeable(entry, study):
                break
        if entry["decides"] is None:
            break
    asked = {"asking": study.loading.asking.to_json(), "asking_notes": list(study.asking_notes)}
    seen = {"trained_on": seen_in_training(study.specs[0], problems)}
    return {"name": name, "spec": study.models[0]} | entry | asked | seen, taken


@dataclass(frozen=True)
class Taken:
    """What was written and measured of one model."""

    traces: tuple[Trace, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    unwritten: tuple[str, ...] = ()


def blocks(study: Study, problems: Sequence[Problem]) -> Iterator[Sequence[Problem]]:
    """All problems at once; where they are asked until it is decided, blocks of whole batches, of which each holds enough for a verdict.

    Chains are exchanged inside a block, so that what was measured stays as it is when a block is added.
    """
    if study.until is None:
        yield problems
        return
    size = study.batch_size * math.ceil(CHECKED_AT_ONCE / study.batch_size)
    for start in range(0, len(problems), size):
        yield problems[start : start + size]


def unjudgeable(entry: Mapping[str, Any], study: Study) -> bool:
    """Whether gates and exchange show that a model cannot be judged, whatever else is measured: a model that does not do the task, above all.

    Fewer problems than a verdict needs are no such ground, nor is what further problems of the same run may still open.

    Args:
        entry: Of the model, from all measures that decide.
        study: The settings.
    """
    enough = entry["asked"] >= BOUNDS.min_items
    last = entry["decides"] is None or study.until is None
    return entry["verdict"] == "not judged" and enough and last


def _written(
    study: Study, models: Models, block: Sequence[Problem], before: Taken
) -> tuple[Taken, list[Trace]]:
    """What was taken, with the texts of a block of problems more; and those of its chains that are measured."""
    name = models.first
    write_side_by_side(study, models, [name], block)
    traces = written_chains(study, models, name, block)
    reasons = [one.reason for one in unwritten(study, models, name, block)]
    say_truth(study.truth, models.get(name), traces)
    taken = replace(
        before, traces=(*before.traces, *traces), unwritten=(*before.unwritten, *reasons)
    )
    return taken, [trace for trace in traces if trace.finished]


def _measured(
    study: Study, models: Models, chains: list[Trace], before: Taken, *, sourced: int
) -> Taken:
    """What was taken, with the measures of a study on some more chains, of which the questions of the first so many are changed."""
    name = models.first
    few = {trace.id for trace in chains[:sourced]}
    by_author = {name: chains}
    todo = [
        job
        for job in jobs(study, models, cells(study, author=name), by_author)
        if job.measure != SOURCE or job.trace.id in few
    ]
    if study.side_by_side:
        measure_missing(study, todo, by_author)
    measurements = measure_trace(study, models, todo, by_author)
    return replace(before, measurements=(*before.measurements, *measurements))


def _left_out(unanswerable: int, left: int) -> str:
    """Says that questions without an answer are not asked.

    Raises:
        UserError: There are no others.
    """
    marked = f"{count_of(unanswerable, 'question')} marked as unanswerable"
    if not left:
        raise UserError(f"expected questions that have an answer, got only {marked}")
    return f"{marked}: left out; `mechcot compare` tells whether a model abstains there"


def _order(study: Study, problems: Sequence[Problem]) -> list[Problem]:
    """The problems as they stand; where they are asked until it is decided, in an order by chance: a file may be sorted."""
    if study.until is None:
        return list(problems)
    order = random_stream(study.seed, "order of problems").permutation(len(problems))
    return [problems[place] for place in order]
