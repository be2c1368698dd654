"""Writing with a guide: another model reads the same text, and where the two would go on differently the writer is given something of it.

    disagreement   the writer's likeliest next token is not the guide's
    preference     log p_guide(its own token) - log p_guide(the writer's token), nats; 0 where they agree
    given          the guide's token, or a vector that is added to the writer's state at the position that writes the next token, which is then run again
    budget         of the first t positions at most ceil(budget t) are given something

Both models keep a cache of their own, so that a position costs a forward of each, and one more of the writer in a step in which any row is
given a vector: at most half as much again as writing with both. A given vector stays in the writer's cache, as everything that is added to states does.

Bits of a choice. The writer's own likeliest token is what it writes if it is told nothing. A token given at a disagreement is another one:
-log2 p(token) / (1 - p(own)) under the writer; one given wherever it comes: -log2 p(token). One of K vectors: log2 K.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechcot.core.problem import Problem
from mechcot.core.trace import Phase, Trace
from mechcot.model.compatibility import common_vocabulary
from mechcot.model.generation.decoding import Writer
from mechcot.model.generation.sampling import Sampling
from mechcot.model.generation.steering_hooks import RunInputs, WrittenRow
from mechcot.model.generation.stepping import DecodingState
from mechcot.model.generation.write_traces import completion, item_seed, prompt_ids
from mechcot.model.interface import Author
from mechcot.model.internals.architecture import Writes
from mechcot.model.internals.forward import capture_taps
from mechcot.model.internals.hooks import Hook, HookPoint, tapped
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site
from mechcot.text.think_tags import THINK, Thought, find_thought, tags_in

Places = Literal["disagreements", "listed", "everywhere"]
_REWRITES = 3
"""How often a text is written again that was given something at its answer, before it is written without anything."""


@dataclass(frozen=True, eq=False)
class GivenVectors:
    """Vectors of which one is added where something is given.

    Attributes:
        site: Where in the network.
        vectors: One a category, scaled.
        centres: Difference of states (guide less writer) that stands for each category; the nearest one is taken.
        pick: `random`: any category, whatever the states are.
    """

    site: Site
    vectors: Float[Tensor, "category d_model"]
    centres: Float[Tensor, "category d_model"]
    pick: Literal["nearest", "random"] = "nearest"


@dataclass(frozen=True, eq=False)
class Giving:
    """What is given, and where.

    Attributes:
        vectors: None: the guide's token.
        places: `disagreements`, positions that are `listed` for each text, or `everywhere`.
        threshold: Nats by which the guide must prefer its token, at a disagreement.
        budget: Largest share of the positions, at disagreements.
        until_answer: Only at `told_positions`, which is read in the text when it is written: one that was given something later is written again without that.
    """

    vectors: GivenVectors | None = None
    places: Places = "disagreements"
    threshold: float = 0.0
    budget: float = 1.0
    until_answer: bool = False


@dataclass
class GivenRow:
    """What one text was given.

    Attributes:
        positions: How many next tokens were chosen, that of the end among them.
        given: At which of them something was given, from 0.
        bits: What each choice says, beside its position.
        disagreed: At how many the models disagreed.
    """

    positions: int = 0
    given: list[int] = field(default_factory=list)
    bits: list[float] = field(default_factory=list)
    disagreed: int = 0

    @property
    def position_bits(self) -> float:
        """Bits that say which positions of the text were given something."""
        n, m = self.positions, len(self.given)
        logs = math.lgamma(n + 1) - math.lgamma(m + 1) - math.lgamma(n - m + 1)
        return logs / math.log(2) if 0 < m < n else 0.0


@dataclass
class _Row:
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
        self, writer: Author, guide: Author, giving: Giving, prompts: Sequence[Sequence[int]], rows: Sequence[_Row]
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

    def _gives(self, text: _Row, at: int, *, disagree: bool, preference: float) -> bool:
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


def write_guided(
    writer: Author,
    guide: Author,
    problems: Sequence[Problem],
    giving: Giving,
    *,
    max_tokens: int,
    listed: Mapping[str, Collection[int]] | None = None,
    seed: int = 0,
    batch_size: int = 32,
) -> list[tuple[Trace, GivenRow]]:
    """Let a model write greedily under a guide.

    With a budget of 0 the texts are the writer's own; with tokens and a budget of 1 they are the guide's (floating noise aside).

    Args:
        writer: The model that writes.
        guide: The model that reads along; it shares the tokenizer.
        problems: One text is written for each.
        giving: What is given, and where.
        max_tokens: Most new tokens.
        listed: By the problem's id the new tokens, from 0, at which something is given, where `giving.places` is `listed`.
        seed: Of random picks; an item's own seed comes from it and the problem's id.
        batch_size: Most items at once; halves itself when memory runs out.

    Returns:
        In the order of the problems: the text, and what it was given. A text ends with an end of either model.

    Raises:
        UserError: NaN logits, not enough memory for one item, or a site that a model does not have.
        NotMeasurable: A problem cannot be asked, or a text cannot be cut into steps.
    """
    write = _Writing(writer, guide, giving, max_tokens, listed or {}, seed, batch_size)
    written = write(problems)
    limits: dict[int, int] = {}
    for rewrites in range(_REWRITES + 1) if giving.until_answer else ():
        ends = {i: told_positions(writer, trace) for i, (trace, _) in enumerate(written)}
        late = [i for i, (_, record) in enumerate(written) if any(at >= ends[i] for at in record.given)]  # fmt: skip
        if not late:
            break
        limits |= {i: ends[i] if rewrites < _REWRITES else 0 for i in late}
        again = write([problems[i] for i in late], [limits[i] for i in late])
        for index, both in zip(late, again, strict=True):
            written[index] = both
    return written


@dataclass(frozen=True)
class _Writing:
    """Writes texts under a guide, see `write_guided`."""

    writer: Author
    guide: Author
    giving: Giving
    max_tokens: int
    listed: Mapping[str, Collection[int]]
    seed: int
    batch_size: int

    def __call__(
        self, problems: Sequence[Problem], limits: Sequence[int] | None = None
    ) -> list[tuple[Trace, GivenRow]]:
        """Write each text; of `limits` the number of its first tokens at which something may be given."""
        writer, guide = self.writer, self.guide
        prompts = [prompt_ids(writer, problem) for problem in problems]
        seeds = [item_seed(self.seed, problem.id) for problem in problems]
        records: dict[int, GivenRow] = {}

        def session(chosen: Sequence[int]) -> GuidedSession:
            rows = []
            for index in chosen:
                records[index] = GivenRow()
                places = frozenset(self.listed.get(problems[index].id, ()))
                chance = np.random.default_rng(seeds[index])
                rows.append(_Row(places, limits[index] if limits else None, chance, records[index]))
            return GuidedSession(writer, guide, self.giving, [prompts[i] for i in chosen], rows)

        both = backbone_of(writer.model), backbone_of(guide.model)
        kwargs: dict[str, Any] = {
            "max_length": min(writer.max_length, guide.max_length),
            "writes": _stricter(*(backbone.writes for backbone in both)),
            "switch": min(backbone.switch for backbone in both),
        }
        written = Writer(
            model=writer.model,
            device=writer.device,
            stop=writer.stop_ids | guide.stop_ids,
            sampling=Sampling(self.max_tokens),
            logit_scale=writer.logit_scale,
            name=f"{writer.name}, with {guide.name}",
            session=session,
            **kwargs,
        ).write(prompts, seeds, batch_size=self.batch_size)
        return [
            (writer.read(completion(writer, problem, prompt, new.ids, finished=new.finished)), record)
            for problem, prompt, new, record in zip(
                problems, prompts, written, (records[i] for i in range(len(problems))), strict=True
            )
        ]  # fmt: skip


def told_positions(writer: Author, trace: Trace) -> int:
    """Number of a text's first new tokens that are its chain, as its reader divides it: none of them says the answer.

    The mark that closes a thought, or the end of a text that is all chain, counts as one. Where the answer is read inside the chain, its first token ends them.
    """
    new, stated = trace.ids[trace.prompt_length :], trace.answer.text
    behind = trace.completion[len(trace.chain_text) :]
    if stated is not None and stated not in behind and stated in trace.chain_text:
        start = trace.chain_text.rfind(stated)
        return next((k for k in range(len(new)) if len(writer.decode(new[: k + 1])) >= start), 0)
    tags = writer.policy.tags or tags_in(trace.completion) or THINK
    closed = find_thought(trace.prompt, trace.completion, tags).thought is Thought.CLOSED
    return len(trace.phase(Phase.CHAIN)) + (closed or not behind)


def _stricter(one: Writes, other: Writes) -> Writes:
    """How two families write in one batch."""
    both = (one.batch, other.batch)
    batch = "alone" if "alone" in both else "equal" if "equal" in both else "padded"
    return Writes(cached=one.cached and other.cached, batch=batch)
