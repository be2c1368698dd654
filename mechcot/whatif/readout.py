"""A variant read by a model, beside the trace as it was written on the same kernel path.

    run      = reader.prefix(ids, under=acts)                       one forward
    answer   = run.branches([len(ids)], [cue], hide=[hidden])       the question for the answer
    moved    = TV(answer's first token before, after)
    line[k]  = p(y | first k steps), y the reader's own answer to the trace as it was written
    steps[i] = mean log-probability of the tokens of step i, in nats

What is hidden from later tokens moves a run to another kernel path. The clean side takes the same path, so that a change of nothing
moves exactly 0; what the path alone moves, the most of three other paths, is the noise floor, and nothing below `FLOORS` of it is called an effect.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from torch import Tensor

from mechcot.core.trace import Span
from mechcot.measures.suppression import FLOORS
from mechcot.model.generation.ask_answer import LONGEST_ANSWER, read_continuation
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import AnyIntervention, AttentionKnockout, Intervention, Replace
from mechcot.model.prefix.prefix import Branches, Prefix
from mechcot.model.reasoner import Reasoner
from mechcot.text.answers import same_answer
from mechcot.whatif.variant import Ids, Patch, Push, Variant

ROUNDING = float(np.finfo(np.float32).eps)
"""Share of a log-probability that float32 rounds away."""
HIDES_NOTHING = AttentionKnockout(Span(0, 0))
"""Hides nothing, on the path of what hides something."""


@dataclass(frozen=True, eq=False)
class Readout:
    """A variant as one model reads it.

    Attributes:
        distribution: Probability of each first token of the answer, float32.
        said: The answer, decoded greedily; None when none can be read.
        probability: Of the reader's own answer to the trace as it was written.
        predicted: Probability of the predicted answer; NaN without one.
        line: Probability of the own answer after 0, 1, ..., n segments.
        steps: Mean log-probability of each segment's tokens, nats; NaN without tokens.
    """

    distribution: Float[Tensor, " d_vocab"]
    said: str | None
    probability: float
    predicted: float
    line: Float[np.ndarray, " after"]
    steps: Float[np.ndarray, " segment"]


@dataclass(frozen=True, eq=False)
class BeforeAfter:
    """A variant beside the trace as it was written.

    Attributes:
        before: The trace as it was written, on the variant's kernel path.
        after: The variant.
        moved: Total variation between the two distributions of the answer.
        noise: What the kernel path alone moves.
        seconds: Time that the reading took.
    """

    before: Readout
    after: Readout
    moved: float
    noise: float
    seconds: float = field(default=math.nan, compare=False)

    @property
    def effect(self) -> bool:
        """Whether the answer moves by more than noise."""
        return beyond_noise(self.moved, self.noise)

    @property
    def turned(self) -> bool:
        """Whether another answer is said."""
        return turns(self.before.said, self.after.said)


def push_positions(variant: Variant) -> range:
    """Positions that write the chain: from the last one of the prompt on."""
    return range(len(variant.prompt) - 1, len(variant))


def interventions(reader: Reasoner, variant: Variant) -> tuple[AnyIntervention, ...]:
    """What acts on the run of a variant. Cost: one forward of the other text for every patch."""
    spans = variant.spans
    later = {spans[hide.segment] for hide in variant.hides if hide.scope == "later"}
    end = len(variant)
    hides = [AttentionKnockout(s, Span(s.stop, end)) for s in sorted(later) if s.stop < end]
    edits = [
        Intervention(act.vector.site, tuple(push_positions(variant)), act.vector.edit(act.factor, act.how))
        if isinstance(act, Push)
        else _patch(reader, act, spans[act.segment].start)
        for act in variant.acts
    ]  # fmt: skip
    masked = any(hide.scope == "later" for hide in variant.hides)
    return (*([HIDES_NOTHING] if masked else []), *hides, *edits)


def _patch(reader: Reasoner, patch: Patch, start: int) -> Intervention:
    site = Site("resid_pre", patch.layer)
    states = reader.states(patch.source, [site])[site][list(patch.rows)]
    return Intervention(site, tuple(start + offset for offset in patch.offsets), Replace(states))


def ask_at(reader: Reasoner, run: Prefix, variant: Variant, cuts: Sequence[int]) -> Branches:
    """The question for the answer after each cut; it sees nothing that is hidden."""
    cues = [reader.cue_after(run.ids[:cut]) for cut in cuts]
    return run.branches(cuts, cues, hide=[variant.hidden_before(cut) for cut in cuts])


@dataclass(eq=False)
class Lens:
    """One model over one trace: reads variants of it, each beside the trace as it was written.

    Attributes:
        reader: The model.
        clean: The trace as it was written.
    """

    reader: Reasoner
    clean: Variant

    def __post_init__(self) -> None:
        """Run the trace once on each kernel path.

        Raises:
            NotMeasurable: The trace does not fit in the context.
        """
        run = self.reader.prefix(self.clean.ids)
        asked = ask_at(self.reader, run, self.clean, [len(self.clean)])
        ids, answer = read_continuation(
            self.reader, asked.greedy(LONGEST_ANSWER, self.reader.stop_ids)[0]
        )
        self.said = answer.text
        self.answer: Ids = ids or (int(asked.next_logprobs()[0].argmax()),)
        self._before: dict[tuple[bool, str | None], Readout] = {}
        whole = self.reader.prefix((*self.clean.ids, *asked.suffixes[0]))
        plain = self._clean(masked=False, predicted=None)
        others = [whole.unembed(whole.hidden[-1]), self._packed(run, asked.suffixes[0])]
        others = [log_p.exp().cpu() for log_p in others]
        self.noise_steps = ROUNDING * _largest(plain.steps)
        if run.backbone.takes_masks:
            masked = self._clean(masked=True, predicted=None)
            others.append(masked.distribution)
            self.noise_steps = max(self.noise_steps, _largest(masked.steps - plain.steps))
        self.noise = max(distance(plain.distribution, other) for other in others)

    def _packed(self, run: Prefix, cue: Ids) -> Tensor:
        """The answer with the chain on the prompt's keys and values: as a run of another length gives it."""
        cut = len(self.clean.prompt)
        return run.branches([cut], [(*run.ids[cut:], *cue)]).next_logprobs()[0]

    def read_answer(self, variant: Variant) -> tuple[float, str | None]:
        """How far a variant moves the answer, as in `compare`, and what is said then; its steps are not read.

        Raises:
            NotMeasurable: It does not fit in the context, or its states are not finite.
            UserError: The family hides nothing, or has no such site.
        """
        under = interventions(self.reader, variant)
        before = self._clean(masked=HIDES_NOTHING in under, predicted=None)
        run = self.reader.prefix(variant.ids, under=under)
        asked = ask_at(self.reader, run, variant, [len(variant)])
        after = asked.next_logprobs()[0].exp().cpu()
        return distance(before.distribution, after), self._said(asked)

    def _said(self, asked: Branches) -> str | None:
        ids = asked.greedy(LONGEST_ANSWER, self.reader.stop_ids)[0]
        return read_continuation(self.reader, ids)[1].text

    def compare(self, variant: Variant) -> BeforeAfter:
        """Read a variant.

        Raises:
            NotMeasurable: It does not fit in the context, or its states are not finite.
            UserError: The family hides nothing, or has no such site.
        """
        predicted = variant.prediction.kept
        under = interventions(self.reader, variant)
        before = self._clean(masked=HIDES_NOTHING in under, predicted=predicted)
        after = before if variant is self.clean else self._read(variant, under, predicted)
        return BeforeAfter(
            before, after, distance(before.distribution, after.distribution), self.noise
        )

    def _clean(self, *, masked: bool, predicted: str | None) -> Readout:
        key = (masked, predicted)
        if key not in self._before:
            self._before[key] = self._read(
                self.clean, (HIDES_NOTHING,) if masked else (), predicted
            )
        return self._before[key]

    def _read(
        self, variant: Variant, under: Sequence[AnyIntervention], predicted: str | None
    ) -> Readout:
        reader, end = self.reader, len(variant)
        run = reader.prefix(variant.ids, under=under)
        asked = ask_at(reader, run, variant, [end])
        expected = (
            math.nan if predicted is None else _probability(asked, reader.answer_ids(predicted))
        )
        line = ask_at(reader, run, variant, variant.cuts)
        scores = run.logprobs().double().cpu().numpy()
        return Readout(
            distribution=asked.next_logprobs()[0].exp().cpu(),
            said=self._said(asked),
            probability=_probability(asked, self.answer),
            predicted=expected,
            line=np.exp(line.score([self.answer] * len(line))),
            steps=np.array([_mean(scores[span.start : span.stop]) for span in variant.spans]),
        )


def beyond_noise(moved: float, noise: float) -> bool:
    """Whether an answer moves by more than the kernel path alone moves it."""
    return moved > FLOORS * noise


def turns(before: str | None, after: str | None) -> bool:
    """Whether two answers differ in more than their writing."""
    return before != after and not same_answer(before, after)


def distance(before: Float[Tensor, " d_vocab"], after: Float[Tensor, " d_vocab"]) -> float:
    """Total variation of two distributions, in [0, 1]."""
    return float((before - after).abs().sum()) / 2


def _probability(asked: Branches, answer: Sequence[int]) -> float:
    return float(np.exp(asked.score([tuple(answer)])[0]))


def _mean(scores: np.ndarray) -> float:
    return float(scores.mean()) if len(scores) else math.nan


def _largest(values: np.ndarray) -> float:
    return float(np.nanmax(np.abs(values), initial=0.0))
