"""`mechcot check`: does each model use its own chains? A verdict for every model alone, nothing is paired.

DIR/ gets check.json (what was found, no durations: a resumed run gives it byte for byte) and check.html; chains and measurements lie
beside it as those of a comparison do, and are not made twice. check.json:

    schema    1
    problems, n, seed, bounds (`mechcot.stats.chain_use.UseBounds`)
    models    one entry each:
        name, spec
        verdict, reason, remark     the words of `mechcot.stats.chain_use`; remark may be ""
        decides                     number of items that would decide it, or null
        next                        the one command or option that would open what is not judged; ""
        followed, swapped, alone    {mean, low, high, n, spread, says}, in probability; low and high are a 90 % interval
        needed                      the lesser of swapped and alone, the same, and `by`
        source                      the same, of chains written anew: whether they end where another hint points
        accuracy                    written, with (its own chain), other (another item's), without (any chain), guess (the most frequent answer)
        tokens, same                median tokens of a chain; share of the most frequent chain text
        beside                      means of measures that are shown and do not decide, and the null of the exchange
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from rich.console import Console

from mechcot.compare.chains import problems_of, unwritten, written_chains
from mechcot.compare.completion_length import longest
from mechcot.compare.judgement import CHECK_MEASURES, SOURCE, SOURCE_ITEMS, judgement
from mechcot.compare.measurements import jobs, measure_missing, measure_trace
from mechcot.compare.models import Models
from mechcot.compare.study import Study, cells
from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.store import nan_to_none, write_json, write_text
from mechcot.stats.chain_use import BOUNDS
from mechcot.text.number_format import fixed, interval
from mechcot.traces.own_truth import say_truth
from mechcot.view.pages.check import check_page

_SCHEMA = 1


def check(study: Study, *, console: Console | None = None) -> dict[str, Any]:
    """Judge every model of a study on chains that it writes itself, and write the folder; gives what check.json holds.

    Args:
        study: The settings, with `author="own"`.
        console: Where a line a model is printed.

    Raises:
        UserError: Any mistake in the models, problems, options or folder.
    """
    console = console or Console()
    problems = problems_of(study)
    study.out.mkdir(parents=True, exist_ok=True)
    entries = []
    for spec in study.specs:
        alone = replace(study, models=(spec.text,), measures=CHECK_MEASURES, null_reader="none")
        entry = _judge(alone, problems, name=spec.name)
        console.print(line(entry), markup=False, soft_wrap=True)
        entries.append(entry)
    result = nan_to_none(
        {
            "schema": _SCHEMA,
            "problems": study.problems,
            "n": len(problems),
            "seed": study.seed,
            "bounds": asdict(BOUNDS),
            "models": entries,
        }
    )
    write_json(study.out / "check.json", result)
    write_text(study.out / "check.html", check_page(result))
    console.print(f"report: {study.out / 'check.html'}", markup=False, soft_wrap=True)
    return result


def line(entry: dict[str, Any]) -> str:
    """One line about one model."""
    remark = f" ({entry['remark']})" if entry["remark"] else ""
    numbers = ""
    if entry["followed"]["n"]:
        numbers = "; ".join(
            f"{word} {fixed(one['mean'])} {interval(one['low'], one['high'])}"
            for word, one in (("followed", entry["followed"]), ("needed", entry["needed"]))
        )
        numbers = f" [{numbers}]".replace("[[", "[")
    ahead = f" {entry['next']}" if entry["next"] else ""
    return f"{entry['name']}: {entry['verdict']}{remark} - {entry['reason']}.{numbers}{ahead}"


def _judge(study: Study, problems: Sequence[Problem], *, name: str) -> dict[str, Any]:
    """Everything about one model."""
    models = Models.of(study, asked=problems)
    study = longest(study, models, problems)
    traces = written_chains(study, models, models.first, problems)
    reasons = [one.reason for one in unwritten(study, models, models.first, problems)]
    say_truth(study.truth, models.get(models.first), traces)
    if not traces:
        raise UserError(
            f"{name} could not write a chain for any of the {len(reasons)} problems: {reasons[0]}"
        )
    chains = {models.first: [trace for trace in traces if trace.finished]}
    few = {trace.id for trace in chains[models.first][:SOURCE_ITEMS]}
    todo = [
        job
        for job in jobs(study, models, cells(study, author=models.first), chains)
        if job.measure != SOURCE or job.trace.id in few
    ]
    if study.workers > 1:
        measure_missing(study, todo, chains)
    measurements = list(measure_trace(study, models, todo, chains))
    return {"name": name, "spec": study.models[0]} | judgement(
        traces, measurements, seed=study.seed, limit=study.max_tokens or 0
    )
