"""Contrasts for the shipped models: the same question asked with one style word, the other, or none."""

from dataclasses import replace
from typing import Literal

from mechcot.core.problem import Problem
from mechcot.organisms.grammar import STYLES
from mechcot.organisms.problems import problems
from mechcot.steering.extract import ContrastPair

ChainStyle = Literal["careful", "brief", "none"]


def styled(problem: Problem, style: ChainStyle) -> Problem:
    """The same question (same id) with another style word, or without one."""
    head, body = problem.question.split(" : ", 1)
    rest = head.split()[1:] if head.split()[0] in STYLES else head.split()
    words = rest if style == "none" else [style, *rest]
    question = f"{' '.join(words)} : {body}" if words else f": {body}"
    return replace(problem, question=question, meta=dict(problem.meta) | {"style": style})


def questions(
    n: int, *, seed: int, hops: tuple[int, int], style: ChainStyle = "none", split: str = "test"
) -> list[Problem]:
    """Draw questions whose chart tells nothing, in one style.

    Args:
        n: How many.
        seed: Of the list.
        hops: Fewest and most operations.
        style: Style word of all; `none` leaves it out.
        split: `test`, or anything else for questions of the training split.
    """
    side = "test" if split == "test" else "train"
    drawn = problems(n, seed=seed, hops=hops, cue="random", split=side)
    return [styled(problem, style) for problem in drawn]


def style_pairs(n: int, *, seed: int, hops: tuple[int, int]) -> list[ContrastPair]:
    """Pairs brief (positive) against careful of questions of the training split.

    Args:
        n: How many.
        seed: Of the list.
        hops: Fewest and most operations.
    """
    drawn = questions(n, seed=seed, hops=hops, split="train")
    return [ContrastPair(styled(one, "brief"), styled(one, "careful")) for one in drawn]
