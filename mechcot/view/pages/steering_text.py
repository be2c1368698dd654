"""Result of a steering experiment in words: the strongest dose of each vector or penalty, and what it is told apart from."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mechcot.stats.sentences import listed
from mechcot.text.number_format import difference, fixed, percent
from mechcot.view.pages.steering_arm_texts import (
    NAN,
    Arm,
    at_dose,
    compared,
    dose,
    doses,
    end,
    has_unread,
    largest,
    nats,
    short,
    title,
    value,
)

ACTING = ("vector", "penalty")
LITTLE = 1e-4
"""A dose in nats below which there is nothing to compare."""


def steering_claims(result: Mapping[str, Any]) -> list[str]:
    """What is shown, a sentence each: own vectors (at the largest dose) and penalties that change the readout, and whose vector it is.

    Returns:
        Plain text. A change is shown where its paired 95 % interval excludes 0; intervals are not corrected. What is not shown stands
        in `details` alone.
    """
    readout = result["experiment"]["readout"]
    own, crossed = _own(result), _interactions(result)
    shown = [_claim(arm, result) for arm in own if _way(arm["change"][readout])]
    shown += [
        _crossed(contrast, result)
        for contrast in crossed
        if compared(contrast, result) and _way(contrast["values"][readout])
    ]
    nothing = [f"No change of the {title(readout)} is shown."] if own else []
    return shown or nothing


def details(result: Mapping[str, Any]) -> list[str]:
    """Everything in words: one text for each own vector and sign at the largest dose, one for each penalty, one for whose vector it is."""
    texts = [" ".join(filter(None, (_change(a, result), _held(a, result)))) for a in _own(result)]
    return texts + [_crossed(contrast, result) for contrast in _interactions(result)]


def _acting(result: Mapping[str, Any]) -> list[Arm]:
    return [arm for arm in result["arms"] if arm["role"] in ACTING and not arm["draw"]]


def _own(result: Mapping[str, Any]) -> list[Arm]:
    """Vectors on the model that they are of, at the largest dose, and all penalties."""
    acting = _acting(result)
    most = largest(acting)
    return [
        arm
        for arm in acting
        if arm["role"] == "penalty" or (_dose(arm) == most and arm["source"] == arm["model"])
    ]


def _interactions(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    most = largest(_acting(result))
    return [c for c in result["contrasts"] if c["what"] == "interaction" and _dose(c) == most]


def _way(change: Mapping[str, float | None]) -> int:
    """1 or -1 where the interval lies above or below 0, else 0."""
    low, high = change["low"], change["high"]
    if low is None or high is None or low <= 0 <= high:
        return 0
    return 1 if low > 0 else -1


def _claim(arm: Arm, result: Mapping[str, Any]) -> str:
    """The change of the readout, and which controls it goes beyond."""
    readout = result["experiment"]["readout"]
    controls = [c for c in _controls(arm, result) if compared(c, result)]
    words = ("more than with", "less than with")
    beside = "held against no control of the same dose"
    if controls:
        beside = _sorted(controls, readout, way=_way(arm["change"][readout]), words=words)
    return (
        f"{_who(arm, result).removesuffix(',')}: {_before_after(arm, readout, result)}, {beside}."
    )


def _before_after(arm: Arm, name: str, result: Mapping[str, Any]) -> str:
    was = value(_clean(arm, result), name)
    return f"{title(name)} {fixed(was)} → {fixed(value(arm, name))} ({_moved(arm['change'][name])})"


def _clean(arm: Arm, result: Mapping[str, Any]) -> Arm:
    """The same model when nothing acts."""
    return next(a for a in result["arms"] if a["role"] == "clean" and a["model"] == arm["model"])


def _here(arm: Arm, result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The contrasts of an arm."""
    keys = ("model", "source", "sign", "nats", "alpha", "beta")
    return [
        c
        for c in result["contrasts"]
        if c["what"] == arm["role"] and all(c[key] == arm[key] for key in keys)
    ]


def _controls(arm: Arm, result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [c for c in _here(arm, result) if c["against"] != "truncation"]


def _dose(row: Mapping[str, Any]) -> float:
    return float(row["nats"] or row["alpha"])


def _change(arm: Arm, result: Mapping[str, Any]) -> str:
    """Return what the arm does to the readout and to accuracy."""
    readout = result["experiment"]["readout"]
    given = at_dose(arm) if arm["nats"] else f"alpha {arm['alpha']:g}"
    clean = _clean(arm, result)
    parts = [_before_after(arm, name, result) for name in dict.fromkeys((readout, "tokens"))]
    was, now = (percent(round(value(a, "correct"), 2)) for a in (clean, arm))
    parts.append(f"right answers {was} → {now} ({_moved(arm['change']['correct'])})")
    if has_unread((clean, arm)):
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


def _moved(change: Mapping[str, float | None]) -> str:
    mean, low, high = (
        NAN if (number := change[e]) is None else number for e in ("mean", "low", "high")
    )
    return difference(mean, low, high)


def _held(arm: Arm, result: Mapping[str, Any]) -> str:
    """Return which controls the change goes beyond and which it is not told apart from, in the readout and in right answers.

    Controls whose measured dose is another one are named and not compared.
    """
    readout = result["experiment"]["readout"]
    controls = _controls(arm, result)
    judged = [c for c in controls if compared(c, result)]
    parts = []
    if judged:
        did = "its own change is not shown"
        if way := _way(arm["change"][readout]):
            words = ("it does more than", "it does less than")
            did = _sorted(judged, readout, way=way, words=words)
        kept = _sorted(judged, "correct", way=1, words=("more than with", "fewer than with"))
        parts = [f"Beside its controls, {title(readout)}: {did}. Right answers: {kept}."]
    parts += _unequal(arm, [c for c in controls if c not in judged], result, some=bool(judged))
    parts += [
        f"Right answers against the clean chain cut at that length: {_moved(c['values']['correct'])}."
        for c in _here(arm, result)
        if c["against"] == "truncation"
    ]
    return " ".join(parts)


def _unequal(
    arm: Arm, left: Sequence[Mapping[str, Any]], result: Mapping[str, Any], *, some: bool
) -> list[str]:
    """Return which controls did not get the vector's dose, by what was measured, and what to run instead; `some`: others did."""
    if not left:
        return []
    measured = {_plainly(c["against"]): doses(c, result)[-1] for c in left}
    named = listed([f"{name} ({nats(value)} nats)" for name, value in measured.items()])
    here = f"where the vector has {nats(dose(arm))}"
    if some:
        return [f"Not compared, since their dose is another one: {named}, {here}."]
    return [
        f"Not judged: no control reached the dose: {named}, {here}; {_instead(max(measured.values()), dose(arm))}."
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
    for contrast in contrasts:
        low, high = sorted(way * end(contrast, name, which) for which in ("low", "high"))
        if low != low or high != high:  # nothing was compared
            continue
        ends.setdefault(_plainly(contrast["against"]), []).append((low, high))
    more = [key for key, drawn in ends.items() if all(low > 0 for low, _ in drawn)]
    less = [key for key, drawn in ends.items() if all(high < 0 for _, high in drawn)]
    alike = [key for key in ends if key not in (*more, *less)]
    groups = ((words[0], more), ("not told apart from", alike), (words[1], less))
    return "; ".join(f"{how} {listed(names)}" for how, names in groups if names) or "not compared"


def _plainly(control: str) -> str:
    return "the same on random tokens" if control == "matched tokens" else control


def _crossed(contrast: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    readout = result["experiment"]["readout"]
    way = "added" if contrast["sign"] > 0 else "taken away"
    several = len(result["experiment"]["apply"]["signs"]) > 1
    if not compared(contrast, result):
        measured = ", ".join(map(nats, doses(contrast, result)))
        return f"Whose vector it is{', ' + way if several else ''}: not judged, the measured doses differ ({measured} nats)."
    return (
        f"Whose vector it is{', ' + way if several else ''}: own vectors less the other model's, "
        f"{title(readout)} {_moved(contrast['values'][readout])}."
    )
