"""Conditions of `mechcot softcot eval`: what each model wrote, and what was measured of its chains, kept as it finishes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mechcot.compare.measure_inputs import inputs_for
from mechcot.compare.measurements import MEASUREMENT
from mechcot.compare.own_use import by_item
from mechcot.compare.settings import EXCHANGE
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.measurement import Measurement
from mechcot.core.problem import Problem
from mechcot.core.store import (
    digest,
    parse_traces,
    traces_content,
)
from mechcot.core.trace import Trace
from mechcot.measures.registry import MEASURES
from mechcot.model.reasoner import Reasoner
from mechcot.runs.items import Format, Items
from mechcot.stats.gates import GATE_MEASURE
from mechcot.text.answer_outcomes import ends_right

SOFT_SCHEMA = 1


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
class SoftCondition:
    """A condition, with what was written and measured in it."""

    name: str
    kind: str
    traces: tuple[Trace, ...]
    measurements: tuple[Measurement, ...]

    def right(self) -> dict[str, float]:
        """1 for a text that ends right, else 0, by item."""
        return {t.problem.id: float(ends_right(t)) for t in self.traces}

    def values(self) -> dict[str, Mapping[str, float]]:
        """Accuracy and both sides of the chain's use, by item."""
        exchanged = [m for m in self.measurements if m.measure == EXCHANGE]
        used = by_item(exchanged)
        return {"accuracy": self.right(), "followed": used["followed"], "needed": used["swapped"]}


@dataclass(frozen=True)
class LeftOut:
    """A problem that no row has, of which set, and why."""

    id: str
    of: str
    reason: str


@dataclass(frozen=True)
class ConditionWork:
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
    ) -> tuple[list[list[Trace]], list[LeftOut]]:
        """The texts of every model on the problems that all of them can write, and what is left out.

        Raises:
            UserError: There are none.
        """
        rows, left = [self.written(kind, reader, problems) for kind, reader in readers], {}
        for (_, reader), traces in zip(readers, rows, strict=True):
            has = {trace.problem.id for trace in traces}
            for problem in (p for p in problems if p.id not in has and p.id not in left):
                left[problem.id] = LeftOut(problem.id, of, self._unwritten(reader, problem))
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

    def seen(self, kind: str, reader: Reasoner, traces: Sequence[Trace]) -> SoftCondition:
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
        return SoftCondition(reader.name, kind, tuple(traces), tuple(measurements))

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
