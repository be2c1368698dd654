"""`rejection`: own texts that end right, written and trained on in rounds (expert iteration; STaR, Zelikman et al. 2022, arXiv 2203.14465)."""

from mechcot.finetune.arm import TrainingArm

ARM = TrainingArm(
    "rejection",
    "Its own texts that end right, in rounds of writing and training.",
    trainer="rounds",
    chains=False,
)
