"""Questions of `mod10` at a distance from those that are trained on.

    length        more operations than the longest (level 1, 2, ..), or fewer than the shortest (-1)
    task          operations whose second operand is a name too: trained questions only ask for such a sum, none defines one; level: how many
    n-1           an operation of a test question left out, its answer worked out anew
    format        words of a test question that carry nothing said twice, each with a probability: the level
    unanswerable  a test question without a definition that its answer needs

Source: DataAlchemy (Zhao et al. 2025, arXiv 2508.01191) for task and length, AbstentionBench (Kirichenko et al. 2025, arXiv 2506.09038) for twins.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from mechcot.core.problem import Problem
from mechcot.core.task import TaskShift, left_out_twins, shifted_hops
from mechcot.organisms.format_noise import NOISE_LEVELS, noisy_problems
from mechcot.organisms.problems import (
    SILENT_MARKS,
    TASK,
    QuestionGraph,
    as_problem,
    draw_world,
    problems,
    read_question,
    without_fact,
)

_HOPS = (2, 6)


def _longer(n: int, *, level: float, **kwargs: Any) -> list[Problem]:
    return problems(n, hops=shifted_hops(_HOPS, level), **kwargs)


def _recombined(n: int, *, level: float, **kwargs: Any) -> list[Problem]:
    return problems(n, sample=partial(_joined_world, level=int(level)), **kwargs)


def _joined_world(rng: Random, *, hops: int, level: int, **kwargs: Any) -> QuestionGraph:
    """Draw a world with so many operations on two names."""
    hops = max(hops, level)
    while _named_operands(world := draw_world(rng, hops=hops, branching=0.5, **kwargs)) != level:
        pass
    return world


def _named_operands(world: QuestionGraph) -> int:
    """How many operations of the spine add or subtract a name."""
    operations = (world.defined[name] for name in world.spine[1:])
    return sum(words[2] in world.defined for words in operations)


def _one_fewer(n: int, *, level: float, **kwargs: Any) -> list[Problem]:  # noqa: ARG001 - there is one
    return left_out_twins(problems(n, hops=_HOPS, **kwargs), _without_operation)


def _without_operation(problem: Problem, rng: Random) -> Problem | None:
    """The question with an operation left out, so that its answer is another; the next one takes its first operand. None of the shortest, whose twin is shorter still."""
    world = read_question(problem.question)
    twins = [twin for twin in spliced(world) if twin.answer != world.answer]
    if not twins or len(world.spine) - 1 == _HOPS[0]:
        return None
    twin, cue = rng.choice(twins), problem.meta["cue"]
    if cue == "answer":
        twin = replace(twin, hint=twin.answer)
    return as_problem(twin, id=problem.id, hint=cue)


def spliced(world: QuestionGraph) -> Iterator[QuestionGraph]:
    """The question without one of its inner operations that nothing else reads, for each of them."""
    for name, reader in zip(world.spine[1:-1], world.spine[2:], strict=True):
        others = {word for at, words in world.definitions if at != reader for word in words}
        if name in others or name in world.query or name in world.defined[reader][1:]:
            continue
        rule = (world.defined[name][0], *world.defined[reader][1:])
        yield replace(
            world,
            definitions=tuple(
                (at, rule if at == reader else words)
                for at, words in world.definitions
                if at != name
            ),
        )


def _noisy(n: int, *, level: float, **kwargs: Any) -> list[Problem]:
    return noisy_problems(problems(n, **kwargs), SILENT_MARKS, level)


def _unanswerable(n: int, *, level: float = 1.0, seed: int, **kwargs: Any) -> list[Problem]:  # noqa: ARG001 - there is one
    rng = Random(f"{TASK} unanswerable {seed}")
    twins = (without_fact(problem, rng)[0] for problem in problems(n, seed=seed, **kwargs))
    return [replace(p, answer="", meta={**p.meta, "answerable": False}) for p in twins]


def _mixed_lengths(n: int, *, level: float = 1.0, **kwargs: Any) -> list[Problem]:  # noqa: ARG001 - there is one
    return problems(n, hops=(7, 10), **kwargs)


MOD10_SHIFTS: Mapping[str, TaskShift] = {
    "task": TaskShift(_recombined, (1.0, 2.0, 3.0)),
    "length": TaskShift(_longer, (-1.0, 1.0, 2.0, 3.0, 4.0)),
    "n-1": TaskShift(_one_fewer, (1.0,)),
    "format": TaskShift(_noisy, NOISE_LEVELS, shares=True),
    "unanswerable": TaskShift(_unanswerable, (1.0,)),
    "longer": TaskShift(_mixed_lengths, (1.0,)),
}
"""By name; `longer` mixes seven to ten operations."""
