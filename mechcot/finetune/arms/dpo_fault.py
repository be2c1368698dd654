"""`dpo-fault`: the right chain preferred to the same chain with one wrong step (after Manduzio et al. 2024, arXiv 2410.18890)."""

from random import Random

from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Trace
from mechcot.finetune.arm import Material, TrainingArm
from mechcot.finetune.draws import each_measurable
from mechcot.finetune.faults import faults
from mechcot.finetune.lesson import Lesson, Preference


def _data(material: Material, seed: int) -> list[Preference]:
    rng = Random(f"faults {seed}")

    def pair(trace: Trace) -> Preference:
        wrong = faults(material.reader, trace, seed)
        if not wrong:
            raise NotMeasurable("no step of it states a value that could be made wrong")
        at = rng.choice(sorted(wrong))
        texts = [wrong[at] if step.index == at else step.text for step in trace.chain_steps]
        answer = trace.problem.answer
        worse = Lesson(trace.problem, "".join(texts), answer)
        return Preference(Lesson(trace.problem, trace.chain_text, answer), worse)

    what = "a chain with a step that can be made wrong"
    return each_measurable(pair, material.chains, what, "--mistakes FILE names wrong steps")


ARM = TrainingArm(
    "dpo-fault",
    "The right chain preferred to the same chain with one wrong step.",
    _data,
    trainer="preferences",
)
