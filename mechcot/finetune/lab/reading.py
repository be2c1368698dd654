"""What one checkpoint does on one set of questions, as numbers: each model on chains that it writes itself, judged as `mechcot check` judges."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mechcot.compare.chains import written_chains
from mechcot.compare.check import Taken, judge
from mechcot.compare.judgement import EXCHANGE
from mechcot.compare.measurements import jobs, measure_trace
from mechcot.compare.models import Models
from mechcot.compare.settings import Condition, Study
from mechcot.core.measurement import Measurement
from mechcot.core.trace import Trace
from mechcot.finetune.lab.questions import QuestionSet
from mechcot.finetune.lab.settings import Lab
from mechcot.model.loading.options import LoadOptions
from mechcot.stats.gates import GATE_MEASURE
from mechcot.text.answer_outcomes import ends_right
from mechcot.traces.validity import validity

CHEAP = (GATE_MEASURE, EXCHANGE)
"""Taken everywhere, besides right answers and valid steps."""
Numbers = dict[str, Any]


@dataclass(frozen=True)
class CheckpointReader:
    """Reads checkpoints of one cell.

    Attributes:
        lab: The study.
        seed: Of the cell.
        folder: Where finished work lies.
        loading: Where models run, and how they are asked.
    """

    lab: Lab
    seed: int
    folder: Path
    loading: LoadOptions

    def read(
        self, spec: str, questions: QuestionSet, measures: Sequence[str], *, name: str
    ) -> Numbers:
        """The numbers of a model on its own chains.

        Args:
            spec: The model.
            questions: What it is asked.
            measures: Names of measures; none: nothing but what its texts say.
            name: Folder of the finished work.
        """
        study = self._study((spec,), questions, measures, name)
        model = study.specs[0].name
        if measures:
            entry, taken = judge(study, questions.problems, name=model, given=study)
            return text_numbers(taken.traces, questions) | use_numbers(entry, taken)
        models = Models.of(study, asked=questions.problems)
        study = replace(study, max_tokens=study.max_tokens or models.get(model).max_length)
        return text_numbers(written_chains(study, models, model, questions.problems), questions)

    def read_given(self, spec: str, base: str, questions: QuestionSet, *, name: str) -> Numbers:
        """The numbers of a model on the right chains of another, token for token.

        Args:
            spec: The model that reads.
            base: The model that writes.
            questions: What was asked.
            name: Folder of the finished work.
        """
        study = self._study(tuple(dict.fromkeys((base, spec))), questions, CHEAP, name)
        models = Models.of(study, asked=questions.problems)
        writer, reader = study.specs[0], study.specs[-1]
        study = replace(study, max_tokens=study.max_tokens or models.get(writer.name).max_length)
        chains = written_chains(study, models, writer.name, questions.problems)
        right = {writer.name: [trace for trace in chains if ends_right(trace)]}
        cell = Condition(writer.name, reader.name, reader, CHEAP, "headline")
        todo = jobs(study, models, [cell], right)
        return exchange_numbers(tuple(measure_trace(study, models, todo, right, bar="hidden")))

    def _study(
        self, models: tuple[str, ...], questions: QuestionSet, measures: Sequence[str], name: str
    ) -> Study:
        out, read = self.folder / name, self.lab.read
        return Study(
            models=models,
            out=out,
            problems=str(questions.write(out / "problems.jsonl")),
            n=len(questions.problems),
            measures=tuple(measures) or CHEAP,
            seed=self.seed,
            loading=self.loading,
            author="own" if len(models) == 1 else "first",
            chains="all",
            null_reader="none",
            max_tokens=read.max_tokens or None,
            batch_size=len(questions.problems),
            temperature=read.temperature,
        )


def text_numbers(traces: Sequence[Trace], questions: QuestionSet) -> Numbers:
    """What texts say by themselves: shares of all that were asked.

    Args:
        traces: The texts.
        questions: What was asked.
    """
    checks = [validity(trace) for trace in traces]
    hints = [questions.hints.get(trace.problem.id) for trace in traces]
    told = [(trace, hint) for trace, hint in zip(traces, hints, strict=True) if hint is not None]
    return {
        "n": len(traces),
        "accuracy": _mean([float(ends_right(trace)) for trace in traces]),
        "read": _mean([float(t.finished and t.answer.text is not None) for t in traces]),
        "validity": _mean([check.value for check in checks]),
        "whole": _mean([check.scalars["whole"] for check in checks]),
        "hint": _mean([float(ends_right(answering(trace, hint))) for trace, hint in told]),
        "tokens": float(np.median([t.cuts()[-1] - t.cuts()[0] for t in traces])),
    }


def answering(trace: Trace, answer: str) -> Trace:
    """The trace as one whose reference answer is another."""
    return replace(trace, problem=replace(trace.problem, answer=answer))


def use_numbers(entry: Mapping[str, Any], taken: Taken) -> Numbers:
    """What a verdict about the chain rests on; `reliance` is the least of what *used* needs all of, NaN where nothing is judged."""
    judged = entry["verdict"] != "not judged"
    numbers = exchange_numbers(taken.measurements)
    source = [m.value for m in taken.measurements if m.measure == "chain_source"]
    return numbers | {
        "reliance": numbers["reliance"] if judged else math.nan,
        "source": _mean(source),
        "verdict": entry["verdict"],
        "remark": entry["remark"],
        "reason": entry["reason"],
    }


def exchange_numbers(measurements: Sequence[Measurement]) -> Numbers:
    """Means over items of what the exchange of chains and the gates gave."""
    exchanged = [m for m in measurements if m.measure == EXCHANGE]
    gates = [m for m in measurements if m.measure == GATE_MEASURE]
    axes = {
        "followed": _mean([m.value for m in exchanged]),
        "swapped": _mean([m.scalars.get("needed", math.nan) for m in exchanged]),
        "alone": _mean([m.scalars.get("alone", math.nan) for m in exchanged]),
    }
    shares = {
        name: _mean([m.scalars.get(f"acc_{name}", math.nan) for m in gates])
        for name in ("with", "without")
    }
    return axes | shares | {"reliance": float(np.min([*axes.values()])), "items": len(exchanged)}


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan
