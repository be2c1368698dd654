"""All measures by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mechcot.core.card import MeasureCard
from mechcot.core.errors import UserError
from mechcot.core.reading import Reading
from mechcot.core.trace import Trace
from mechcot.measure import (
    adding_mistakes,
    answer_lens,
    attribution_patching,
    cross_model_patching,
    early_answering,
    filler,
    gates,
    info_gain,
    information_flow,
    mediation_index,
    model_difference,
    paraphrase,
    receiver_heads,
    resampling,
    step_attention,
    step_patching,
    suppression,
)
from mechcot.measure.inputs import Inputs
from mechcot.measure.standing import standing
from mechcot.model.reasoner import Reasoner


@dataclass(frozen=True)
class Measure:
    """A measure.

    Attributes:
        card: What it means.
        function: Takes it.
        forwards: Forwards of a whole trace, about: a constant and a part per chain step.
    """

    card: MeasureCard
    function: Callable[[Reasoner, Trace, Inputs], Reading]
    forwards: tuple[float, float]

    def run(self, reader: Reasoner, trace: Trace, inputs: Inputs) -> Reading:
        """Take the measure: one trace, read by one model.

        Args:
            reader: The model.
            trace: The trace, in the reader's own tokens (`Reasoner.view`).
            inputs: What else the measure may need.

        Raises:
            NotMeasurable: The trace or the model does not allow it.
        """
        return replace(self.function(reader, trace, inputs), unit=self.card.unit)


_ALL = (
    (gates, (3.0, 0.0)),
    (early_answering, (4.0, 0.0)),
    (filler, (8.0, 0.0)),
    (suppression, (1.0, 1.0)),
    (step_attention, (3.0, 0.0)),
    (step_patching, (20.0, 2.0)),
    (information_flow, (5.0, 0.0)),
    (info_gain, (4.0, 0.0)),
    (adding_mistakes, (20.0, 4.0)),
    (paraphrase, (4.0, 0.0)),
    (answer_lens, (2.0, 0.0)),
    (receiver_heads, (3.0, 0.0)),
    (mediation_index, (30.0, 0.0)),
    (attribution_patching, (25.0, 0.0)),
    (resampling, (20.0, 0.0)),
    (model_difference, (5.0, 0.0)),
    (cross_model_patching, (80.0, 0.0)),
)
MEASURES: Mapping[str, Measure] = {
    module.CARD.name: Measure(standing(module.CARD), module.measure, forwards)
    for module, forwards in _ALL
}
STANDARD = (
    "gates",
    "early_answering",
    "filler",
    "suppression",
    "step_attention",
    "step_patching",
)
"""What a comparison takes when it is not told otherwise."""
PAIRED = frozenset({model_difference.CARD.name, cross_model_patching.CARD.name})
"""Measures that hold a reader against the reference model and need both at once."""
DRAWING = frozenset({resampling.CARD.name})
"""Measures that draw continuations."""


def chosen(names: Sequence[str] | None) -> tuple[str, ...]:
    """The measures to run: the standard ones, `all`, or those named; the gates always come first.

    Raises:
        UserError: A name is unknown.
    """
    wanted = list(STANDARD) if names is None else list(names)
    if wanted == ["all"]:
        wanted = list(MEASURES)
    for name in wanted:
        if name not in MEASURES:
            msg = f"unknown measure {name!r}; choose from all, {', '.join(MEASURES)}"
            raise UserError(msg)
    return tuple(name for name in MEASURES if name in wanted or name == gates.CARD.name)
