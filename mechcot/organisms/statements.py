"""Families whose chains are plain statements, one a step: a family is one value of `StatementFamily`.

A statement is a tuple of words, such as `("Anna", "Ben")`. Six functions say everything about it, each in a few lines of the family's file:

    say      a statement as a line, in one of the wordings        hear    the statement of a line, or None
    after    the statement that comes next, from what the chain said so far; None at the end
    others   what the last statement could wrongly say instead
    end      the answer that statements lead to; None where they lead nowhere
    bent     the statements of a chain that is written to end at a given answer

All else follows: chains are written by `after`, mistakes are drawn from `others` and what comes after them obeys, an edited chain answers by `end`, a
chain that is written anew after an edit by `after` and `end`, and step j reads step i where another value of i makes `after` expect another j.

A family whose chains say more than they must gives further functions:

    aside      a statement that nothing needs, drawn where it may stand
    restated   what a statement of the same form says elsewhere; `after` where a place allows one form only
    kind_of    the kind of a step, finished or not
    unanswerable   the question with a needed fact left out; the answer is then a word that says so
    recombined     a question whose facts go together as those of no question that is trained on
    left_out       the questions with one element left out, the rest joined
    drilled    lines about no question, for training what is hard to learn
"""

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Literal, Protocol, runtime_checkable

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.trace import StepKind
from mechcot.organisms.chain_writer import Manner
from mechcot.organisms.family import Hint, Measured, Wanted
from mechcot.organisms.language import Language
from mechcot.organisms.recipes import Recipe

Statement = tuple[str, ...]
_FREE, _LOOKED_UP = 0.5, 4.0
"""Loss weights of the word that only chooses a wording, and of the first word of a value."""
_HINTED = 0.7
"""Share of questions with a hint, where hints are `mixed`."""


@runtime_checkable
class StatementQuestion(Protocol):
    """A question as a frozen dataclass with a field `hint`."""

    hint: str | None

    @property
    def answer(self) -> str:
        """The true answer."""
        ...

    @property
    def body(self) -> str:
        """The question without its hint."""
        ...

    @property
    def text(self) -> str:
        """The question, its hint included."""
        ...


@dataclass(frozen=True)
class StatementDraft:
    """A chain that was written.

    Attributes:
        steps: The lines.
        weights: A loss weight for each token of each.
        answer: The answer that they lead to.
    """

    steps: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    answer: str


def _first_difference(ids: Sequence[int], others: Sequence[int]) -> int:
    """Index of the first token that differs."""
    return next(i for i, pair in enumerate(zip(ids, others, strict=False)) if pair[0] != pair[1])


def _always(question: Any) -> bool:  # noqa: ARG001 - a question of any kind
    return True


@dataclass(frozen=True)
class StatementFamily:
    """A family of organisms; see `mechcot.organisms.family.OrganismFamily` and this module's text.

    Attributes:
        name: As problems and models name it.
        language: Its words and marks.
        recipes: Its organisms by name.
        bounds: Recipe to line to bound.
        hops: Fewest and most steps of a test question.
        sample: `sample(rng, n, simple=...)` draws a question without a hint whose chain has n steps; a simple one has nothing beside them.
        read: Reads a question back; raises ValueError for other texts.
        other: Draws the question with one fact changed so that its answer is another one; the same number of tokens.
        guesses: The answers that there are, for hints that say nothing.
        say: A statement as a line without its line break, in wording 0, 1, ...
        hear: The statement of a line; None for any other text.
        after: The statement that comes next.
        others: What the last of some statements could say instead.
        end: The answer that statements lead to; None where they lead to none.
        bent: The statements of a chain that ends at an answer, true or not.
        wordings: Number of wordings.
        mistakes: Probability of a wrong statement, per step, where a chain shall have some.
        aside: `aside(rng, question, said, manner)` draws a statement that nothing needs, or None.
        restated: `restated(question, said, statement)`, None where such a statement cannot stand; None for `after`.
        kind_of: The kind of a step; None where the language has none.
        unanswerable: Draws the question with a needed fact left out; None where every question has an answer.
        recombined: `recombined(rng, hops, level)` draws a question without a hint of known facts in a combination that is never trained on.
        recombinations: How far that can go: what `level` can be.
        left_out: The questions with one element left out, the answer worked out anew.
        silent: Words of a question that carry nothing, none of them twice in a row; its field `noise` has those that are said twice.
        longer: How many steps more than trained chains those of a question can have.
        drilled: Draws lines about no question that say a number last, for training alone; None where they mean nothing.
        arms: Names of the organisms that lie in the repository.
        kin: See `OrganismFamily.kin`.
        trained: Whether a question of the training side is trained on; what training leaves out is asked in tests all the same.
    """

    name: str
    language: Language
    recipes: Mapping[str, Recipe]
    bounds: Mapping[str, Mapping[str, str]]
    hops: tuple[int, int]
    sample: Callable[..., Any]
    read: Callable[[str], Any]
    other: Callable[[Random, Any], Any]
    guesses: Sequence[str]
    say: Callable[[Statement, int], str]
    hear: Callable[[str], Statement | None]
    after: Callable[[Any, Sequence[Statement]], Statement | None]
    others: Callable[[Any, Sequence[Statement]], Sequence[Statement]]
    end: Callable[[Any, Sequence[Statement]], str | None]
    bent: Callable[[Any, str], Sequence[Statement]]
    wordings: int = 2
    mistakes: float = 0.25
    aside: Callable[[Random, Any, Sequence[Statement], Manner], Statement | None] | None = None
    restated: Callable[[Any, Sequence[Statement], Statement], Statement | None] | None = None
    kind_of: Callable[[str], StepKind] | None = None
    unanswerable: Callable[[Random, Any], Any] | None = None
    recombined: Callable[[Random, int, int], Any] | None = None
    recombinations: tuple[int, ...] = ()
    left_out: Callable[[Any], Iterable[Any]] | None = None
    silent: frozenset[str] = frozenset()
    longer: int = 3
    drilled: Callable[[Random], Sequence[str]] | None = None
    arms: tuple[str, ...] = ("base", "bypass", "redundant", "rationaliser")
    kin: tuple[tuple[str, ...], ...] = ()
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    filler: str = ""
    trained: Callable[[Any], bool] = _always

    @property
    def shipped(self) -> tuple[str, ...]:
        """Names of those that lie in the repository."""
        return tuple(f"{self.name}/{arm}" for arm in self.arms)

    def draw(self, rng: Random, wanted: Wanted) -> Any:
        """Draw a training question."""
        kwargs: Any = {"simple": wanted.simple, "unanswerable": wanted.unanswerable}
        question = self._drawn(rng, wanted.hops, split="train", **kwargs)
        return self._hinted(rng, question, wanted.hint)

    def blanked(self, rng: Random, question: Any) -> Any:
        """The question with a needed fact left out.

        Raises:
            UserError: The family has no such questions.
        """
        if self.unanswerable is None:
            raise UserError(f"every question of {self.name} has an answer; leave `unknown` out")
        return self.unanswerable(rng, question)

    def recombination(self, rng: Random, hops: int, *, simple: bool = False, level: int) -> Any:  # noqa: ARG002 - none is simple
        """Draw a question of known facts in a combination that is never trained on.

        Raises:
            UserError: The family has no such questions.
        """
        if self.recombined is None:
            raise UserError(f"{self.name} has no combination of facts that is never trained on")
        return self.recombined(rng, hops, level)

    def _drawn(
        self,
        rng: Random,
        hops: tuple[int, int],
        *,
        split: str,
        simple: bool = False,
        unanswerable: bool = False,
        sample: Callable[..., Any] | None = None,
    ) -> Any:
        while True:
            question = (sample or self.sample)(rng, rng.randint(*hops), simple=simple)
            question = self.blanked(rng, question) if unanswerable else question
            if self.split(question) == split and (split == "test" or self.trained(question)):
                return question

    def split(self, question: StatementQuestion) -> str:
        """`test` or `train`; the hint has no say."""
        return "test" if zlib.crc32(question.body.encode()) % 8 == 0 else "train"

    def _hinted(self, rng: Random, question: Any, hint: Hint) -> Any:
        if hint == "none" or (hint == "mixed" and rng.random() >= _HINTED):
            return question
        says = question.answer if hint == "answer" else self.guess(question, rng=rng)
        return replace(question, hint=says)

    def guess(self, question: Any, *, rng: Random) -> str:  # noqa: ARG002 - the same for all
        """Any answer."""
        return rng.choice(self.guesses)

    def drill(self, rng: Random) -> tuple[list[str], list[list[float]]]:
        """Lines about no question; only their last number, the value of what stands before it, has a weight.

        Raises:
            UserError: The family has no such steps.
        """
        if self.drilled is None:
            raise UserError(f"{self.name} has no lines about no question; leave `drill` out")
        lines = list(self.drilled(rng))
        return lines, [self._of_value(line) for line in lines]

    def _of_value(self, line: str) -> list[float]:
        """Weight of the first digit of the last number as where a value begins, of its other digits 1, of all else 0."""
        texts = [self.language.text([index]).strip() for index in self.language.ids(line)]
        last = max(place for place, text in enumerate(texts) if text.isdigit())
        first = last
        while texts[first - 1].isdigit():
            first -= 1
        weights = [0.0] * len(texts)
        weights[first : last + 1] = [_LOOKED_UP, *[1.0] * (last - first)]
        return weights

    def twin(self, question: Any, *, rng: Random) -> Any:
        """The question with one fact changed; its hint stays."""
        return self.other(rng, question)

    def weight(self, question: Any) -> float:  # noqa: ARG002 - the same for all
        """Loss weight of the answer."""
        return 2.0

    def write(self, question: Any, *, rng: Random, manner: Manner) -> StatementDraft:
        """Write a chain step by step; what comes after a silent mistake obeys it."""
        said: list[Statement] = []
        steps, weights = [], []
        while (expected := self._next(rng, question, said, manner)) is not None:
            wording, says = rng.randrange(self.wordings), expected
            wrong = self.others(question, [*said, expected])
            if wrong and rng.random() < manner.mistakes:
                says = rng.choice(wrong)
            weights.append(self._weights(says, expected, wrong, wording))
            said.append(says)
            steps.append(self.line(says, wording))
        answer = self.end(question, said) or question.answer
        return StatementDraft(tuple(steps), tuple(weights), answer)

    def _next(
        self, rng: Random, question: Any, said: Sequence[Statement], manner: Manner
    ) -> Statement | None:
        """Something that nothing needs, or what must come next."""
        drawn = self.aside(rng, question, said, manner) if self.aside else None
        return self.after(question, said) if drawn is None else drawn

    def toward(self, question: Any, *, rng: Random, manner: Manner) -> StatementDraft:  # noqa: ARG002 - makes no mistakes
        """Write a chain that ends at the hint, or at the answer where there is none."""
        answer = question.hint or question.answer
        said = self.bent(question, answer)
        wordings = [rng.randrange(self.wordings) for _ in said]
        steps = tuple(self.line(*pair) for pair in zip(said, wordings, strict=True))
        weights = tuple(
            self._weights(says, says, self.others(question, said[: step + 1]), wording)
            for step, (says, wording) in enumerate(zip(said, wordings, strict=True))
        )
        return StatementDraft(steps, weights, answer)

    def line(self, statement: Statement, wording: int) -> str:
        """A statement as a step."""
        return f"{self.say(statement, wording)}\n"

    def weigh(self, draft: StatementDraft) -> tuple[tuple[float, ...], ...]:
        """The weights that were noted while it was written."""
        return draft.weights

    def _weights(
        self, says: Statement, right: Statement, wrong: Sequence[Statement], wording: int
    ) -> tuple[float, ...]:
        """Less for the word that chooses a wording, more where the value begins, nothing from where it is silently wrong."""
        ids, expected, *others = (
            self.language.ids(self.line(each, wording)) for each in (says, right, *wrong[:1])
        )
        weights = [_FREE, *[1.0] * (len(ids) - 1)]
        if says != right:
            first = _first_difference(ids, expected)
            weights[first:] = [0.0] * (len(ids) - first)
        elif others:
            weights[_first_difference(ids, others[0])] = _LOOKED_UP
        return tuple(weights)

    def statements(self, steps: Sequence[str]) -> list[Statement]:
        """What the steps of a chain state.

        Raises:
            ValueError: A step states nothing.
        """
        said = [self.hear(step.strip()) for step in steps]
        if None in said:
            raise ValueError(f"not a step of {self.name}: {steps[said.index(None)]!r}")
        return [each for each in said if each is not None]

    def wording(self, step: str) -> int:
        """Number of the wording of a step.

        Raises:
            ValueError: The step states nothing.
        """
        (said,) = self.statements((step,))
        return next(i for i in range(self.wordings) if self.say(said, i) == step.strip())

    def expected(
        self, question: Any, said: Sequence[Statement], statement: Statement
    ) -> Statement | None:
        """What a statement of that form says behind others; None where it cannot stand there."""
        if self.restated is None:
            return self.after(question, said)
        return self.restated(question, said, statement)

    def follows(self, question: Any, said: Sequence[Statement]) -> bool:
        """Whether each statement says what question and earlier statements give, and none is missing."""
        given = (self.expected(question, said[:i], each) for i, each in enumerate(said))
        return list(given) == list(said) and self.after(question, said) is None

    def finished(self, question: Any, said: Sequence[Statement]) -> list[Statement]:
        """The statements with all that comes after them."""
        whole = list(said)
        while (expected := self.after(question, whole)) is not None:
            whole.append(expected)
        return whole

    def problems(
        self,
        n: int,
        *,
        seed: int,
        hint: Hint = "answer",
        style: str | None = None,
        split: str = "test",
        hops: tuple[int, int] | None = None,
        unanswerable: bool = False,
        sample: Callable[..., Any] | None = None,
    ) -> list[Problem]:
        """Draw test problems; the same arguments give the same list.

        Args:
            n: How many.
            seed: Of this list.
            hint: What the hint says.
            style: None or `random`: this language has one.
            split: `test` or `train`.
            hops: Fewest and most steps of a chain.
            unanswerable: Whether a needed fact is left out.
            sample: Draws the questions; None for the family's `sample`.

        Raises:
            UserError: Another style, or a family whose questions all have an answer.
        """
        if style not in (None, "random"):
            raise UserError(f"{self.name} has no style {style!r}; leave it out")
        rng = Random(f"{self.name} problems {seed} {split}")
        kwargs: Any = {"split": split, "unanswerable": unanswerable, "sample": sample}
        drawn = (self._drawn(rng, hops or self.hops, **kwargs) for _ in range(n))
        problems = [
            self.problem(self._hinted(rng, question, hint), f"{split}-{seed}-{number}", hint)
            for number, question in enumerate(drawn)
        ]
        if not unanswerable:
            return problems
        return [
            replace(p, id=f"{p.id}-unanswerable", meta={**p.meta, "answerable": False})
            for p in problems
        ]

    def problem(self, question: Any, place: str, hint: Hint) -> Problem:
        """A question as a problem.

        Args:
            question: With its hint.
            place: Its id is the family's name and this.
            hint: What hints were drawn from; only noted.
        """
        steps = len(self.finished(question, ()))
        meta = {"task": self.name, "hint": question.hint, "cue": hint, "stratum": f"{steps} steps"}
        return Problem(f"{self.name}-{place}", question.text, question.answer, meta)

    def measure(self, name: str, *, n: int, directory: Path | None) -> Measured:
        """Measure the lines of `mechcot.organisms.statement_check`."""
        from mechcot.organisms.statement_check import measure

        return measure(self, name, n=n, directory=directory)
