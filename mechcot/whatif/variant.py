"""A variant of a trace: a changed chain and what acts on the model while it reads it, as inert data.

A chain is a row of segments. A segment is a step of the trace as it was written, or what stands in its place; it keeps its number
when it is edited or deleted, so that what is hidden or patched is named by its segment and its positions follow from the lengths.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Literal

from mechcot.core.trace import Span, Trace
from mechcot.steering.vectors import SteeringVector

Ids = tuple[int, ...]
Scope = Literal["later", "answer"]
SCOPES: dict[Scope, str] = {"later": "all later tokens", "answer": "the answer"}


@dataclass(frozen=True)
class Segment:
    """One step of a chain, or what stands in its place.

    Attributes:
        ids: Its token ids; none when it was deleted.
        text: Its text, white space included.
        kind: What it does, such as `progression`.
        own: It stands as it was written.
    """

    ids: Ids
    text: str
    kind: str
    own: bool = True


@dataclass(frozen=True)
class Hide:
    """A segment that cannot be seen.

    Attributes:
        segment: Its number.
        scope: By all later tokens, or by the question for the answer alone.
    """

    segment: int
    scope: Scope

    def __str__(self) -> str:
        return f"step {self.segment + 1} hidden from {SCOPES[self.scope]}"


@dataclass(frozen=True, eq=False)
class Push:
    """A vector that acts at every position that writes the chain.

    Attributes:
        name: What the user calls the vector.
        vector: The vector.
        factor: Factor on it, or the level of a clamp.
        how: `add` or `clamp`.
        nats: Its dose as measured, negative where it pushes the other way; NaN for a clamp.
    """

    name: str
    vector: SteeringVector
    factor: float
    how: Literal["add", "clamp"] = "add"
    nats: float = math.nan

    def __str__(self) -> str:
        if self.how == "clamp":
            return f"{self.name}: held at {self.factor:g}"
        return (
            f"vector {self.name}: {self.nats:+.3g} nats"
            if self.nats
            else f"vector {self.name}: 0 nats"
        )


@dataclass(frozen=True)
class Patch:
    """States of another text, written at the input of one block.

    Attributes:
        segment: Where they are written.
        layer: The block.
        offsets: Tokens of the segment.
        source: Token ids of the other text.
        rows: Its positions, one for each offset.
        name: What the other text is.
    """

    segment: int
    layer: int
    offsets: Ids
    source: Ids
    rows: Ids
    name: str

    def __str__(self) -> str:
        return f"step {self.segment + 1}, input of block {self.layer}: states of {self.name}"


@dataclass(frozen=True)
class StepTextChange:
    """What was done to the text.

    Attributes:
        segment: To which segment, or from which one on.
        text: In words.
        rest: To all segments from there on.
    """

    segment: int
    text: str
    rest: bool = False


@dataclass(frozen=True)
class Prediction:
    """The answer that somebody other than the model predicts.

    Attributes:
        kept: With the later text kept; None where nobody knows.
        anew: With the later text written anew; None where nobody knows.
    """

    kept: str | None = None
    anew: str | None = None


@dataclass(frozen=True, eq=False)
class Variant:
    """A chain and what acts on it.

    Attributes:
        prompt: Token ids before the chain.
        segments: The chain.
        hides: What cannot be seen.
        acts: What is done to states.
        texts: What was done to the text.
        prediction: Of the answer.
    """

    prompt: Ids
    segments: tuple[Segment, ...]
    hides: tuple[Hide, ...] = ()
    acts: tuple[Push | Patch, ...] = ()
    texts: tuple[StepTextChange, ...] = ()
    prediction: Prediction = Prediction()

    @classmethod
    def of(cls, trace: Trace) -> "Variant":
        """The trace as it is."""
        segments = tuple(
            Segment(trace.ids[step.tokens.start : step.tokens.stop], step.text, step.kind.value)
            for step in trace.chain_steps
        )
        return cls(trace.ids[: trace.prompt_length], segments)

    def __len__(self) -> int:
        return len(self.prompt) + sum(len(segment.ids) for segment in self.segments)

    @property
    def ids(self) -> Ids:
        """Token ids of prompt and chain."""
        return (*self.prompt, *(token for segment in self.segments for token in segment.ids))

    @property
    def cuts(self) -> Ids:
        """Token positions after 0, 1, ..., n segments."""
        return tuple(accumulate((len(s.ids) for s in self.segments), initial=len(self.prompt)))

    @property
    def spans(self) -> tuple[Span, ...]:
        """Tokens of each segment."""
        cuts = self.cuts
        return tuple(Span(*ends) for ends in pairwise(cuts))

    @property
    def changes(self) -> tuple[str, ...]:
        """Everything that was changed, in words."""
        return (
            *(change.text for change in self.texts),
            *map(str, self.hides),
            *map(str, self.acts),
        )

    @property
    def label(self) -> str:
        """All changes, or that there is none."""
        return "; ".join(self.changes) or "as written"

    def hidden_before(self, cut: int) -> tuple[Span, ...]:
        """Spans that a question for the answer at `cut` cannot see."""
        spans = (self.spans[hide.segment] for hide in self.hides)
        return tuple(sorted(span for span in spans if span.stop <= cut and len(span)))

    def with_segment(self, index: int, segment: Segment, change: str) -> "Variant":
        """Put something in the place of a segment; patches of the old one are dropped."""
        others = [text for text in self.texts if text.rest or text.segment != index]
        return replace(
            self,
            segments=(*self.segments[:index], segment, *self.segments[index + 1 :]),
            acts=tuple(a for a in self.acts if isinstance(a, Push) or a.segment != index),
            texts=(*others, StepTextChange(index, change)),
            prediction=Prediction(),
        )

    def with_rest(self, index: int, rest: Sequence[Segment], change: str) -> "Variant":
        """Put other segments in the place of all from `index` on; what was done to those is dropped."""
        others = [text for text in self.texts if text.segment < index]
        return replace(
            self,
            segments=(*self.segments[:index], *rest),
            hides=tuple(hide for hide in self.hides if hide.segment < index),
            acts=tuple(a for a in self.acts if isinstance(a, Push) or a.segment < index),
            texts=(*others, StepTextChange(index, change, rest=True)),
            prediction=Prediction(self.prediction.anew, self.prediction.anew),
        )

    def hiding(self, hide: Hide) -> "Variant":
        """Hide a segment, or show it again where it is hidden so already."""
        others = tuple(other for other in self.hides if other != hide)
        hides = others if hide in self.hides else (*others, hide)
        return replace(self, hides=hides, prediction=Prediction())

    def acting(self, act: Push | Patch) -> "Variant":
        """Let something act on states; it takes the place of a push by the same vector, or of a patch of the same cell."""
        others = tuple(other for other in self.acts if not _same(other, act))
        return replace(self, acts=(*others, act), prediction=Prediction())

    def predicting(self, prediction: Prediction) -> "Variant":
        """Predict the answer, where this is the only change."""
        return replace(self, prediction=prediction) if len(self.changes) == 1 else self


def _same(act: Push | Patch, other: Push | Patch) -> bool:
    """Return whether two acts are pushes by one vector, or patches of one cell."""
    if isinstance(act, Push) or isinstance(other, Push):
        return isinstance(act, Push) and isinstance(other, Push) and act.name == other.name
    return (act.segment, act.layer) == (other.segment, other.layer)
