"""Questions whose hint tells nothing, asked with one style word, the other, or none."""

from dataclasses import replace
from functools import partial
from typing import Literal

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.organisms.grammar import STYLES
from mechcot.organisms.problems import problems

DEPTHS = (1, 10)
"""Fewest and most operations of a question that the task can draw."""


def styled(problem: Problem, style: str | None) -> Problem:
    """The same question (same id) with another style word; None leaves it out.

    Raises:
        UserError: No such style word.
    """
    if style not in (*STYLES, None):
        raise UserError(f"expected a style word out of {', '.join(STYLES)}, got {style!r}")
    head, body = problem.question.split(" : ", 1)
    rest = head.split()[1:] if head.split()[0] in STYLES else head.split()
    words = rest if style is None else [style, *rest]
    question = f"{' '.join(words)} : {body}" if words else f": {body}"
    return replace(problem, question=question, meta=dict(problem.meta) | {"style": style or "none"})


def unhinted(
    n: int,
    *,
    seed: int,
    style: str | None = None,
    split: str = "test",
    depth: tuple[int, int] | None = None,
) -> list[Problem]:
    """Draw questions whose hint tells nothing, see `mechcot.core.task.DrawUnhinted`.

    Raises:
        UserError: No such style word, or a depth that the task cannot draw.
    """
    low, high = depth or (2, 6)
    if not DEPTHS[0] <= low <= high <= DEPTHS[1]:
        raise UserError(
            f"expected fewest and most operations out of {DEPTHS[0]} to {DEPTHS[1]}, got {depth!r}"
        )
    side: Literal["train", "test"] = "test" if split == "test" else "train"
    draw = partial(problems, n, seed=seed, hops=(low, high), hint="random", split=side)
    if style == "random":
        return draw(style="random")
    return [styled(problem, style) for problem in draw()]
