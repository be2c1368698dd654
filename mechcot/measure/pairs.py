"""The few measures that are about two models at once, by name.

A pair measure reads one trace with two checkpoints of one architecture and gives one reading: how they differ, or what
one's states do in the other. A model against itself gives exactly 0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mechcot.core.card import MeasureCard
from mechcot.core.reading import Reading
from mechcot.core.trace import Trace
from mechcot.measure import cross_model_patching, model_difference
from mechcot.measure.inputs import Inputs
from mechcot.measure.standing import standing
from mechcot.model.reasoner import Reasoner


@dataclass(frozen=True)
class PairMeasure:
    """A measure of two models.

    Attributes:
        card: What it means.
        run: Takes it: `run(before, after, trace, inputs)`.
        forwards: Forwards of a whole trace, about: a constant and a part per chain step.
    """

    card: MeasureCard
    run: Callable[[Reasoner, Reasoner, Trace, Inputs], Reading]
    forwards: tuple[float, float]


PAIR_MEASURES: Mapping[str, PairMeasure] = {
    module.CARD.name: PairMeasure(standing(module.CARD), module.measure, forwards)
    for module, forwards in (
        (model_difference, (5.0, 0.0)),
        (cross_model_patching, (80.0, 0.0)),
    )
}
