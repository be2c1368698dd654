"""The page of a steering experiment, from `summary.json` alone."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from mechcot.view.figures.doses import Line, Panel, Point, curves, frontier
from mechcot.view.plates import Plate
from mechcot.view.report import render
from mechcot.view.tables import Cell, Table, table
from mechcot.view.theme import Look, looks
from mechcot.view.words import DASH, fixed, number

NAN = float("nan")
TITLES: Mapping[str, str] = {
    "tokens": "tokens of the chain",
    "steps": "steps of the chain",
    "correct": "accuracy",
    "finished": "share of finished texts",
    "nats_per_token": "nats per chain token, scored without steering",
    "thoughts": "thoughts in a chain",
    "tokens_per_thought": "tokens of a thought",
    "any_correct_thought": "share of chains with a correct thought",
    "underthinking": "underthinking of wrong answers",
}
DOSED = ("vector", "random", "orthogonal", "flipped", "truncation")
Arm = Mapping[str, Any]


def page(result: Mapping[str, Any]) -> str:
    """Set the page.

    Args:
        result: What `summary.json` holds.

    Returns:
        HTML text, the same for the same data.
    """
    arms = result["arms"]
    every = list(dict.fromkeys(_name(arm, result) for arm in arms))
    look = looks(every)
    plates = _plates(result, look)
    return render(
        "steer.html.j2",
        plates,
        result=result,
        plates=plates,
        numbers=_numbers(result),
        vectors=_vectors(result),
        shown=_shown(result),
        n=max(arm["n"] for arm in arms),
    )


def title(readout: str) -> str:
    """A readout in words."""
    return TITLES.get(readout, f"{readout} steps in a chain (rule lexicon)")


def _plates(result: Mapping[str, Any], look: dict[str, Look]) -> list[Plate]:
    experiment, arms = result["experiment"], result["arms"]
    numbers, found = count(1), []
    n = max(arm["n"] for arm in arms)
    penalty = bool(experiment["penalty"])
    readouts = list(dict.fromkeys((experiment["readout"], "tokens", "correct", "nats_per_token")))
    if penalty:
        readouts += ["any_correct_thought", "underthinking"]
    dosed = [a for a in arms if a["role"] in (("penalty", "matched tokens") if penalty else DOSED)]
    if dosed:
        found.append(
            Plate(
                next(numbers),
                curves(
                    [
                        _panel(result, dosed, name, "alpha" if penalty else "nats")
                        for name in readouts
                    ],
                    look,
                    title="What the penalty does" if penalty else "What a dose does",
                    subtitle=f"mean over n = {n} items; bars: 95 % bootstrap intervals; dotted: nothing acts",
                    axis="alpha, taken from the logits"
                    if penalty
                    else "dose: mean KL in nats a token",
                ),
                "A real effect moves away from the dotted line where its control stays on it. Controls get the same dose, or the vector's "
                "own factor where no factor reaches that dose (the table of doses says what was measured).",
                _means(dosed, readouts, result),
            )
        )
    if not penalty:
        points = [_point(a, result) for a in arms if a["role"] != "sweep"]
        found.append(
            Plate(
                next(numbers),
                frontier(points, look, n=n),
                "Every way of writing, by what it costs and what it gets right. Truncation cuts the clean chain at the length that "
                "the steered one had and asks for the answer.",
                _points(points),
            )
        )
    swept = [a for a in arms if a["role"] == "sweep"]
    if swept:
        found.append(
            Plate(
                next(numbers),
                curves(
                    [_panel(result, swept, name, "site") for name in readouts[:3]],
                    look,
                    title="Where it acts",
                    subtitle=f"one vector a site, all at {experiment['compare']['sweep_nats']:g} nats; n = {n} held-out items",
                    axis="site",
                ),
                "The same dose at every site; shown as a curve, since the best site of a sweep flatters itself.",
                _means(swept, readouts[:3], result),
            )
        )
    return found


def _name(arm: Arm, result: Mapping[str, Any]) -> str:
    """The arm without its dose, as the legend says it."""
    several = len(result["experiment"]["models"]) > 1
    role = str(arm["role"])
    if role == "clean":
        text = "nothing"
    elif role == "prompt":
        text = f"prompt says “{result['experiment']['compare']['prompt']}”"
    elif role in {"penalty", "matched tokens"}:
        what = "penalty" if role == "penalty" else "same on random tokens"
        return f"{what}, beta {arm['beta']}" + (f" #{arm['draw'] + 1}" if arm["draw"] else "")
    else:
        text = role if role != "vector" else "vector"
        if len(result["experiment"]["apply"]["signs"]) > 1:
            text += " added" if arm["sign"] > 0 else " taken away"
        if several and role == "vector":
            return f"{text}: of {_short(arm['source'])}, on {_short(arm['model'])}"
    return f"{text}, {_short(arm['model'])}" if several else text


def _short(model: str) -> str:
    return model.removeprefix("organism:")


def _value(arm: Arm, name: str, end: str = "mean") -> float:
    told = arm["values"].get(name, {}).get(end)
    return NAN if told is None else float(told)


def _panel(result: Mapping[str, Any], arms: Sequence[Arm], name: str, axis: str) -> Panel:
    lines = []
    for line in dict.fromkeys(_name(arm, result) for arm in arms):
        here = [a for a in arms if _name(a, result) == line and _value(a, name) == _value(a, name)]
        if not here:
            continue
        ends = {end: tuple(_value(a, name, end) for a in here) for end in ("mean", "low", "high")}
        lines.append(
            Line(line, tuple(a[axis] for a in here), ends["mean"], ends["low"], ends["high"])
        )
    clean = [a for a in result["arms"] if a["role"] == "clean"]
    return Panel(title(name), tuple(lines), _value(clean[0], name) if len(clean) == 1 else NAN)


def _point(arm: Arm, result: Mapping[str, Any]) -> Point:
    dose = f" at {arm['nats']:g} nats" if arm["site"] else ""
    name = _name(arm, result)
    ends = (_value(arm, "correct", end) for end in ("mean", "low", "high"))
    return Point(name, name + dose, _value(arm, "tokens"), *ends)


def _cell(value: float | None, low: float | None = None, high: float | None = None) -> Cell:
    if value is None or value != value:
        return Cell(DASH, "number")
    ends = "" if low is None or high is None else f"[{fixed(low)}, {fixed(high)}]"
    return Cell(fixed(value), "number", ends)


def _means(arms: Sequence[Arm], readouts: Sequence[str], result: Mapping[str, Any]) -> Table:
    return table(
        ("arm", "dose or alpha", *map(title, readouts)),
        [
            (
                Cell(f"{_name(a, result)} {a['site']}".strip()),
                Cell(f"{a['nats'] or a['alpha']:g}", "number"),
                *(_cell(*(a["values"][r][e] for e in ("mean", "low", "high"))) for r in readouts),
            )
            for a in arms
        ],
    )


def _points(points: Sequence[Point]) -> Table:
    return table(
        ("arm", "tokens", "accuracy"),
        [
            (Cell(p.label), Cell(fixed(p.tokens), "number"), _cell(p.accuracy, p.low, p.high))
            for p in points
        ],
    )


def _numbers(result: Mapping[str, Any]) -> Table:
    """One row an arm: what it came to, and what changed against the clean arm."""
    readout = result["experiment"]["readout"]
    heads = (
        "arm",
        "dose",
        "tokens",
        "tokens saved",
        "accuracy",
        "change of accuracy",
        title(readout),
        "seconds",
    )
    return table(
        heads,
        [
            (
                Cell(f"{_name(a, result)} {a['site']}".strip()),
                Cell(f"{a['nats'] or a['alpha']:g}", "number"),
                _cell(a["values"]["tokens"]["mean"]),
                Cell(f"{100 * a['saved']:.0f} %", "number"),
                _cell(a["values"]["correct"]["mean"]),
                _cell(*(a["change"]["correct"][e] for e in ("mean", "low", "high"))),
                _cell(*(a["values"][readout][e] for e in ("mean", "low", "high"))),
                Cell(DASH if a["role"] == "truncation" else number(a["seconds"]), "number"),
            )
            for a in result["arms"]
        ],
    )


def _vectors(result: Mapping[str, Any]) -> Table:
    """How much was added and how stable it is."""
    dosed = [a for a in result["arms"] if a["dose"]]
    return table(
        (
            "arm",
            "asked, nats",
            "measured, nats",
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
                Cell(f"{_name(a, result)} {a['site']}".strip()),
                Cell(f"{a['nats']:g}", "number"),
                Cell(f"{a['dose']['kl']:.3f}", "number"),
                _cell(a["dose"]["kl_max"]),
                _cell(a["dose"]["gamma"]),
                _cell(a["dose"]["gamma_max"]),
                _cell(a["dose"]["relative"]),
                _cell(a["vector"]["split_half"]),
                _cell(a["vector"]["cone"]),
                _cell(a["vector"].get("cosine_with_first")),
            )
            for a in dosed
        ],
    )


def _shown(result: Mapping[str, Any]) -> list[tuple[str, list[Any]]]:
    """The first item as written by nothing, and by the largest dose or alpha of each kind of arm."""
    best: dict[str, Arm] = {}
    for arm in result["arms"]:
        if arm["shown"] and arm["role"] in {"clean", "vector", "penalty"}:
            best[_name(arm, result)] = arm
    return [
        (
            name
            + (
                f", {a['nats']:g} nats"
                if a["site"]
                else f", alpha {a['alpha']:g}" * (a["alpha"] > 0)
            ),
            a["shown"],
        )
        for name, a in best.items()
    ]
