"""The steps of a chain that state values leading to its answer, by their numbers alone.

A step *states* its last result (`mechcot.text.arithmetic.mistakes.stated`); the numbers before that are what it *reads*. From the step that
states the answer (else the last that states anything) each read leads back to the latest earlier step that computed this number, or
to the first that gave it. Of steps that state the same from the same numbers (a check) the first counts, and a step that only repeats a number (a summary) counts nothing.

*Ours*: a guess where no law of the task is known; equal numbers may be taken for each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from mechcot.text.arithmetic.equations import scan
from mechcot.text.arithmetic.mistakes import stated, values_in


@dataclass(frozen=True)
class _Statement:
    """A value that a step states, and the numbers it comes from."""

    step: int
    value: Fraction
    reads: frozenset[Fraction]


def feeding(steps: Sequence[str], answer: str) -> list[int]:
    """Indices of the steps whose stated value leads to the answer, in order; none where no step states a value."""
    statements = [s for at, text in enumerate(steps) if (s := _statement(at, text)) is not None]
    if not statements:
        return []
    values = [token.value for token in scan(answer) if token.kind == "number"]
    last = next((s for v in reversed(values) if (s := _origin(statements, v)) is not None), None)
    waiting, feeders = [last or statements[-1]], set[int]()
    while waiting:
        here = waiting.pop()
        if here.step in feeders:
            continue
        earlier = [s for s in statements if s.step < here.step]
        copied = None if here.reads else _origin(earlier, here.value)
        if copied is None:
            feeders.add(here.step)
        read = (_origin(earlier, value) for value in here.reads)
        waiting += [origin for origin in (copied, *read) if origin is not None]
    return sorted(feeders)


def _statement(at: int, text: str) -> _Statement | None:
    """The statement of one step."""
    places = stated(text)
    if not places:
        return None
    read = (token for token in values_in(text, scan(text)) if token.stop <= places[0].start)
    return _Statement(at, places[-1].value, frozenset(token.value for token in read))


def _origin(statements: Sequence[_Statement], value: Fraction) -> _Statement | None:
    """The origin of a number: the first step that computed it as the latest one did, else the first that gave it."""
    same = [s for s in statements if s.value == value]
    latest = next((s for s in reversed(same) if s.reads), None)
    if latest is None:
        return same[0] if same else None
    return next(s for s in same if s.reads == latest.reads)
