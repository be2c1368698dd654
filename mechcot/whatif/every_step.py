"""The same change of every step in turn, each alone on the trace as it was written: which steps turn the answer, which were not tried and why."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from statistics import mean
from typing import Literal

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.wording import count_of
from mechcot.text.number_format import decimal
from mechcot.whatif.actions import REPLACEMENTS, Replacement, hide, state_counterfactual, why_not
from mechcot.whatif.known_trace import KnownTrace
from mechcot.whatif.long_work import Work
from mechcot.whatif.readout import Lens, beyond_noise, turns
from mechcot.whatif.variant import Variant

StepChange = Literal["hide", Replacement]
CHANGED: dict[StepChange, str] = {
    "counterfactual": "states another value",
    "hide": "is hidden",
    "delete": "is deleted",
    "filler": "is replaced by filler",
    "paraphrase": "is said in other words",
    "mistake": "goes wrong",
}
"""What a change does to a step, in words."""
_MOST = 4
"""Most steps that a sentence names."""
NOT_REACHED = "not reached"


@dataclass(frozen=True)
class TriedChange:
    """One change of one step, alone.

    Attributes:
        step: The step.
        label: What was changed.
        moved: Total variation of the answer.
        effect: It is more than noise.
        said: The answer then.
        turned: It is another answer.
    """

    step: int
    label: str
    moved: float
    effect: bool
    said: str | None
    turned: bool


@dataclass(frozen=True)
class StepEffect:
    """All that was tried at one step.

    Attributes:
        step: The step.
        tries: The changes.
    """

    step: int
    tries: tuple[TriedChange, ...]

    @property
    def moved(self) -> float:
        """How far the answer moves, the mean over what was tried: it does not grow with the number of tries."""
        return mean(row.moved for row in self.tries)

    @property
    def effect(self) -> bool:
        """Whether any change is more than noise."""
        return any(row.effect for row in self.tries)

    @property
    def turned(self) -> int:
        """How many changes turn the answer."""
        return sum(row.turned for row in self.tries)

    @property
    def farthest(self) -> TriedChange:
        """The change that moves the answer most, one that turns it before all others."""
        return max(self.tries, key=lambda row: (row.turned, row.moved))


@dataclass(frozen=True)
class EveryStep:
    """The same change of every step, each alone, on the trace as it was written.

    Attributes:
        change: The change.
        reader: Who read it.
        own: The answer as it was.
        rows: What followed.
        untried: Steps that were not changed, with the reason.
        possible: How many other values a step could state, where it is known.
    """

    change: StepChange
    reader: str
    own: str | None
    rows: tuple[TriedChange, ...]
    untried: tuple[tuple[int, str], ...]
    possible: Mapping[int, int] = field(default_factory=dict)

    @property
    def so_far(self) -> str:
        """How many steps were reached, as `3 of 9 steps`; empty when all were."""
        waiting = sum(reason == NOT_REACHED for _, reason in self.untried)
        steps = len(self.effects) + len(self.untried)
        return f"{steps - waiting} of {count_of(steps, 'step')}" if waiting else ""

    @property
    def effects(self) -> tuple[StepEffect, ...]:
        """Steps that were tried; first those that turn the answer most often, then those that move it farthest."""
        by_step: dict[int, list[TriedChange]] = defaultdict(list)
        for row in self.rows:
            by_step[row.step].append(row)
        effects = (StepEffect(step, tuple(tries)) for step, tries in by_step.items())
        return tuple(sorted(effects, key=lambda e: (-e.turned / len(e.tries), -e.moved)))

    @property
    def sentence(self) -> str:
        """Which steps turn the answer, or that none does; no conclusion before every step was reached."""
        changed, own = CHANGED[self.change], self.own or "unread"
        turning = [effect for effect in self.effects if effect.turned]
        if not self.rows:
            return (
                f"Nothing was tried so far, {self.so_far}."
                if self.so_far
                else f"Nothing was tried: no step {changed}."
            )
        if turning:
            listed = "; ".join(map(self._told, turning[:_MOST]))
            more = f"; and {len(turning) - _MOST} more" if len(turning) > _MOST else ""
            so_far = f" (so far, {self.so_far})" if self.so_far else ""
            return f"The answer of {self.reader}, {own}, turns when one step {changed}{so_far}: {listed}{more}."
        if self.so_far:
            return f"Steps at which the answer of {self.reader} turns, when one step {changed}: none so far, {self.so_far}."
        top = max(self.rows, key=lambda row: row.moved)
        most = (
            f"the farthest that it moves is {decimal(top.moved)} of 1, {top.label}"
            if top.effect
            else "nothing moves it beyond noise"
        )
        tried = (
            f"{count_of(len(self.rows), 'change')} of {count_of(len(self.effects), 'step')} tried"
        )
        known = [self.possible[e.step] for e in self.effects if e.step in self.possible]
        which = "" if len(known) == len(self.effects) else f" in the {len(known)} that set one"
        of = f", {sum(known)} possible{which}" if known else ""
        return f"No step turns the answer of {self.reader}: it stays {own} whichever step {changed} ({tried}{of}; {most})."

    def _told(self, effect: StepEffect) -> str:
        row, tried, possible = effect.farthest, len(effect.tries), self.possible.get(effect.step)
        number = f"step {row.step + 1}"
        what = row.label.removeprefix(f"{number}: ").removeprefix(f"{number} ")
        of = f", {possible} possible" if possible else ""
        counts = f"; {effect.turned} of {tried} tried turn it{of}" if tried > 1 or possible else ""
        return f"{number} ({what} makes it {row.said or 'unread'}{counts})"

    @property
    def left_out(self) -> str:
        """Which steps were not tried, and why; empty when all were."""
        by_reason: dict[str, list[int]] = defaultdict(list)
        for step, reason in self.untried:
            by_reason[reason].append(step)
        told = "; ".join(f"{ranges(steps)} ({reason})" for reason, steps in by_reason.items())
        told = f"Not tried: {told}." if told else ""
        if self.change != "counterfactual" or self.so_far:
            return told
        only = "Of a step that sets a value only this value is changed, not what it takes up: edit it by hand for that."
        hide = "Hide, delete and filler try every step." if told else ""
        return " ".join(filter(None, (told, hide, only)))


def each_step(
    known: KnownTrace, lens: Lens, change: StepChange, *, tell: Callable[[EveryStep], object]
) -> Work[EveryStep]:
    """Make one change at every step in turn; several values in the place of a stated one.

    Args:
        known: The trace.
        lens: Who reads it.
        change: The change.
        tell: Gets what is known so far, after every step.
    """
    steps = len(known.clean.segments)
    if change == "counterfactual":
        for _ in known.draw_values():
            yield 0, steps
    rows: list[TriedChange] = []
    untried: list[tuple[int, str]] = []
    possible: dict[int, int] = {}

    def result(after: int) -> EveryStep:
        rest = tuple((step, NOT_REACHED) for step in range(after, steps))
        name, told = lens.reader.name, (*untried, *rest)
        return EveryStep(change, name, lens.said, tuple(rows), told, dict(possible))

    for step in range(steps):
        yield step, steps
        try:
            for variant in _variants(known, change, step):
                rows.append(_tried(lens, variant, step))
                yield step, steps
        except (UserError, NotMeasurable) as reason:
            if not any(row.step == step for row in rows):
                untried.append((step, str(reason)))
        if change == "counterfactual" and (values := known.possible(step)):
            possible[step] = values
        tell(result(step + 1))
    return result(steps)


def _tried(lens: Lens, variant: Variant, step: int) -> TriedChange:
    own = replace(variant, prompt=lens.clean.prompt)
    moved, said = lens.read_answer(own)
    label = variant.label.replace(" from all later tokens", "")
    effect, turned = beyond_noise(moved, lens.noise), turns(lens.said, said)
    return TriedChange(step, label, moved, effect, said, turned)


def _variants(known: KnownTrace, change: StepChange, step: int) -> Iterator[Variant]:
    """What a change makes of one step.

    Raises:
        UserError: It cannot be made.
    """
    if change == "hide":
        yield hide(known, known.clean, step, "later")
    elif change == "counterfactual":
        for value in range(len(known.stated(step))):
            yield state_counterfactual(known, known.clean, step, value)
    else:
        yield REPLACEMENTS[change](known, known.clean, step)


def why_nowhere(known: KnownTrace, change: StepChange) -> str:
    """Return why a change can be made at no step; empty where it can at one."""
    reason = ""
    for step in range(len(known.clean.segments)):
        reason = why_not(lambda step=step: next(_variants(known, change, step)))
        if not reason:
            return ""
    return reason


def stands_again(known: KnownTrace, values: StepEffect) -> str:
    """Return where a value that turns the answer of its step stands again, in words; empty where it does not.

    Args:
        known: The trace.
        values: What other values in the place of those that the step states do.
    """
    turned = {row.label for row in values.tries if row.turned}
    for _, stated in known.stated(values.step):
        if f"step {values.step + 1}: {known.value(stated)}" not in turned:
            continue
        own = known.value(stated).split(" → ")[0]
        for later, segment in enumerate(known.clean.segments):
            if later > values.step and _names(segment.text, own):
                return f"its value {own} stands again in step {later + 1}"
    return ""


def _names(text: str, value: str) -> bool:
    """Return whether a value stands in a text by itself, not within a longer word or number."""
    return re.search(rf"(?<![\w.,]){re.escape(value)}(?!\w|[.,]\d)", text) is not None


def ranges(steps: list[int]) -> str:
    """Steps in words, counted from 1: `steps 1–3, 7`."""
    runs: list[list[int]] = []
    for step in sorted(steps):
        if runs and runs[-1][-1] == step - 1:
            runs[-1].append(step)
        else:
            runs.append([step])
    words = [f"{r[0] + 1}–{r[-1] + 1}" if len(r) > 1 else str(r[0] + 1) for r in runs]
    return f"{'step' if len(steps) == 1 else 'steps'} {', '.join(words)}"
