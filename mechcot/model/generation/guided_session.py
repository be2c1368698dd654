"""A guide at work on one batch: both models read, and rows are given the guide's token, or a vector; see `mechcot.model.generation.guided`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechcot.model.compatibility import common_vocabulary
from mechcot.model.generation.giving import GivenRow, GivenVectors, Giving
from mechcot.model.generation.steering_hooks import RunInputs, WrittenRow
from mechcot.model.generation.stepping import DecodingState
from mechcot.model.interface import Author
from mechcot.model.internals.forward import capture_taps
from mechcot.model.internals.hooks import Hook, HookPoint, tapped
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site
from mechcot.text.think_tags import THINK


@dataclass
class GuidedRow:
    """One row while it is written."""

    listed: frozenset[int]
    limit: int | None
    chance: np.random.Generator
    record: GivenRow
    written: list[int] = field(default_factory=list)
    closed: bool = False
    steered: dict[int, Tensor] = field(default_factory=dict)


class GuidedSession:
    """A guide at work on one batch."""

    lines: Sequence[WrittenRow] = ()

    def __init__(
        self, writer: Author, guide: Author, giving: Giving, prompts: Sequence[Sequence[int]], rows: Sequence[GuidedRow]
    ) -> None:  # fmt: skip
        """Look the site up in both models, so that a wrong one fails before anything runs.

        Raises:
            UserError: A model has no such site.
        """
        self._writer, self._guide, self._giving = writer, guide, giving
        self._prompts, self._rows = prompts, rows
        self._common = common_vocabulary(writer, guide)
        self._state: DecodingState | None = None
        self._mark = (writer.policy.tags or THINK).close
        self._backbones = backbone_of(writer.model), backbone_of(guide.model)
        if giving.vectors is not None:
            for backbone in self._backbones:
                backbone.place(giving.vectors.site)

    def run(self, state: DecodingState, forward: RunInputs) -> Float[Tensor, "row d_vocab"]:
        """Run both models on the next inputs; where a row is given a vector the writer once more."""
        vectors = self._giving.vectors
        cache = state.cache_before() if vectors else {}
        kept, kept_of_guide = {}, {}
        watch = self._watch(0, kept)
        logits = forward(state, [*self._steering(state), *watch])
        guide = self._guide_logits(state.rows, kept_of_guide).to(logits.device)
        own = logits.argmax(dim=-1)
        wanted = guide.argmax(dim=-1)
        given = self._places(state.rows, own, wanted, guide)
        if vectors is None:
            return self._with_tokens(state.rows, logits, own, wanted, given)
        if not given:
            return logits
        differences = kept_of_guide[vectors.site] - kept[vectors.site]
        self._choose(state, vectors, differences.float().cpu(), given)
        state.cache = cache
        return forward(state, self._steering(state))

    def wrote(self, row: int, token: int) -> None:
        """Take notice of a new token."""
        text = self._rows[row]
        text.written.append(token)
        if self._giving.until_answer and not text.closed:
            tail = text.written[-len(self._mark) - 4 :]
            text.closed = self._mark in self._writer.decode(tail)

    def _watch(self, which: int, store: dict[Site, Tensor]) -> list[tuple[HookPoint, Hook]]:
        """Hooks that keep each row's last state."""
        sites = [self._giving.vectors.site] if self._giving.vectors else []
        return capture_taps(self._backbones[which], sites, store, keep=lambda s: s[:, -1].clone())

    def _guide_logits(
        self, rows: Sequence[int], store: dict[Site, Tensor]
    ) -> Float[Tensor, "row d_vocab"]:
        """Run the guide on the same tokens."""
        if self._state is None:
            cached = self._backbones[1].writes.cached
            self._state = DecodingState.start(self._prompts, self._guide.device, cached=cached)
        else:
            places = {row: place for place, row in enumerate(self._state.rows)}
            tokens = [self._rows[row].written[-1] for row in rows]
            self._state.advance([places[row] for row in rows], tokens)
        with tapped(self._watch(1, store)):
            logits = self._state.logits(self._guide.model) * self._guide.logit_scale
        return logits[:, : self._common]

    def _places(
        self,
        rows: Sequence[int],
        own: Int[Tensor, " row"],
        wanted: Int[Tensor, " row"],
        guide: Float[Tensor, "row d_vocab"],
    ) -> list[int]:
        """The places in the batch that are given something."""
        shared = own.clamp(max=self._common - 1)
        preference = (guide.gather(-1, wanted[:, None]) - guide.gather(-1, shared[:, None]))[:, 0]
        given = []
        for place, row in enumerate(rows):
            text = self._rows[row]
            disagree = int(own[place]) != int(wanted[place])
            at = text.record.positions
            text.record.positions += 1
            text.record.disagreed += disagree
            if self._gives(text, at, disagree=disagree, preference=float(preference[place])):
                text.record.given.append(at)
                given.append(place)
        return given

    def _gives(self, text: GuidedRow, at: int, *, disagree: bool, preference: float) -> bool:
        giving = self._giving
        if text.closed or (text.limit is not None and at >= text.limit):
            return False
        if giving.places == "everywhere":
            return True
        if giving.places == "listed":
            return at in text.listed
        allowed = math.ceil(giving.budget * (at + 1) - 1e-9)
        enough = preference >= giving.threshold and len(text.record.given) < allowed
        return disagree and enough

    def _with_tokens(
        self,
        rows: Sequence[int],
        logits: Float[Tensor, "row d_vocab"],
        own: Int[Tensor, " row"],
        wanted: Int[Tensor, " row"],
        given: Sequence[int],
    ) -> Float[Tensor, "row d_vocab"]:
        """The logits with nothing but the guide's token where it is given."""
        for place in given:
            p = torch.log_softmax(logits[place].double(), dim=-1)
            bits = -float(p[wanted[place]])
            if self._giving.places == "disagreements":
                bits += math.log(max(-math.expm1(float(p[own[place]])), 1e-300))
            self._rows[rows[place]].record.bits.append(max(bits, 0.0) / math.log(2))
            logits[place] = -math.inf
            logits[place, wanted[place]] = 0.0
        return logits

    def _choose(
        self,
        state: DecodingState,
        vectors: GivenVectors,
        differences: Float[Tensor, "row d_model"],
        given: Sequence[int],
    ) -> None:
        """Note which vector is added to the last state of each place."""
        count = len(vectors.vectors)
        for place in given:
            text = self._rows[state.rows[place]]
            nearest = int((vectors.centres - differences[place]).norm(dim=-1).argmin())
            chosen = int(text.chance.integers(count)) if vectors.pick == "random" else nearest
            text.steered[int(state.positions[place, -1])] = vectors.vectors[chosen]
            text.record.bits.append(math.log2(count) if vectors.pick == "nearest" else 0.0)

    def _steering(self, state: DecodingState) -> list[tuple[HookPoint, Hook]]:
        """The hooks that add what was given at the positions of the next inputs."""
        vectors = self._giving.vectors
        if vectors is None:
            return []
        added = torch.zeros(*state.ids.shape, vectors.vectors.shape[-1])
        for place, row in enumerate(state.rows):
            for position, vector in self._rows[row].steered.items():
                at = (state.positions[place] == position) & state.real[place].bool()
                added[place, at.cpu()] = vector
        if not bool(added.any()):
            return []
        return [(self._backbones[0].place(vectors.site), lambda states: states + added.to(states))]
