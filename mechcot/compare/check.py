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
        accuracy                    written, with (its own chain), other (another item's), without (any chain), guess (the most frequent answer)
        tokens, same                median tokens of a chain; share of the most frequent chain text
        beside                      means of measures that are shown and do not decide, and the null of the exchange
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from scipy.stats import binomtest

from mechcot.compare.chains import problems_of, unwritten, written_chains
from mechcot.compare.completion_length import longest
from mechcot.compare.measurements import jobs, measure_missing, measure_trace
from mechcot.compare.models import Models
from mechcot.compare.study import Study, cells
from mechcot.core.errors import UserError
from mechcot.core.measurement import Measurement
from mechcot.core.problem import Problem
from mechcot.core.store import nan_to_none, write_json, write_text
from mechcot.core.trace import Trace
from mechcot.measures import chain_exchange, early_answering_by_content as by_content, gates
from mechcot.stats.chain_use import BOUNDS, ChainUse, axis, chain_use
from mechcot.text.answers import same_answer
from mechcot.text.number_format import fixed, interval
from mechcot.text.unread_answers import ADVICE, unread, unread_example
from mechcot.traces.own_truth import say_truth
from mechcot.view.pages.check import check_page

CHECK_MEASURES = (
    gates.CARD.name,
    chain_exchange.CARD.name,
    by_content.CARD.name,
    "information_flow",
)
"""The exchange decides, the gates say whether the task is done at all; the others are shown."""
_SCHEMA = 1
_ALPHA = 0.05


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
    todo = jobs(study, models, cells(study, author=models.first), chains)
    if study.workers > 1:
        measure_missing(study, todo, chains)
    measurements = list(measure_trace(study, models, todo, chains))
    return {"name": name, "spec": study.models[0]} | judgement(
        traces, measurements, seed=study.seed, limit=study.max_tokens or 0
    )


def judgement(
    traces: Sequence[Trace], measurements: Iterable[Measurement], *, seed: int, limit: int
) -> dict[str, Any]:
    """The verdict about the author of some chains, with all numbers behind it.

    Args:
        traces: Its chains, cut ones among them.
        measurements: Of its finished chains, read by itself.
        seed: Of the intervals.
        limit: Longest completion, in tokens; only for what is advised.
    """
    by_measure: dict[str, list[Measurement]] = {name: [] for name in CHECK_MEASURES}
    for measurement in measurements:
        by_measure[measurement.measure].append(measurement)
    exchanged = by_measure[chain_exchange.CARD.name]
    finished = [trace for trace in traces if trace.finished]
    followed = axis([m.value for m in exchanged], name="followed", seed=seed)
    swapped = axis(_scalar(exchanged, "needed"), name="swapped", seed=seed)
    alone = axis(_scalar(exchanged, "alone"), name="alone", seed=seed)
    accuracy = _accuracy(traces, by_measure[gates.CARD.name])
    texts = Counter(trace.chain_text.strip() for trace in finished)
    lengths = [trace.cuts()[-1] - trace.cuts()[0] for trace in finished]
    tokens = float(median(lengths)) if lengths else math.nan
    same = max(texts.values()) / len(finished) if finished else 0.0
    use, ahead = _unjudged(traces, accuracy, exchanged, limit=limit), ""
    if use is None:
        use = chain_use(followed, swapped, alone, tokens=tokens, same=same)
        ahead = f"Next: --n {use.decides}" if use.decides else ""
    else:
        use, ahead = use
    lesser, by = min(((swapped, "swapped"), (alone, "alone")), key=lambda one: one[0].mean)
    return {
        "verdict": use.word,
        "reason": use.reason,
        "remark": use.remark,
        "decides": use.decides,
        "next": ahead,
        "followed": asdict(followed),
        "swapped": asdict(swapped),
        "alone": asdict(alone),
        "needed": asdict(lesser) | {"by": by},
        "accuracy": accuracy,
        "tokens": tokens,
        "same": same,
        "beside": _beside(by_measure),
    }


def _scalar(measurements: Sequence[Measurement], name: str) -> list[float]:
    return [m.scalars.get(name, math.nan) for m in measurements]


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan


def _accuracy(traces: Sequence[Trace], measurements: Sequence[Measurement]) -> dict[str, float]:
    """Shares of right answers; `guess` is what the most frequent reference answer alone would get."""
    references = Counter(trace.problem.answer for trace in traces)
    right = [float(same_answer(t.answer.text, t.problem.answer)) for t in traces]
    return {
        "written": _mean(right),
        "with": _mean(_scalar(measurements, "acc_with")),
        "other": _mean(_scalar(measurements, "acc_other")),
        "without": _mean(_scalar(measurements, "acc_without")),
        "guess": max(references.values()) / len(traces),
        "n": float(len(measurements)),
    }


def _beside(by_measure: dict[str, list[Measurement]]) -> dict[str, float]:
    shown = {
        chain_exchange.CARD.name: (
            *("null_alike", "followed_unstated", "needed_unstated"),
            *("followed_letter", "followed_option"),
        ),
        by_content.CARD.name: ("early", "early_null", "filler", "filler_null"),
    }
    scalars = {
        name: _mean(_scalar(by_measure[measure], name))
        for measure, names in shown.items()
        for name in names
    }
    hidden = {"hidden": _mean([m.value for m in by_measure["information_flow"]])}
    return scalars | hidden


def _unjudged(
    traces: Sequence[Trace],
    accuracy: dict[str, float],
    exchanged: Sequence[Measurement],
    *,
    limit: int,
) -> tuple[ChainUse, str] | None:
    """The one cause why nothing can be judged, and the one thing to do next; None where nothing stands in the way."""
    finished = [trace for trace in traces if trace.finished]
    cut = len(traces) - len(finished)
    if len(traces) < BOUNDS.min_items:
        return _none(
            f"only {len(traces)} problems were asked, {BOUNDS.min_items} are needed",
            f"--n {BOUNDS.min_items}, or a longer file",
        )
    if cut > (1 - BOUNDS.read) * len(traces):
        return _none(
            f"{cut} of {len(traces)} texts were cut at {limit} tokens", f"--max-tokens {2 * limit}"
        )
    if not _does_the_task(accuracy):
        return _fails(finished, accuracy)
    if not any(m.reason == "" for m in exchanged):
        return _none(
            f"no chain could be exchanged: {exchanged[0].reason}", "problems with different answers"
        )
    return None


def _none(cause: str, ahead: str) -> tuple[ChainUse, str]:
    return ChainUse("not judged", cause), f"Next: {ahead}"


def _does_the_task(accuracy: dict[str, float]) -> bool:
    """Whether answers asked for after the chain are right clearly more often than the most frequent one would be."""
    n, share, guess = int(accuracy["n"]), accuracy["with"], accuracy["guess"]
    if not n or math.isnan(share) or share < guess + BOUNDS.margin:
        return guess >= 1.0 and share == 1.0
    return bool(binomtest(round(share * n), n, guess, alternative="greater").pvalue < _ALPHA)


def _fails(finished: Sequence[Trace], accuracy: dict[str, float]) -> tuple[ChainUse, str]:
    """Why the answers are not right: not read, asked for in a way the model does not know, or wrong."""
    lost = unread(finished)
    if len(lost) > (1 - BOUNDS.read) * len(finished):
        cause = f"no answer can be read in {len(lost)} of {len(finished)} finished texts. {unread_example(lost[0])}"
        return _none(cause, ADVICE)
    asked, own, guess = accuracy["with"], accuracy["written"], accuracy["guess"]
    if own >= asked + BOUNDS.margin:
        cause = f"asked for its answer the model is right in {asked:.0%}, in its own texts in {own:.0%}: the question for the answer does not fit it"
        return _none(
            cause, "--cue with the text that stands behind its chains and before its answers"
        )
    cause = f"the model is right in {asked:.0%}; always giving the most frequent answer would be in {guess:.0%}"
    return _none(cause, "problems that the model can do")
