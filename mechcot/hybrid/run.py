"""`mechcot hybrid`: every problem written in every condition; recovered shares, bits, controls, and one page.

Every batch of problems in one condition is on disk as soon as it is written, named by a hash of what it depends on, so that a killed run loses the batch
in the writing and no other. DIR/ gets hybrid.json (the summary), items.parquet (one row a condition and problem), report.html, fit/ and items/.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.pair import Pair
from mechcot.core.problem import Problem
from mechcot.core.store import digest, nan_to_none, write_bytes, write_json, write_text
from mechcot.core.wording import count_of
from mechcot.hybrid.conditions import TUNED_ALONE, HybridCondition, conditions, in_turns
from mechcot.hybrid.fitting import Fitted, fit_help
from mechcot.hybrid.settings import HybridSettings
from mechcot.hybrid.summary import hybrid_summary
from mechcot.hybrid.writing import (
    HybridBatch,
    HybridRow,
    HybridTask,
    giving_of,
    places_like,
    write_batch,
)
from mechcot.model.compatibility import check_shapes, differing_ids, refuse_soft
from mechcot.model.loading.preflight import preflight
from mechcot.model.reasoner import Reasoner
from mechcot.runs.executor import SERIAL, Executor
from mechcot.runs.items import Items, json_items
from mechcot.runs.output_claims import claimed
from mechcot.runs.reader_keys import read_by
from mechcot.text.problems import question_digest
from mechcot.text.unread_answers import refuse_unread
from mechcot.view.pages.hybrid import hybrid_page

_SCHEMA = 3
_Rows = Mapping[str, Sequence[HybridRow]]


def drawn(problems: Sequence[Problem], n: int, settings: HybridSettings) -> Pair[list[Problem]]:
    """Draw the problems that vectors are fitted on, and those that are asked.

    Raises:
        UserError: There are too few.
    """
    if len(problems) < n + settings.fit:
        raise UserError(
            f"the problems are {len(problems)}; expected at least {n + settings.fit}: --n {n} that are asked, and --fit {settings.fit} others that vectors "
            "and thresholds are made from. Give a longer file or smaller numbers"
        )
    order = Random(settings.seed).sample(range(len(problems)), n + settings.fit)
    fitting, asked = sorted(order[: settings.fit]), sorted(order[settings.fit :])
    return Pair([problems[i] for i in fitting], [problems[i] for i in asked])


def run_hybrid(
    models: Pair[Reasoner],
    problems: Sequence[Problem],
    *,
    n: int,
    settings: HybridSettings,
    out: Path,
    executor: Executor = SERIAL,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write every problem in every condition and sum up; what is on disk is not written again.

    Args:
        models: The base, and the tuned model that helps it.
        problems: Questions with reference answers, those that vectors are fitted on among them.
        n: How many are asked.
        settings: What is given, and how much.
        out: Folder of the run.
        executor: Where batches are written.
        overwrite: Take over a folder that holds another run.

    Returns:
        What hybrid.json holds: see `mechcot.hybrid.summary.hybrid_summary`, and for the 2 x 2 `weights` of both models, `fitted_on` (questions by
        `question_digest`) and `read` (see `Fitted`).

    Raises:
        UserError: Different tokenizers or sizes, too few problems, answers that cannot be read, or the folder holds another run.
    """
    fitting, asked = drawn(problems, n, settings)
    check_same_words(models, [*fitting, *asked], settings)
    for model in models:
        preflight(model, asked)
    described = asdict(settings) | read_by([*models], [])
    texts = [[p.id, p.question, p.answer] for p in (*fitting, *asked)]
    described["problems"] = digest(texts)
    with claimed(out, "hybrid", described, overwrite=overwrite):
        named = [*read_by([*models], [])["models"], _SCHEMA]
        stem = digest(named, settings.max_tokens, settings.seed)
        fits: Items[Fitted] = Items(out / "fit", json_items(Fitted))
        key = digest(stem, asdict(settings), texts)
        fitted = fits.get(key, lambda: _fit(models, fitting, settings))
        every = conditions(settings, fitted)
        rows = _written(
            models, asked, fitted, every, settings, out=out, stem=stem, executor=executor
        )
        _check_read(rows[TUNED_ALONE], models.after)
        result = hybrid_summary(models, every, rows, fitted, settings)
        result["weights"] = [model.weights_hash for model in models]
        result["fitted_on"] = [question_digest(problem) for problem in fitting]
        result["read"] = fitted["read"]
        table = [{"condition": key} | dict(row) for key, some in rows.items() for row in some]
        write_bytes(out / "items.parquet", pd.DataFrame(table).to_parquet(index=False))
        write_json(out / "hybrid.json", nan_to_none(result))
        write_text(out / "report.html", hybrid_page(nan_to_none(result)))
        return result


def check_same_words(
    models: Pair[Reasoner], problems: Sequence[Problem], settings: HybridSettings
) -> None:
    """See that a token, and where vectors are given a state, of one model means the same to the other.

    Raises:
        UserError: It does not.
    """
    base, tuned = models
    refuse_soft(base, tuned)
    used = {token for problem in problems for token in base.encode(base.render(problem))}
    known = range(min(len(base.tokenizer), len(tuned.tokenizer)))
    differing = differing_ids(base.tokenizer, tuned.tokenizer, used.intersection(known))
    if differing or not used.issubset(known):
        token, mine, theirs = differing[0] if differing else (max(used), "a token", "unknown")
        raise UserError(
            f"{base.name} and {tuned.name} have different tokenizers (id {token} is {mine!r} to the first and {theirs!r} to the second), so a token of one says "
            "nothing to the other; give a base and a model that was tuned from it"
        )
    if settings.give == "vectors":
        try:
            check_shapes(base, tuned)
        except NotMeasurable as reason:
            raise UserError(f"{reason}; give tokens instead (--give tokens)") from None


def _fit(models: Pair[Reasoner], problems: Sequence[Problem], settings: HybridSettings) -> Fitted:
    texts = models.after.write(
        problems, max_tokens=settings.max_tokens, seed=settings.seed, batch_size=settings.batch
    )
    return fit_help(models.before, models.after, texts, settings)


def _written(
    models: Pair[Reasoner],
    asked: Sequence[Problem],
    fitted: Fitted,
    every: Sequence[HybridCondition],
    settings: HybridSettings,
    *,
    out: Path,
    stem: str,
    executor: Executor,
) -> _Rows:
    """The rows of every condition, by its key, in the order of the problems."""
    items: Items[HybridBatch] = Items(out / "items", json_items(HybridBatch))
    compute = partial(write_batch, models, fitted, settings)
    rows: dict[str, list[HybridRow]] = {}
    for turn in in_turns(every):
        tasks = {
            _key(models.before, fitted, settings, task, stem=stem): task
            for condition in turn
            for task in _tasks(condition, asked, rows, settings)
        }
        batches = items.made(tasks, compute, executor=executor, desc="writing", unit="batch")
        for task, batch in zip(tasks.values(), batches, strict=True):
            rows.setdefault(task.condition.key, []).extend(batch["rows"])
    return {condition.key: rows[condition.key] for condition in every}


def _tasks(
    condition: HybridCondition,
    asked: Sequence[Problem],
    rows: _Rows,
    settings: HybridSettings,
) -> Iterator[HybridTask]:
    listed: dict[str, tuple[int, ...]] = {}
    if condition.matched:
        like = HybridCondition(condition.matched, budget=condition.budget).key
        listed = places_like(condition, rows[like], seed=settings.seed)
    for start in range(0, len(asked), settings.batch):
        batch = tuple(asked[start : start + settings.batch])
        its = {problem.id: listed[problem.id] for problem in batch} if listed else {}
        yield HybridTask(condition, batch, its)


def _key(
    base: Reasoner, fitted: Fitted, settings: HybridSettings, task: HybridTask, *, stem: str
) -> str:
    """Whatever decides what stands in a batch."""
    giving = giving_of(task.condition, fitted, settings)
    vectors = giving.vectors
    given = [] if vectors is None else [
        vectors.site.name, vectors.vectors.tolist(), vectors.centres.tolist(), vectors.pick
    ]  # fmt: skip
    return digest(
        stem,
        asdict(task.condition),
        [giving.places, giving.threshold, giving.budget, giving.until_answer, given],
        [[p.id, p.answer, base.encode(base.render(p))] for p in task.problems],
        dict(task.listed),
    )


def _check_read(rows: Sequence[HybridRow], tuned: Reasoner) -> None:
    """See that the tuned model's answers can be read; a base may well have none, which is what a hybrid is for.

    Raises:
        UserError: Most cannot.
    """
    lost = [
        (row["id"], tuned.decode(row["ids"]))
        for row in rows
        if row["finished"] and row["answer"] is None
    ]
    finished = sum(row["finished"] for row in rows)
    refuse_unread(lost, author=tuned.name, finished=finished, n=len(rows))


def hybrid_lines(result: Mapping[str, Any]) -> list[str]:
    """The result as lines of text."""
    lines = [
        f"{'condition':<34} {'right':>6}  {'positions':>9}  {'a text':>6}  {'bits':>7}  recovered share of the gap"
    ]
    for row in result["conditions"]:
        share = row["recovered"]
        told = (
            ""
            if share["mean"] is None
            else f"{share['mean']:.2f} [{share['low']:.2f}, {share['high']:.2f}]"
        )
        lines.append(
            f"{row['key']:<34} {row['accuracy']['mean']:>6.0%}  {row['share']:>9.1%}  {row['given']:>6.1f}  {row['bits']:>7.1f}  {told}"
        )
    return [*lines, *result["sentences"], f"{count_of(result['n'], 'problem')} asked"]
