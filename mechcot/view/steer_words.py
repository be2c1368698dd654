"""What a steering experiment found, in words: the strongest dose of each vector or penalty, and what it is told apart from."""

from collections.abc import Mapping, Sequence
from typing import Any

from mechcot.view.steer_headline import largest
from mechcot.view.steer_tables import Arm, end, short, title, value
from mechcot.view.words import digits_for, fixed, interval, percent, signed

ACTING = ("vector", "penalty")


def found(result: Mapping[str, Any]) -> list[str]:
    """Sentences about the largest dose (or alpha): one for each own vector and sign (or penalty), one for whose vector it is.

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
        if _dose(arm) == most and (arm["role"] == "penalty" or arm["source"] == arm["model"])
    ]
    told = [" ".join(filter(None, (_change(arm, result), _held(arm, result)))) for arm in own]
    crossed = [c for c in result["contrasts"] if c["what"] == "interaction" and _dose(c) == most]
    return told + [_crossed(one, result) for one in crossed]


def _dose(one: Mapping[str, Any]) -> float:
    return float(one["nats"] or one["alpha"])


def _change(arm: Arm, result: Mapping[str, Any]) -> str:
    """What the arm does to the readout and to accuracy."""
    readout = result["experiment"]["readout"]
    dose = f"{arm['nats']:g} nats" if arm["nats"] else f"alpha {arm['alpha']:g}"
    clean = next(a for a in result["arms"] if a["role"] == "clean" and a["model"] == arm["model"])
    names = dict.fromkeys((readout, "tokens"))
    parts = [
        f"{title(name)} {fixed(value(clean, name))} → {fixed(value(arm, name))} ({_moved(arm['change'][name])})"
        for name in names
    ]
    was, now = (percent(round(value(a, "correct"), 2)) for a in (clean, arm))
    parts.append(f"right answers {was} → {now} ({_moved(arm['change']['correct'])})")
    return f"{_who(arm, result)} at {dose}: {', '.join(parts)}."


def _who(arm: Arm, result: Mapping[str, Any]) -> str:
    if arm["role"] == "penalty":
        return f"The penalty, beta {arm['beta']}, on {short(arm['model'])},"
    text = f"The vector of {short(arm['model'])}"
    if len(result["experiment"]["apply"]["signs"]) > 1:
        text += ", added to it" if arm["sign"] > 0 else ", taken away from it"
    return text + ","


def _moved(told: Mapping[str, float]) -> str:
    ends = (told["low"], told["high"])
    return f"{signed(told['mean'], digits=digits_for(*ends))} {interval(*ends)}"


def _held(arm: Arm, result: Mapping[str, Any]) -> str:
    """Which controls the change goes beyond, and which it is not told apart from."""
    readout = result["experiment"]["readout"]
    keys = ("model", "source", "sign", "nats", "alpha", "beta")
    here = [
        c
        for c in result["contrasts"]
        if c["what"] == arm["role"] and all(c[key] == arm[key] for key in keys)
    ]
    way = 1 if arm["change"][readout]["mean"] >= 0 else -1
    beyond, alike, behind = [], [], []
    for one in here:
        if one["against"] == "truncation":
            continue
        low, high = sorted(way * end(one, readout, which) for which in ("low", "high"))
        (beyond if low > 0 else behind if high < 0 else alike).append(_plainly(one["against"]))
    parts = [
        f"{words} {_listed(names)}"
        for words, names in (
            ("it does more than", beyond),
            ("not told apart from", alike),
            ("it does less than", behind),
        )
        if names
    ]
    cut = [c for c in here if c["against"] == "truncation"]
    parts += [
        f"right answers against the clean chain cut at that length {_moved(c['values']['correct'])}"
        for c in cut
    ]
    return f"Of its controls: {'; '.join(parts)}." if parts else ""


def _plainly(control: str) -> str:
    return "the same on random tokens" if control == "matched tokens" else control


def _crossed(one: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    readout = result["experiment"]["readout"]
    way = "added" if one["sign"] > 0 else "taken away"
    several = len(result["experiment"]["apply"]["signs"]) > 1
    return (
        f"Whose vector it is{', ' + way if several else ''}: own vectors less the other model's, "
        f"{title(readout)} {_moved(one['values'][readout])}."
    )


def _listed(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} and {unique[-1]}"
