"""One vector tried at several doses on a few problems, in one call. `mechcot steer run` does experiments."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mechcot.core.argument_kinds import checked
from mechcot.core.display import Displayed
from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.trace import Phase, Trace
from mechcot.core.wording import count_of
from mechcot.model.generation.steering_hooks import GenerationInterventions, PositionSelector, Steer
from mechcot.model.reasoner import Reasoner
from mechcot.stats.dose_tolerance import same_dose
from mechcot.stats.measurement_tables import rows_of
from mechcot.stats.proportions import share_interval
from mechcot.steering.controls import control
from mechcot.steering.dose_calibration import DoseCalibrator
from mechcot.steering.text_readout import correct
from mechcot.steering.vectors import SteeringVector
from mechcot.tasks import kinds_of
from mechcot.text.unread_answers import Accuracy

if TYPE_CHECKING:
    import plotly.graph_objects as go

_CHAINS = 6
CHAIN = PositionSelector(phases=(Phase.CHAIN,))


@dataclass(frozen=True, eq=False, repr=False)
class DoseResponse(Displayed):
    """What a vector does to chains and answers, by dose, beside controls of the same dose.

    Attributes:
        model: Name of the model.
        vector: The vector.
        table: One row an arm and dose, see `to_frame`.
    """

    model: str
    vector: SteeringVector
    table: pd.DataFrame

    def __repr__(self) -> str:
        """The clean chains and the vector at each dose, one line each."""
        origin = f"{self.vector.origin.method} at {self.vector.site.short}"
        lines = [f"Dose response of {self.model} to {origin}, n = {self.table['n'].max()} problems"]
        for row in rows_of(self.table[self.table["arm"].isin(["nothing", "vector"])]):
            dose = f"{row['kl']:.3g} nats" if row["nats"] else "unsteered"
            said = Accuracy(row["accuracy"], row["read"], row["unread"], row["cut"])
            spread = f" [{row['low']:.0%}, {row['high']:.0%}]" if row["read"] else ""
            lines.append(f"  {dose:12} {row['tokens']:6.1f} tokens, {said}{spread}")
        return "\n".join(lines)

    def to_frame(self) -> pd.DataFrame:
        """One row an arm and dose.

        `arm`, `nats` (asked for), `factor` on the vector, `kl` (nats measured), `same_dose` (as the vector), `n`, mean `tokens` of the chain,
        `accuracy` with its 95 % bootstrap interval `low` and `high` (NaN where no answer could be read), how many texts state an answer that
        can be read (`read`), how many finished ones state none (`unread`: not right, and not wrong either), and how many were `cut`.
        """
        return self.table

    def plot(self) -> "go.Figure":
        """Length against accuracy, one mark an arm and dose; open where the dose that was asked for was not reached."""
        from mechcot.view.plot import steered

        return steered(self.table)


@checked
def dose_response(
    reader: Reasoner,
    vector: SteeringVector,
    problems: Sequence[Problem],
    *,
    nats: Sequence[float],
    where: PositionSelector = CHAIN,
    controls: Sequence[str] = ("random",),
    max_tokens: int = 320,
    seed: int = 0,
) -> DoseResponse:
    """Write the problems without anything, under the vector, and under controls of the same dose.

    A control that no factor brings to the dose comes as near to it as it can; `kl` says what was measured. Compare with the vector only what
    is `same_dose` (`mechcot.stats.dose_tolerance`).

    Args:
        reader: The model that writes.
        vector: The vector; it must belong to the model.
        problems: The problems; doses are measured on the first clean chains.
        nats: Doses: mean KL per written token, in nats.
        where: Positions that are steered; the chain by default.
        controls: Names of `mechcot.steering.controls`.
        max_tokens: Longest completion.
        seed: Of writing, controls and resampling.

    Raises:
        UserError: No problems or doses, the vector belongs to other weights, a dose is out of its reach, no such control.

    Example:
        >>> import mechcot as mc
        >>> base = mc.load("organism:base")
        >>> vector = mc.steering.mean_difference(base, mc.contrast_pairs("mod10", n=4), at="resid_post.1")
        >>> tried = mc.steering.dose_response(base, vector, mc.problems("mod10", n=2), nats=[0.1], controls=())
        >>> list(tried.to_frame()["arm"])
        ['nothing', 'vector']
    """
    if not problems or not nats:
        raise UserError(
            f"expected problems and doses, got {count_of(len(problems), 'problem')} and {count_of(len(nats), 'dose')}; give both, as in nats=[0.05, 0.1]"
        )
    vector.check(reader)
    clean = reader.write(problems, max_tokens=max_tokens, seed=seed)
    condition: dict[str, Any] = {"nats": 0.0, "factor": 0.0, "kl": 0.0, "same_dose": False}
    rows = [_row("nothing", clean, seed=seed, **condition)]
    others = {name: control(vector, name, seed=seed) for name in controls}
    meters = {
        name: DoseCalibrator(reader, clean[:_CHAINS], candidate, where)
        for name, candidate in {"vector": vector, **others}.items()
    }
    for dose in nats:
        real = meters["vector"].dose(dose)
        for name, meter in meters.items():
            nearest = meter.nearest(dose)
            condition = {"nats": dose, "factor": nearest.gamma, "kl": nearest.kl}
            condition["same_dose"] = same_dose((nearest.kl, real.kl))
            added = nearest.gamma * others.get(name, vector).direction
            hand = GenerationInterventions((Steer(vector.site, added, where),), kinds=kinds_of)
            traces = reader.write(problems, max_tokens=max_tokens, seed=seed, under=hand)
            rows.append(_row(name, traces, seed=seed, **condition))
    return DoseResponse(reader.name, vector, pd.DataFrame(rows))


def _row(arm: str, traces: Sequence[Trace], *, seed: int, **condition: Any) -> dict[str, Any]:
    right = np.array([correct(trace) for trace in traces], dtype=float)
    interval = share_interval(right, seed=seed, purpose="accuracy")
    tokens = float(np.mean([len(trace.phase(Phase.CHAIN)) for trace in traces]))
    said = Accuracy.of(traces, interval.mean)
    ends = (interval.mean, interval.low, interval.high) if said.read else (math.nan,) * 3
    return {
        "arm": arm,
        **condition,
        "n": len(traces),
        "tokens": tokens,
        **dict(zip(("accuracy", "low", "high"), ends, strict=True)),
        "read": said.read,
        "unread": said.unread,
        "cut": said.cut,
    }
