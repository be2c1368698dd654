"""One vector tried at several doses on a few questions, in one call. For notebooks; `mechcot steer run` does experiments."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mechcot.core.problem import Problem
from mechcot.core.trace import Phase, Trace
from mechcot.model.generation.steering_hooks import GenerationInterventions, PositionSelector, Steer
from mechcot.model.reasoner import Reasoner
from mechcot.stats.doses import same_dose
from mechcot.stats.proportions import share_interval
from mechcot.steering.controls import control
from mechcot.steering.dose import DoseCalibrator
from mechcot.steering.readout import correct
from mechcot.steering.vectors import SteeringVector
from mechcot.text.unread import unread

_CHAINS = 6


def dose_response(
    reasoner: Reasoner,
    vector: SteeringVector,
    questions: Sequence[Problem],
    *,
    nats: Sequence[float],
    where: PositionSelector,
    controls: Sequence[str] = ("random",),
    max_tokens: int = 320,
    seed: int = 0,
) -> pd.DataFrame:
    """Write the questions without anything, under the vector, and under controls of the same dose.

    A control that no factor brings to the dose comes as near to it as it can; `kl` says what was measured. Compare with the vector only what
    is `same_dose` (`mechcot.stats.doses`).

    Args:
        reasoner: The model.
        vector: The vector; it must belong to the model.
        questions: The questions; doses are measured on the first clean chains.
        nats: Doses in nats.
        where: Positions that are steered.
        controls: Names of `mechcot.steering.controls`.
        max_tokens: Longest completion.
        seed: Of writing, controls and resampling.

    Returns:
        One row an arm: `arm`, `nats`, `factor`, `kl` (measured), `same_dose` (as the vector), `n`, mean `tokens` of the chain, `accuracy` with its 95 %
        bootstrap interval `low` and `high`, and how many finished texts state no answer that can be read (`unread`: not right, and not wrong either).

    Raises:
        UserError: The vector belongs to other weights, a dose is out of its reach, no such control.
    """
    vector.check(reasoner)
    clean = reasoner.write(questions, max_tokens=max_tokens, seed=seed)
    about: dict[str, Any] = {"nats": 0.0, "factor": 0.0, "kl": 0.0, "same_dose": False}
    rows = [_row("nothing", clean, seed=seed, **about)]
    others = {name: control(vector, name, seed=seed) for name in controls}
    meters = {
        name: DoseCalibrator(reasoner, clean[:_CHAINS], one, where)
        for name, one in {"vector": vector, **others}.items()
    }
    for dose in nats:
        real = meters["vector"].dose(dose)
        for name, meter in meters.items():
            found = meter.nearest(dose)
            about = {"nats": dose, "factor": found.gamma, "kl": found.kl}
            about["same_dose"] = same_dose((found.kl, real.kl))
            added = found.gamma * others.get(name, vector).direction
            hand = GenerationInterventions((Steer(vector.site, added, where),))
            traces = reasoner.write(questions, max_tokens=max_tokens, seed=seed, under=hand)
            rows.append(_row(name, traces, seed=seed, **about))
    return pd.DataFrame(rows)


def _row(arm: str, traces: Sequence[Trace], *, seed: int, **about: Any) -> dict[str, Any]:
    right = np.array([correct(trace) for trace in traces], dtype=float)
    told = share_interval(right, seed=seed, purpose="accuracy")
    tokens = float(np.mean([len(trace.phase(Phase.CHAIN)) for trace in traces]))
    ends = {"accuracy": told.mean, "low": told.low, "high": told.high}
    return {
        "arm": arm,
        **about,
        "n": len(traces),
        "tokens": tokens,
        **ends,
        "unread": len(unread(traces)),
    }
