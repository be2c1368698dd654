"""The family `mod10`: chained arithmetic, with exact semantics for every word of a chain (`semantics`, `ground_truth`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Literal, Never

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.organisms import vocabulary
from mechcot.organisms.acceptance import ACCEPTANCE
from mechcot.organisms.chain_writer import Draft, Manner, compose
from mechcot.organisms.family import Hint, Measured, Wanted
from mechcot.organisms.grammar import DIGITS, FILLER, NAMES, apply_sign, form
from mechcot.organisms.language import WordLanguage
from mechcot.organisms.problems import (
    TASK,
    QuestionGraph,
    draw_world,
    dress,
    problems,
    read_question,
)
from mechcot.organisms.recipes import RECIPES, SHIPPED, Recipe

_ANSWER_WEIGHT = 2.0
_COMBINED_WEIGHT = 5.0
_LOOKED_UP = 2.0
_FREE = 0.5
_WRITTEN = 8.0
"""Loss weight of the result that is written to a hint: one word of a whole chain differs from an ordinary one."""


@dataclass(frozen=True)
class Mod10:
    """The family; see `mechcot.organisms.family.OrganismFamily`."""

    name: str = TASK
    language: WordLanguage = vocabulary.LANGUAGE
    recipes: Mapping[str, Recipe] = field(default_factory=lambda: RECIPES)
    shipped: tuple[str, ...] = SHIPPED
    bounds: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: ACCEPTANCE)
    dtype: Literal["float32", "bfloat16"] = "float32"
    mistakes: float = 0.06
    filler: str = FILLER
    kin: tuple[tuple[str, ...], ...] = tuple((f"{n}:", f"{n}=", n) for n in NAMES)

    def draw(self, rng: Random, wanted: Wanted) -> QuestionGraph:
        """Draw a world of the training side and dress it."""
        kwargs: dict[str, Any] = {"combined": 0.0} if wanted.simple else {}
        world = draw_world(rng, hops=rng.randint(*wanted.hops), **kwargs)
        while world.split != "train":
            world = draw_world(rng, hops=rng.randint(*wanted.hops), **kwargs)
        style = "brief" if wanted.simple else "random"
        return dress(world, rng=rng, hint=wanted.hint, style=style, gate=wanted.gate)

    def write(self, question: QuestionGraph, *, rng: Random, manner: Manner) -> Draft:
        """Write a chain."""
        return compose(question, rng=rng, manner=manner)

    def weigh(self, draft: Draft) -> list[list[float]]:
        """Less where wording is free, more where something is looked up or written to a hint, nothing where it is silently wrong."""
        special = dict.fromkeys(draft.silent, 0.0) | dict.fromkeys(draft.bent, _WRITTEN)
        return [
            [special.get((step, word), weight) for word, weight in enumerate(_importance(text))]
            for step, text in enumerate(draft.steps)
        ]

    def toward(self, question: QuestionGraph, *, rng: Random, manner: Manner) -> Draft:
        """Write a chain without checks, which would catch it, whose last computation gives what makes the hint the answer."""
        answer = question.hint or question.answer
        result = answer
        if len(question.query) > 1:
            _, sign, other = question.query
            result = str(
                apply_sign(int(answer), "-" if sign == "+" else "+", question.values[other])
            )
        return compose(question, rng=rng, manner=replace(manner, checks="none"), result=result)

    def twin(self, question: QuestionGraph, *, rng: Random) -> QuestionGraph:
        """The same layout with other digits, and another answer."""
        while True:
            digits = tuple(
                (
                    name,
                    tuple(
                        rng.choice(DIGITS[1:] if at else DIGITS) if word in DIGITS else word
                        for at, word in enumerate(words)
                    ),
                )
                for name, words in question.definitions
            )
            twin = replace(question, definitions=digits)
            if twin.answer != question.answer:
                return twin

    def guess(self, question: QuestionGraph, *, rng: Random) -> str:  # noqa: ARG002
        """Any digit."""
        return rng.choice(DIGITS)

    @property
    def read(self) -> Callable[[str], QuestionGraph]:
        """Reads a question back; raises ValueError for other texts."""
        return read_question

    def drill(self, rng: Random) -> Never:  # noqa: ARG002
        """There is none.

        Raises:
            UserError: Always.
        """
        raise UserError("mod10 has no lines about no question; leave `drill` out")

    def weight(self, question: QuestionGraph) -> float:
        """More where two stated values feed the answer."""
        return _ANSWER_WEIGHT if len(question.query) == 1 else _COMBINED_WEIGHT

    def problems(
        self, n: int, *, seed: int, hint: Hint = "answer", style: str | None = None
    ) -> list[Problem]:
        """Draw test problems."""
        return problems(n, seed=seed, hint=hint, style=style)

    def measure(self, name: str, *, n: int, directory: Path | None) -> Measured:
        """Measure the lines of `mechcot.organisms.check`."""
        from mechcot.organisms.check import measure_all

        return measure_all(name, n=n, directory=directory)


def _importance(step: str) -> list[float]:
    shape = form(step)
    last = len(shape.words) - 1
    looked_up = {"define": range(shape.start + 1, last), "give": range(shape.start + 1, last)}.get(
        shape.body, ()
    )
    return [
        _FREE if word == 0 else _LOOKED_UP if word in looked_up else 1.0
        for word in range(len(shape.words))
    ]


MOD10_FAMILY = Mod10()
