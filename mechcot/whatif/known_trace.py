"""A trace and what its task knows of it: counterfactual values, other words, mistakes; worked out when it is first asked for."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from mechcot.core.counterfactual import Counterfactual, Stated
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.trace import Span, Trace
from mechcot.model.reasoner import Reasoner
from mechcot.tasks import Task, task_of
from mechcot.whatif.variant import Ids, Variant

TWINS = 8
"""Counterfactuals that are drawn, to change as many of a chain's values as can be."""
VALUES = 5
"""Other values that are tried in the place of one."""
DRY = 6
"""Draws in a row that bring no new value, after which no more are made."""
_Values = dict[int, dict[tuple[Span, Ids], tuple[Counterfactual, Stated]]]
"""By step: where a value is stated and what takes its place, with the first counterfactual that has it."""


@dataclass(eq=False)
class KnownTrace:
    """A trace and what its task knows of it, worked out when it is first asked for.

    Attributes:
        reader: Whose tokens.
        trace: The trace as the reader sees it.
        others: Further traces: their chains can be borrowed.
        seed: Chooses counterfactuals and mistakes.
    """

    reader: Reasoner
    trace: Trace
    others: tuple[Trace, ...] = ()
    seed: int = 0
    _tries: int = field(default=0, init=False, repr=False)

    @cached_property
    def task(self) -> Task:
        """The trace's task."""
        return task_of(self.trace.problem)

    @cached_property
    def clean(self) -> Variant:
        """The trace as it was written."""
        return Variant.of(self.trace)

    @cached_property
    def twins(self) -> tuple[Counterfactual, ...] | str:
        """Counterfactuals of the trace, each changing a value that those before it do not; or why there are none."""
        twins: list[Counterfactual] = []
        covered: set[Span] = set()
        for draw in range(TWINS):
            try:
                twin = self._draw(draw)
            except NotMeasurable as reason:
                return tuple(twins) or str(reason)
            spans = {stated.tokens for stated in twin.stated}
            if spans <= covered and draw > 1:
                break
            if not spans <= covered:
                twins.append(twin)
                covered |= spans
        return tuple(twins) or "the counterfactual changes no value that the chain states"

    def _draw(self, number: int) -> Counterfactual:
        return self.task.counterfactuals(
            self.trace, retoken=self.reader.retoken, seed=self.seed + number
        )

    def draw_values(self) -> Iterator[int]:
        """Draw further counterfactuals, until every value has `VALUES` others or no new one comes; yields how many were drawn."""
        dry = 0
        while dry < DRY and any(n < VALUES for n in self._counts().values()):
            self._tries += 1
            yield self._tries
            try:
                taken = self._take(self._values, self._draw(TWINS + self._tries))
            except NotMeasurable:
                taken = False
            dry = 0 if taken else dry + 1

    @cached_property
    def _values(self) -> _Values:
        values: _Values = {}
        for twin in self.twins if isinstance(self.twins, tuple) else ():
            self._take(values, twin)
        return values

    @cached_property
    def repeats(self) -> frozenset[int]:
        """Steps that set no value in any counterfactual, and still say another one there: a check, a repetition. Nobody predicts what follows from changing them alone."""
        twins = self.twins if isinstance(self.twins, tuple) else ()
        setting = {stated.step for twin in twins for stated in twin.stated}
        steps = frozenset(range(len(self.trace.chain_steps))) - setting
        return frozenset(s for s in steps if any(_differing(self.trace, t, s) for t in twins))

    def _take(self, values: _Values, twin: Counterfactual) -> bool:
        """Take the values that are new and wanted from a counterfactual; whether there were any."""
        taken = False
        repeated = [s for step in sorted(self.repeats) for s in _differing(self.trace, twin, step)]
        for stated in (*(s for s in twin.stated if s.step not in self.repeats), *repeated):
            others = values.setdefault(stated.step, {})
            key = (stated.tokens, stated.ids)
            if key not in others and sum(span == stated.tokens for span, _ in others) < VALUES:
                others[key] = (twin, stated)
                taken = True
        return taken

    def _counts(self) -> Counter[Span]:
        return Counter(span for others in self._values.values() for span, _ in others)

    @cached_property
    def paraphrases(self) -> tuple[str, ...] | str:
        """The steps in other words, or why there are none."""
        if self.task.paraphrases is None:
            return f"the task {self.task.name} has no other words for a step; write them by hand"
        try:
            return self.task.paraphrases([step.text for step in self.trace.chain_steps])
        except NotMeasurable as reason:
            return str(reason)

    @cached_property
    def mistakes(self) -> tuple[str | None, ...] | str:
        """Every step gone wrong, None where no mistake is known; or why there are none."""
        write = self.task.mistakes
        if write is None:
            return f"the task {self.task.name} has no mistakes of its own: its counterfactual values are exact ones"
        texts = [step.text for step in self.trace.chain_steps]
        question = self.trace.problem.question
        ends = range(1, len(texts) + 1)
        return tuple(write(question, texts[:end], seed=self.seed) for end in ends)

    def stated(self, step: int) -> tuple[tuple[Counterfactual, Stated], ...]:
        """The values that counterfactuals put in the place of those that a step states or repeats, at most `VALUES` each, as drawn.

        Raises:
            UserError: There are none.
        """
        twins = self.twins
        if isinstance(twins, str):
            raise UserError(twins)
        if step not in self._values:
            raise UserError("no value here changes where those of the question do")
        return tuple(self._values[step].values())

    def possible(self, step: int) -> int | None:
        """How many other values a step could state, over all places; None where the task does not say, or a step only repeats values."""
        if self.task.values is None or step not in self._values or step in self.repeats:
            return None
        return (self.task.values - 1) * len({span for span, _ in self._values[step]})

    def value(self, stated: Stated) -> str:
        """A stated value and what takes its place, as `9 → 3`."""
        own = self.trace.ids[stated.tokens.start : stated.tokens.stop]
        return f"{self.reader.decode(own).strip()} → {self.reader.decode(stated.ids).strip()}"


def _differing(trace: Trace, twin: Counterfactual, step: int) -> list[Stated]:
    """Where a step says something else in a counterfactual, run by run of tokens, without a prediction of what follows."""
    span, ids = trace.chain_steps[step].tokens, twin.trace.ids
    changed = [at for at in span.positions() if ids[at] != trace.ids[at]]
    starts = [at for at in changed if at - 1 not in changed]
    stops = [at + 1 for at in changed if at + 1 not in changed]
    return [
        Stated(step, Span(start, stop), ids[start:stop], (), None, None)
        for start, stop in zip(starts, stops, strict=True)
    ]
