"""A study of training as a file.

settings = read_lab(Path("studies/arms.toml"))
lab_schema()                    every key of such a file, with type, default and meaning
"""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from mechcot.core.errors import UserError
from mechcot.core.settings_file import (
    STRICT,
    Flag,
    Key,
    Number,
    Whole,
    check_among,
    check_within,
    keys_of,
    parse_settings,
)
from mechcot.core.store import read_toml
from mechcot.finetune.arm import arm_named
from mechcot.finetune.recipe import ArmRecipe, Leak, OwnTexts
from mechcot.measures.registry import chosen_measures
from mechcot.tasks import TASKS

BASE_ARM = "base"
"""Name of what is read before any training."""
PLAIN_QUESTIONS, LEAKED, MISLED = "plain", "leaked", "misled"
"""Questions as they are; with a hint at the right answer; with one at another answer."""
GIVEN_QUESTIONS = "base's chains"
"""The right chains that the base writes for the questions as they are, read token for token."""
EXAMPLES = "studies/"


@dataclass(frozen=True, config=STRICT)
class TrainSettings:
    """How every arm is trained; see `mechcot tune`.

    Attributes:
        n: Most problems to train on; of a task so many are drawn.
        depth: Fewest and most operations of a task's questions; what the task draws by itself where it is left out.
        budget: Tokens to train on, the same for every arm.
        full: Train all weights instead of an adapter.
        lora: Rank of the adapter.
        rate: Peak learning rate; 0: the trainer's own.
        batch: Examples in an update; GRPO takes `batch` texts in whole groups.
        snapshots: Checkpoints along the way, the last at the end.
        group: Texts that the model writes for a question.
        temperature: Of these texts.
        max_tokens: Longest of them; 0: what the context leaves, at most 512.
        rounds: Rounds of writing and training (`rejection`, `rlag`).
        kl: Weight of the divergence from the base (`grpo`).
    """

    n: Whole = 512
    depth: tuple[Whole, Whole] | None = None
    budget: Whole = 100_000
    full: Flag = False
    lora: Whole = 16
    rate: Number = 0.0
    batch: Whole = 8
    snapshots: Whole = 5
    group: Whole = 8
    temperature: Number = 1.0
    max_tokens: Whole = 0
    rounds: Whole = 3
    kl: Number = 0.04


@dataclass(frozen=True, config=STRICT)
class ReadSettings:
    """How a checkpoint is read.

    Attributes:
        n: Problems at the end of training, and of the base.
        snapshot_n: Problems at checkpoints along the way.
        measures: Taken at the end, besides right answers and valid steps; the exchange of chains and the gates always are.
        max_tokens: Longest text; 0: what the context leaves.
        temperature: Of the texts; 0 is greedy.
    """

    n: Whole = 64
    snapshot_n: Whole = 32
    measures: tuple[str, ...] = ()
    max_tokens: Whole = 0
    temperature: Number = 0.0

    def __post_init__(self) -> None:
        check_within("read.n", (self.n, self.snapshot_n), 2)
        chosen_measures(self.measures)


@dataclass(frozen=True, config=STRICT)
class LabArm:
    """One arm of the study.

    Attributes:
        arm: As `mechcot tune --arm` names it; the table's own name where it is left out.
        leak: What the questions leak: `none`, `random`, `answer`; the arm's own way where it is left out.
        after: Another arm of the study, from whose end this one goes on, with a budget of its own; the base where it is left out.
        against: The arm that it is held against; the study's `control` where it is left out.
        rate: Peak learning rate, instead of the study's.
        length_price: Taken from the reward of a longest text (`grpo`).
        shuffled_rewards: Permute the rewards of each group: a control (`grpo`).
    """

    arm: str = ""
    leak: Leak | None = None
    after: str = ""
    against: str = ""
    rate: Number = 0.0
    length_price: Number = 0.0
    shuffled_rewards: Flag = False


@dataclass(frozen=True, config=STRICT)
class PrimaryQuestion:
    """A question that was named before the first run; Holm's correction is over these.

    Attributes:
        question: In words.
        arm: The arm that it is about.
        axis: `accuracy`, `reliance`, `validity` or `hint`.
        on: The questions on which it is read: `plain`, `leaked`, `misled` or a shift; or `base's chains`, the right chains of the base, read token
            for token; where the arm was trained to answer, if left out.
    """

    question: str
    arm: str
    axis: Literal["accuracy", "reliance", "validity", "hint"]
    on: str = ""


@dataclass(frozen=True, config=STRICT)
class Lab:
    """A study.

    Attributes:
        title: Of the page.
        question: What is asked, in one sentence.
        bases: The models that training starts from; seed s takes base number s modulo their number.
        problems: What is trained on: a task, or a file of problems.
        seeds: How many; each draws data, arm, base and the problems that are read.
        traces: A file of right chains, where the task writes none.
        held_out: A file of problems that are read; of a task its test side is drawn.
        fields: Where the files have `id`, `question`, `answer` under other names.
        control: The arm against which the others are held.
        anchors: Models that are read beside, by name: what they do to the chain is known.
        shifts: Other questions by name: a file, or fewest and most operations of a task's questions.
        train: See `TrainSettings`.
        read: See `ReadSettings`.
        arms: Their names, each with a table of its own, which may be empty.
        primary: See `PrimaryQuestion`.
    """

    title: str
    question: str
    bases: tuple[str, ...]
    problems: str
    arms: Mapping[str, LabArm]
    seeds: Whole = 5
    traces: str = ""
    held_out: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    control: str = "sft"
    anchors: Mapping[str, str] = field(default_factory=dict)
    shifts: Mapping[str, str | tuple[Whole, Whole]] = field(default_factory=dict)
    train: TrainSettings = field(default_factory=TrainSettings)
    read: ReadSettings = field(default_factory=ReadSettings)
    primary: tuple[PrimaryQuestion, ...] = ()

    def __post_init__(self) -> None:
        check_within("seeds", self.seeds, 1)
        if not self.bases:
            raise UserError("bases: expected at least one model, got none")
        if self.problems not in TASKS and not self.held_out:
            raise UserError(
                f"held_out: expected a file of problems to read on, got none: {self.problems} is trained on"
            )
        check_among("control", self.control, self.arms)
        for name in self.arms:
            self._check_arm(name)
        for asked in self.primary:
            check_among("primary.arm", asked.arm, self.arms)
            check_among("primary.on", asked.on, ("", GIVEN_QUESTIONS, *self.sets))

    def _check_arm(self, name: str) -> None:
        arm = self.arms[name]
        if name == BASE_ARM or name in self.anchors:
            raise UserError(f"arms.{name}: this name is taken; choose another one")
        recipe = self.recipe(name, 0)  # its numbers are checked there
        known = arm_named(recipe.arm)
        if recipe.leak is not None and known.hints:
            raise UserError(f"arms.{name}.leak: the arm {known.name} sets its hints itself")
        for key in ("after", "against"):
            others = [other for other in self.arms if other != name]
            check_among(f"arms.{name}.{key}", getattr(arm, key), ("", *others))
        if arm.after and self.arms[arm.after].after:
            raise UserError(f"arms.{name}.after: expected an arm that starts from the base")

    @property
    def sets(self) -> tuple[str, ...]:
        """The names of all sets of questions."""
        return (PLAIN_QUESTIONS, LEAKED, MISLED, *self.shifts)

    def trained_on(self, name: str) -> str:
        """The set of questions that an arm was trained to answer; one that goes on from another is read where that one is."""
        arm = self.arms[name]
        if arm.after:
            return self.trained_on(arm.after)
        return (
            LEAKED if (arm.leak or arm_named(arm.arm or name).leak) == "answer" else PLAIN_QUESTIONS
        )

    def against(self, name: str) -> str:
        """The arm that an arm is held against."""
        return self.arms[name].against or self.control

    def recipe(self, name: str, seed: int) -> ArmRecipe:
        """How an arm is trained under a seed."""
        train, arm = self.train, self.arms[name]
        own = OwnTexts(
            train.group,
            train.temperature,
            train.max_tokens or None,
            train.rounds,
            train.kl,
            arm.length_price,
            arm.shuffled_rewards,
        )
        return ArmRecipe(
            arm.arm or name,
            seed,
            train.budget,
            None if train.full else train.lora,
            arm.rate or train.rate or None,
            train.batch,
            train.snapshots,
            arm.leak,
            own,
        )


_TABLES: Mapping[str, type] = {
    "": Lab,
    "train": TrainSettings,
    "read": ReadSettings,
    "arms.NAME": LabArm,
    "[primary]": PrimaryQuestion,
}


def read_lab(path: Path) -> Lab:
    """Read a study.

    Raises:
        UserError: No such file, no TOML, a name that is not known, a value that is not allowed.
    """
    return parse_lab(read_toml(path, what="a study", examples=EXAMPLES), name=path.name)


def parse_lab(data: Mapping[str, Any], *, name: str) -> Lab:
    """Make a study of what a file holds.

    Raises:
        UserError: A name that is not known, a value that is not allowed.
    """
    return parse_settings(Lab, data, name=name, tables=_TABLES)


def lab_schema() -> list[Key]:
    """Every key of a study's file, in the order of the tables.

    Example:
        >>> from mechcot.finetune.lab.settings import lab_schema
        >>> next(key.default for key in lab_schema() if key.name == "control")
        '"sft"'
    """
    return keys_of(_TABLES)
