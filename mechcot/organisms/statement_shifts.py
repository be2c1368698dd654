"""Questions of a family of plain statements at a distance from those that are trained on; what they are by name: `mechcot.organisms.mod10_shifts`."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from mechcot.core.problem import Problem
from mechcot.core.task import TaskShift, left_out_twins, shifted_hops
from mechcot.organisms.format_noise import NOISE_LEVELS, noisy_problems
from mechcot.organisms.statements import StatementFamily


def statement_shifts(family: StatementFamily) -> Mapping[str, TaskShift]:
    """The shifts of a family by name.

    Args:
        family: The family.
    """
    fewer = (-1.0,) if family.hops[0] > 1 else ()
    shifts = {
        "length": TaskShift(
            partial(_longer, family), (*fewer, *map(float, range(1, family.longer + 1)))
        ),
        "longer": TaskShift(partial(_mixed_lengths, family), (1.0,)),
    }
    if family.silent:
        shifts["format"] = TaskShift(partial(_noisy, family), NOISE_LEVELS, shares=True)
    if family.recombined is not None:
        shifts["task"] = TaskShift(
            partial(_recombined, family), tuple(map(float, family.recombinations))
        )
    if family.left_out is not None:
        shifts["n-1"] = TaskShift(partial(_one_fewer, family), (1.0,))
    if family.unanswerable is not None:
        shifts["unanswerable"] = TaskShift(partial(_unanswerable, family), (1.0,))
    return shifts


def _longer(family: StatementFamily, n: int, *, level: float, **kwargs: Any) -> list[Problem]:
    return family.problems(n, hops=shifted_hops(family.hops, level), **kwargs)


def _mixed_lengths(
    family: StatementFamily,
    n: int,
    *,
    level: float = 1.0,  # noqa: ARG001 - there is one
    **kwargs: Any,
) -> list[Problem]:
    most = family.hops[1]
    return family.problems(n, hops=(most + 1, most + 2), **kwargs)


def _recombined(family: StatementFamily, n: int, *, level: float, **kwargs: Any) -> list[Problem]:
    return family.problems(n, sample=partial(family.recombination, level=int(level)), **kwargs)


def _noisy(family: StatementFamily, n: int, *, level: float, **kwargs: Any) -> list[Problem]:
    return noisy_problems(family.problems(n, **kwargs), family.silent, level)


def _unanswerable(
    family: StatementFamily,
    n: int,
    *,
    level: float = 1.0,  # noqa: ARG001 - there is one
    **kwargs: Any,
) -> list[Problem]:
    return family.problems(n, unanswerable=True, **kwargs)


def _one_fewer(
    family: StatementFamily,
    n: int,
    *,
    level: float,  # noqa: ARG001 - there is one
    **kwargs: Any,
) -> list[Problem]:
    return left_out_twins(family.problems(n, **kwargs), partial(_without_element, family))


def _without_element(family: StatementFamily, problem: Problem, rng: Random) -> Problem | None:
    """The question without one of its elements; with another answer where one of them changes it."""
    question, cue = family.read(problem.question), problem.meta["cue"]
    twins = list(family.left_out(question)) if family.left_out else []
    others = [twin for twin in twins if twin.answer != question.answer] or twins
    if not others:
        return None
    twin = rng.choice(others)
    if cue == "answer":
        twin = replace(twin, hint=twin.answer)
    return replace(family.problem(twin, "", cue), id=problem.id)
