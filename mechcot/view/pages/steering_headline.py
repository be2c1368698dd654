"""Head of a steering page: the largest dose, one table a model; the rest stands folded below."""

from collections.abc import Mapping, Sequence
from typing import Any

from mechcot.view.pages.plain_tables import Cell, Table, table
from mechcot.view.pages.steering_tables import (
    Arm,
    asked,
    condition_contrast_table,
    condition_name,
    condition_table,
    estimate_cell,
    has_unread,
    share_cell,
    short,
    strength,
    title,
    value,
    vectors,
)

CONTROL_ROLES = ("random", "orthogonal", "flipped", "wrong layer", "shuffled labels")
_FEW = 16
"""Rows that are shown at once."""
_STEPS = {1: "every step", 2: "every second step", 3: "every third step"}


def largest(told: Sequence[Mapping[str, Any]]) -> float:
    """The largest dose in nats, or the largest alpha of a penalty."""
    return max((one["nats"] or one["alpha"] for one in told), default=0.0)


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
    readout, some = result["experiment"]["readout"], has_unread(result["arms"])
    heads = (
        "condition",
        "measured nats, or alpha",
        "tokens",
        "tokens saved, %",
        "accuracy",
        *(["unread"] if some else []),
        "change of accuracy",
        title(readout),
        "their change",
    )
    return table(
        heads,
        [
            (
                Cell(_named(arm, result)),
                Cell(strength(arm), "number", asked(arm)),
                estimate_cell(arm["values"]["tokens"]["mean"]),
                share_cell(arm["saved"]),
                estimate_cell(arm["values"]["correct"]["mean"]),
                *([estimate_cell(value(arm, "unread"))] if some else []),
                estimate_cell(*(arm["change"]["correct"][e] for e in ("mean", "low", "high"))),
                estimate_cell(arm["values"][readout]["mean"]),
                estimate_cell(*(arm["change"][readout][e] for e in ("mean", "low", "high"))),
            )
            for arm in sorted(arms, key=_order)
        ],
    )


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
    return vectors(dict(result) | {"arms": _at_most(own)})


def _at_most(told: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    most = largest(told)
    return [one for one in told if (one["nats"] or one["alpha"]) == most]
