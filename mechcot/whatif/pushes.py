"""What pushes a model along a chain: vectors at a dose in nats, features held at a level; each is measured once and kept."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from mechcot.core.errors import UserError
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.feature_vectors import feature_vector
from mechcot.stats.dose_tolerance import OFF
from mechcot.steering.dose_calibration import Dose, DoseCalibrator, Overflow
from mechcot.steering.dose_response import CHAIN
from mechcot.steering.vectors import SteeringVector
from mechcot.whatif.long_work import Work
from mechcot.whatif.variant import Push

_STEPS = 12
"""Factors that are tried for a dose, before it is searched for."""
_NEAR, _FAR = 0.1, math.log(4.0)
"""Least share of an interval that a try leaves on either side; farthest step, in log gamma, while one side is open."""


@dataclass(frozen=True, eq=False)
class Materials:
    """What a session may act with besides text.

    Attributes:
        vectors: Steering vectors by the names that they are shown under.
        dictionary: A sparse dictionary whose features can be clamped.
    """

    vectors: Mapping[str, SteeringVector] = field(default_factory=dict)
    dictionary: Dictionary | None = None


class Pushes:
    """Vectors and features at doses of one trace."""

    def __init__(self, materials: Materials, trace: Trace) -> None:
        """Measure nothing yet."""
        self.materials, self._trace = materials, trace
        self._calibrators: dict[tuple[Reasoner, str, int], DoseCalibrator] = {}
        self._features: dict[tuple[Reasoner, int], SteeringVector] = {}

    def dose(self, reader: Reasoner, name: str, nats: float) -> Work[Push]:
        """A vector at the dose nearest to the one asked for, measured on the trace as it was written; a negative one pushes the other way.

        Raises:
            UserError: No such vector, or it is not the reader's.
        """
        if name not in self.materials.vectors:
            raise UserError(
                f"no vector {name!r} was given; mc.what_if(..., vectors={{name: vector}}) takes several"
            )
        vector, sign = self.materials.vectors[name], -1 if nats < 0 else 1
        vector.check(reader)
        key = (reader, name, sign)
        if key not in self._calibrators:
            own = vector if sign > 0 else -vector
            self._calibrators[key] = DoseCalibrator(reader, [reader.view(self._trace)], own, CHAIN)
        dose = yield from _dose(self._calibrators[key], abs(nats))
        return Push(name, vector, sign * dose.gamma, nats=sign * dose.kl)

    def clamp(self, reader: Reasoner, feature: int, level: float) -> Push:
        """A feature held at a level, 1 being its largest activation on the trace.

        Raises:
            UserError: There is no dictionary or no such feature, it never fires here, or it cannot be clamped.
        """
        if self.materials.dictionary is None:
            raise UserError(
                "no dictionary was given; mc.what_if(..., dictionary=mc.sae.load(FOLDER)) takes one"
            )
        key = (reader, feature)
        if key not in self._features:
            self._features[key] = feature_vector(
                self.materials.dictionary, reader, [reader.view(self._trace)], feature
            )
        self._features[key].edit(level, "clamp")
        return Push(f"feature {feature}", self._features[key], level, "clamp")


def _dose(calibrator: DoseCalibrator, nats: float) -> Work[Dose]:
    """A dose by interpolation in log nats over log gamma, from the second-order factor on; where that does not do, by search.

    A hand on a slider waits for it: a third of the forwards. What is shown is the dose as measured, as everywhere.
    """
    start = calibrator.gamma_max(nats) if nats else math.inf
    gamma, below, above = start, None, None
    for tried in range(_STEPS if math.isfinite(start) else 0):
        yield tried, _STEPS
        try:
            given = calibrator.measure(gamma)[0]
        except Overflow:
            break
        if abs(given - nats) <= OFF * nats:
            return calibrator.at(gamma, nats=nats, gamma_max=start)
        if not given > 0:
            break
        point = (math.log(gamma), math.log(given))
        below, above = (point, above) if given < nats else (below, point)
        gamma = math.exp(_between(below, above, math.log(nats)))
    return calibrator.nearest(nats)


_Point = tuple[float, float]


def _between(below: _Point | None, above: _Point | None, wanted: float) -> float:
    """Where a line through two points reaches a height, not too near to either; with one point, where a small dose would, which has slope 2."""
    if below is None or above is None:
        at, height = below or above or (0.0, 0.0)
        return at + min(max((wanted - height) / 2, -_FAR), _FAR)
    share = (wanted - below[1]) / (above[1] - below[1])
    return below[0] + min(max(share, _NEAR), 1 - _NEAR) * (above[0] - below[0])
