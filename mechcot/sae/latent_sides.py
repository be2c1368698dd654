"""Whose a latent of a crosscoder is, by its two directions, and which latents changed."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


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


def latent_sets(latents: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    """Sets of latents whose change is tried: each model's own that are believed, those that changed, and all of them."""
    sets = {
        str(name): [row["latent"] for row in latents if row["believed"] and row["whose"] == name]
        for name in (Whose.TUNED, Whose.BASE)
    }
    sets["changed"] = sorted(row["latent"] for row in changed_latents(latents))
    every = sorted({latent for some in sets.values() for latent in some})
    return sets if every == sets["changed"] else sets | {"all of these": every}
