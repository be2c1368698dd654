"""The step that carries the answer, from the effects of hiding it and of changing it.

The first of these that reaches the smallest effect of its card:

    1  a wrong value stated in the step, where that takes half of the answer's probability or more
    2  the larger of: a wrong value stated; hidden from attention, on steps that no wrong value was stated in
    3  hidden from attention, on any step
    4  its state changed

What a step says comes before where it stands: hiding a step also takes away the place where the answer is looked for, and so
names a repetition that nobody reads.
"""

import math
from collections.abc import Sequence

import numpy as np

from mechcot.core.card import Act
from mechcot.text.number_format import number
from mechcot.view.pages.explorer_data import StepValues

_ORDER: tuple[Act, ...] = ("text", "attention", "state", "")
"""What may name the step first; a state is only changed on steps whose value feeds the answer by the problem's own law, so what that
names is among those by construction.
"""
_STRONGEST: tuple[tuple[Act, Act, str], ...] = (
    ("attention", "text", "hidden or misstated, the larger"),
    ("attention", "state", "hidden or changed, the larger"),
)
"""Two ways to act whose larger effect is shown first, the first pair that was read: one on every step, one where a value is stated."""

Tried = tuple[StepValues, np.ndarray]
MOST_OF_IT = 0.5
"""Share of probability that a wrong value must take to name the step whatever hiding others does."""


def critical_step(values: Sequence[StepValues], reader: str) -> tuple[str, int | None, str]:
    """Return what carries the answer for one reader: in words, as a step, and the key of what names it."""
    tried = [
        (each, each.by_reader[reader])
        for each in sorted(values, key=lambda values: _ORDER.index(values.acts))
        if each.carries and reader in each.by_reader and np.isfinite(each.by_reader[reader]).any()
    ]
    for each, row in _ranked(tried):
        top = int(np.nanargmax(row))
        if row[top] >= each.smallest:
            return (
                f"Step {top + 1} carries the answer: {each.title}, {number(row[top])} ({each.unit})."
                + _unread(tried, top)
                + _also(tried, top),
                top,
                each.key,
            )
    if not tried:
        return (
            "No intervention on steps was read on this chain, so no step can be named; those are read on the chains that are compared.",
            None,
            "",
        )
    tops = "; ".join(
        f"{each.title}, largest {number(float(np.nanmax(row)))} at step {int(np.nanargmax(row)) + 1} (bound {each.smallest:g})"
        for each, row in tried
    )
    return f"No step carries the answer: {tops}.", None, ""


def _ranked(tried: Sequence[Tried]) -> list[Tried]:
    """Return what may name a step, the first that reaches its bound does."""
    stated = next((row for each, row in tried if each.acts == "text"), None)
    if stated is None or np.nanmax(stated) >= MOST_OF_IT:
        return list(tried)
    both = [
        (each, np.where(np.isnan(stated), row, np.nan) if each.acts == "attention" else row)
        for each, row in tried
        if each.acts in ("text", "attention")
    ]
    both = [(each, row) for each, row in both if np.isfinite(row).any()]
    return [*sorted(both, key=lambda pair: -np.nanmax(pair[1])), *tried]


def _unread(tried: Sequence[Tried], top: int) -> str:
    """Says so when hiding the step does next to nothing: other steps can give what it states."""
    hidden = next(((each, row[top]) for each, row in tried if each.acts == "attention"), None)
    if hidden is None or not hidden[1] < hidden[0].smallest:
        return ""
    return f" Hidden from attention alone it moves the answer by {number(hidden[1])} only."


def _also(tried: Sequence[Tried], top: int) -> str:
    """The other steps at which any intervention reaches its smallest effect, the strongest first."""
    reached: dict[int, float] = {}
    for each, row in tried:
        for step in map(int, np.flatnonzero(row >= each.smallest)):
            if step != top:
                reached[step] = max(reached.get(step, 0.0), float(row[step]))
    order = sorted(reached, key=lambda step: (-reached[step], step))
    return f" Other steps that move it: {_listed([s + 1 for s in order])}." if order else ""


def _listed(steps: Sequence[int], *, most: int = 5) -> str:
    return ", ".join(map(str, steps[:most])) + (" and more" if len(steps) > most else "")


def strongest(made: Sequence[StepValues]) -> StepValues | None:
    """Return what a reader sees first: per step the larger effect of hiding it and of changing what it states; None without both."""
    by_act: dict[Act, StepValues] = {}
    for values in made:
        if values.carries:
            by_act.setdefault(values.acts, values)
    for *acts, title in _STRONGEST:
        parts = [by_act[act] for act in acts if act in by_act]
        readers = (
            [n for n in parts[0].by_reader if all(n in p.by_reader for p in parts)] if parts else []
        )
        if len(parts) == len(acts) and readers:
            return _larger(parts, readers, title)
    return None


def _larger(parts: Sequence[StepValues], readers: Sequence[str], title: str) -> StepValues:
    return StepValues(
        key="strongest",
        title=title,
        meaning=" or, where larger, ".join(each.meaning for each in parts),
        unit=parts[0].unit,
        smallest=math.nan,
        by_reader={
            name: np.fmax.reduce([each.by_reader[name] for each in parts]) for name in readers
        },
        null={},
    )


def lead_key(values: Sequence[StepValues], naming: Sequence[str]) -> str:
    """The numbers shown first: those with a value for every step where there are such, else those that name a step."""
    keys = [each.key for each in values]
    return "strongest" if "strongest" in keys else next((key for key in naming if key), "")
