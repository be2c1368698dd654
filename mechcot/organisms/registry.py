"""The families and their organisms by name, and where each organism lies.

NAME is an organism of mod10, FAMILY/NAME of another family; NAME@SEED is the same recipe under another seed.

Shipped ones lie in the checkout's `artifacts/organisms` or in the package; all others in the user's cache
(`MECHCOT_ORGANISMS`, else `~/.cache/mechcot/organisms`), where `mechcot organism train NAME` writes them.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mechcot.core.errors import UserError
from mechcot.model.loading.spec import ORGANISM_FILE, holds_model, organism_folders
from mechcot.organisms.english import ENGLISH
from mechcot.organisms.family import OrganismFamily
from mechcot.organisms.gaps import GAPS
from mechcot.organisms.lookup import LOOKUP
from mechcot.organisms.mod10 import MOD10_FAMILY
from mechcot.organisms.order import ORDER
from mechcot.organisms.reach import REACH
from mechcot.organisms.recipes import Recipe

ORGANISM_FAMILIES: Mapping[str, OrganismFamily] = {
    family.name: family for family in (MOD10_FAMILY, LOOKUP, GAPS, REACH, ORDER, ENGLISH)
}
"""Name to family; a further family is a line here."""
ALL_RECIPES: Mapping[str, Recipe] = {
    name: recipe for family in ORGANISM_FAMILIES.values() for name, recipe in family.recipes.items()
}


def family_named(name: str) -> OrganismFamily:
    """The family of a name.

    Raises:
        UserError: There is none.
    """
    if name not in ORGANISM_FAMILIES:
        raise UserError(f"family {name!r}: expected one of {', '.join(ORGANISM_FAMILIES)}.")
    return ORGANISM_FAMILIES[name]


def family_of(name: str) -> OrganismFamily:
    """The family of an organism.

    Raises:
        UserError: There is none.
    """
    family, slash, _ = name.partition("/")
    return family_named(family) if slash else MOD10_FAMILY


def recipe_of(name: str) -> Recipe:
    """The recipe of NAME or NAME@SEED, its seed in place.

    Raises:
        UserError: No recipe has that name, or the seed is no whole number.
    """
    plain, at, seed = name.partition("@")
    if plain not in ALL_RECIPES:
        raise UserError(
            f"organism {name!r}: expected one of {', '.join(sorted(ALL_RECIPES))}, or NAME@SEED."
        )
    if not at:
        return ALL_RECIPES[plain]
    if not seed.isdecimal():
        raise UserError(
            f"organism {name!r}: expected a whole number after @, as in {plain}@2, got {seed!r}."
        )
    return replace(ALL_RECIPES[plain], seed=int(seed))


def record_file(folder: Path, name: str) -> Path:
    """The file in which training says how an organism was made.

    Beside texts of words between spaces it is `ORGANISM_FILE`, which tells readers of the model how those are read.

    Args:
        folder: The organism's folder.
        name: Its name.

    Raises:
        UserError: There is no such family.
    """
    return folder / (ORGANISM_FILE if family_of(name).language.joint else "training.json")


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
        if holds_model(folder / name):
            return folder / name
    here = (checkout.parents[1] / "pyproject.toml").is_file()
    return (checkout if here and name in family_of(name).shipped else cache) / name
