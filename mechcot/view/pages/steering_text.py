"""Result of a steering experiment in words: the strongest dose of each vector or penalty, and what it is told apart from."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mechcot.text.number_format import digits_for, fixed, interval, percent, signed
from mechcot.view.pages.steering_headline import largest
from mechcot.view.pages.steering_tables import (
    NAN,
    Arm,
    at_dose,
    compared,
    dose,
    doses,
    end,
    nats,
    short,
    title,
    unread,
    value,
)

ACTING = ("vector", "penalty")
LITTLE = 1e-4
"""A dose in nats below which there is nothing to compare."""


def found(result: Mapping[str, Any]) -> list[str]:
    """Sentences: one for each own vector and sign at the largest dose, one for each penalty, one for whose vector it is.

    Args:
        result: What `summary.json` holds.

    Returns:
        Plain text. A comparison counts as told apart where its paired 95 % interval excludes 0; intervals are not corrected.
    """
    arms = [arm for arm in result["arms"] if arm["role"] in ACTING and not arm["draw"]]
    most = largest(arms)
    own = [
        arm
        for arm in arms
        if arm["role"] == "penalty" or (_dose(arm) == most and arm["source"] == arm["model"])
    ]
    told = [" ".join(filter(None, (_change(arm, result), _held(arm, result)))) for arm in own]
    crossed = [c for c in result["contrasts"] if c["what"] == "interaction" and _dose(c) == most]
    return told + [_crossed(one, result) for one in crossed]


def _dose(one: Mapping[str, Any]) -> float:
    return float(one["nats"] or one["alpha"])


def _change(arm: Arm, result: Mapping[str, Any]) -> str:
    """Return what the arm does to the readout and to accuracy."""
    readout = result["experiment"]["readout"]
    given = at_dose(arm) if arm["nats"] else f"alpha {arm['alpha']:g}"
    clean = next(a for a in result["arms"] if a["role"] == "clean" and a["model"] == arm["model"])
    names = dict.fromkeys((readout, "tokens"))
    parts = [
        f"{title(name)} {fixed(value(clean, name))} → {fixed(value(arm, name))} ({_moved(arm['change'][name])})"
        for name in names
    ]
    was, now = (percent(round(value(a, "correct"), 2)) for a in (clean, arm))
    parts.append(f"right answers {was} → {now} ({_moved(arm['change']['correct'])})")
    if unread((clean, arm)):
        was, now = (percent(value(a, "unread")) for a in (clean, arm))
        parts.append(f"answers that cannot be read {was} → {now}")
    return f"{_who(arm, result)} at {given}: {', '.join(parts)}."


def _who(arm: Arm, result: Mapping[str, Any]) -> str:
    if arm["role"] == "penalty":
        return f"The penalty, beta {arm['beta']}, on {short(arm['model'])},"
    text = f"The vector of {short(arm['model'])}"
    if len(result["experiment"]["apply"]["signs"]) > 1:
        text += ", added to it" if arm["sign"] > 0 else ", taken away from it"
    return text + ","


def _moved(told: Mapping[str, float | None]) -> str:
    mean, low, high = (NAN if (one := told[e]) is None else one for e in ("mean", "low", "high"))
    return f"{signed(mean, digits=digits_for(low, high))} {interval(low, high)}".strip()


def _held(arm: Arm, result: Mapping[str, Any]) -> str:
    """Return which controls the change goes beyond and which it is not told apart from, in the readout and in right answers.

    Controls whose measured dose is another one are named and not compared.
    """
    readout = result["experiment"]["readout"]
    keys = ("model", "source", "sign", "nats", "alpha", "beta")
    here = [
        c
        for c in result["contrasts"]
        if c["what"] == arm["role"] and all(c[key] == arm[key] for key in keys)
    ]
    controls = [c for c in here if c["against"] != "truncation"]
    judged = [c for c in controls if compared(c, result)]
    parts = []
    if judged:
        moved = arm["change"][readout]
        way = 1 if (moved["mean"] or 0.0) >= 0 else -1
        shown = all(moved[e] is not None and way * moved[e] > 0 for e in ("low", "high"))
        did = "its own change is not shown"
        if shown:
            words = ("it does more than", "it does less than")
            did = _sorted(judged, readout, way=way, words=words)
        kept = _sorted(judged, "correct", way=1, words=("more than with", "fewer than with"))
        parts = [f"Beside its controls, {title(readout)}: {did}. Right answers: {kept}."]
    parts += _unequal(arm, [c for c in controls if c not in judged], result, some=bool(judged))
    parts += [
        f"Right answers against the clean chain cut at that length: {_moved(c['values']['correct'])}."
        for c in here
        if c["against"] == "truncation"
    ]
    return " ".join(parts)


def _unequal(
    arm: Arm, left: Sequence[Mapping[str, Any]], result: Mapping[str, Any], *, some: bool
) -> list[str]:
    """Return which controls did not get the vector's dose, by what was measured, and what to run instead; `some`: others did."""
    if not left:
        return []
    told = {_plainly(c["against"]): doses(c, result)[-1] for c in left}
    named = _listed([f"{name} ({nats(value)} nats)" for name, value in told.items()])
    here = f"where the vector has {nats(dose(arm))}"
    if some:
        return [f"Not compared, since their dose is another one: {named}, {here}."]
    return [
        f"Not judged: no control reached the dose: {named}, {here}; {_instead(max(told.values()), dose(arm))}."
    ]


def _instead(highest: float, real: float) -> str:
    """Return what to run where no control has the vector's dose."""
    other = "another vector.site, and a fresh --out"
    if highest > real:
        return f"run again with a larger dose in apply.nats, or with {other}"
    if highest < LITTLE:
        return f"run again with {other}"
    return f"run again with apply.nats = [{_below(highest)}], or with {other}"


def _below(dose: float) -> str:
    """A dose of one digit that is not larger than a measured one."""
    unit = 10.0 ** math.floor(math.log10(dose))
    return f"{math.floor(dose / unit * (1 + 1e-9)) * unit:.1g}"


def _sorted(
    contrasts: Sequence[Mapping[str, Any]], name: str, *, way: int, words: tuple[str, str]
) -> str:
    """The controls by whether the paired interval lies above 0, holds it, or lies below; of several draws all must."""
    ends: dict[str, list[tuple[float, float]]] = {}
    for one in contrasts:
        low, high = sorted(way * end(one, name, which) for which in ("low", "high"))
        if low != low or high != high:  # nothing was compared
            continue
        ends.setdefault(_plainly(one["against"]), []).append((low, high))
    more = [key for key, drawn in ends.items() if all(low > 0 for low, _ in drawn)]
    less = [key for key, drawn in ends.items() if all(high < 0 for _, high in drawn)]
    alike = [key for key in ends if key not in (*more, *less)]
    said = ((words[0], more), ("not told apart from", alike), (words[1], less))
    return "; ".join(f"{how} {_listed(names)}" for how, names in said if names) or "not compared"


def _plainly(control: str) -> str:
    return "the same on random tokens" if control == "matched tokens" else control


def _crossed(one: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    readout = result["experiment"]["readout"]
    way = "added" if one["sign"] > 0 else "taken away"
    several = len(result["experiment"]["apply"]["signs"]) > 1
    if not compared(one, result):
        measured = ", ".join(map(nats, doses(one, result)))
        return f"Whose vector it is{', ' + way if several else ''}: not judged, the measured doses differ ({measured} nats)."
    return (
        f"Whose vector it is{', ' + way if several else ''}: own vectors less the other model's, "
        f"{title(readout)} {_moved(one['values'][readout])}."
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
