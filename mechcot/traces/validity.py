"""Is each step of a chain right by itself, and does the chain lead to the answer that was given? No model is asked.

    value   share of the steps that can be checked which are valid: what they state follows from what they cite
    whole   1 where all of them are, and the chain's values lead to the answer given where anybody knows where they lead; else 0

A step that is wrong and taken back later counts as wrong. A chain may be valid and unused, or used and invalid: that it is right says nothing about whether the answer comes from it.
Exact where the task knows its steps; elsewhere arithmetic is recomputed, which sees no other mistake (`mechcot.text.arithmetic.validity`).
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mechcot.core.argument_kinds import checked
from mechcot.core.card import ArrayCard, Calls, Forwards, MeasureCard
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import StepVector
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Trace
from mechcot.stats.gate_bounds import GateBounds
from mechcot.tasks import task_of
from mechcot.text.answers import same_answer

VALIDITY = "validity"
"""Name of the measurement."""
_EXACT = "Exact where the task knows its steps; elsewhere arithmetic is recomputed, and what cannot be judged is counted as not checkable, never as right or wrong."
_RIGHT = MeasureCard(
    name=VALIDITY,
    title="Validity of steps",
    question="Does what each step states follow from what it cites?",
    formula="share of the checkable steps of a chain whose statement follows from what it cites",
    unit="share of steps",
    low=0.0,
    high=1.0,
    direction=1,
    larger="more steps are right, used or not",
    source="ours, after arXiv 2510.18176, which tells coherence and validity apart",
    deviations=_EXACT,
    confounds="Says nothing about use: a valid chain may be unused. On text that no task knows a step that computes the wrong thing rightly is valid. A step that is taken back later counts as wrong.",
    cost="no model is asked; 10,000 steps in under 5 s of one core",
    smallest_effect=GateBounds().accuracy_effect,
    min_items=GateBounds().min_items,
    arrays=(
        ArrayCard(
            "valid", meaning="1 where the step follows, 0 where not, none where nobody can tell."
        ),
    ),
    forwards=Forwards(0.0),
    calls=Calls(0.0),
)
CHAIN_CARDS: Mapping[str, MeasureCard] = {
    card.name: card
    for card in (
        _RIGHT,
        replace(
            _RIGHT,
            name="grounding",
            title="Grounding of steps",
            question="Was what each step cites stated before, in the question or in an earlier step?",
            formula="share of the steps that cite something checkable whose citations were all stated before",
            direction=0,
            confounds="On text that no task knows a hint only: a number that common knowledge gives (a nickel is 5 cents) counts as not stated.",
            arrays=(
                ArrayCard(
                    "grounded",
                    meaning="1 where all that the step cites was stated, 0 where not, none where it cites nothing that can be checked.",
                ),
            ),
        ),
        replace(
            _RIGHT,
            name="coherence",
            title="Coherence of steps",
            question="Does each step agree with the last step before it that spoke of the same?",
            formula="share of the steps that state something stated before whose statement is the same",
            direction=0,
            confounds="Not truth: a mistake that is kept up is coherent, one that is taken back contradicts.",
            arrays=(
                ArrayCard(
                    "coherent",
                    meaning="1 where the step says the same again, 0 where it says otherwise, none where none spoke of it.",
                ),
            ),
        ),
    )
}
"""The cards of what is read off a chain without a model."""
_ARRAYS: Mapping[str, str] = {VALIDITY: "valid", "grounding": "grounded", "coherence": "coherent"}


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


def chain_measure(name: str, trace: Trace) -> Measurement:
    """One of `CHAIN_CARDS` on a chain: validity with all that stands beside it, or grounding or coherence alone.

    Args:
        name: Name of the card.
        trace: The chain.
    """
    full, array = validity(trace), _ARRAYS[name]
    if name == VALIDITY:
        return full
    share = full.scalars[array]
    reason = "" if math.isfinite(share) else _NOTHING[name]
    flags = replace(full.results[array], measure=name)
    return replace(
        full, measure=name, value=share, reason=reason, scalars={}, results={array: flags}
    )


_NOTHING: Mapping[str, str] = {
    "grounding": "no step of the chain cites anything that can be checked",
    "coherence": "no step of the chain speaks of what an earlier step spoke of",
}


def _number(flag: bool | None) -> float:  # noqa: FBT001 - a value, not a switch
    return math.nan if flag is None else float(flag)


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan
