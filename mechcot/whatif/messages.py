"""Messages between a page and a session: JSON in, JSON out.

    {"do": "edit", "step": 3, "text": "so d = 8 ."}   ->  {"error": ""}, and `shown.state` says the rest

A message is untrusted: what it may hold is said by `MESSAGES`, anything else is an error in words. Text goes out as text.
"""

from collections.abc import Callable, Mapping
from typing import Any

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.whatif.actions import (
    REPLACEMENTS,
    edit,
    exchange_chain,
    hide,
    patch,
    state_counterfactual,
    why_not,
)
from mechcot.whatif.code import as_code
from mechcot.whatif.every_step import CHANGED, why_nowhere
from mechcot.whatif.session import PanelSession
from mechcot.whatif.variant import Variant

SAMPLES = 8
MOST_CHARACTERS = 20_000
"""Most characters of a text that a page sends."""
_LARGEST = 2**53
"""Largest number, either way, that a page can count to."""
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
    "change": (str,),
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


def _at_once(method: str) -> Callable[..., dict[str, Any]]:
    """Begin work that most models end within its first slice."""

    def act(session: PanelSession, **fields: Any) -> dict[str, Any]:
        getattr(session, method)(*fields.values())
        return _go_on(session)

    return act


def _clamp(session: PanelSession, feature: int, level: float) -> dict[str, Any]:
    return _variant(session, session.clamped(feature, level))


def _write(session: PanelSession, step: int, samples: int) -> dict[str, Any]:
    if not 0 <= samples <= SAMPLES:
        raise UserError(f"expected 0 to {SAMPLES} samples, got {samples}")
    session.write_on(step, samples=samples)
    return {}


def _every_step(method: str) -> Callable[..., dict[str, Any]]:
    def act(session: PanelSession, change: str) -> dict[str, Any]:
        if change not in CHANGED:
            raise UserError(f"expected a change out of {', '.join(CHANGED)}, got {change!r:.40}")
        reason = why_nowhere(session.known, change) if method == "try_all" else ""  # type: ignore[arg-type]
        if reason:
            raise UserError(f"no step {CHANGED[change]}: {reason}")  # type: ignore[index]
        getattr(session, method)(change)
        return {}

    return act


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
    "steer": (_at_once("steer"), ("name", "nats")),
    "clamp": (_clamp, ("feature", "level")),
    "write": (_write, ("step", "samples")),
    "try_all": (_every_step("try_all"), ("change",)),
    "choose": (_every_step("choose"), ("change",)),
    "map": (_quietly("map"), ("source",)),
    "go_on": (_go_on, ()),
    "cancel": (_quietly("cancel"), ()),
    "undo": (_quietly("undo"), ()),
    "redo": (_quietly("redo"), ()),
    "reset": (lambda session: _variant(session, session.known.clean), ()),
    "pin": (_quietly("pin"), ()),
    "show": (lambda session, number: _variant(session, _pinned(session, number)), ("number",)),
    "read_by": (_at_once("read_by"), ("reader",)),
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
    lacking = [name for name in names if name not in message and type(None) not in _KINDS[name]]
    if lacking:
        wanted = " and ".join(f"{name} ({_KINDS[name][0].__name__})" for name in names)
        given = ", ".join(str(name) for name in message if name != "do") or "nothing"
        raise UserError(f"{message['do']!r} expects {wanted}, got {given:.80}")
    return act(session, **{name: field(message, name) for name in names})


def field(message: Message, name: str) -> Any:
    """What a message holds under a name.

    Raises:
        UserError: It is of another kind, no number, or too large.
    """
    value, kinds = message.get(name), _KINDS[name]
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise UserError(
            f"expected {name} of a message to be {kinds[0].__name__}, got {value!r:.40}"
        )
    if isinstance(value, int | float) and not abs(value) <= _LARGEST:
        told = f"{value}" if isinstance(value, float) else "a larger one"
        raise UserError(f"expected {name} of a message to be a number up to 2**53, got {told}")
    if isinstance(value, str) and len(value) > MOST_CHARACTERS:
        raise UserError(f"expected at most {MOST_CHARACTERS:,} characters, got {len(value):,}")
    return value
