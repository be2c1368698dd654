"""`rlag`: what it writes with a needed fact in the prompt, preferred to what it writes without (Nie et al. 2025, arXiv 2509.20162)."""

from mechcot.finetune.arm import TrainingArm

ARM = TrainingArm(
    "rlag",
    "The needed fact, and its text with that fact in the prompt preferred to its text without, in rounds.",
    trainer="augmented",
    chains=False,
)
