"""`mechcot softcot eval`: what soft tokens before the chain do, against every control, and what they carry past the written chain.

OUT/ gets softcot.json, report.html, and finished work, from which a killed run goes on. softcot.json:

    conditions   name, kind (absent, own, another, random, constant, trained), accuracy {mean, low, high, n}, entry (as in check.json), and of all but `own`
                 `less`: own less this one, paired over problems, of accuracy, followed and needed
    carried      act, lost and moved {mean, low, high, n}: behind an unchanged chain, see `mechcot.finetune.soft_controls`
    others       on other problems: name, kind, accuracy, and `less`: this one less the base
    left_out     id, of (problems, others), reason: in no row; what stands in one row stands in all
    without      kind, reason: conditions that have no row
    sentences    what is found, in words
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from mechcot.compare.settings import Study
from mechcot.compare.unjudged import RunFacts
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.problem import Problem
from mechcot.core.store import (
    nan_to_none,
    write_json,
    write_text,
)
from mechcot.finetune.soft_conditions import SOFT_SCHEMA, ConditionWork, LeftOut, SoftSettings
from mechcot.finetune.soft_controls import (
    NO_PARTNER,
    other_questions,
    with_another_question,
    with_random_vectors,
)
from mechcot.finetune.soft_rows import carried_rows, condition_row, forgotten_rows
from mechcot.finetune.soft_sentences import softcot_sentences
from mechcot.model.loading.options import LoadOptions
from mechcot.model.loading.pairs import load_models
from mechcot.model.loading.spec import ModelSpec, parse_spec
from mechcot.model.reasoner import Reasoner
from mechcot.model.soft.tokens import FIRST_SOFT, soft_of
from mechcot.view.pages.softcot import softcot_page


def open_beside(
    checkpoint: str, against: Sequence[str], loading: LoadOptions
) -> tuple[Reasoner, ...]:
    """The base of a checkpoint, the checkpoint, and what it is held against, on one copy of the weights.

    Raises:
        UserError: It has no base beside its map, or a model cannot be loaded.
    """
    spec = parse_spec(checkpoint)
    if spec.adapter is None:
        raise UserError(
            f"{checkpoint}: expected a checkpoint of mechcot tune --arm softcot, got a whole model"
        )
    name = spec.name.removesuffix(f"+{Path(spec.adapter).name}")
    tuned = [_by_run(each) for each in (spec, *map(parse_spec, against))]
    return load_models([replace(spec, adapter=None, name=name), *tuned], loading)


def _by_run(spec: ModelSpec) -> ModelSpec:
    """A checkpoint named by its run, whose arms share the names of their steps."""
    folder = Path(spec.adapter or spec.base)
    stands = spec.adapter is not None or folder.name.startswith("step-")
    return replace(spec, name=f"{folder.parent.name}-{folder.name}") if stands else spec


def soft_eval(
    models: Sequence[Reasoner],
    problems: Sequence[Problem],
    *,
    settings: SoftSettings,
    out: Path,
    others: Sequence[Problem] = (),
    source: str = "",
) -> dict[str, Any]:
    """Look at soft tokens; gives what softcot.json holds.

    Args:
        models: The base, the model with soft tokens, and what it is held against: a learned constant prompt, supervised training.
        problems: What is asked.
        settings: How texts are written.
        out: Folder of the run.
        others: Other problems, on which forgetting shows.
        source: Name of the problems, for what to do next.

    Raises:
        UserError: The second model has no soft tokens, or no chain could be written.
    """
    base, own, *against = models
    soft = soft_of(own.model)
    if soft is None or soft.config["assistant"] == "none":
        raise UserError(
            f"{own.name}: expected a model with an assistant's soft tokens (mechcot tune --arm softcot); a learned constant prompt goes behind --against"
        )
    asked = {"problems": len(problems), "others": len(others)}
    problems, unasked = _askable(own, problems, "problems")
    others, unasked_others = _askable(own, others, "others")
    partners = other_questions(problems)
    alone = [problem for problem in problems if partners and problem.id not in partners]
    unasked += [LeftOut(problem.id, "problems", NO_PARTNER) for problem in alone]
    problems = [problem for problem in problems if problem not in alone]
    readers = [
        ("absent", base),
        ("own", own),
        *([("another", with_another_question(own, problems))] if partners else []),
        ("random", with_random_vectors(own, seed=settings.seed)),
        *(_kind(reader) for reader in against),
    ]
    stem = (SOFT_SCHEMA, asdict(settings), [m.weights_hash for m in models[:2]], own.cue.text)
    work = ConditionWork(out, settings, stem)
    rows, left = work.rows(readers, problems, "problems")
    written = {trace.problem.id for trace in rows[0]}
    problems = [problem for problem in problems if problem.id in written]
    seen = [work.seen(*reader, traces) for reader, traces in zip(readers, rows, strict=True)]
    forgotten, left_others = forgotten_rows(work, readers, others)
    facts = _facts(own, source or "FILE", problems, settings)
    result = {
        "schema": SOFT_SCHEMA,
        "models": [model.name for model in models],
        "soft": dict(soft.config),
        "n": len(problems),
        "asked": asked,
        "left_out": [asdict(one) for one in (*unasked, *left, *unasked_others, *left_others)],
        "without": [] if partners else [{"kind": "another", "reason": NO_PARTNER}],
        "settings": asdict(settings),
        "conditions": [condition_row(each, seen[1], facts, settings.seed) for each in seen],
        "carried": carried_rows(work, own, seen[1].traces, problems),
        "others": forgotten,
    }
    result = nan_to_none(result | {"sentences": softcot_sentences(nan_to_none(result))})
    write_json(out / "softcot.json", result)
    write_text(out / "report.html", softcot_page(result))
    return result


def _askable(
    reader: Reasoner, problems: Sequence[Problem], of: str
) -> tuple[list[Problem], "list[LeftOut]"]:
    """The problems that a model and its assistant can read, and those that are left out.

    Raises:
        UserError: None can be read.
    """
    soft, asked, left = soft_of(reader.model), [], []
    assert soft is not None
    for problem in problems:
        try:
            ids = reader.encode(reader.render(problem))
            soft.states(torch.tensor([token for token in ids if token >= FIRST_SOFT]))
        except NotMeasurable as reason:
            left.append(LeftOut(problem.id, of, str(reason)))
        else:
            asked.append(problem)
    if left and not asked:
        raise UserError(f"none of the {len(left)} {of} can be asked: {left[0].reason}")
    return asked, left


def _kind(reader: Reasoner) -> tuple[str, Reasoner]:
    soft = soft_of(reader.model)
    return ("constant" if soft and soft.config["assistant"] == "none" else "trained"), reader


def _facts(
    reader: Reasoner, source: str, problems: Sequence[Problem], settings: SoftSettings
) -> RunFacts:
    study = Study(models=(reader.spec.text,), out=Path(), problems=source, seed=settings.seed)
    return RunFacts(
        study,
        model=reader.spec.text,
        command="check",
        limit=settings.max_tokens,
        room=reader.max_length,
        cue=reader.cue.text,
        unwritten=(),
        count=lambda _: len(problems),
    )
