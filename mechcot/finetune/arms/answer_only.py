"""`answer-only`: question and answer, no chain (Lobo et al. 2024, arXiv 2411.15382)."""

from mechcot.finetune.arm import Material, TrainingArm
from mechcot.finetune.lesson import Lesson


def _data(material: Material, seed: int) -> list[Lesson]:  # noqa: ARG001 - nothing is drawn
    return [Lesson(problem, "", problem.answer) for problem in material.problems]


ARM = TrainingArm("answer-only", "The answer alone, the thought left empty.", _data, chains=False)
