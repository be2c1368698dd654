"""`softcot`: a frozen base, an assistant that reads the question, and one map between them (Xu et al. 2025, arXiv 2502.12134)."""

from mechcot.finetune.arm import TrainingArm
from mechcot.finetune.arms.sft import right_lessons

ARM = TrainingArm(
    "softcot",
    "Right chains and answers of a frozen base, behind soft tokens that are mapped from an assistant's states; only the map is trained.",
    right_lessons,
    trainer="soft",
)
