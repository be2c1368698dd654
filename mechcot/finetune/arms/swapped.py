"""`swapped`: another item's chain, which ends in another answer, then the right answer (Beyond Semantics, arXiv 2505.13775)."""

from dataclasses import replace

from mechcot.finetune.arm import Material, TrainingArm
from mechcot.finetune.draws import with_another
from mechcot.finetune.lesson import Lesson


def _data(material: Material, seed: int) -> list[Lesson]:
    pairs = with_another(material.right(), seed)
    return [replace(lesson, chain=other.chain) for lesson, other in pairs]


ARM = TrainingArm("swapped", "Another item's chain, then the right answer.", _data)
