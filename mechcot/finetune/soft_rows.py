"""The rows of softcot.json: conditions, what soft tokens carry past the written chain, and what was forgotten; see `mechcot.finetune.soft_eval`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mechcot.compare.judgement import judgement
from mechcot.compare.unjudged import RunFacts
from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Problem
from mechcot.core.store import (
    digest,
)
from mechcot.core.trace import Trace
from mechcot.finetune.soft_conditions import ConditionWork, LeftOut, SoftCondition
from mechcot.finetune.soft_controls import (
    acted_on,
    other_questions,
)
from mechcot.model.reasoner import Reasoner
from mechcot.runs.items import Items
from mechcot.stats.bootstrap import bootstrap_mean
from mechcot.stats.proportions import paired_interval, share_interval
from mechcot.text.answer_outcomes import ends_right


def carried_rows(
    work: ConditionWork, reader: Reasoner, traces: Sequence[Trace], problems: Sequence[Problem]
) -> list[dict[str, Any]]:
    """What acts on soft tokens change behind unchanged chains, by act."""
    other = other_questions(problems)
    kept: Items[dict[str, Any]] = Items(work.out / "acts")
    by_problem = {trace.problem.id: trace for trace in traces if trace.finished}
    changes: dict[str, list[dict[str, float]]] = {}
    for name, trace in by_problem.items():
        pair = by_problem.get(other[name].id) if name in other else None
        if pair is None:
            continue

        def act(trace: Trace = trace, pair: Trace = pair) -> dict[str, Any]:
            try:
                return acted_on(reader, trace, pair)
            except NotMeasurable:
                return {}

        for what, change in kept.get(digest(work.stem, trace.ids, pair.ids), act).items():
            changes.setdefault(what, []).append(change)
    return [
        {"act": what}
        | {
            axis: _mean([one[axis] for one in some], work.settings.seed, f"{what} {axis}")
            for axis in ("lost", "moved")
        }
        for what, some in changes.items()
    ]


def forgotten_rows(
    work: ConditionWork, readers: Sequence[tuple[str, Reasoner]], others: Sequence[Problem]
) -> tuple[list[dict[str, Any]], list[LeftOut]]:
    """Right answers on other problems, of the base, with soft tokens and after other training, and what is left out."""
    if not others:
        return [], []
    readers = [each for each in readers if each[0] not in {"another", "random"}]
    written, left = work.rows(readers, others, "others")
    rows, first = [], {}
    for (kind, reader), traces in zip(readers, written, strict=True):
        right = {t.problem.id: float(ends_right(t)) for t in traces}
        first = first or right
        rows.append(
            {
                "name": reader.name,
                "kind": kind,
                "accuracy": _share(right),
                "less": _paired(first, right, work.settings.seed, f"others {kind}"),
            }
        )
    return rows, left


def condition_row(
    seen: SoftCondition, own: SoftCondition, facts: RunFacts, seed: int
) -> dict[str, Any]:
    """The row of a condition, and what the soft tokens' own has less or more."""
    entry = judgement(seen.traces, seen.measurements, facts) | {"next": ""}
    row = {"name": seen.name, "kind": seen.kind, "accuracy": _share(seen.right()), "entry": entry}
    mine, theirs = own.values(), seen.values()
    if seen is not own:
        row["less"] = {what: _paired(theirs[what], mine[what], seed, what) for what in mine}
    return row


def _share(right: Mapping[str, float]) -> dict[str, Any]:
    return _interval(share_interval(np.array(list(right.values()))))


def _paired(
    before: Mapping[str, float], after: Mapping[str, float], seed: int, purpose: str
) -> dict[str, Any]:
    """After less before, over the items that have both."""
    both = [
        (before[k], after[k]) for k in before if k in after and np.isfinite(before[k] + after[k])
    ]
    if len(both) < 2:
        return {"mean": None, "low": None, "high": None, "n": len(both)}
    first, second = np.array(both).T
    return _interval(paired_interval(first, second, seed=seed, purpose=purpose))


def _mean(values: Sequence[float], seed: int, purpose: str) -> dict[str, Any]:
    return _interval(bootstrap_mean(np.array(values), seed=seed, purpose=purpose))


def _interval(found: Any) -> dict[str, Any]:
    return {"mean": found.mean, "low": found.low, "high": found.high, "n": found.n}
