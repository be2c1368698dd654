"""Messages between a page and a session: JSON in, JSON out.

    {"do": "edit", "step": 3, "text": "so d = 8 ."}   ->  {"error": ""}, and `state` says the rest

A message is untrusted: what it may hold is said by `FIELDS`, anything else is an error in words. Text goes out as text.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.text.answers import same_answer
from mechcot.whatif.actions import (
    REPLACEMENTS,
    KnownTrace,
    edit,
    exchange_chain,
    hide,
    patch,
    state_counterfactual,
    why_not,
)
from mechcot.whatif.code import as_code
from mechcot.whatif.long_work import CHANGED
from mechcot.whatif.readout import FLOORS, BeforeAfter, Readout
from mechcot.whatif.session import PanelSession
from mechcot.whatif.variant import Patch, Push, Variant

TOP = 5
NATS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Doses of the slider, to both sides of nothing."""
LEVELS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)
"""Levels of a clamp, in largest activations."""
SAMPLES = 8
MOST_CHARACTERS = 20_000
"""Most characters of a text that a page sends."""
Message = Mapping[str, Any]
_KINDS: dict[str, tuple[type, ...]] = {
    "step": (int,),
    "text": (str,),
    "value": (int,),
    "layer": (int,),
    "source": (int, type(None)),
    "other": (int,),
    "name": (str,),
    "nats": (int, float),
    "feature": (int,),
    "level": (int, float),
    "samples": (int,),
    "action": (str,),
    "reader": (int,),
    "number": (int,),
}


def _variant(session: PanelSession, variant: Variant) -> dict[str, Any]:
    session.show(variant)
    return {}


def _edited(session: PanelSession, step: int, text: str) -> dict[str, Any]:
    return _variant(session, edit(session.known, session.variant, step, text))


def _edited_anew(session: PanelSession, step: int, text: str) -> dict[str, Any]:
    _edited(session, step, text)
    session.write_on(step)
    return {}


def _checked(session: PanelSession, step: int, text: str) -> dict[str, Any]:
    return {"reason": why_not(lambda: edit(session.known, session.variant, step, text))}


def _replacement(name: str) -> Callable[..., dict[str, Any]]:
    def act(session: PanelSession, step: int) -> dict[str, Any]:
        made: Variant = REPLACEMENTS[name](session.known, session.variant, step)  # type: ignore[index]
        return _variant(session, made)

    return act


def _hide(scope: Any) -> Callable[..., dict[str, Any]]:
    def act(session: PanelSession, step: int) -> dict[str, Any]:
        return _variant(session, hide(session.known, session.variant, step, scope))

    return act


def _counterfactual(session: PanelSession, step: int, value: int) -> dict[str, Any]:
    return _variant(session, state_counterfactual(session.known, session.variant, step, value))


def _exchange(session: PanelSession, other: int) -> dict[str, Any]:
    return _variant(session, exchange_chain(session.known, session.variant, other))


def _patch(session: PanelSession, step: int, layer: int, source: int | None) -> dict[str, Any]:
    return _variant(session, patch(session.known, session.variant, step, layer, source))


def _steer(session: PanelSession, name: str, nats: float) -> dict[str, Any]:
    return _variant(session, session.steered(name, nats))


def _clamp(session: PanelSession, feature: int, level: float) -> dict[str, Any]:
    return _variant(session, session.clamped(feature, level))


def _write(session: PanelSession, step: int, samples: int) -> dict[str, Any]:
    if not 0 <= samples <= SAMPLES:
        raise UserError(f"expected 0 to {SAMPLES} samples, got {samples}")
    session.write_on(step, samples=samples)
    return {}


def _each(session: PanelSession, action: str) -> dict[str, Any]:
    if action != "hide" and action not in REPLACEMENTS:
        raise UserError(f"expected a change out of hide, {', '.join(REPLACEMENTS)}, got {action!r}")
    session.try_each(action)  # type: ignore[arg-type]
    return {}


def _go_on(session: PanelSession) -> dict[str, Any]:
    session.advance()
    return {}


def _pinned(session: PanelSession, number: int) -> Variant:
    if not 0 <= number < len(session.pinned):
        raise UserError(f"there is no pinned variant {number}")
    return session.pinned[number]


def _quietly(method: str) -> Callable[..., dict[str, Any]]:
    def act(session: PanelSession, **fields: Any) -> dict[str, Any]:
        getattr(session, method)(*fields.values())
        return {}

    return act


MESSAGES: dict[str, tuple[Callable[..., dict[str, Any]], tuple[str, ...]]] = {
    "edit": (_edited, ("step", "text")),
    "edit_anew": (_edited_anew, ("step", "text")),
    "check": (_checked, ("step", "text")),
    "counterfactual": (_counterfactual, ("step", "value")),
    **{
        name: (_replacement(name), ("step",))
        for name in ("mistake", "paraphrase", "filler", "delete")
    },
    "hide": (_hide("later"), ("step",)),
    "hide_answer": (_hide("answer"), ("step",)),
    "exchange": (_exchange, ("other",)),
    "patch": (_patch, ("step", "layer", "source")),
    "steer": (_steer, ("name", "nats")),
    "clamp": (_clamp, ("feature", "level")),
    "write": (_write, ("step", "samples")),
    "each": (_each, ("action",)),
    "map": (_quietly("map"), ("source",)),
    "go_on": (_go_on, ()),
    "cancel": (_quietly("cancel"), ()),
    "undo": (_quietly("undo"), ()),
    "redo": (_quietly("redo"), ()),
    "reset": (lambda session: _variant(session, session.known.clean), ()),
    "pin": (_quietly("pin"), ()),
    "show": (lambda session, number: _variant(session, _pinned(session, number)), ("number",)),
    "read_by": (_quietly("read_by"), ("reader",)),
    "code": (lambda session: {"code": as_code(session.lens, session.variant)}, ()),
}
"""What a page may ask for: what answers it, and the fields that it needs."""


def respond(session: PanelSession, message: Any) -> dict[str, Any]:
    """Do what a message asks for.

    Args:
        session: What is acted on.
        message: From a page; nothing of it is trusted.

    Returns:
        `error` (empty where it was done) and what was asked for. `state` says what is shown then.
    """
    try:
        return {"error": ""} | _do(session, message)
    except (UserError, NotMeasurable) as reason:
        return {"error": str(reason)}


def _do(session: PanelSession, message: Any) -> dict[str, Any]:
    if not isinstance(message, Mapping) or str(message.get("do")) not in MESSAGES:
        raise UserError("expected a message {'do': ...} with one of " + ", ".join(MESSAGES))
    act, names = MESSAGES[str(message["do"])]
    fields = {}
    for name in names:
        value = message.get(name)
        kinds = _KINDS[name]
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise UserError(
                f"expected {name} of a message to be {kinds[0].__name__}, got {value!r:.40}"
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"expected {name} of a message to be a number, got {value}")
        if isinstance(value, str) and len(value) > MOST_CHARACTERS:
            raise UserError(f"expected at most {MOST_CHARACTERS:,} characters, got {len(value):,}")
        fields[name] = value
    return act(session, **fields)


def state(session: PanelSession) -> dict[str, Any]:
    """All that a page shows, as JSON."""
    known, variant, lens = session.known, session.variant, session.lens
    result = session.comparison()
    problem = known.trace.problem
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
        "sweep": _sweep(session),
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


def _sentence(variant: Variant, result: BeforeAfter) -> str:
    """What followed, in words."""
    before, after = (side.said or "unread" for side in (result.before, result.after))
    if variant.changes and not result.effect:
        return f"The answer stays {before}: no effect above the noise of the arithmetic."
    if not variant.changes:
        return f"The answer is {before}, probability {result.before.probability:.2g}."
    size = f"(its distribution moves by {result.moved:.2g})"
    if result.before.said == result.after.said:
        return f"The answer stays {before} {size}."
    predicted = variant.prediction.kept
    as_predicted = (
        ""
        if predicted is None
        else ", as predicted"
        if same_answer(result.after.said, predicted)
        else f", not to the predicted {predicted}"
    )
    return f"The answer turns from {before} to {after}{as_predicted} {size}."


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
    known, clean = session.known, session.known.clean.segments
    cards = []
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
                "values": _values(known, index),
                "cannot": _reasons(session, index),
            }
        )
    return cards


def _values(known: KnownTrace, step: int) -> list[str]:
    try:
        return [known.value(stated) for _, stated in known.stated(step)]
    except UserError:
        return []


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


def _sweep(session: PanelSession) -> dict[str, Any] | None:
    sweep = session.sweeps.get(session.shown)
    if sweep is None:
        return None
    title = f"how far the answer moves when this step alone {CHANGED[sweep.action]}"
    rows = [[row.step, row.label, row.moved, row.effect, row.said] for row in sweep.rows]
    return {"action": sweep.action, "title": title, "sentence": sweep.sentence, "rows": rows}


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
