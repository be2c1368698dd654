"""The chains that features are read on: half written by each checkpoint, read by both, with exact kinds where they are known.

Chains are written in parts of `PART` problems; every finished part is on disk at once, so the same
command goes on where it stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.core.problem import Problem
from mechcot.core.store import digest, read_traces, write_traces
from mechcot.core.trace import Phase, Trace
from mechcot.model.compatibility import check_tokenizers
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.ground_truth import StepFact, parse
from mechcot.organisms.problems import problems as organism_problems
from mechcot.text.problems import load_problems

PART = 32


@dataclass(frozen=True)
class Questions:
    """Problems that are asked.

    Attributes:
        source: What `load_problems` reads; None: problems of the organisms' task.
        n: How many.
        seed: Of the draw, and of the writing.
        without: Ids that must not occur (what a dictionary was trained on).
        max_tokens: Longest completion.
        fields: Our names for columns of the source, with the columns.
    """

    source: str | None
    n: int
    seed: int
    without: frozenset[str] = frozenset()
    max_tokens: int = 512
    fields: tuple[tuple[str, str], ...] = ()

    def problems(self) -> list[Problem]:
        """The problems.

        Raises:
            UserError: None are left.
        """
        if self.source is None:
            found = organism_problems(self.n, seed=self.seed, style="random", cue="random")
        else:
            found = load_problems(self.source, seed=self.seed, fields=dict(self.fields))
        left = [problem for problem in found if problem.id not in self.without][: self.n]
        if len(left) < 2:
            raise UserError(
                f"{self.source}: {len(left)} problems are left that the dictionary was not trained on; give more"
            )
        return left


def chains(readers: Pair[Reasoner], asked: Questions, *, folder: Path) -> list[Trace]:
    """Write the chains, or take up those that are there; every second problem is the second model's.

    Args:
        readers: The two checkpoints; both write behind the first's prompt (`load_models`).
        asked: Which problems, and how long a chain may get.
        folder: Where finished parts lie.

    Returns:
        The first model's chains, then the second's.

    Raises:
        UserError: The tokenizers give the chains' tokens different meanings.
    """
    problems = asked.problems()
    found: list[Trace] = []
    for reader, mine in ((readers.before, problems[::2]), (readers.after, problems[1::2])):
        for start in range(0, len(mine), PART):
            found += _part(reader, mine[start : start + PART], asked, folder)
    check_tokenizers(readers.before, readers.after, found)
    return [with_exact_kinds(trace) for trace in found]


def _part(
    reader: Reasoner, problems: Sequence[Problem], asked: Questions, folder: Path
) -> list[Trace]:
    about = [reader.weights_hash, asked.max_tokens, [(p.id, p.question) for p in problems]]
    about += [reader.policy.asking.key] if reader.policy.asking.key else []
    path = folder / f"{digest(*about)}.jsonl"
    if not path.is_file():
        write_traces(
            path,
            reader.write(problems, max_tokens=asked.max_tokens, seed=asked.seed, batch_size=PART),
        )
    asked_now = {problem.id: problem for problem in problems}
    return [replace(trace, problem=asked_now[trace.problem.id]) for trace in read_traces(path)]


def facts(trace: Trace) -> tuple[StepFact, ...] | None:
    """Return what is known of each chain step of an organism's trace; None for any other trace."""
    if trace.problem.meta.get("task") != "mod10":
        return None
    return _parsed(trace.problem.question, tuple(s.text.strip() for s in trace.chain_steps))


@lru_cache(maxsize=4096)
def _parsed(question: str, steps: tuple[str, ...]) -> tuple[StepFact, ...]:
    return parse(question, steps)


def with_exact_kinds(trace: Trace) -> Trace:
    """The trace with the kinds of its chain steps from the task's law, where there is one."""
    known = facts(trace)
    if known is None:
        return trace
    kinds = iter(known)
    steps = tuple(
        replace(step, kind=next(kinds).kind) if step.phase is Phase.CHAIN else step
        for step in trace.steps
    )
    return replace(trace, steps=steps)
