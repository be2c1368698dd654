"""An arm of training: one file of `mechcot.finetune.arms` that holds an `ARM`, found by that name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules

import mechcot.finetune.arms
from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.trace import Trace
from mechcot.finetune.lesson import Lesson, Preference
from mechcot.finetune.recipe import Leak, OwnTexts, SoftRecipe, Trainer
from mechcot.model.reasoner import Reasoner


@dataclass(frozen=True)
class Material:
    """What an arm makes its data of.

    Attributes:
        reader: The base.
        problems: The questions with their answers.
        chains: Right chains for them, none where the arm does not ask for any.
        own: Texts that the base wrote elsewhere, right or not, for arms that train on its own.
    """

    reader: Reasoner
    problems: tuple[Problem, ...]
    chains: tuple[Trace, ...] = ()
    own: tuple[Trace, ...] = ()

    def right(self) -> list[Lesson]:
        """The right chains as lessons."""
        return [Lesson(t.problem, t.chain_text, t.problem.answer) for t in self.chains]


Data = Sequence[Lesson] | Sequence[Preference]


@dataclass(frozen=True)
class TrainingArm:
    """An arm.

    Attributes:
        name: As `--arm` names it.
        about: What it is trained on, in one sentence.
        data: Makes the data from the material, by a seed; None where the model writes it itself.
        trainer: `lessons` (next tokens), `soft` (the same, of a map to soft tokens alone), `preferences` (DPO), `rounds` (its own samples, round by round), `augmented`
            (its texts with and without a fact), `rewards` (GRPO).
        chains: Whether it needs right chains.
        leak: What its questions leak where the user does not say it; None: they stay as they are.
        hints: Whether it sets hints itself, so that none can be asked for.
        assisted: Whether an assistant reads the question, where soft tokens are trained.
        rank: What the model's own texts are ranked by, for preferences among them.
    """

    name: str
    about: str
    data: Callable[[Material, int], Data] | None = None
    trainer: Trainer = "lessons"
    chains: bool = True
    leak: Leak | None = None
    hints: bool = False
    assisted: bool = True
    rank: Callable[[Reasoner, Trace], float] | None = None

    def check_read(self, own: OwnTexts, soft: SoftRecipe) -> None:
        """Refuse options that were set and that this arm does not read.

        Raises:
            UserError: There are some.
        """
        read = set(_READ[self.trainer] if self.data is None or self.trainer == "soft" else ())
        if not self.assisted:
            read.discard("assistant")
        spare = [
            name
            for given, default in ((own, OwnTexts()), (soft, SoftRecipe()))
            for name, value in vars(given).items()
            if value != vars(default)[name] and name not in read
        ]
        if spare:
            options = [f"--{_OPTIONS.get(name, name.replace('_', '-'))}" for name in spare]
            raise UserError(
                f"--arm {self.name} does not read {' and '.join(options)}; leave {'it' if len(spare) == 1 else 'them'} out"
            )


_TEXTS = ("group", "temperature", "max_tokens")
_READ: Mapping[Trainer, Sequence[str]] = {
    "lessons": (),
    "soft": ("assistant", "places"),
    "preferences": _TEXTS,
    "rounds": (*_TEXTS, "rounds"),
    "augmented": ("max_tokens", "rounds"),
    "rewards": (*_TEXTS, "kl", "length_price", "shuffled"),
}
"""What a trainer reads of how texts are written and of soft tokens."""
_OPTIONS = {"places": "soft-tokens", "shuffled": "shuffled-rewards"}


def _found() -> Mapping[str, TrainingArm]:
    names = (found.name for found in iter_modules(mechcot.finetune.arms.__path__))
    arms = [import_module(f"mechcot.finetune.arms.{name}").ARM for name in names]
    return {arm.name: arm for arm in arms}


def arm_names() -> tuple[str, ...]:
    """The names of all arms."""
    return tuple(_found())


def arm_named(name: str) -> TrainingArm:
    """The arm of a name.

    Raises:
        UserError: There is none.
    """
    arms = _found()
    if name not in arms:
        raise UserError(f"--arm: expected one of {', '.join(arms)}, got {name!r}")
    return arms[name]
