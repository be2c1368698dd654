"""Questions whose facts make trails, each fact from one word to the next: what `lookup` and `reach` do with the asked one."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

from mechcot.organisms.statements import Statement


def with_joining(
    rng: Random, question: Any, trail: Sequence[Statement], *, ends: Collection[str], level: int
) -> Any:
    """The question, so many of its other trails led to a word of the asked one: of those that are trained on no two meet.

    Args:
        rng: Draws them, and where they join.
        question: Has `facts`.
        trail: The asked one.
        ends: Words in which trails end.
        level: How many join.
    """
    others = [fact for fact in question.facts if fact[1] in ends and fact not in trail]
    joining = {fact: (fact[0], rng.choice(trail[1:])[0]) for fact in rng.sample(others, level)}
    return replace(question, facts=tuple(joining.get(fact, fact) for fact in question.facts))


def with_one_left_out(question: Any, trail: Sequence[Statement], *, shortest: int) -> Iterator[Any]:
    """The question without a word that the trail passes, for each that no other trail passes: the one before leads to the one behind, the end stays.

    Args:
        question: Has `facts`.
        trail: The asked one.
        shortest: Facts of a trail from which nothing can be left out.
    """
    for before, after in pairwise(trail if len(trail) > shortest else ()):
        joined = {before: (before[0], after[1])}
        facts = (joined.get(fact, fact) for fact in question.facts if fact != after)
        if all(fact[1] != after[0] for fact in question.facts if fact != before):
            yield replace(question, facts=tuple(facts))
