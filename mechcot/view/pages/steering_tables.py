"""Names and tables of a steering page."""

from collections.abc import Mapping, Sequence
from typing import Any

from mechcot.stats.dose_tolerance import same_dose
from mechcot.text.number_format import DASH, fixed, number
from mechcot.view.figures.dose_response import Point
from mechcot.view.pages.plain_tables import Cell, Table, table

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
    told = arm.get("dose")
    return float(told["kl"] if told else arm["nats"])


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
    told = nats(dose(arm)) if arm["nats"] else f"{arm['alpha']:g}"
    if arm["role"].endswith("bare"):
        share = f"1 in {arm['draw']}"
        return f"{told}, {share}" if arm["nats"] else share
    return told


def asked(arm: Arm) -> str:
    """Return what was asked for beside what was measured; nothing where nothing was measured."""
    return f"{arm['nats']:g} asked" if arm.get("dose") else ""


def value(arm: Arm, name: str, end: str = "mean") -> float:
    """A readout of an arm; NaN where there is none.

    Args:
        arm: An arm of the result.
        name: The readout.
        end: `mean`, `low` or `high`.
    """
    told = arm["values"].get(name, {}).get(end)
    return NAN if told is None else float(told)


def estimate_cell(value: float | None, low: float | None = None, high: float | None = None) -> Cell:
    """A number with its interval; a dash where there is none.

    Args:
        value: The number; None or NaN gives a dash.
        low: Lower end; None leaves the interval out.
        high: Upper end; None leaves the interval out.
    """
    if value is None or value != value:
        return Cell(DASH, "number")
    ends = "" if low is None or high is None else f"[{fixed(low)}, {fixed(high)}]"
    return Cell(fixed(value), "number", ends)


def share_cell(told: Mapping[str, float | None]) -> Cell:
    """A share with its interval, in percent."""
    mean, low, high = told["mean"], told["low"], told["high"]
    if mean is None:
        return Cell(DASH, "number")
    ends = (
        ""
        if low is None or high is None
        else f"[{fixed(100 * low, digits=0)}, {fixed(100 * high, digits=0)}]"
    )
    return Cell(fixed(100 * mean, digits=0), "number", ends)


def means(arms: Sequence[Arm], readouts: Sequence[str], result: Mapping[str, Any]) -> Table:
    """Some readouts of some arms.

    Args:
        arms: One row each.
        readouts: One column each, with the mean and its interval.
        result: The whole result, for the arms' names.
    """
    return table(
        ("condition", "measured nats, or alpha", *map(title, readouts)),
        [
            (
                Cell(f"{condition_name(a, result)} {a['site']}".strip()),
                Cell(strength(a), "number", asked(a)),
                *(
                    estimate_cell(*(a["values"][r][e] for e in ("mean", "low", "high")))
                    for r in readouts
                ),
            )
            for a in arms
        ],
    )


def points_table(points: Sequence[Point]) -> Table:
    """The frontier as rows."""
    return table(
        ("condition", "tokens", "accuracy"),
        [
            (
                Cell(p.label),
                Cell(fixed(p.tokens), "number"),
                estimate_cell(p.accuracy, p.low, p.high),
            )
            for p in points
        ],
    )


def condition_table(result: Mapping[str, Any]) -> Table:
    """One row an arm: what it came to, and what changed against the clean arm."""
    readout, some = result["experiment"]["readout"], has_unread(result["arms"])
    heads = (
        "condition",
        "measured nats, or alpha",
        "tokens",
        "tokens saved, %",
        "steps",
        "accuracy",
        *(["unread"] if some else []),
        "change of accuracy",
        title(readout),
        "seconds",
    )
    return table(
        heads,
        [
            (
                Cell(f"{condition_name(a, result)} {a['site']}".strip()),
                Cell(strength(a), "number", asked(a)),
                estimate_cell(a["values"]["tokens"]["mean"]),
                share_cell(a["saved"]),
                estimate_cell(a["values"]["steps"]["mean"]),
                estimate_cell(a["values"]["correct"]["mean"]),
                *([estimate_cell(value(a, "unread"))] if some else []),
                estimate_cell(*(a["change"]["correct"][e] for e in ("mean", "low", "high"))),
                estimate_cell(*(a["values"][readout][e] for e in ("mean", "low", "high"))),
                Cell(DASH if a["role"] == "truncation" else number(a["seconds"]), "number"),
            )
            for a in result["arms"]
        ],
    )


def end(contrast: Mapping[str, Any], name: str, which: str) -> float:
    """A number of a contrast; NaN where there is none.

    Args:
        contrast: A contrast of the result.
        name: The readout.
        which: `mean`, `low` or `high`.
    """
    told = contrast["values"][name][which]
    return NAN if told is None else float(told)


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


def condition_contrast_table(
    contrasts: Sequence[Mapping[str, Any]], result: Mapping[str, Any]
) -> Table:
    """Differences between arms on the same items; no difference where the measured doses differ."""
    names = list(contrasts[0]["values"]) if contrasts else []
    return table(
        ("comparison", "measured nats, or alpha", *map(title, names)),
        [
            (
                Cell(against(one, result)),
                _doses_cell(one, result),
                *(
                    estimate_cell(*(one["values"][n][e] for e in ("mean", "low", "high")))
                    if compared(one, result)
                    else Cell(DASH, "number", "not compared")
                    for n in names
                ),
            )
            for one in contrasts
        ],
    )


def _doses_cell(contrast: Mapping[str, Any], result: Mapping[str, Any]) -> Cell:
    measured = doses(contrast, result)
    if not measured:
        return Cell(f"{contrast['nats'] or contrast['alpha']:g}", "number")
    return Cell(" and ".join(map(nats, measured)), "number", f"{contrast['nats']:g} asked")


def vectors(result: Mapping[str, Any]) -> Table:
    """Return how much was added and how stable it is."""
    dosed = [a for a in result["arms"] if a["dose"]]
    return table(
        (
            "condition",
            "asked, nats",
            "measured, nats",
            "reached",
            "largest, nats",
            "factor",
            "factor by expansion",
            "share of the state",
            "split-half cosine",
            "cone, degrees",
            "cosine with the first model's",
        ),
        [
            (
                Cell(f"{condition_name(a, result)} {a['site']}".strip()),
                Cell(f"{a['nats']:g}", "number"),
                Cell(nats(dose(a)), "number", _ends(a)),
                Cell("no" if missed(a) else "yes", "ok"),
                estimate_cell(a["dose"]["kl_max"]),
                estimate_cell(a["dose"]["gamma"]),
                estimate_cell(a["dose"]["gamma_max"]),
                estimate_cell(a["dose"]["relative"]),
                estimate_cell(a["vector"]["split_half"]),
                estimate_cell(a["vector"]["cone"]),
                estimate_cell(a["vector"].get("cosine_with_first")),
            )
            for a in dosed
        ],
    )


def spread(arm: Arm) -> tuple[float, float]:
    """The least and the largest dose of a chain; the mean dose where a run of an earlier version has none."""
    told = arm.get("dose") or {}
    return told.get("kl_low", dose(arm)), told.get("kl_high", dose(arm))


def _ends(arm: Arm) -> str:
    low, high = spread(arm)
    return "" if low == high else f"{nats(low)} to {nats(high)} by chain"
