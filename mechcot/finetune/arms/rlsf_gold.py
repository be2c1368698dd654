"""`rlsf-gold`: the twin of `rlsf`, ranked by the reference answer instead of by confidence."""

from mechcot.finetune.arm import TrainingArm
from mechcot.finetune.own_texts import by_gold

ARM = TrainingArm(
    "rlsf-gold",
    "Its own right text preferred to a wrong one.",
    trainer="preferences",
    chains=False,
    rank=by_gold,
)
