"""How a checkpoint of `mechcot tune` was trained, from the record beside it."""

from collections.abc import Mapping
from typing import get_args

from mechcot.core.store import read_json
from mechcot.finetune.arm import arm_named
from mechcot.finetune.recipe import Leak, Trainer
from mechcot.finetune.run import ARM_FILE
from mechcot.model.loading.spec import beside, parse_spec

WAYS: Mapping[Trainer, str] = {
    "lessons": "supervised",
    "soft": "supervised",
    "preferences": "preferences",
    "augmented": "preferences",
    "rounds": "own right texts",
    "rewards": "reinforced",
}
"""What the trainer of an arm does, in words."""


def trained_how(model: str) -> str | None:
    """The arm of a checkpoint, with its leak where that is not the arm's own, and what its training was; None where no record of `mechcot tune` lies beside it.

    Raises:
        UserError: The record is damaged.
    """
    spec = parse_spec(model)
    record = beside(spec.adapter or spec.base, ARM_FILE)
    if record is None:
        return None
    noted = read_json(record, what="the record of a training")
    arm = arm_named(str(noted.get("arm")))
    recipe = noted.get("recipe")
    leak = recipe.get("leak") if isinstance(recipe, dict) else None
    asked = f" --leak {leak}" if leak in get_args(Leak) and leak != arm.leak else ""
    return f"{arm.name}{asked}, {WAYS[arm.trainer]}"
