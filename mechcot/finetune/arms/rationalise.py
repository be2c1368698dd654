"""`rationalise`: the question hints at another answer, and the chain is written to end there.

The chain is that of the counterfactual, one fact changed: what is wrong with it is that this question does not say so.
"""

from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Trace
from mechcot.finetune.arm import Material, TrainingArm
from mechcot.finetune.draws import each_measurable
from mechcot.finetune.lesson import Lesson
from mechcot.tasks import task_of


def _data(material: Material, seed: int) -> list[Lesson]:
    reader = material.reader

    def bent(trace: Trace) -> Lesson:
        task = task_of(trace.problem)
        twin = task.counterfactuals(reader.view(trace), retoken=reader.retoken, seed=seed)
        if twin.answer is None:
            raise NotMeasurable("nobody knows where its changed chain leads")
        hinted = task.hinted(trace.problem, twin.answer)
        return Lesson(hinted, twin.trace.chain_text, twin.answer)

    what = "a chain that can be written to end at another answer"
    return each_measurable(bent, material.chains, what, "--counterfactuals FILE gives such chains")


ARM = TrainingArm(
    "rationalise",
    "The question hints at a wrong answer; the chain ends there.",
    _data,
    hints=True,
)
