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

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mechcot.compare.judgement import judgement
from mechcot.compare.measure_inputs import inputs_for
from mechcot.compare.measurements import MEASUREMENT
from mechcot.compare.own_use import by_item
from mechcot.compare.study import EXCHANGE, Study
from mechcot.compare.unjudged import RunFacts
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.measurement import Measurement
from mechcot.core.problem import Problem
from mechcot.core.store import (
    digest,
    nan_to_none,
    parse_traces,
    traces_content,
    write_json,
    write_text,
)
from mechcot.core.trace import Trace
from mechcot.finetune.soft_controls import (
    NO_PARTNER,
    acted_on,
    other_questions,
    with_another_question,
    with_random_vectors,
)
from mechcot.finetune.soft_sentences import softcot_sentences
from mechcot.measures.registry import MEASURES
from mechcot.model.loading.options import LoadOptions
from mechcot.model.loading.pairs import load_models
from mechcot.model.loading.spec import ModelSpec, parse_spec
from mechcot.model.reasoner import Reasoner
from mechcot.model.soft.tokens import FIRST_SOFT, soft_of
from mechcot.runs.items import Format, Items
from mechcot.stats.bootstrap import bootstrap_mean
from mechcot.stats.gates import GATE_MEASURE
from mechcot.stats.proportions import paired_interval, share_interval
from mechcot.text.answer_outcomes import ends_right
from mechcot.view.pages.softcot import softcot_page

_SCHEMA = 1
_BATCH = 16


@dataclass(frozen=True)
class SoftSettings:
    """How soft tokens are looked at.

    Attributes:
        max_tokens: Longest text.
        temperature: Of the texts; 0 is greedy.
        seed: Of texts, random vectors and intervals.
    """

    max_tokens: int = 512
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class _Seen:
    """A condition, with what was written and measured in it."""

    name: str
    kind: str
    traces: tuple[Trace, ...]
    measurements: tuple[Measurement, ...]

    def right(self) -> dict[str, float]:
        return {t.problem.id: float(ends_right(t)) for t in self.traces}

    def values(self) -> dict[str, Mapping[str, float]]:
        exchanged = [m for m in self.measurements if m.measure == EXCHANGE]
        used = by_item(exchanged)
        return {"accuracy": self.right(), "followed": used["followed"], "needed": used["swapped"]}


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
    unasked += [_Left(problem.id, "problems", NO_PARTNER) for problem in alone]
    problems = [problem for problem in problems if problem not in alone]
    readers = [
        ("absent", base),
        ("own", own),
        *([("another", with_another_question(own, problems))] if partners else []),
        ("random", with_random_vectors(own, seed=settings.seed)),
        *(_kind(reader) for reader in against),
    ]
    stem = (_SCHEMA, asdict(settings), [m.weights_hash for m in models[:2]], own.cue.text)
    work = _Work(out, settings, stem)
    rows, left = work.rows(readers, problems, "problems")
    written = {trace.problem.id for trace in rows[0]}
    problems = [problem for problem in problems if problem.id in written]
    seen = [work.seen(*reader, traces) for reader, traces in zip(readers, rows, strict=True)]
    forgotten, left_others = _forgotten(work, readers, others)
    facts = _facts(own, source or "FILE", problems, settings)
    result = {
        "schema": _SCHEMA,
        "models": [model.name for model in models],
        "soft": dict(soft.config),
        "n": len(problems),
        "asked": asked,
        "left_out": [asdict(one) for one in (*unasked, *left, *unasked_others, *left_others)],
        "without": [] if partners else [{"kind": "another", "reason": NO_PARTNER}],
        "settings": asdict(settings),
        "conditions": [_condition(each, seen[1], facts, settings.seed) for each in seen],
        "carried": _carried(work, own, seen[1].traces, problems),
        "others": forgotten,
    }
    result = nan_to_none(result | {"sentences": softcot_sentences(nan_to_none(result))})
    write_json(out / "softcot.json", result)
    write_text(out / "report.html", softcot_page(result))
    return result


def _askable(
    reader: Reasoner, problems: Sequence[Problem], of: str
) -> tuple[list[Problem], "list[_Left]"]:
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
            left.append(_Left(problem.id, of, str(reason)))
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


# --- what is written and measured -----------------------------------------------------------------


@dataclass(frozen=True)
class _Left:
    """A problem that no row has, of which set, and why."""

    id: str
    of: str
    reason: str


@dataclass(frozen=True)
class _Work:
    """Finished work and how it is made.

    Attributes:
        out: Folder of the run.
        settings: How texts are written.
        stem: Whatever decides every item.
    """

    out: Path
    settings: SoftSettings
    stem: tuple[Any, ...]

    def written(self, kind: str, reader: Reasoner, problems: Sequence[Problem]) -> list[Trace]:
        """The texts of a model, in batches that are kept."""
        kept = Items(self.out / "texts", Format(".jsonl", parse_traces, traces_content))
        # another question's tokens depend on all questions
        rest = _texts(problems) if kind == "another" else []
        traces = []
        for start in range(0, len(problems), _BATCH):
            batch = problems[start : start + _BATCH]
            key = digest(self.stem, kind, reader.name, reader.weights_hash, _texts(batch), rest)
            traces += kept.get(key, partial(self._write, reader, batch))
        return [reader.view(trace) for trace in traces]

    def _write(self, reader: Reasoner, problems: Sequence[Problem]) -> list[Trace]:
        kwargs: dict[str, Any] = asdict(self.settings) | {"skip": lambda *_: None}
        return reader.write(problems, batch_size=_BATCH, **kwargs)

    def rows(
        self, readers: Sequence[tuple[str, Reasoner]], problems: Sequence[Problem], of: str
    ) -> tuple[list[list[Trace]], list[_Left]]:
        """The texts of every model on the problems that all of them can write, and what is left out.

        Raises:
            UserError: There are none.
        """
        rows, left = [self.written(kind, reader, problems) for kind, reader in readers], {}
        for (_, reader), traces in zip(readers, rows, strict=True):
            has = {trace.problem.id for trace in traces}
            for problem in (p for p in problems if p.id not in has and p.id not in left):
                left[problem.id] = _Left(problem.id, of, self._unwritten(reader, problem))
        rows = [[trace for trace in traces if trace.problem.id not in left] for traces in rows]
        if not rows[0]:
            why = "; ".join(sorted({each.reason for each in left.values()})[:2])
            raise UserError(f"no chain could be written for any of the {of} ({why})")
        return rows, list(left.values())

    def _unwritten(self, reader: Reasoner, problem: Problem) -> str:
        """Why a model could not write one problem: found anew, for a run that goes on too."""
        try:
            reader.write([problem], **asdict(self.settings))
        except NotMeasurable as reason:
            return f"{reader.name}: {reason}"
        return f"{reader.name} could not write it"

    def seen(self, kind: str, reader: Reasoner, traces: Sequence[Trace]) -> _Seen:
        """A condition: texts, and whether each of their chains is used."""
        kept = Items(self.out / "measurements", MEASUREMENT)
        finished = [trace for trace in traces if trace.finished]
        whole = digest(self.stem, kind, reader.name, reader.weights_hash, [t.ids for t in finished])
        measurements = [
            kept.get(
                digest(whole, name, trace.id), partial(self._measure, name, reader, trace, finished)
            )
            for trace in finished
            for name in (GATE_MEASURE, EXCHANGE)
        ]
        return _Seen(reader.name, kind, tuple(traces), tuple(measurements))

    def _measure(
        self, name: str, reader: Reasoner, trace: Trace, others: Sequence[Trace]
    ) -> Measurement:
        try:
            inputs = inputs_for(reader, trace, others=others, seed=self.settings.seed)
            return MEASURES[name].run(reader, trace, inputs)
        except NotMeasurable as reason:
            return Measurement.without_value(name, trace, reader=reader.name, reason=str(reason))


def _texts(problems: Sequence[Problem]) -> list[list[str]]:
    return [[p.id, p.question, p.answer] for p in problems]


def _carried(
    work: _Work, reader: Reasoner, traces: Sequence[Trace], problems: Sequence[Problem]
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


def _forgotten(
    work: _Work, readers: Sequence[tuple[str, Reasoner]], others: Sequence[Problem]
) -> tuple[list[dict[str, Any]], list[_Left]]:
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


# --- summed up ------------------------------------------------------------------------------------


def _condition(seen: _Seen, own: _Seen, facts: RunFacts, seed: int) -> dict[str, Any]:
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
