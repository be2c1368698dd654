"""The verdict about one model on chains that it wrote itself, from traces and measurements; `check` and `compare` both say it.

A verdict is JSON-able data, an entry of `models` in check.json (`mechcot.compare.check`).
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from statistics import median
from typing import Any

import numpy as np
from scipy.stats import binomtest

from mechcot.compare.study import EXCHANGE
from mechcot.core.measurement import Measurement
from mechcot.core.trace import Trace
from mechcot.measures import chain_source, early_answering_by_content as by_content
from mechcot.stats.chain_use import BOUNDS, ChainUse, axis, chain_use
from mechcot.stats.gates import GATE_MEASURE
from mechcot.text.answers import same_answer
from mechcot.text.unread_answers import ADVICE, unread, unread_example

SOURCE = chain_source.CARD.name
CHECK_MEASURES = (GATE_MEASURE, EXCHANGE, by_content.CARD.name, "information_flow", SOURCE)
"""The exchange decides, the gates say whether the task is done at all; the others are shown."""
SOURCE_ITEMS = 24
"""Chains whose questions are changed: texts are written anew for them, which costs more than all else, and an answer needs 20."""
WRITTEN_TO_HINT = "but written to the hint"
_ALPHA = 0.05


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
    exchanged = by_measure[EXCHANGE]
    finished = [trace for trace in traces if trace.finished]
    followed = axis([m.value for m in exchanged], name="followed", seed=seed)
    swapped = axis(_scalar(exchanged, "needed"), name="swapped", seed=seed)
    alone = axis(_scalar(exchanged, "alone"), name="alone", seed=seed)
    accuracy = _accuracy(traces, by_measure[GATE_MEASURE])
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
    source = axis([m.value for m in by_measure[SOURCE]], name="source", seed=seed)
    if source.says == "yes":
        use = replace(use, remark="; ".join(filter(None, (use.remark, WRITTEN_TO_HINT))))
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
        "source": asdict(source),
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
        EXCHANGE: (
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
    scalars["chain_hint"] = _mean([m.value for m in by_measure[SOURCE]])
    for name in ("answer_hint", "chain_fact", "answer_fact", "mentions"):
        scalars[name] = _mean(_scalar(by_measure[SOURCE], name))
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
