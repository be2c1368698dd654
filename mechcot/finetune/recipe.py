"""How an arm is trained, as one value, and the examples of a budget in the order in which they are trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Literal

from mechcot.core.errors import UserError

if TYPE_CHECKING:
    from mechcot.finetune.lesson import TokenizedLesson

Leak = Literal["none", "random", "answer"]
"""What questions leak: nothing, the answer of any item, their own."""
PASSES = 3
"""Passes over the data where no budget is given."""
LORA_RATE, FULL_RATE = 5e-4, 5e-5


@dataclass(frozen=True)
class ArmRecipe:
    """How an arm is trained.

    Attributes:
        arm: Its name.
        seed: Of data, first adapter weights and order.
        budget: Tokens to train on, prompts included, padding not; None: `PASSES` passes over the data.
        lora: Rank of the adapter; None trains all weights.
        rate: Peak learning rate; None: `LORA_RATE` or `FULL_RATE`.
        batch: Examples in an update.
        snapshots: Checkpoints along the way, the last at the end.
        leak: What the questions leak; None: what the arm says.
    """

    arm: str
    seed: int = 0
    budget: int | None = None
    lora: int | None = 16
    rate: float | None = None
    batch: int = 8
    snapshots: int = 5
    leak: Leak | None = None

    def __post_init__(self) -> None:
        for name in ("budget", "lora", "batch", "snapshots"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"--{name}: expected at least 1, got {value}")
        if self.rate is not None and not self.rate > 0:
            raise UserError(f"--rate: expected a positive number, got {self.rate}")

    @property
    def peak(self) -> float:
        """The peak learning rate."""
        return self.rate or (FULL_RATE if self.lora is None else LORA_RATE)


def ordered(sizes: Sequence[int], recipe: ArmRecipe) -> list[int]:
    """Indexes of the examples in the order of training, each pass in an order of its own, until the budget is used.

    Args:
        sizes: Tokens of each example.
        recipe: Its seed and budget.
    """
    rng, order, left = Random(f"order {recipe.seed}"), [], recipe.budget
    passes = 0
    while (passes < PASSES) if left is None else (left > 0):
        drawn = rng.sample(range(len(sizes)), len(sizes))
        for index in drawn:
            if left is not None:
                if left <= 0:
                    break
                left -= sizes[index]
            order.append(index)
        passes += 1
    return order


def updates_of(examples: int, recipe: ArmRecipe) -> int:
    """Number of updates that so many examples give; the last one may be smaller."""
    return -(-examples // recipe.batch)


def snapshot_steps(updates: int, snapshots: int) -> tuple[int, ...]:
    """The updates after which a checkpoint is written, evenly spaced, the last one at the end."""
    count = min(updates, snapshots)
    return tuple(round(updates * (n + 1) / count) for n in range(count))


def trained_tokens(examples: "Sequence[TokenizedLesson]") -> dict[str, int]:
    """Budget used by some examples: all tokens, and those that carry loss."""
    return {
        "examples": len(examples),
        "tokens": sum(map(len, examples)),
        "loss_tokens": sum(len(example.completion) for example in examples),
    }
