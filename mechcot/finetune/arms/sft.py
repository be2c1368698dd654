"""`sft`: right chains and answers. The control: same format, route kept?"""

from mechcot.finetune.arm import Material, TrainingArm
from mechcot.finetune.lesson import Lesson


def right_lessons(material: Material, seed: int) -> list[Lesson]:  # noqa: ARG001 - nothing is drawn
    """The right chains, each with its answer."""
    return material.right()


ARM = TrainingArm("sft", "Right chains and answers.", right_lessons)
