"""Pruning while a model writes: every few steps the least needed ones leave the key/value cache.

    after each `every` finished steps:  rank the finished steps but the last,
    keep the best that fit into a share `keep` of the chain's tokens so far, drop the others for good

    attention   mean attention of the last 8 tokens on a step's tokens, over layers and heads (after H2O, Zhang et al. 2023, arXiv 2306.14048)
    recent      the latest steps (after StreamingLLM, Xiao et al. 2023, arXiv 2309.17453)
    random      any steps

The question, the last finished step and the step in the writing always stay; nothing is dropped once the thought is closed. Greedy. With `keep` 1 the
text is the unpruned one. `mechcot prune` is the careful way, after the fact; this one saves memory while writing.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mechcot.core.errors import UserError
from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import Phase, Trace
from mechcot.influence.critical_set import within_budget
from mechcot.model.generation.pruned_kv_cache import DroppingCache
from mechcot.model.reasoner import Reasoner
from mechcot.stats.bootstrap import random_stream

RANKS = ("attention", "recent", "random")
LAST = 8


@dataclass(frozen=True)
class Online:
    """Settings of pruning while writing.

    Attributes:
        keep: Share of the chain's tokens that may stay.
        every: Finished steps between two prunings.
        by: One of `RANKS`.
        max_tokens: Most new tokens.
        seed: Of the random rank.
    """

    keep: float
    every: int = 2
    by: str = "attention"
    max_tokens: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.keep <= 1.0:
            raise UserError(f"expected a share to keep from 0 to 1, got {self.keep}")
        if self.by not in RANKS:
            raise UserError(f"expected a rank by one of {', '.join(RANKS)}, got {self.by!r}")
        if self.every < 1:
            raise UserError(f"expected to prune every 1 or more steps, got {self.every}")


@dataclass(frozen=True)
class Pruned:
    """The text written, and its cost.

    Attributes:
        trace: The text, with its steps; its ids are all tokens written, dropped ones too.
        prompt: Number of prompt tokens.
        dropped: Positions that left the cache.
        seconds: Time of writing.
        cached: Mean number of cached positions over the tokens written.
        uncut: The same if nothing had been dropped.
        peak_bytes: Largest size of the keys and values.
        uncut_bytes: Their size at the end if nothing had been dropped.
    """

    trace: Trace
    prompt: int
    dropped: tuple[int, ...]
    seconds: float
    cached: float
    uncut: float
    peak_bytes: int
    uncut_bytes: int


def write_online(reader: Reasoner, problem: Problem, how: Online) -> Pruned:
    """Write a chain and an answer, pruning on the way.

    Cost: one forward of a token each, and of eight at each pruning by attention.

    Raises:
        UserError: The family's cache cannot be cut, or the question is empty.
        NotMeasurable: The prompt does not fit in the context.
    """
    prompt = reader.encode(reader.render(problem))
    began = time.perf_counter()
    cache = DroppingCache(reader, prompt)
    sizes, peak, pruned_at, finished = [], 0, 0, False
    most = min(how.max_tokens, reader.max_length - len(prompt))
    for _ in range(most):
        token = cache.next_id
        if token in reader.stop_ids:
            finished = True
            break
        cache.append(token)
        sizes.append((len(cache), len(cache.ids)))
        peak = max(peak, cache.bytes())
        if how.keep < 1.0 and _may_end_a_step(reader, token):
            trace = _trace(reader, problem, cache.ids, len(prompt), finished=False)
            done = len(trace.chain_steps) - 1
            if not len(trace.phase(Phase.ANSWER)) and done - pruned_at >= how.every:
                cache.drop(_to_drop(cache, trace, how))
                pruned_at = done
    seconds = time.perf_counter() - began
    now = set(cache.cached)
    cached, uncut = np.array(sizes or [(len(cache), len(cache))], dtype=float).mean(0)
    return Pruned(
        trace=_trace(reader, problem, cache.ids, len(prompt), finished=finished),
        prompt=len(prompt),
        dropped=tuple(p for p in range(len(cache.ids)) if p not in now),
        seconds=seconds,
        cached=float(cached),
        uncut=float(uncut),
        peak_bytes=peak,
        uncut_bytes=cache.bytes() * len(cache.ids) // len(cache),
    )


def _to_drop(cache: DroppingCache, trace: Trace, how: Online) -> list[int]:
    """The positions of the finished steps that are not among the best; all but the last finished step are ranked."""
    steps = trace.chain_steps
    ranked = steps[:-2]
    sizes = [len(step.tokens) for step in steps]
    budget = how.keep * sum(sizes) - sum(sizes[len(ranked) :])
    cached = set(cache.cached)
    alive = [s.index for s in ranked if any(p in cached for p in s.tokens.positions())]
    scores = _scores(cache, trace, alive, how)
    order = sorted(alive, key=lambda index: -scores[index])
    kept = within_budget(order, sizes, budget=max(budget, 0.0))
    return [p for i in alive if i not in kept for p in steps[i].tokens.positions()]


def _scores(
    cache: DroppingCache, trace: Trace, steps: Sequence[int], how: Online
) -> dict[int, float]:
    if how.by == "recent":
        return {index: float(index) for index in steps}
    if how.by == "random":
        draws = random_stream(how.seed, f"online {trace.id} {len(trace.chain_steps)}").random(
            len(steps)
        )
        return dict(zip(steps, draws.tolist(), strict=True))
    received = dict(zip(cache.cached, cache.attention(last=LAST).tolist(), strict=True))
    spans = {index: trace.chain_steps[index].tokens.positions() for index in steps}
    return {index: float(np.mean([received[p] for p in spans[index]])) for index in steps}


def _may_end_a_step(reader: Reasoner, token: int) -> bool:
    """Return whether a token could close a step; only then the text is cut anew."""
    return any(mark in reader.decode([token]) for mark in ".!?\n\u3002\u2026")


def _trace(
    reader: Reasoner, problem: Problem, ids: Sequence[int], prompt: int, *, finished: bool
) -> Trace:
    text = reader.continuation(tuple(ids[:prompt]), tuple(ids[prompt:]))
    completion = Completion(
        problem=problem,
        prompt=reader.render(problem),
        text=text,
        model=reader.name,
        ids=tuple(ids),
        prompt_ids=prompt,
        finished=finished,
    )
    return reader.read(completion)
