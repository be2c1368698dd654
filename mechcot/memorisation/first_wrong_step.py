"""The first wrong step of a chain: the one that its file names, else the first that the task's semantics or its arithmetic call wrong."""

from typing import Any

from mechcot.core.errors import UserError
from mechcot.core.trace import Step, Trace
from mechcot.tasks import task_of
from mechcot.text.given_truth import plain_step

FIRST_ERROR = "first_error"
"""Field of a chain's record that names its first wrong step: its text, or its number from 1 as mechcot cuts the chain; empty, null, 0 or -1: none is wrong."""

_NONE = frozenset({"", "0", "0.0", "-1", "-1.0", "nan"})
"""What files say of a chain without a wrong step; a table of numbers makes null of it."""


def first_wrong_step(trace: Trace, *, field: str = FIRST_ERROR) -> Step | None:
    """Give the first wrong step.

    Args:
        trace: The chain.
        field: Field of its record that names the step, see `FIRST_ERROR`; where there is none the chain is checked.

    Returns:
        None where no step is wrong, or none can be checked.

    Raises:
        UserError: The field names no step of the chain, or a text that stands in several.
    """
    if field in trace.problem.meta:
        return _named(trace, trace.problem.meta[field], field)
    checks = task_of(trace.problem).check_steps(trace)
    wrong = (s for s, c in zip(trace.chain_steps, checks, strict=True) if c.valid is False)
    return next(wrong, None)


def _named(trace: Trace, value: Any, field: str) -> Step | None:
    if value is None or value is False or str(value).strip().casefold() in _NONE:
        return None
    steps, text = trace.chain_steps, str(value).strip()
    number = text.removesuffix(".0")
    if number.isdecimal():
        if int(number) <= len(steps):
            return steps[int(number) - 1]
        raise UserError(
            f"{trace.id}: {field} names step {number}, and the chain has {len(steps)} as mechcot cuts it; give the step's text instead"
        )
    wanted = plain_step(text)
    holding = [step for step in steps if wanted in plain_step(step.text)]
    if not holding:  # the file cuts more coarsely: the step that its text begins with
        plain = [(step, plain_step(step.text)) for step in steps]
        holding = [step for step, own in plain if own and wanted.startswith(own)]
    if len(holding) == 1:
        return holding[0]
    raise UserError(
        f"{trace.id}: {field} is {text[:60]!r}, which stands in {len(holding) or 'none'} of the chain's {len(steps)} steps; "
        "give the text of one step, or its number"
    )
