"""The organisms by name: NAME, or NAME@SEED for the same recipe under another seed; and where each lies.

Shipped ones lie in the checkout's `artifacts/organisms` or in the package; all others in the user's cache
(`MECHCOT_ORGANISMS`, else `~/.cache/mechcot/organisms`), where `mechcot organism train NAME` writes them.
"""

from dataclasses import replace
from pathlib import Path

from mechcot.core.errors import UserError
from mechcot.model.loading.spec import organism_folders
from mechcot.organisms.recipes import RECIPES, SHIPPED, Recipe, Shape

__all__ = ["RECIPES", "Recipe", "Shape", "lineage", "path", "recipe_of"]


def recipe_of(name: str) -> Recipe:
    """The recipe of NAME or NAME@SEED, its seed in place.

    Raises:
        UserError: No recipe has that name, or the seed is no whole number.
    """
    plain, at, seed = name.partition("@")
    if plain not in RECIPES:
        raise UserError(
            f"organism {name!r}: expected one of {', '.join(sorted(RECIPES))}, or NAME@SEED."
        )
    if not at:
        return RECIPES[plain]
    if not seed.isdecimal():
        raise UserError(
            f"organism {name!r}: expected a whole number after @, as in {plain}@2, got {seed!r}."
        )
    return replace(RECIPES[plain], seed=int(seed))


def lineage(name: str) -> tuple[str, ...]:
    """The organisms that must be trained before this one, the oldest first, and this one.

    Raises:
        UserError: There is no such organism.
    """
    parent = recipe_of(name).parent
    return (name,) if parent is None else (*lineage(parent), name)


def path(name: str) -> Path:
    """Return where an organism lies; where to write it when it is nowhere.

    Raises:
        UserError: There is no such organism.
    """
    recipe_of(name)
    checkout, _, cache = folders = organism_folders()
    for folder in folders:
        if (folder / name / "config.json").is_file():
            return folder / name
    here = (checkout.parents[1] / "pyproject.toml").is_file()
    return (checkout if here and name in SHIPPED else cache) / name
