"""`grpo`: a reward for texts that end right (Shao et al. 2024, arXiv 2402.03300); `--leak answer` asks whether a leak gets used."""

from mechcot.finetune.arm import TrainingArm

ARM = TrainingArm(
    "grpo", "A reward for its own texts that end right.", trainer="rewards", chains=False
)
