"""`soft-prompt`: as many learned vectors, the same for every question: the control of `softcot` (Lester et al. 2021, arXiv 2104.08691)."""

from mechcot.finetune.arm import TrainingArm
from mechcot.finetune.arms.sft import right_lessons

ARM = TrainingArm(
    "soft-prompt",
    "Right chains and answers of a frozen base, behind learned vectors that are the same for every question.",
    right_lessons,
    trainer="soft",
    assisted=False,
)
