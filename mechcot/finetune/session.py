"""What a training works with, and the record of what it used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.notices import print_notice
from mechcot.core.problem import Problem
from mechcot.core.store import digest, write_bytes
from mechcot.finetune.arm import Material, TrainingArm
from mechcot.finetune.lesson import Lesson, TokenizedLesson, tokenized
from mechcot.finetune.own_texts import Groups, groups_of, write_groups
from mechcot.finetune.recipe import SOFT, ArmRecipe, SoftRecipe
from mechcot.model.reasoner import Reasoner

_EXAMPLES = "examples.parquet"
"""The examples as text, one a row."""


@dataclass(frozen=True)
class TuningSession:
    """A training under way.

    Attributes:
        arm: What is trained on.
        recipe: How.
        material: Problems and chains, and the base that reads them.
        open_base: Loads the base anew: a trainer changes it in place.
        open_at: Loads the model at a checkpoint.
        hinted: Gives a problem with what its question leaks.
        out: Folder of the run.
        progress: Show a bar.
        soft: What stands before the chain, where that is trained.
    """

    arm: TrainingArm
    recipe: ArmRecipe
    material: Material
    open_base: Callable[[], Reasoner]
    open_at: Callable[[Path], Reasoner]
    hinted: Callable[[Problem], Problem]
    out: Path
    progress: bool = True
    soft: SoftRecipe = SOFT

    @property
    def reader(self) -> Reasoner:
        """The base as it was."""
        return self.material.reader

    def problems(self) -> list[Problem]:
        """The problems, with what their questions leak."""
        return [self.hinted(problem) for problem in self.material.problems]

    def own_groups(self) -> Groups:
        """The base's own texts: those of a file, else written now.

        Raises:
            UserError: It can be asked none of the problems, or a file's texts are for questions that leak nothing.
        """
        problems, own = self.problems(), self.material.own
        if not own:
            return write_groups(self.reader, problems, self.recipe.own, seed=self.recipe.seed)
        if problems != list(self.material.problems):
            raise UserError(
                f"--leak {self.recipe.leak}: the texts of --own-texts were written for questions as they stand in the file; leave one of the two out"
            )
        return groups_of(own)

    def lesson(self, lesson: Lesson) -> Lesson:
        """The lesson, with what its question leaks."""
        if self.arm.hints:
            return lesson
        return replace(lesson, problem=self.hinted(lesson.problem))


def tokenized_all(
    reader: Reasoner, lessons: Sequence[Lesson]
) -> tuple[list[TokenizedLesson], list[str]]:
    """The examples of some lessons, and why others are left out.

    Raises:
        UserError: All are.
    """
    examples, reasons = [], []
    for lesson in lessons:
        try:
            examples.append(tokenized(reader, lesson))
        except NotMeasurable as reason:
            reasons.append(f"{lesson.problem.id}: {reason}")
    say_left_out(reasons, len(lessons))
    return examples, reasons


def say_left_out(reasons: Sequence[str], total: int) -> None:
    """Say on the console how many examples are left out, and why the first.

    Raises:
        UserError: All are.
    """
    if len(reasons) == total:
        raise UserError(f"none of the {total} examples can be trained on; {reasons[0]}")
    if reasons:
        print_notice(f"{len(reasons)} of {total} examples left out; {reasons[0]}")


def keep_texts(
    out: Path, rows: Sequence[dict[str, Any]], left_out: Sequence[str]
) -> dict[str, Any]:
    """Write the examples as text; gives what the record says of them.

    Args:
        out: Folder of the run.
        rows: A row an example.
        left_out: Why others are none.
    """
    write_bytes(out / _EXAMPLES, pd.DataFrame(list(rows)).to_parquet(index=False))
    return {"digest": digest(list(rows)), "examples": len(rows), "left_out": list(left_out)}
