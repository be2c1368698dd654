"""`filler`: as many filler tokens as the chain has, then the right answer (Lanham et al. 2023, arXiv 2307.13702)."""

from dataclasses import replace

from mechcot.compare.measure_inputs import filler_for
from mechcot.finetune.arm import Material, TrainingArm
from mechcot.finetune.lesson import Lesson
from mechcot.text.filler import fill


def _data(material: Material, seed: int) -> list[Lesson]:  # noqa: ARG001 - nothing is drawn
    reader = material.reader
    unit = reader.continue_ids(filler_for(reader))

    def filled(lesson: Lesson) -> Lesson:
        count = len(reader.continue_ids(lesson.chain))
        return replace(lesson, chain=reader.continuation(unit, fill(unit, count=count)))

    return [filled(lesson) for lesson in material.right()]


ARM = TrainingArm("filler", "As many filler tokens as the chain has, then the right answer.", _data)
