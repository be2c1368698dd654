"""The arms of a steering experiment and their comparisons: what each is called, what dose it got, what it came to."""

from collections.abc import Mapping, Sequence
from typing import Any

from mechcot.stats.dose_tolerance import same_dose

_TITLES: Mapping[str, str] = {
    "tokens": "tokens of the chain",
    "steps": "steps of the chain",
    "correct": "accuracy",
    "unread": "share of answers that cannot be read",
    "finished": "share of finished texts",
    "nats_per_token": "nats per chain token, scored without steering",
    "thoughts": "thoughts in a chain",
    "tokens_per_thought": "tokens of a thought",
    "any_correct_thought": "share of chains with a correct thought",
    "underthinking": "underthinking of wrong answers",
}

NAN = float("nan")

Arm = Mapping[str, Any]

CONTROL_ROLES = ("random", "orthogonal", "flipped", "wrong layer", "shuffled labels")


def title(readout: str) -> str:
    """A readout in words."""
    return _TITLES.get(readout, f"{readout} steps of the chain")


def condition_name(arm: Arm, result: Mapping[str, Any]) -> str:
    """The arm without its dose, as the legend says it."""
    several = len(result["experiment"]["models"]) > 1
    role = str(arm["role"])
    if role == "clean":
        text = "nothing"
    elif role == "prompt":
        text = f"prompt says “{result['experiment']['compare']['prompt']}”"
    elif role == "bare":
        text = f"“{result['experiment']['compare']['prompt']}”, bare steps forced"
    elif role == "vector, bare":
        text = "vector, bare steps forced"
    elif role in {"penalty", "matched tokens"}:
        what = "penalty" if role == "penalty" else "same on random tokens"
        return f"{what}, beta {arm['beta']}" + (f" #{arm['draw'] + 1}" if arm["draw"] else "")
    else:
        text = role if role != "vector" else "vector"
        if len(result["experiment"]["apply"]["signs"]) > 1:
            text += " added" if arm["sign"] > 0 else " taken away"
        if several and role == "vector":
            return f"{text}: of {short(arm['source'])}, on {short(arm['model'])}"
    return f"{text}, {short(arm['model'])}" if several else text


def short(model: str) -> str:
    """A model's name without its sort."""
    return model.removeprefix("organism:")


def dose(arm: Arm) -> float:
    """The dose of an arm as it was measured, in nats; what was asked for where nothing was measured."""
    measured = arm.get("dose")
    return float(measured["kl"] if measured else arm["nats"])


def has_unread(arms: Sequence[Arm]) -> bool:
    """Return whether some arm has answers that cannot be read, which are neither right nor wrong; runs of earlier versions did not count them."""
    return any(value(arm, "unread") > 0 for arm in arms)


def missed(arm: Arm) -> bool:
    """Return whether an arm did not reach the dose that it was asked for."""
    return not same_dose((arm["nats"], dose(arm)))


def at_dose(arm: Arm) -> str:
    """The dose in words: as measured, and what was asked for."""
    if not arm.get("dose"):
        return f"{arm['nats']:g} nats"
    return f"{nats(dose(arm))} nats ({arm['nats']:g} asked)"


def nats(value: float) -> str:
    """A measured dose, to three digits."""
    return f"{value:.3g}"


def largest(rows: Sequence[Mapping[str, Any]]) -> float:
    """The largest dose in nats, or the largest alpha of a penalty."""
    return max((row["nats"] or row["alpha"] for row in rows), default=0.0)


def compared(contrast: Mapping[str, Any], result: Mapping[str, Any]) -> bool:
    """Return whether the arms of a contrast got the same dose, as measured."""
    return same_dose(doses(contrast, result))


def doses(contrast: Mapping[str, Any], result: Mapping[str, Any]) -> list[float]:
    """The measured doses of the arms that a contrast compares, the real vector's first; none where none is given."""
    if "doses" in contrast:
        return list(contrast["doses"])
    if contrast["what"] != "vector":  # summaries of earlier versions name no doses
        return []
    keys = ("model", "source", "site", "sign", "nats")
    here = [
        arm
        for arm in result["arms"]
        if arm["role"] in ("vector", contrast["against"])
        and arm.get("dose")
        and contrast["against"] != "truncation"
        and all(arm.get(key) == contrast.get(key) for key in keys)
    ]
    return [dose(arm) for arm in sorted(here, key=lambda arm: arm["role"] != "vector")]


def strength(arm: Arm) -> str:
    """Return how much of it: measured nats, alpha, or which share of the steps."""
    text = nats(dose(arm)) if arm["nats"] else f"{arm['alpha']:g}"
    if arm["role"].endswith("bare"):
        share = f"1 in {arm['draw']}"
        return f"{text}, {share}" if arm["nats"] else share
    return text


def asked(arm: Arm) -> str:
    """Return what was asked for beside what was measured; nothing where nothing was measured."""
    return f"{arm['nats']:g} asked" if arm.get("dose") else ""


def value(arm: Arm, name: str, end: str = "mean") -> float:
    """A readout of an arm; NaN where there is none."""
    number = arm["values"].get(name, {}).get(end)
    return NAN if number is None else float(number)


def end(contrast: Mapping[str, Any], name: str, which: str) -> float:
    """A number of a contrast; NaN where there is none."""
    number = contrast["values"][name][which]
    return NAN if number is None else float(number)


def against(contrast: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """Return what a contrast compares, in words."""
    experiment, what = result["experiment"], contrast["what"]
    several = len(experiment["models"]) > 1
    model, source = short(contrast["model"]), short(contrast["source"])
    other = contrast["against"].replace("organism:", "")
    way = (
        ("added" if contrast["sign"] > 0 else "taken away")
        if (len(experiment["apply"]["signs"]) > 1 and what != "penalty")
        else ""
    )
    if what == "penalty":
        text = f"penalty, beta {contrast['beta']}: less the same on random tokens"
        return f"{text}, {model}" if several else text
    if what == "sources":
        text = f"vector of {source} less {other}, on {model}"
    elif what == "models":
        text = f"vector of {source}: on {model} less {other}"
    elif what == "interaction":
        text = "own vectors less the other's"
    else:
        text = f"vector less {other}" + (f", {model}" if several else "")
    return f"{text} ({way})" if way else text


def spread(arm: Arm) -> tuple[float, float]:
    """The least and the largest dose of a chain; the mean dose where a run of an earlier version has none."""
    measured = arm.get("dose") or {}
    return measured.get("kl_low", dose(arm)), measured.get("kl_high", dose(arm))
