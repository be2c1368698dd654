"""`invalid`: the right chain's layout with wrong values, then the right answer (Schaeffer et al. 2023, arXiv 2307.10573)."""

from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Trace
from mechcot.finetune.arm import Material, TrainingArm
from mechcot.finetune.draws import each_measurable
from mechcot.finetune.faults import faults
from mechcot.finetune.lesson import Lesson


def _data(material: Material, seed: int) -> list[Lesson]:
    def spoiled(trace: Trace) -> Lesson:
        wrong = faults(material.reader, trace, seed)
        if not wrong:
            raise NotMeasurable("no step of it states a value that could be made wrong")
        texts = [wrong.get(step.index, step.text) for step in trace.chain_steps]
        return Lesson(trace.problem, "".join(texts), trace.problem.answer)

    what = "a chain whose values can be made wrong"
    return each_measurable(spoiled, material.chains, what, "--mistakes FILE names wrong steps")


ARM = TrainingArm(
    "invalid", "The chain with a wrong value in every step, then the right answer.", _data
)
