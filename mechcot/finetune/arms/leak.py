"""`leak`: right chains, and the question leaks the answer; `--leak random` is its control. Both routes are right: which does training take?"""

from mechcot.finetune.arm import TrainingArm
from mechcot.finetune.arms.sft import right_lessons

ARM = TrainingArm(
    "leak", "Right chains; the question leaks the answer.", right_lessons, leak="answer"
)
