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

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mechcot.core.problem import Problem
from mechcot.core.trace import Phase, Trace
from mechcot.model.generation.decoding import Writer
from mechcot.model.generation.giving import GivenRow, Giving
from mechcot.model.generation.guided_session import GuidedRow, GuidedSession
from mechcot.model.generation.sampling import Sampling
from mechcot.model.generation.write_traces import completion, item_seed, prompt_ids
from mechcot.model.interface import Author
from mechcot.model.internals.architecture import Writes
from mechcot.model.internals.self_test import backbone_of
from mechcot.text.think_tags import THINK, Thought, find_thought, tags_in

_REWRITES = 3
"""How often a text is written again that was given something at its answer, before it is written without anything."""


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
                rows.append(
                    GuidedRow(places, limits[index] if limits else None, chance, records[index])
                )
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
