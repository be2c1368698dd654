"""The same change of every step in turn, each alone on the trace as it was written: which steps turn the answer, which were not tried and why."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import mean
from typing import Literal

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.wording import count_of
from mechcot.text.number_format import number
from mechcot.whatif.actions import REPLACEMENTS, Replacement, hide, state_counterfactual
from mechcot.whatif.known_trace import KnownTrace
from mechcot.whatif.long_work import Work
from mechcot.whatif.readout import Lens, beyond_noise, turns
from mechcot.whatif.variant import Variant

Change = Literal["hide", Replacement]
CHANGED: dict[Change, str] = {
    "counterfactual": "states another value",
    "hide": "is hidden",
    "delete": "is deleted",
    "filler": "is filler",
    "paraphrase": "is said in other words",
    "mistake": "goes wrong",
}
"""What a change does to a step, in words."""
ANY_STEP: tuple[Change, ...] = ("hide", "delete", "filler")
"""Changes that need nothing of the task."""
MOST = 4
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
    """

    change: Change
    reader: str
    own: str | None
    rows: tuple[TriedChange, ...]
    untried: tuple[tuple[int, str], ...]

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
        """Which steps turn the answer, or that none does."""
        changed, own = CHANGED[self.change], self.own or "unread"
        turning = [effect for effect in self.effects if effect.turned]
        if not self.rows:
            return f"Nothing was tried: no step {changed}."
        if turning:
            listed = "; ".join(self._told(effect, own) for effect in turning[:MOST])
            more = f"; and {len(turning) - MOST} more" if len(turning) > MOST else ""
            return f"The answer of {self.reader} turns when one step {changed}: {listed}{more}."
        top = max(self.rows, key=lambda row: row.moved)
        most = (
            f"the farthest that it moves is {number(top.moved)} of 1, {top.label}"
            if top.effect
            else "nothing moves it beyond noise"
        )
        tried = f"{count_of(len(self.rows), 'change')} of {count_of(len(self.effects), 'step')}"
        return f"No step turns the answer of {self.reader}: it stays {own} whichever {changed} ({tried} tried; {most})."

    def _told(self, effect: StepEffect, own: str) -> str:
        row, tried = effect.farthest, len(effect.tries)
        of = f"{effect.turned} of {tried} values, such as " if tried > 1 else ""
        what = row.label.removeprefix(f"step {row.step + 1}: ").removeprefix(
            f"step {row.step + 1} "
        )
        return f"step {row.step + 1} ({of}{what}: {own} becomes {row.said or 'unread'})"

    @property
    def left_out(self) -> str:
        """Which steps were not tried, and why; empty when all were."""
        by_reason: dict[str, list[int]] = defaultdict(list)
        for step, reason in self.untried:
            by_reason[reason].append(step)
        if not by_reason:
            return ""
        told = "; ".join(f"{ranges(steps)} ({reason})" for reason, steps in by_reason.items())
        hint = "" if self.change in ANY_STEP else " Hide, delete and filler try every step."
        return f"Not tried: {told}.{hint}"


def each_step(
    known: KnownTrace, lens: Lens, change: Change, *, tell: Callable[[EveryStep], object]
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

    def result(after: int) -> EveryStep:
        rest = tuple((step, NOT_REACHED) for step in range(after, steps))
        return EveryStep(change, lens.reader.name, lens.said, tuple(rows), (*untried, *rest))

    for step in range(steps):
        yield step, steps
        try:
            for variant in _variants(known, change, step):
                rows.append(_tried(lens, variant, step))
                yield step, steps
        except (UserError, NotMeasurable) as reason:
            if not any(row.step == step for row in rows):
                untried.append((step, str(reason)))
        tell(result(step + 1))
    return result(steps)


def _tried(lens: Lens, variant: Variant, step: int) -> TriedChange:
    own = replace(variant, prompt=lens.clean.prompt)
    moved, said = lens.read_answer(own)
    label = variant.label.replace(" from all later tokens", "")
    effect, turned = beyond_noise(moved, lens.noise), turns(lens.said, said)
    return TriedChange(step, label, moved, effect, said, turned)


def _variants(known: KnownTrace, change: Change, step: int) -> Iterator[Variant]:
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
