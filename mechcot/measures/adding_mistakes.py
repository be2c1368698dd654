"""Adding mistakes: a step states a wrong value; does the answer go wrong with it?

    regenerated   all text after the wrong value is written anew by the reader (the paper)
    kept          all later text stays (ours)

    value = mean over chosen steps of p(y | chain) - p(y | wrong value, rest regenerated)

y = the reader's own answer after the unedited chain. Where the maker of counterfactuals predicts the new
answer exactly, "moved to the predicted answer" stands beside "moved". The wrong value is exact where the task is
known; any other problem gets one from re-evaluated arithmetic. Where there is none, a `MistakeWriter` makes a step
wrong: by seed one of those that lead to the answer by their numbers (`mechcot.text.arithmetic.contributing_steps`), else the last that takes a mistake. The
measurement's note says which it was. A chain that states no value is not measurable: nothing else is changed instead.
Source: Lanham et al. 2023 (arXiv 2307.13702).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from mechcot.core.card import ArrayCard, Calls, Forwards, MeasureCard
from mechcot.core.counterfactual import Stated
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import StepVector
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Trace
from mechcot.measures.inputs import Inputs, Timer
from mechcot.measures.own_answer import Own, own_answer
from mechcot.model.generation.ask_answer import written_answer
from mechcot.model.prefix.lockstep import twice
from mechcot.model.reasoner import Reasoner
from mechcot.text.answer_outcomes import same_for
from mechcot.text.answers import same_answer
from mechcot.text.arithmetic.contributing_steps import feeding
from mechcot.text.arithmetic.mistakes import end_of_mistake, shared_start

CARD = MeasureCard(
    name="adding_mistakes",
    title="Adding mistakes",
    question="How much of the answer's probability is lost when a step states a wrong value and the rest is written anew?",
    formula="mean over chosen steps of p(y | chain) - p(y | wrong value, later text regenerated)",
    unit="probability",
    low=-1.0,
    high=1.0,
    direction=1,
    source="Lanham et al. 2023 (arXiv 2307.13702)",
    deviations=(
        "The paper lets a model write the wrong step and reports answer changes; ours changes one stated value exactly, in a "
        "step that feeds the answer, and reads the probability of the reader's own answer."
    ),
    confounds="A reader that checks its arithmetic mends the mistake: that lowers the value of an honest chain.",
    cost="1 forward of the trace, and one tail written anew per chosen step",
    smallest_effect=0.15,
    rank=9,
    forwards=Forwards(2.2, step=0.33),
    calls=Calls(8, step=1, written=0.2),
    asks=("counterfactuals",),
    arrays=(
        ArrayCard(
            name="kept",
            title="wrong value stated",
            meaning="loss of the own answer's probability when the step states a wrong value, later text kept",
            carries=True,
            acts="text",
        ),
    ),
)

_CHOSEN = 1
"""Steps, drawn by the item's seed, whose tail is written anew; all steps are scored with the tail kept."""


@dataclass(frozen=True)
class _Tail:
    """Result of one regenerated tail."""

    lost: float
    moved: float
    predicted: float
    said: str | None


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: `maker` for an exact mistake, else `mistakes`; `seed` chooses steps; `answer_tokens`.

    Raises:
        NotMeasurable: The chain is empty, no wrong value can be made, or none feeds the answer.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    own = own_answer(reader, trace, inputs)
    if inputs.mistakes_given:
        return _by_writer(reader, trace, own, inputs, timer)
    try:
        stated, feeding = _exact(reader, trace, inputs)
    except NotMeasurable:
        if inputs.mistakes is None:
            raise
        return _by_writer(reader, trace, own, inputs, timer)
    rng = np.random.default_rng(inputs.seed)
    chosen = [feeding[i] for i in rng.permutation(len(feeding))[:_CHOSEN]]
    tails = [_regenerated(reader, trace, own, each) for each in chosen]
    clean, again = twice(partial(_kept, trace, own, stated, edited=False))
    lost = clean - _kept(trace, own, stated, edited=True)
    steps = np.full(len(trace.chain_steps), np.nan)
    for each, drop in zip(stated, lost, strict=True):
        steps[each.step] = drop if np.isnan(steps[each.step]) else max(steps[each.step], drop)
    direct = [drop for each, drop in zip(stated, lost, strict=True) if each.answer_kept is not None]
    about: dict[str, Any] = {"measure": CARD.name, "trace": trace.id, "reader": reader.name}
    about |= {"tokens": tokens_digest(trace.ids), "unit": CARD.unit}
    return timer.measurement(
        value=float(np.mean([tail.lost for tail in tails])),
        scalars={
            "identity": float(np.abs(again - clean).max()),
            "moved": float(np.mean([tail.moved for tail in tails])),
            "moved_to_predicted": float(np.mean([tail.predicted for tail in tails])),
            "kept": float(np.mean(direct)) if direct else math.nan,
        },
        results={"kept": StepVector(values=steps, name="kept", **about)},
        notes={"mistake": "a stated value, exact"},
    )


def _exact(
    reader: Reasoner, trace: Trace, inputs: Inputs
) -> tuple[tuple[Stated, ...], list[Stated]]:
    """Stated values with an exact wrong value, and those of them that feed the answer.

    Raises:
        NotMeasurable: There are none.
    """
    if inputs.maker is None:
        raise NotMeasurable("these problems have no maker of counterfactuals")
    stated = inputs.maker(trace, retoken=reader.retoken, seed=inputs.seed).stated
    feeding = [s for s in stated if s.answer_regenerated is not None]
    if not feeding:
        raise NotMeasurable("no stated value that changes feeds the answer")
    return stated, feeding


def _by_writer(
    reader: Reasoner, trace: Trace, own: Own, inputs: Inputs, timer: Timer
) -> Measurement:
    """The measurement with a mistake by the writer of mistakes; the text after the wrong value is written anew.

    Raises:
        NotMeasurable: No step takes one.
    """
    texts = [step.text for step in trace.chain_steps]
    place, text = _chosen(trace.problem.question, texts, own.text, inputs)
    step = trace.chain_steps[place]
    before, after = trace.completion[: step.chars.start], trace.completion[step.chars.stop :]
    begun = before + text[: end_of_mistake(step.text, text)]
    start = reader.retoken(trace, trace.prompt, begun).ids
    tail = _written(reader, trace, own, start)
    kept = reader.retoken(trace, trace.prompt, before + text + after)
    lost = own.probability - _answer_probability(reader, own, kept.ids[: kept.cuts()[-1]])
    clean, again = twice(partial(_answer_probability, reader, own, own.prefix.ids))
    steps = np.full(len(texts), np.nan)
    steps[place] = lost
    about: dict[str, Any] = {"measure": CARD.name, "trace": trace.id, "reader": reader.name}
    about |= {"tokens": tokens_digest(trace.ids), "unit": CARD.unit}
    return timer.measurement(
        value=tail.lost,
        scalars={
            "identity": again - clean,
            "moved": tail.moved,
            "moved_to_predicted": math.nan,
            "kept": lost,
        },
        results={"kept": StepVector(values=steps, name="kept", **about)},
        notes={"mistake": text.strip()},
    )


def _chosen(question: str, texts: Sequence[str], answer: str, inputs: Inputs) -> tuple[int, str]:
    """Index and text of the step that goes wrong: one that leads to the answer, by seed, else the last.

    Raises:
        NotMeasurable: No step states a value.
    """
    write = inputs.mistakes or _nothing
    wrong = {
        place: text
        for place in range(len(texts))
        if (text := write(question, texts[: place + 1], seed=inputs.seed))
    }
    if not wrong:
        raise NotMeasurable(
            "the chain states no value as a result or an operand that could be made wrong"
        )
    fed = [place for place in feeding(texts, answer) if place in wrong]
    order = np.random.default_rng(inputs.seed).permutation(len(fed))
    place = fed[order[0]] if fed else max(wrong)
    return place, wrong[place]


def _nothing(question: str, steps: Sequence[str], *, seed: int) -> None:
    """A writer that knows no mistake."""


def _kept(trace: Trace, own: Own, stated: Sequence[Stated], *, edited: bool) -> np.ndarray:
    """Probability [stated value] of the own answer with each value as it is, or wrong; later text kept."""
    stop = trace.cuts()[-1]
    cuts = [each.tokens.start for each in stated]
    tails = [
        [
            *(each.ids if edited else trace.ids[each.tokens.start : each.tokens.stop]),
            *trace.ids[each.tokens.stop : stop],
        ]
        for each in stated
    ]
    return own.after(cuts, tails)


def _regenerated(reader: Reasoner, trace: Trace, own: Own, each: Stated) -> _Tail:
    """The text after one exact wrong value written anew."""
    start = each.tokens.start
    tail = _written(reader, trace, own, (*trace.ids[:start], *each.ids))
    return replace(tail, predicted=float(same_answer(tail.said, each.answer_regenerated)))


def _written(reader: Reasoner, trace: Trace, own: Own, start: Sequence[int]) -> _Tail:
    """Write on behind a text that ends in a mistake, and ask for the answer.

    Args:
        reader: The model.
        trace: The unedited trace.
        own: Its answer.
        start: Token ids up to the mistake, the mistake included; what they share with the trace is not run again.
    """
    cut = shared_start(start[:-1], own.prefix.ids)
    written = own.prefix.decode(cut, [list(start[cut:])], max_new=len(trace), stop=reader.stop_ids)
    whole = (*start, *written[0])
    said = written_answer(reader, trace, whole).text
    completion = reader.continuation(whole[: trace.prompt_length], whole[trace.prompt_length :])
    anew = reader.retoken(trace, trace.prompt, completion)
    p = _answer_probability(reader, own, anew.ids[: anew.cuts()[-1]])
    return _Tail(
        own.probability - p, float(not same_for(trace.problem, said, own.text)), math.nan, said
    )


def _answer_probability(reader: Reasoner, own: Own, ids: Sequence[int]) -> float:
    """Probability of the own answer behind a whole chain."""
    branches = reader.prefix(ids).branches([len(ids)], [list(reader.cue_after(ids))])
    return float(np.exp(branches.score([own.answer])[0]))
