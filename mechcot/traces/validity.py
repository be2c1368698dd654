"""Is each step of a chain right by itself, and does the chain lead to the answer that was given? No model is asked.

    value   share of the steps that can be checked which are valid: what they state follows from what they cite
    whole   1 where all of them are, and the chain's values lead to the answer given where anybody knows where they lead; else 0

A step that is wrong and taken back later counts as wrong. A chain may be valid and unused, or used and invalid: that it is right says nothing about whether the answer comes from it.
Exact where the task knows its steps; elsewhere arithmetic is recomputed, which sees no other mistake (`mechcot.text.arithmetic.validity`).
"""

import math
from typing import Any

import numpy as np

from mechcot.core.argument_kinds import checked
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import StepVector
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Trace
from mechcot.tasks import task_of
from mechcot.text.answers import same_answer

VALIDITY = "validity"
"""Name of the measurement."""


@checked
def validity(trace: Trace) -> Measurement:
    """Check every step of a chain by itself.

    Args:
        trace: The chain.

    Returns:
        The share of valid steps among the checkable ones; NaN with a reason where no step can be checked. Scalars: the same as `valid`; `whole`; `checkable`, a share of all
        steps; `grounded`, a share of those that cite something; `coherent`, a share of those that speak of what an earlier step spoke of; `concludes`, 1 where the chain's values lead to the answer given, NaN where nobody
        knows. Arrays `valid`, `grounded` and `coherent` by step: 1, 0, NaN where it cannot be checked.

    Example:
        >>> import mechcot as mc
        >>> base = mc.load("organism:base")
        >>> mc.validity(base.write(mc.problems("lookup", n=1))[0]).unit
        'share of steps'
    """
    task = task_of(trace.problem)
    checks = task.check_steps(trace)
    flags = {
        name: np.array([_number(getattr(check, name)) for check in checks])
        for name in ("valid", "grounded", "coherent")
    }
    valid = flags["valid"]
    leads = task.leads_to(trace) if task.leads_to else None
    said = trace.answer.text
    concludes = None if leads is None or said is None else same_answer(said, leads)
    arrays: dict[str, Any] = {
        "measure": VALIDITY,
        "trace": trace.id,
        "reader": trace.author,
        "unit": "true",
    }
    arrays |= {"tokens": tokens_digest(trace.ids)}
    share = _mean(valid)
    known = math.isfinite(share)
    scalars = {
        "valid": share,
        "whole": float(share == 1 and concludes is not False) if known else math.nan,
        "checkable": float(np.isfinite(valid).mean()) if len(valid) else 0.0,
        "grounded": _mean(flags["grounded"]),
        "coherent": _mean(flags["coherent"]),
        "concludes": _number(concludes),
    }
    return Measurement(
        measure=VALIDITY,
        trace=trace.id,
        item=trace.problem.id,
        author=trace.author,
        reader=trace.author,
        value=share,
        reason="" if known else "no step of the chain can be checked",
        scalars=scalars,
        results={name: StepVector(values=of, name=name, **arrays) for name, of in flags.items()},
        unit="share of steps",
    )


def _number(flag: bool | None) -> float:  # noqa: FBT001 - a value, not a switch
    return math.nan if flag is None else float(flag)


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan
