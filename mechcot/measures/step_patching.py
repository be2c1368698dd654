"""Step patching: write the counterfactual run's state where a step states a value, and predict what follows.

The twin has one fact of the question changed and its chain re-evaluated, token for token in the same
layout. At the span where step j states an intermediate value, the twin's residual stream at the
input of block l replaces the clean one. Two readouts, never mixed:

    next[l, j]    mean over steps that read j of p(predicted token | patched) - p(same | clean),
                  later text kept
    answer[l, j]  p(predicted answer | patched) - p(same | clean), later text kept, only for steps
                  that feed the answer directly (for others the later text still states the old value)
    regenerated[l, j]  1 when the answer, with all later text written anew, is the predicted one

    value = mean over the steps that feed the answer of answer[0, j]

Where nobody knows which step feeds the answer (names that are exchanged, a twin of the user's that never states it), all stated values are patched
at once. The value is then the gain of the predicted answer; where there is none, the weaker `moved`: what the reader's own answer loses, wherever it
goes. The measurement's note says which of the three it was.

`resid_pre.0` is the text edit's twin. The output of the last block is not patched: away from the
predicting position it is 0 by construction.
Source: CLB (arXiv 2609.27038).
"""

import math
from typing import Any

import numpy as np

from mechcot.core.card import ArrayCard, Calls, Forwards, MeasureCard
from mechcot.core.counterfactual import EVALUATED_ANEW, Counterfactual, Dependent, Stated
from mechcot.core.errors import NotMeasurable
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import LayerSteps
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Phase, Trace
from mechcot.measures.counterfactual_runs import Hidden, Runs
from mechcot.measures.inputs import Inputs, Timer
from mechcot.measures.own_answer import own_answer
from mechcot.model.generation.ask_answer import written_answer
from mechcot.model.prefix.layer_rows import why_whole
from mechcot.model.reasoner import Reasoner
from mechcot.text.answers import same_answer

CARD = MeasureCard(
    name="step_patching",
    title="Step patching",
    question="Does changing the state where the chain states a value move the answer as predicted?",
    formula=(
        "mean over steps feeding the answer of p(predicted answer | twin's state at the stated value) "
        "- p(predicted answer | clean), at the input of the first block, later text kept"
    ),
    unit="probability",
    low=-1.0,
    high=1.0,
    direction=1,
    source="CLB (arXiv 2609.27038)",
    deviations=(
        "Headline in probability at the input of the first block (the text edit's twin); predictions come from the task, a file of twins, "
        "re-evaluated arithmetic or exchanged names, not from another run of the model. Where no step is known to feed the answer, all stated values are "
        "patched at once; where no answer is predicted, the value is what the own answer loses (`moved`, the weaker readout: it may go anywhere)."
    ),
    confounds="Only items with a twin of the same tokens count; the rest are reported as not measurable. A note of each measurement names its readout.",
    cost="2 forwards plus one partial forward of half of `layers` rows per stated value",
    smallest_effect=0.15,
    rank=6,
    standard=True,
    asks=("counterfactuals",),
    yardsticks=(
        ("ceiling", "ceiling: the twin's whole text"),
        ("ceiling_fact", "ceiling: the fact in the question"),
        ("moved_only", "share read as moved: no answer is predicted, the weaker readout"),
    ),
    forwards=Forwards(2, layer=0.75, layer_step=0.17),
    calls=Calls(8, step=2.5, alone=4),
    arrays=(
        ArrayCard(
            name="answer",
            axes=("layer", "step"),
            picture="State changed: the answer",
            title="state changed (answer)",
            meaning="gain of the predicted answer when the state at the stated value is the twin's, first block's input, later text kept; read only on steps that feed the answer by the problem's law",
            carries=True,
            acts="state",
            figure="answer (later text kept)",
            caption=(
                "The state of a counterfactual run is written in where the chain states a value; a cell says how far what follows "
                "moves to what that value predicts. Place: where the step ends among the steps of its chain. Each readout has a row of its own."
            ),
        ),
        ArrayCard(
            name="moved",
            axes=("layer", "step"),
            picture="State changed: the own answer",
            title="state changed (own answer moved)",
            meaning="loss of the own answer when the state at the stated value is the twin's, first block's input, later text kept; only where no answer is predicted",
            carries=True,
            acts="state",
        ),
        ArrayCard(
            name="next",
            axes=("layer", "step"),
            figure="next",
            picture="State changed: the next statements",
            title="state changed (next steps)",
            meaning="gain of the predicted next statements when the state at the stated value is the twin's, first block's input",
        ),
        ArrayCard(
            name="regenerated",
            axes=("layer", "step"),
            picture="State changed, text written anew",
            title="state changed, text written anew",
            meaning="1 when the text written anew under the patch ends in the predicted answer",
        ),
    ),
)

PREDICTED = "the predicted answer"
AT_ONCE = "the predicted answer, all stated values patched at once"
MOVED = "moved: the own answer, all stated values patched at once"


def measure(reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
    """Read one trace.

    Args:
        reader: The model.
        trace: A chain in its tokens.
        inputs: `maker`, `seed` and `answer_tokens`.

    Raises:
        NotMeasurable: No twin can be made, or no stated value feeds the answer directly where one is known to.
    """
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    if inputs.maker is None:
        raise NotMeasurable("these problems have no maker of counterfactuals")
    twin = inputs.maker(trace, retoken=reader.retoken, seed=inputs.seed)
    feeders = [s for s in twin.stated if s.answer_kept is not None]
    runs = Runs.of(reader, trace, twin)
    if not feeders:
        if twin.source == EVALUATED_ANEW:
            raise NotMeasurable("no stated value that changes feeds the answer directly")
        return _at_once(runs, inputs, timer)
    steps = tuple(sorted({stated.step for stated in twin.stated}))
    nexts = np.full((runs.n_layers, len(steps)), np.nan)
    answers, regenerated = nexts.copy(), nexts.copy()
    for stated in twin.stated:
        column = steps.index(stated.step)
        nexts[:, column], answers[:, column] = _effects(runs, stated)
    written_anew = _regenerated_choice(twin, seed=inputs.seed)
    if written_anew is not None:
        column = steps.index(written_anew.step)
        regenerated[:, column] = _regenerate(runs, written_anew, max_new=inputs.answer_tokens)
    about: dict[str, Any] = {"measure": CARD.name, "trace": trace.id, "reader": reader.name}
    about |= {"tokens": tokens_digest(trace.ids), "unit": CARD.unit}
    labels = {"step": tuple(float(step) for step in steps)}
    last = feeders[-1]
    identity, noise = runs.null_edit(last.tokens.positions())
    return timer.measurement(
        value=float(np.nanmean(answers[0])),
        scalars={
            "identity": identity,
            "noise": noise,
            "null_random": _random(runs, last, seed=inputs.seed),
            "ceiling": _ceiling(runs),
            "ceiling_fact": _fact(runs),
            "n_stated": float(len(twin.stated)),
            "regenerated": float(np.nanmean(regenerated[0])) if written_anew else math.nan,
        }
        | ({} if twin.source == EVALUATED_ANEW else {"moved_only": 0.0}),
        results={
            name: LayerSteps(values=values, name=name, labels=labels, **about)
            for name, values in (("next", nexts), ("answer", answers), ("regenerated", regenerated))
        },
        notes=_notes(runs, PREDICTED),
    )


def _at_once(runs: Runs, inputs: Inputs, timer: Timer) -> Measurement:
    """All stated values patched at once, where no single one is known to feed the answer.

    Raises:
        NotMeasurable: No answer comes after the chain.
    """
    reader, trace, twin = runs.reader, runs.trace, runs.twin
    if twin.answer is None:
        token, sign = own_answer(reader, trace, inputs).answer[0], -1.0
    else:
        token, sign = runs.answer_token(twin.answer), 1.0

    def effect(at: tuple[int, ...]) -> np.ndarray:
        hidden = runs.rows(at, source=runs.other)
        return sign * runs.moved(hidden, at=len(runs.clean), token=token)

    at = runs.changed()
    steps = tuple(sorted({stated.step for stated in twin.stated}))
    alone = np.full((runs.n_layers, len(steps)), np.nan)
    for column, step in enumerate(steps):
        places = [p for s in twin.stated if s.step == step for p in s.tokens.positions()]
        alone[:, column] = effect(tuple(places))
    random = runs.controls(len(at), rng=np.random.default_rng(inputs.seed))
    identity, noise = runs.null_edit(at)
    name = "moved" if twin.answer is None else "answer"
    array = LayerSteps(
        values=alone,
        name=name,
        labels={"step": tuple(float(step) for step in steps)},
        measure=CARD.name,
        trace=trace.id,
        reader=reader.name,
        tokens=tokens_digest(trace.ids),
        unit=CARD.unit,
    )
    return timer.measurement(
        value=float(effect(at)[0]),
        scalars={
            "identity": identity,
            "noise": noise,
            "null_random": math.nan
            if random is None or runs.n_layers < 2
            else float(np.mean(effect(random)[1:])),
            "ceiling": _ceiling(runs),
            "n_stated": float(len(twin.stated)),
            "moved_only": float(twin.answer is None),
        },
        results={name: array},
        notes=_notes(runs, MOVED if twin.answer is None else AT_ONCE),
    )


def _notes(runs: Runs, readout: str) -> dict[str, str]:
    """The twin's source and the readout where values were not evaluated anew, and why whole rows were run where they were."""
    source, whole = runs.twin.source, why_whole(runs.clean)
    notes = {} if source == EVALUATED_ANEW else {"twin": source, "readout": readout}
    return notes | ({"whole_rows": whole} if whole else {})


def _regenerated_choice(twin: Counterfactual, *, seed: int) -> Stated | None:
    """One stated value, by seed, whose answer after a regenerated tail is predicted."""
    choices = [s for s in twin.stated if s.answer_regenerated is not None]
    return choices[seed % len(choices)] if choices else None


def _effects(runs: Runs, stated: Stated) -> tuple[np.ndarray, np.ndarray | float]:
    """Per layer: movement of the dependent tokens, and of the answer (NaN unless fed directly)."""
    hidden = runs.rows(tuple(stated.tokens.positions()), source=runs.other)
    moved = [
        runs.moved(hidden, at=position, token=token)
        for position, token in (_first_change(runs, d) for d in stated.dependents)
    ]
    nexts = np.mean(moved, axis=0) if moved else np.full(runs.n_layers, np.nan)
    return nexts, _answer_effect(runs, hidden, answer=stated.answer_kept)


def _answer_effect(runs: Runs, hidden: Hidden, *, answer: str | None) -> np.ndarray | float:
    if answer is None:
        return math.nan
    return runs.moved(hidden, at=len(runs.clean), token=runs.answer_token(answer))


def _first_change(runs: Runs, dependent: Dependent) -> tuple[int, int]:
    """Position and predicted id of the first token of a dependent that differs from the clean one."""
    for position, token in zip(dependent.tokens.positions(), dependent.ids, strict=True):
        if runs.trace.ids[position] != token:
            return position, token
    return dependent.tokens.start, dependent.ids[0]


def _regenerate(runs: Runs, stated: Stated, *, max_new: int) -> np.ndarray:
    """Per layer: 1 when the tail and answer written anew under the patch give the predicted answer."""
    at = tuple(stated.tokens.positions())
    under = [[runs.patch(layer, at, source=runs.other)] for layer in range(runs.n_layers)]
    row = runs.trace.ids[at[0] : at[-1] + 1]
    room = len(runs.trace.ids) - at[-1] + 2 * max_new
    tails = runs.clean.decode(
        at[0], [row] * runs.n_layers, under=under, max_new=room, stop=runs.reader.stop_ids
    )
    predicted = stated.answer_regenerated
    stem = runs.trace.ids[: at[-1] + 1]
    written = (written_answer(runs.reader, runs.trace, (*stem, *tail)) for tail in tails)
    return np.array([float(same_answer(answer.text, predicted)) for answer in written])


def _random(runs: Runs, stated: Stated, *, seed: int) -> float:
    """The answer's movement for as many random chain positions that neither state nor predict it.

    Mean over the layers above the first (at the first, equal tokens have equal states).
    """
    if runs.n_layers < 2 or stated.answer_kept is None:
        return math.nan
    at = runs.controls(len(stated.tokens), rng=np.random.default_rng(seed))
    if at is None:
        return math.nan
    hidden = runs.rows(at, source=runs.other)
    effect = _answer_effect(runs, hidden, answer=stated.answer_kept)
    return float(np.mean(np.asarray(effect)[1:]))


def _ceiling(runs: Runs) -> float:
    """The answer's movement when the whole text is the twin's: what a patch could reach at most."""
    if runs.twin.answer is None:
        return math.nan
    token = runs.answer_token(runs.twin.answer)
    after, before = (run.unembed(run.hidden[-1])[token].exp() for run in (runs.edited, runs.clean))
    return float(after - before)


def _fact(runs: Runs) -> float:
    """Movement of the first statement that changes when the *fact in the question* is patched instead."""
    if runs.twin.fact is None:
        return math.nan
    at = tuple(runs.twin.fact.positions())
    stop = runs.trace.phase(Phase.CHAIN).stop
    pairs = enumerate(zip(runs.trace.ids[:stop], runs.twin.trace.ids[:stop], strict=True))
    first = next(((p, b) for p, (a, b) in pairs if p >= runs.trace.prompt_length and a != b), None)
    if first is None:
        return math.nan
    hidden = runs.rows(at, source=runs.other)
    return float(runs.moved(hidden, at=first[0], token=first[1])[0])
