"""Chains that a server writes for problems, as the lines that every `--traces` reads.

One request a chain, each with a seed of its own. An answer is kept, as the server gave it, by the hash of its request: a run that was killed
asks nothing twice, and more samples or problems add to what is there. What of an answer is the thought is read as `mechcot import` reads it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem, with_instruction
from mechcot.core.progress import progress_bar
from mechcot.core.store import digest
from mechcot.runs.executor import Executor, Failed
from mechcot.runs.items import Items
from mechcot.text.think_tags import ThoughtTags
from mechcot.traces.external import foreign_chains
from mechcot.traces.foreign_chain import ForeignChain
from mechcot.traces.known_problems import Known
from mechcot.traces.server import Server, ask_server

_BROKEN = re.compile(r"filter|abort|error|cancel|tool|function")
"""Reasons to finish that are none of a chain's: neither its end nor its longest length."""
_COUNTS = ("prompt_tokens", "completion_tokens")


@dataclass(frozen=True)
class Request:
    """What a server is asked.

    Attributes:
        model: Name of the model, as the server knows it.
        max_tokens: Longest completion.
        temperature: 0 is greedy.
        seed: Of all chains together; each has its own, of this and of its problem.
        samples: Chains of each problem.
        instruction: Written behind each question, or around it with `{question}` in it; "" for nothing.
        further: Fields of the request besides these.
    """

    model: str
    max_tokens: int = 4096
    temperature: float = 0.0
    seed: int = 0
    samples: int = 1
    instruction: str = ""
    further: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.samples > 1 and self.temperature == 0:
            raise UserError(
                f"--n-samples {self.samples} at temperature 0 asks for the same chain {self.samples} times; add --temperature 0.6"
            )

    def body(self, problem: Problem, sample: int) -> dict[str, Any]:
        """The request for one chain."""
        asked = with_instruction(problem.question, self.instruction)
        longest = {} if "max_completion_tokens" in self.further else {"max_tokens": self.max_tokens}
        return {
            "model": self.model,
            "messages": [{"role": "user", "content": asked}],
            **longest,
            "temperature": self.temperature,
            "seed": int(digest(self.seed, problem.id, sample), 16) % 2**31,
            **self.further,
        }


@dataclass(frozen=True)
class WrittenChains:
    """What a server wrote.

    Attributes:
        chains: In the order of the problems, each with `seed`, `finish_reason` and counts of tokens.
        left_out: Why there is no chain, one text each.
    """

    chains: list[ForeignChain]
    left_out: list[str]

    def told(self) -> Iterator[str]:
        """Sentences on how many chains there are, how they ended, and what they cost."""
        cut = sum(chain.cut for chain in self.chains)
        ends = Counter(str(chain.problem.meta["finish_reason"]) for chain in self.chains)
        listed = ", ".join(f"{name} {count}" for name, count in ends.most_common())
        yield f"{len(self.chains)} chains, {cut} cut at the longest completion (finish reasons: {listed})"
        sums = [sum(chain.problem.meta.get(name) or 0 for chain in self.chains) for name in _COUNTS]
        if any(sums):
            yield f"{sums[0]} tokens of prompts, {sums[1]} of completions, as the server counts"
        if ids := sum(bool(chain.token_ids) for chain in self.chains):
            yield f"the server gave the token ids of {ids} chains"
        if plain := sum(not chain.opened for chain in self.chains):
            yield f"{plain} chains show no mark of a thought: each is read whole"
        if self.left_out:
            yield f"{len(self.left_out)} left out; {self.left_out[0]}"


def write_on_server(
    server: Server,
    request: Request,
    problems: Sequence[Problem],
    *,
    folder: Path,
    executor: Executor,
    tags: ThoughtTags | None = None,
) -> WrittenChains:
    """Let a server write chains.

    Args:
        server: The server.
        request: What it is asked.
        problems: The questions.
        folder: Where its answers are kept.
        executor: Asks several at a time.
        tags: The marks of a thought; None for those that each text shows.

    Raises:
        UserError: The server is not there, a request was not answered, or there is no chain at all.
    """
    wanted = {
        digest(problem.id, body): (problem, sample, body)
        for problem in problems
        for sample in range(request.samples)
        for body in [request.body(problem, sample)]
    }
    items: Items[dict[str, Any]] = Items(folder)
    _ask_missing(server, wanted, items, executor=executor)
    written = WrittenChains([], [])
    for key, (problem, sample, body) in wanted.items():
        name = str(sample) if request.samples > 1 else ""
        try:
            chain = _chain(items.read(key), problem, body, sample=name, tags=tags)
        except UserError as reason:  # of this answer; the others stand
            written.left_out.append(str(reason))
        else:
            written.chains.append(chain)
    if not written.chains:
        raise UserError(f"no chain at all: {written.left_out[0]}")
    return written


def _ask_missing(
    server: Server,
    wanted: Mapping[str, tuple[Problem, int, dict[str, Any]]],
    items: Items[dict[str, Any]],
    *,
    executor: Executor,
) -> None:
    """Ask for the chains that are not there yet, each on disk as soon as it came.

    Raises:
        UserError: The server is not there, or a request was not answered.
    """
    missing = [key for key in wanted if key not in items]
    there = len(wanted) - len(missing)
    failed: list[str] = []
    with (
        server.client() as client,
        progress_bar(total=len(wanted), initial=there, desc="chains", unit="chain") as bar,
    ):
        bodies = [wanted[key][2] for key in missing]
        for index, reply in executor.map(partial(ask_server, server, client), bodies):
            bar.update()
            if isinstance(reply, Failed):
                failed.append(f"{wanted[missing[index]][0].id}: {reply.reason}")
            else:
                items.put(missing[index], reply)
    if failed:
        raise UserError(
            f"{len(failed)} of {len(wanted)} chains were not written, the others are kept; {failed[0]}; the same command asks for them again"
        )


def _chain(
    reply: Mapping[str, Any],
    problem: Problem,
    body: Mapping[str, Any],
    *,
    sample: str,
    tags: ThoughtTags | None,
) -> ForeignChain:
    """The chain of an answer.

    Raises:
        UserError: There is none in it.
    """
    where = f"{problem.id}{f', sample {sample}' if sample else ''}"
    if refused := reply.get("refused"):
        raise UserError(f"{where}: {refused}")
    choice = reply["choice"]
    reason = choice.get("finish_reason")
    if isinstance(reason, str) and _BROKEN.search(reason):
        raise UserError(f"{where}: the server ended the text itself ({reason})")
    record = {
        "id": problem.id,
        "question": problem.question,
        "response": {"choices": [choice], "usage": reply.get("usage")},
        "author": body["model"],
        **({"sample": sample} if sample else {}),
    }
    (chain,) = foreign_chains(record, where=where, number=1, known=Known.of([problem]), tags=tags)
    if not chain.text.strip():
        raise UserError(f"{where}: the server's text is empty")
    usage = reply.get("usage")
    counts = {
        name: usage[name]
        for name in _COUNTS
        if isinstance(usage, dict) and isinstance(usage.get(name), int)
    }
    made = {"seed": body.get("seed"), "finish_reason": reason, **counts}
    ids = tuple(reply.get("token_ids") or ())
    return replace(
        chain, problem=replace(problem, meta={**problem.meta, **made}), token_ids=ids, prompt=None
    )
