"""Tables of a steering page: every arm and comparison, and those at the largest dose, which are shown first."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mechcot.text.number_format import DASH, fixed, number
from mechcot.view.figures.dose_response import Point
from mechcot.view.pages.plain_tables import Cell, Table, numeric, row_table
from mechcot.view.pages.steering_arm_texts import (
    CONTROL_ROLES,
    Arm,
    against,
    asked,
    compared,
    condition_name,
    dose,
    doses,
    has_unread,
    largest,
    missed,
    nats,
    short,
    spread,
    strength,
    title,
    value,
)

_FEW = 16
"""Rows that are shown at once."""
_STEPS = {1: "every step", 2: "every second step", 3: "every third step"}


def estimate_cell(value: float | None, low: float | None = None, high: float | None = None) -> Cell:
    """A number, with its interval where both ends are known; a dash where it is None or NaN."""
    if value is None or value != value:
        return numeric(DASH)
    ends = "" if low is None or high is None else f"[{fixed(low)}, {fixed(high)}]"
    return numeric(fixed(value), ends)


def _between(ends: Mapping[str, float | None]) -> Cell:
    return estimate_cell(*(ends[end] for end in ("mean", "low", "high")))


def share_cell(share: Mapping[str, float | None]) -> Cell:
    """A share with its interval, in percent."""
    known = (share["mean"], share["low"], share["high"])
    mean, low, high = (None if end is None else fixed(100 * end, digits=0) for end in known)
    if mean is None:
        return numeric(DASH)
    return numeric(mean, "" if low is None or high is None else f"[{low}, {high}]")


def means(arms: Sequence[Arm], readouts: Sequence[str], result: Mapping[str, Any]) -> Table:
    """One row an arm, one column a readout."""

    def column(name: str) -> Callable[[Arm], Cell]:
        return lambda arm: _between(arm["values"][name])

    return row_table(arms, [*_heads(result), *((title(name), column(name)) for name in readouts)])


def _heads(result: Mapping[str, Any]) -> list[tuple[str, Callable[[Arm], Cell]]]:
    return [
        ("condition", lambda arm: Cell(f"{condition_name(arm, result)} {arm['site']}".strip())),
        ("measured nats, or alpha", lambda arm: numeric(strength(arm), asked(arm))),
    ]


def points_table(points: Sequence[Point]) -> Table:
    """The frontier as rows."""
    columns = {
        "condition": lambda point: Cell(point.label),
        "tokens": lambda point: numeric(fixed(point.tokens)),
        "accuracy": lambda point: estimate_cell(point.accuracy, point.low, point.high),
    }
    return row_table(points, columns)


def condition_table(result: Mapping[str, Any]) -> Table:
    """One row an arm: what it came to, and what changed against the clean arm."""
    readout = result["experiment"]["readout"]

    def seconds(arm: Arm) -> Cell:
        return numeric(DASH if arm["role"] == "truncation" else number(arm["seconds"]))

    last = [(title(readout), lambda arm: _between(arm["values"][readout])), ("seconds", seconds)]
    return row_table(result["arms"], [*_columns(result), *last])


def _columns(
    result: Mapping[str, Any], *, steps: bool = True
) -> list[tuple[str, Callable[[Arm], Cell]]]:
    """Columns of every table of arms; answers that cannot be read have one where there are some."""
    columns = [
        *_heads(result),
        ("tokens", lambda arm: estimate_cell(arm["values"]["tokens"]["mean"])),
        ("tokens saved, %", lambda arm: share_cell(arm["saved"])),
        ("steps", lambda arm: estimate_cell(arm["values"]["steps"]["mean"])),
        ("accuracy", lambda arm: estimate_cell(arm["values"]["correct"]["mean"])),
        ("unread", lambda arm: estimate_cell(value(arm, "unread"))),
        ("change of accuracy", lambda arm: _between(arm["change"]["correct"])),
    ]
    shown = {"steps": steps, "unread": has_unread(result["arms"])}
    return [(head, cell) for head, cell in columns if shown.get(head, True)]


def condition_contrast_table(
    contrasts: Sequence[Mapping[str, Any]], result: Mapping[str, Any]
) -> Table:
    """Differences between arms on the same items; no difference where the measured doses differ."""

    def column(name: str) -> Callable[[Mapping[str, Any]], Cell]:
        left_out = numeric(DASH, "not compared")
        return lambda row: _between(row["values"][name]) if compared(row, result) else left_out

    names = list(contrasts[0]["values"]) if contrasts else []
    columns = {
        "comparison": lambda row: Cell(against(row, result)),
        "measured nats, or alpha": lambda row: _doses_cell(row, result),
    }
    return row_table(contrasts, columns | {title(name): column(name) for name in names})


def _doses_cell(contrast: Mapping[str, Any], result: Mapping[str, Any]) -> Cell:
    measured = doses(contrast, result)
    if not measured:
        return numeric(f"{contrast['nats'] or contrast['alpha']:g}")
    return numeric(" and ".join(map(nats, measured)), f"{contrast['nats']:g} asked")


def vectors(result: Mapping[str, Any], arms: Sequence[Arm] | None = None) -> Table:
    """How much was added by each arm, and how stable its vector is."""
    columns = {
        "condition": lambda arm: Cell(f"{condition_name(arm, result)} {arm['site']}".strip()),
        "asked, nats": lambda arm: numeric(f"{arm['nats']:g}"),
        "measured, nats": lambda arm: numeric(nats(dose(arm)), _ends(arm)),
        "reached": lambda arm: Cell("no" if missed(arm) else "yes", "ok"),
        "largest, nats": lambda arm: estimate_cell(arm["dose"]["kl_max"]),
        "factor": lambda arm: estimate_cell(arm["dose"]["gamma"]),
        "factor by expansion": lambda arm: estimate_cell(arm["dose"]["gamma_max"]),
        "share of the state": lambda arm: estimate_cell(arm["dose"]["relative"]),
        "split-half cosine": lambda arm: estimate_cell(arm["vector"]["split_half"]),
        "cone, degrees": lambda arm: estimate_cell(arm["vector"]["cone"]),
        "cosine with the first model's": lambda arm: estimate_cell(
            arm["vector"].get("cosine_with_first")
        ),
    }
    return row_table(
        [arm for arm in (result["arms"] if arms is None else arms) if arm["dose"]], columns
    )


def _ends(arm: Arm) -> str:
    low, high = spread(arm)
    return "" if low == high else f"{nats(low)} to {nats(high)} by chain"


def arms_first(result: Mapping[str, Any]) -> list[tuple[str, Table]]:
    """Titles and tables of the arms that are shown first; no title where there is one model, all arms where they are few."""
    every = result["arms"]
    if len(every) <= _FEW:
        return [("", condition_table(result))]
    most = largest([arm for arm in every if arm["role"] != "sweep"])
    kept = [
        arm
        for arm in every
        if arm["role"] != "sweep" and (arm["nats"] or arm["alpha"]) in (0.0, most)
    ]
    models = result["experiment"]["models"]
    return [
        (
            short(model) * (len(models) > 1),
            _of_model([a for a in kept if a["model"] == model], result),
        )
        for model in models
    ]


def _of_model(arms: Sequence[Arm], result: Mapping[str, Any]) -> Table:
    readout = result["experiment"]["readout"]
    columns = [
        ("condition", lambda arm: Cell(_named(arm, result))),
        *_columns(result, steps=False)[1:],
        (title(readout), lambda arm: estimate_cell(arm["values"][readout]["mean"])),
        ("their change", lambda arm: _between(arm["change"][readout])),
    ]
    return row_table(sorted(arms, key=_order), columns)


def _order(arm: Arm) -> tuple[bool, bool, bool, bool]:
    """Nothing, what is no vector, what is added, what is taken away; the own vector first, then the other's, then controls."""
    return (
        bool(arm["nats"]),
        arm["sign"] < 0,
        "vector" not in arm["role"],
        arm["source"] != arm["model"],
    )


def _named(arm: Arm, result: Mapping[str, Any]) -> str:
    """The arm's name where its model is known."""
    name = condition_name(arm, result)
    if arm["role"].endswith("bare"):
        return f"{name}, {_STEPS.get(arm['draw'], '1 step in ' + str(arm['draw']))}"
    if len(result["experiment"]["models"]) == 1:
        return name
    if arm["role"] == "vector":
        return name.removesuffix(f", on {short(arm['model'])}")
    return name.removesuffix(f", {short(arm['model'])}")


def contrasts_first(result: Mapping[str, Any]) -> Table:
    """The comparisons at the largest dose; all where they are few."""
    every = result["contrasts"]
    return condition_contrast_table(every if len(every) <= _FEW else _at_most(every), result)


def vectors_first(result: Mapping[str, Any]) -> Table:
    """The vectors and what they are held against at the largest dose; all arms with a dose where they are few."""
    dosed = [arm for arm in result["arms"] if arm["dose"]]
    if len(dosed) <= _FEW:
        return vectors(result)
    own = [arm for arm in dosed if arm["role"] in ("vector", *CONTROL_ROLES)]
    return vectors(result, _at_most(own))


def _at_most(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    most = largest(rows)
    return [row for row in rows if (row["nats"] or row["alpha"]) == most]
