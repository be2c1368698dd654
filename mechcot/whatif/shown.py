"""All that a page of a session shows, as JSON: the variant, its cards, what was tried and pinned, and why an action cannot be done."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mechcot.text.answers import same_answer
from mechcot.text.number_format import decimal
from mechcot.whatif.actions import REPLACEMENTS, hide, patch, state_counterfactual, why_not
from mechcot.whatif.every_step import (
    CHANGED,
    EveryStep,
    StepChange,
    StepEffect,
    stands_again,
    why_nowhere,
)
from mechcot.whatif.messages import SAMPLES
from mechcot.whatif.readout import FLOORS, BeforeAfter, Readout
from mechcot.whatif.session import PanelSession
from mechcot.whatif.variant import Patch, Push, Variant

TOP = 5
NATS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Doses of the slider, to both sides of nothing."""
LEVELS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)
"""Levels of a clamp, in largest activations."""
SIZES = {"hardly": 0.01, "little": 0.1, "much": 1.0 + 1e-6}
"""How far an answer moves at most, in total variation, to be called so."""
STAYS = {"hardly": " and hardly moves", "little": " and moves a little", "much": " but moves"}


def state(session: PanelSession) -> dict[str, Any]:
    """All that a page shows, as JSON."""
    known, variant, lens = session.known, session.variant, session.lens
    result = session.comparison()
    problem = known.trace.problem
    reasons = {change: why_nowhere(known, change) for change in CHANGED}
    chosen = session.change
    change = (
        chosen if chosen and not reasons[chosen] else min(CHANGED, key=lambda c: bool(reasons[c]))
    )
    return {
        "trace": known.trace.id,
        "author": known.trace.author,
        "question": problem.question,
        "reference": problem.answer,
        "readers": [reader.name for reader in session.readers],
        "reader": session.shown,
        "layers": _layers(session),
        "floor": FLOORS * max(lens.noise_steps, 1e-12),
        "variant": _described(session, variant, result),
        "steps": _steps(session, variant, result),
        "undo": session.undoable,
        "redo": session.redoable,
        "pinned": [
            _described(session, other, session.comparison(other)) for other in _readable(session)
        ],
        "is_pinned": any(other is variant for other in session.pinned),
        "change": change,
        "sweep": _sweep(session, change),
        "map": _map(session),
        "job": None
        if session.job is None
        else {"title": session.job.title, "done": session.job.done, "of": session.job.of},
        "others": [trace.id for trace in known.others],
        "vectors": list(session.materials.vectors),
        "pushed": {a.name: a.nats for a in variant.acts if isinstance(a, Push) and a.how == "add"},
        "doses": list(NATS),
        "levels": list(LEVELS),
        "features": 0
        if session.materials.dictionary is None
        else session.materials.dictionary.width,
        "samples": SAMPLES,
        "try_all": [[change, words, reasons[change]] for change, words in CHANGED.items()],
    }


def _readable(session: PanelSession) -> list[Variant]:
    return [v for v in session.pinned if not why_not(lambda v=v: session.comparison(v))]


def _layers(session: PanelSession) -> int:
    return int(session.reader.model.config.get_text_config().num_hidden_layers)


def _described(session: PanelSession, variant: Variant, result: BeforeAfter) -> dict[str, Any]:
    """One variant, as a row of a table and as what is shown."""
    return {
        "label": variant.label,
        "changes": list(variant.changes),
        "sentence": _sentence(variant, result),
        "tokens": len(variant),
        "before": _answer(result.before),
        "after": _answer(result.after),
        "top": _top(session, result),
        "predicted": variant.prediction.kept,
        "p_predicted": _number(result.after.predicted),
        "moved": result.moved,
        "noise": FLOORS * result.noise,
        "effect": result.effect,
        "milliseconds": round(result.seconds * 1000),
    }


def _size(result: BeforeAfter) -> str:
    """How far the answer moves, as a word of `SIZES`; `none` within noise."""
    if not result.effect:
        return "none"
    return next(word for word, most in SIZES.items() if result.moved <= most)


def _sentence(variant: Variant, result: BeforeAfter) -> str:
    """What followed, in words that are as strong as it is large."""
    before, after = (side.said or "unread" for side in (result.before, result.after))
    if not variant.changes:
        return f"The answer is {before}, probability {decimal(result.before.probability)}."
    if not result.effect:
        return f"The answer stays {before}: no effect above the noise of the arithmetic."
    word = _size(result)
    size = f"(its distribution moves by {decimal(result.moved)} of 1)"
    if not result.turned:
        return f"The answer stays {before}{STAYS[word]} {size}."
    predicted = variant.prediction.kept
    as_predicted = (
        ""
        if predicted is None
        else ", as predicted"
        if same_answer(result.after.said, predicted)
        else f", not to the predicted {predicted}"
    )
    narrowly = "" if word == "much" else ", narrowly"
    return f"The answer turns from {before} to {after}{as_predicted}{narrowly} {size}."


def _answer(readout: Readout) -> dict[str, Any]:
    return {"said": readout.said, "p": readout.probability, "line": _numbers(readout.line)}


def _top(session: PanelSession, result: BeforeAfter) -> list[list[Any]]:
    """The likeliest first tokens of the answer on either side: text, probability before, probability after."""
    before, after = result.before.distribution, result.after.distribution
    largest = np.maximum(before.numpy(), after.numpy())
    return [
        [session.reader.decode([int(token)]), float(before[token]), float(after[token])]
        for token in np.argsort(-largest, kind="stable")[:TOP]
    ]


def _steps(session: PanelSession, variant: Variant, result: BeforeAfter) -> list[dict[str, Any]]:
    """The cards: what stands there now and stood there before, what changed, and what can be done."""
    clean, cards = session.known.clean.segments, []
    for index, segment in enumerate(variant.segments):
        own = clean[index] if index < len(clean) else None
        kept = own is not None and own.ids == segment.ids
        changed = result.after.steps[index] - result.before.steps[index] if kept else math.nan
        cards.append(
            {
                "text": segment.text,
                "was": None if kept or own is None else own.text,
                "kind": segment.kind,
                "gone": not segment.ids,
                "own": kept,
                "hidden": [hide.scope for hide in variant.hides if hide.segment == index],
                "patched": [
                    a.layer for a in variant.acts if isinstance(a, Patch) and a.segment == index
                ],
                "nats": _number(changed),
                "values": _values(session, index),
                "cannot": _reasons(session, index),
            }
        )
    return cards


def _values(session: PanelSession, step: int) -> list[dict[str, Any]]:
    """The other values of a step, each with what followed where it was tried."""
    if why_not(lambda: state_counterfactual(session.known, session.variant, step)):
        return []
    sweep = session.sweeps.get((session.shown, "counterfactual"))
    tried = {row.label: row for row in (sweep.rows if sweep else ()) if row.step == step}
    cards = []
    for _, value in session.known.stated(step):
        text = session.known.value(value)
        row = tried.get(f"step {step + 1}: {text}")
        result = {} if row is None else {"moved": row.moved, "turned": row.turned, "said": row.said}
        cards.append({"text": text} | result)
    return cards


def _reasons(session: PanelSession, step: int) -> dict[str, str]:
    """Why an action cannot be done at a step, by action; what can be done is not in it."""
    known, variant = session.known, session.variant
    tries: dict[str, Callable[[], object]] = {
        name: (lambda act=act: act(known, variant, step)) for name, act in REPLACEMENTS.items()
    }
    tries["hide"] = tries["hide_answer"] = lambda: hide(known, variant, step, "later")
    tries["patch"] = lambda: patch(known, variant, step, 0)
    reasons = {name: why_not(tried) for name, tried in tries.items()}
    return {name: reason for name, reason in reasons.items() if reason}


def _as_written(session: PanelSession, step: int) -> bool:
    """Return whether a step still stands as it was written."""
    clean, now = session.known.clean.segments, session.variant.segments
    return step < min(len(clean), len(now)) and now[step].ids == clean[step].ids


def _sweep(session: PanelSession, change: StepChange) -> dict[str, Any] | None:
    """What one change of every step did: of the chain as it was written, and only at steps that still stand so."""
    sweep = session.sweeps.get((session.shown, change))
    if sweep is None:
        return None
    effects = [effect for effect in sweep.effects if _as_written(session, effect.step)]
    mean = " (mean over what was tried)" if any(len(effect.tries) > 1 for effect in effects) else ""
    title = f"how far the answer moves when this step alone {CHANGED[change]}{mean}"
    sentence = sweep.sentence
    if session.variant.changes:
        title += ", for the chain as written"
        sentence = f"For the chain as written: {sentence[0].lower()}{sentence[1:]}"
    return {
        "change": change,
        "title": title,
        "sentence": sentence,
        "left_out": sweep.left_out,
        "top": effects[0].step if effects and effects[0].effect else None,
        "steps": [
            {
                "step": effect.step,
                "moved": effect.moved,
                "effect": effect.effect,
                "turned": effect.turned,
                "tried": len(effect.tries),
                "said": effect.farthest.said,
                "again": _again(session, sweep, effect),
                "tries": [[row.label, row.moved, row.turned, row.said] for row in effect.tries],
            }
            for effect in effects
        ],
        "untried": {step: why for step, why in sweep.untried if _as_written(session, step)},
    }


def _again(session: PanelSession, sweep: EveryStep, effect: StepEffect) -> str:
    """Why a step that can be missed may matter all the same: its value, which turns the answer, stands again further on."""
    values = session.sweeps.get((session.shown, "counterfactual"))
    if sweep.change not in ("hide", "delete") or effect.turned or values is None:
        return ""
    stated = [other for other in values.effects if other.step == effect.step and other.turned]
    return stands_again(session.known, stated[0]) if stated else ""


def _map(session: PanelSession) -> dict[str, Any] | None:
    made = session.maps.get(session.shown)
    if made is None:
        return None
    return {
        "source": made.source,
        "steps": list(made.steps),
        "values": [_numbers(row) for row in made.values],
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _numbers(values: Sequence[float] | np.ndarray) -> list[float | None]:
    return [_number(value) for value in values]
