"""Whose a latent of a crosscoder is, by its two directions, and which latents changed."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import FiniteFloat
from typing_extensions import TypedDict

from mechcot.core.errors import UserError
from mechcot.runs.items import read_checked

FEWEST_TOKENS = 16
"""A latent that fires on fewer is not tried."""


class Whose(StrEnum):
    """Whose a latent is, by its relative norm."""

    BASE = "base only"
    SHARED = "shared"
    TUNED = "tuned only"
    BETWEEN = "between"


FAR_APART = 0.3
"""A latent whose two directions lie further apart is changed, whosever it is. Where a latent of both models takes up a new direction, the direction is
the difference of its two. Set on plants of one seed."""


RELATIVE_NORM = {Whose.BASE: (0.0, 0.1), Whose.SHARED: (0.4, 0.6), Whose.TUNED: (0.9, 1.0)}
"""Bounds of the share of a latent's length in the tuned model; all else is between."""


def whose(relative_norm: float) -> Whose:
    """Whose a latent is, by the share of its length that lies in the tuned model."""
    for name, (low, high) in RELATIVE_NORM.items():
        if low <= relative_norm <= high:
            return name
    return Whose.BETWEEN


def changed_latents(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The latents that fire often enough and whose two directions lie apart."""
    return [row for row in rows if row["difference"] > FAR_APART and row["often"]]


class _Latent(TypedDict):
    latent: int
    difference: FiniteFloat
    often: bool


class _Compared(TypedDict):
    """What is read of `crosscode.json`."""

    latents: list[_Latent]


def most_changed(folder: Path, most: int | None = None) -> list[int]:
    """The latents of a finished run of `mechcot sae crosscode` that changed, the most changed first. One model's own are among them: its directions lie .8 apart.

    Args:
        folder: Where it was written.
        most: How many at most; None for all.

    Raises:
        UserError: The run is not finished, its file is damaged, or no latent changed.
    """
    read = read_checked(folder / "crosscode.json", shape=_Compared, what="the latents that `mechcot sae crosscode` compared")  # fmt: skip
    rows = sorted(changed_latents(read["latents"]), key=lambda row: -row["difference"])
    if not rows:
        raise UserError(
            f"{folder}: of {len(read['latents'])} latents none changed (directions that lie apart by more than {FAR_APART:g} of their length, on {FEWEST_TOKENS} tokens or more), so there "
            "is none to try; name some with --latents, such as --latents 3,17"
        )
    return [row["latent"] for row in rows[:most]]


def latent_sets(latents: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    """Sets of latents whose change is tried: each model's own that are believed, those that changed, and all of them."""
    sets = {
        str(name): [row["latent"] for row in latents if row["believed"] and row["whose"] == name]
        for name in (Whose.TUNED, Whose.BASE)
    }
    sets["changed"] = sorted(row["latent"] for row in changed_latents(latents))
    every = sorted({latent for some in sets.values() for latent in some})
    return sets if every == sets["changed"] else sets | {"all of these": every}
