"""How an arm is trained, as one value, and the examples of a budget in the order in which they are trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from mechcot.core.errors import UserError

if TYPE_CHECKING:
    from mechcot.finetune.lesson import TokenizedLesson

Leak = Literal["none", "random", "answer"]
"""What questions leak: nothing, the answer of any item, their own."""
Trainer = Literal["lessons", "soft", "preferences", "rounds", "augmented", "rewards"]
"""Next tokens; the same, of a frozen base with soft tokens; pairs (DPO); the model's own right texts, round by round; its texts with and without a fact (RLAG); rewards (GRPO)."""
PASSES = 3
"""Passes over the data where no budget is given."""
RATES: Mapping[str, tuple[float, float]] = {
    "lessons": (5e-4, 5e-5),
    "soft": (5e-3, 5e-3),
    "rounds": (5e-4, 5e-5),
    "augmented": (5e-5, 5e-6),
    "preferences": (5e-5, 5e-6),
    "rewards": (5e-5, 5e-6),
}
"""Peak learning rate of an adapter and of all weights, by trainer."""


def _at_least_one(options: Any, *names: str) -> None:
    for name in names:
        value = getattr(options, name)
        if value is not None and value < 1:
            option = name.replace("_", "-")
            raise UserError(f"--{option}: expected at least 1, got {value}")


@dataclass(frozen=True)
class OwnTexts:
    """How the model writes texts of its own, for arms that train on them.

    Attributes:
        group: Texts for a question.
        temperature: Of each.
        max_tokens: Most tokens of each; None: what the context leaves, at most 512.
        rounds: Rounds of writing and training (`rejection`, `rlag`).
        kl: Weight of the divergence from the base (`grpo`), and inverse temperature of preferences (`beta` of DPO is .1).
        length_price: Taken from the reward of a text that is `max_tokens` long, less of a shorter one (`grpo`).
        shuffled: Permute the rewards within each group: a control that can teach nothing.
    """

    group: int = 8
    temperature: float = 1.0
    max_tokens: int | None = None
    rounds: int = 3
    kl: float = 0.04
    length_price: float = 0.0
    shuffled: bool = False

    def __post_init__(self) -> None:
        _at_least_one(self, "max_tokens", "rounds")
        if self.group < 2:
            raise UserError(f"--group: expected at least 2 texts for a question, got {self.group}")
        if not self.temperature > 0:
            raise UserError(
                f"--temperature: expected more than 0, or all texts of a question are the same, got {self.temperature}"
            )
        if self.kl < 0 or self.length_price < 0:
            raise UserError(
                f"--kl and --length-price: expected 0 or more, got {self.kl} and {self.length_price}"
            )


@dataclass(frozen=True)
class SoftRecipe:
    """What stands before the chain of a frozen base (`softcot`, `soft-prompt`).

    Attributes:
        assistant: Model that reads the question; `base`: the base itself.
        places: Number of soft tokens.
    """

    assistant: str = "base"
    places: int = 4


SOFT = SoftRecipe()
"""Four tokens of the base itself."""


@dataclass(frozen=True)
class ArmRecipe:
    """How an arm is trained.

    Attributes:
        arm: Its name.
        seed: Of data, first adapter weights and order.
        budget: Tokens to train on, prompts included, padding not; None: `PASSES` passes over the data.
        lora: Rank of the adapter; None trains all weights.
        rate: Peak learning rate; None: that of its trainer in `RATES`.
        batch: Examples in an update.
        snapshots: Checkpoints along the way, the last at the end.
        leak: What the questions leak; None: what the arm says.
        own: How the model writes texts of its own.
    """

    arm: str
    seed: int = 0
    budget: int | None = None
    lora: int | None = 16
    rate: float | None = None
    batch: int = 8
    snapshots: int = 5
    leak: Leak | None = None
    own: OwnTexts = OwnTexts()

    def __post_init__(self) -> None:
        _at_least_one(self, "budget", "lora", "batch", "snapshots")
        if self.rate is not None and not self.rate > 0:
            raise UserError(f"--rate: expected a positive number, got {self.rate}")

    def peak(self, trainer: Trainer) -> float:
        """The peak learning rate."""
        return self.rate or RATES[trainer][self.lora is None]


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
