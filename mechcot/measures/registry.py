"""All measures by name: every module of this package that holds a `CARD` and a function `measure`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

import mechcot.measures
from mechcot.core.card import MeasureCard
from mechcot.core.errors import UserError
from mechcot.core.measurement import Measurement
from mechcot.core.store import digest
from mechcot.core.trace import Trace
from mechcot.measures import gates
from mechcot.measures.code import code_of
from mechcot.measures.inputs import Inputs
from mechcot.measures.status import status
from mechcot.model.reasoner import Reasoner


@dataclass(frozen=True)
class Measure:
    """A measure.

    Attributes:
        card: What it means.
        function: Takes it.
    """

    card: MeasureCard
    function: Callable[[Reasoner, Trace, Inputs], Measurement]

    @property
    def code(self) -> str:
        """A hash of what it does, with the version of mechcot: `mechcot.measures.code`."""
        return digest(mechcot.__version__, code_of(self.function.__module__))

    def run(self, reader: Reasoner, trace: Trace, inputs: Inputs) -> Measurement:
        """Take the measure: one trace, read by one model.

        Args:
            reader: The model.
            trace: The trace, in the reader's own tokens (`Reasoner.view`).
            inputs: What else the measure may need.

        Raises:
            NotMeasurable: The trace or the model does not allow it.
        """
        return replace(self.function(reader, trace, inputs), unit=self.card.unit)


def _modules() -> Iterator[ModuleType]:
    """The modules that are measures."""
    for found in iter_modules(mechcot.measures.__path__):
        if found.name != "registry":
            module = import_module(f"mechcot.measures.{found.name}")
            if hasattr(module, "CARD") and hasattr(module, "measure"):
                yield module


MEASURES: Mapping[str, Measure] = {
    module.CARD.name: Measure(status(module.CARD), module.measure)
    for module in sorted(_modules(), key=lambda m: (m.CARD.rank, m.CARD.name))
}
STANDARD = tuple(name for name, measure in MEASURES.items() if measure.card.standard)
"""What a comparison takes when it is not told otherwise."""
PAIRED = frozenset(name for name, measure in MEASURES.items() if measure.card.paired)
"""Measures that hold a reader against the reference model and need both at once."""
DRAWING = frozenset(name for name, measure in MEASURES.items() if measure.card.draws)
"""Measures that draw continuations."""


def chosen_measures(names: Sequence[str] | None) -> tuple[str, ...]:
    """The measures to run: the standard ones, `all`, or those named; the gates always come first.

    Raises:
        UserError: A name is unknown.
    """
    wanted = list(STANDARD) if names is None else list(names)
    if wanted == ["all"]:
        wanted = list(MEASURES)
    for name in wanted:
        if name not in MEASURES:
            raise UserError(f"unknown measure {name!r}; choose from all, {', '.join(MEASURES)}")
    return tuple(name for name in MEASURES if name in wanted or name == gates.CARD.name)
