"""One trace and its variants: what was tried, in order, and which of it is shown and pinned. No page and no JSON here."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from mechcot.core.errors import UserError
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.model.reasoner import Reasoner
from mechcot.whatif.actions import fitting
from mechcot.whatif.every_step import CHANGED, EveryStep, StepChange, each_step
from mechcot.whatif.known_trace import KnownTrace
from mechcot.whatif.long_work import PatchMap, Underway, Work, patch_map, write_on, write_samples
from mechcot.whatif.pushes import Materials, Pushes
from mechcot.whatif.readout import BeforeAfter, Lens
from mechcot.whatif.variant import Push, Variant
from mechcot.whatif.variants import Variants

SLICE = 0.1
"""Seconds of work at a time."""


@dataclass(eq=False)
class PanelSession:
    """A trace under change.

    Attributes:
        readers: The models, the reference first.
        known: The trace and what its task knows.
        materials: Vectors and features.
        shown: Number of the model that reads.
    """

    readers: tuple[Reasoner, ...]
    known: KnownTrace
    materials: Materials = field(default_factory=Materials)
    shown: int = 0

    def __post_init__(self) -> None:
        clean = self.known.clean
        self.pinned: list[Variant] = []
        self.sweeps: dict[tuple[int, StepChange], EveryStep] = {}
        self.change: StepChange | None = None
        self.maps: dict[int, PatchMap] = {}
        self.job: Underway | None = None
        self._history, self._place = [clean], 0
        self._lenses: dict[int, Lens] = {}
        self._pushes = Pushes(self.materials, self.known.trace)
        self._read: dict[tuple[int, Variant], BeforeAfter] = {}

    @classmethod
    def of(
        cls,
        readers: Sequence[Reasoner],
        trace: Trace,
        *,
        others: Sequence[Trace] = (),
        materials: Materials | None = None,
        seed: int = 0,
    ) -> "PanelSession":
        """Open a trace.

        Args:
            readers: The models, the reference first.
            trace: The trace.
            others: Further traces, whose chains can be borrowed.
            materials: Vectors and features.
            seed: Of counterfactuals and mistakes, as the item draws them.

        Raises:
            UserError: The trace has no steps, or a tokenizer gives its tokens another meaning.
            NotMeasurable: It does not fit in the context.
        """
        known = KnownTrace(readers[0], readers[0].view(trace), tuple(others), seed)
        if not known.clean.segments:
            raise UserError(f"trace {trace.id} has no chain: there is no step to change")
        return cls(tuple(readers), known, materials or Materials())

    @property
    def reader(self) -> Reasoner:
        """The model that reads."""
        return self.readers[self.shown]

    @property
    def lens(self) -> Lens:
        """The model that reads, over this trace."""
        return self._lens(self.shown)

    def _lens(self, place: int) -> Lens:
        if place not in self._lenses:
            reader = self.readers[place]
            self._lenses[place] = Lens(reader, Variant.of(reader.view(self.known.trace)))
        return self._lenses[place]

    @property
    def variant(self) -> Variant:
        """What is shown."""
        return self._history[self._place]

    @property
    def undoable(self) -> int:
        """How many changes can be undone."""
        return self._place

    @property
    def redoable(self) -> int:
        """How many changes can be made again."""
        return len(self._history) - 1 - self._place

    def comparison(self, variant: Variant | None = None, place: int | None = None) -> BeforeAfter:
        """A variant beside the trace as it was written; the shown one and the shown model where none is named.

        Raises:
            UserError: The model cannot be changed so.
            NotMeasurable: The text does not fit, or its states are not finite.
        """
        variant = self.variant if variant is None else variant
        place = self.shown if place is None else place
        key = (place, variant)
        if key not in self._read:
            lens = self._lens(place)
            for act in variant.acts:
                if isinstance(act, Push):
                    _fits(act, lens.reader)
            started = time.perf_counter()
            own = (
                lens.clean
                if variant is self.known.clean
                else replace(variant, prompt=lens.clean.prompt)
            )
            result = lens.compare(own)
            self._read[key] = replace(result, seconds=time.perf_counter() - started)
        return self._read[key]

    def show(self, variant: Variant) -> BeforeAfter:
        """Show a variant; what was undone is forgotten.

        Raises:
            UserError: It does not fit, or the model cannot be changed so.
            NotMeasurable: Its states are not finite.
        """
        fitting(self.reader, variant)
        result = self.comparison(variant)
        if variant is not self.variant:
            self._history = [*self._history[: self._place + 1], variant]
            self._place += 1
        return result

    def undo(self) -> None:
        """Go back by one change.

        Raises:
            UserError: There is none.
        """
        if not self._place:
            raise UserError("there is nothing to undo")
        self._go(self._place - 1)

    def redo(self) -> None:
        """Make the change again that was undone last.

        Raises:
            UserError: There is none.
        """
        if not self.redoable:
            raise UserError("there is nothing to redo")
        self._go(self._place + 1)

    def _go(self, place: int) -> None:
        self.comparison(self._history[place])
        self._place = place

    def pin(self) -> None:
        """Keep what is shown beside what comes, or let it go."""
        kept = [other for other in self.pinned if other is not self.variant]
        self.pinned = kept if len(kept) < len(self.pinned) else [*kept, self.variant]

    def read_by(self, place: int) -> Underway:
        """Begin to let another model read; what is shown may be something that cannot be done to it.

        Raises:
            UserError: There is none.
        """
        if not 0 <= place < len(self.readers):
            raise UserError(f"expected a model from 0 to {len(self.readers) - 1}, got {place}")
        finish = partial(setattr, self, "shown")
        return self.start(f"{self.readers[place].name} reads", self._reading(place), finish)

    def _reading(self, place: int) -> Work[int]:
        """The trace as it was written first, then what is shown."""
        yield 0, 2
        self._lens(place)
        yield 1, 2
        self.comparison(place=place)
        return place

    def steer(self, name: str, nats: float) -> Underway:
        """Begin to push a vector along what is shown, at a dose that is measured on the trace as it was written.

        The work fails where there is no such vector, or it is not the reader's.
        """

        def finish(push: Push) -> None:
            self.show(self.variant.acting(push))

        work = self._pushes.dose(self.reader, name, nats)
        return self.start(f"The dose of {name}", work, finish)

    def clamped(self, feature: int, level: float) -> Variant:
        """The shown variant with a feature held at a level, 1 being its largest activation on this chain.

        Raises:
            UserError: There is no dictionary or no such feature, it never fires here, or it cannot be clamped.
        """
        push = self._pushes.clamp(self.reader, feature, level)
        return self.variant.acting(push)

    def start(self, title: str, work: Work[Any], finish: Callable[[Any], object]) -> Underway:
        """Begin work; what was under way is dropped."""
        self.cancel()
        self.job = Underway(title, work, finish)
        return self.job

    def advance(self, *, seconds: float = SLICE) -> bool:
        """Work on for a moment.

        Args:
            seconds: How long, at least one piece.

        Returns:
            Whether nothing is left to do.

        Raises:
            UserError: The work cannot be done.
            NotMeasurable: A text does not fit.
        """
        job, until = self.job, time.perf_counter() + seconds
        while job is not None:
            try:
                job.done, job.of = next(job.work)
            except StopIteration as end:
                self.job = None
                job.finish(end.value)
                return True
            except Exception:
                self.job = None
                raise
            if time.perf_counter() >= until:
                return False
        return True

    def cancel(self) -> None:
        """Drop the work that is under way."""
        if self.job is not None:
            self.job.work.close()
            self.job = None

    def write_on(self, step: int, *, samples: int = 0) -> Underway:
        """Begin to write on behind a step: greedily, or as several samples, which are pinned."""
        kept, reader, trace = self.variant, self.reader, self.known.trace
        if not samples:
            work = write_on(reader, trace, kept, step)
            return self.start(f"{reader.name} writes on", work, self.show)

        def finish(variants: Sequence[Variant]) -> None:
            for variant in variants:
                self.show(variant)
                self.pin()

        work = write_samples(reader, trace, kept, step, samples)
        return self.start(f"{reader.name} writes {count_of(samples, 'sample')}", work, finish)

    def try_all(self, change: StepChange) -> Underway:
        """Begin to make one change at every step, each alone; what is known so far is shown while it runs, and kept when it is cancelled."""
        self.change = change
        tell = partial(self.sweeps.__setitem__, (self.shown, change))
        work = each_step(self.known, self.lens, change, tell=tell)
        return self.start(f"Every step in turn {CHANGED[change]}", work, tell)

    def choose(self, change: StepChange) -> None:
        """Show what was tried of one change; each keeps its own result."""
        self.change = change

    def map(self, source: int | None) -> Underway:
        """Begin to patch every step at every block."""
        finish = partial(self.maps.__setitem__, self.shown)
        return self.start("The map of patches", patch_map(self.known, self.lens, source), finish)

    @property
    def variants(self) -> Variants:
        """What was tried, read by the models that it was shown for."""
        read = ((self.readers[n].name, v, result) for (n, v), result in self._read.items())
        return Variants(tuple(read))


def _fits(push: Push, reader: Reasoner) -> None:
    """See that a vector is the reader's own.

    Raises:
        UserError: It is another model's.
    """
    try:
        push.vector.check(reader)
    except UserError as reason:
        raise UserError(f"{push.name} is pushed here: undo it first ({reason})") from None
