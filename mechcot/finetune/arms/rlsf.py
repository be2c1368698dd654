"""`rlsf`: of its own texts, the one with the most confident answer preferred to the least confident (arXiv 2507.21931)."""

from mechcot.finetune.arm import TrainingArm
from mechcot.finetune.own_texts import confidence

ARM = TrainingArm(
    "rlsf",
    "Its most confident text preferred to its least confident one.",
    trainer="preferences",
    chains=False,
    rank=confidence,
)
