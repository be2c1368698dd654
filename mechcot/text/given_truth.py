"""What a user's files say of a problem's chains, kept in the problem itself, and the makers that read it there.

A problem carries it in `meta[KEY]`, as JSON: it travels with traces to disk and to other processes. Steps are known by their text, white space aside.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from mechcot.core.counterfactual import Counterfactual, Retoken
from mechcot.core.errors import NotMeasurable
from mechcot.core.problem import Problem
from mechcot.core.task import QuestionChange
from mechcot.core.trace import StepKind, Trace
from mechcot.text.twins import (
    check_encoding,
    check_question,
    counterfactual,
    same_layout,
    tail_with,
)

KEY = "own truth"
"""Where `Problem.meta` holds it."""


@dataclass(frozen=True)
class Truth:
    """What files say of some problems.

    Attributes:
        twins: Records of `mechcot.text.user_truth_files.GivenTwin`.
        paraphrases: Step to its rewordings.
        mistakes: Step to wrong versions of it.
        kinds: Step to the name of its kind.
    """

    twins: tuple[Mapping[str, Any], ...] = ()
    paraphrases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mistakes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def patches(self) -> tuple[Mapping[str, Any], ...]:
        """The twins that give a chain with another answer."""
        return tuple(t for t in self.twins if t["changes"] == "fact" and t["chain"])

    def __or__(self, other: "Truth") -> "Truth":
        """Both; where they speak of the same step the later one is taken."""
        return Truth(
            (*self.twins, *other.twins),
            {**self.paraphrases, **other.paraphrases},
            {**self.mistakes, **other.mistakes},
            {**self.kinds, **other.kinds},
        )


def truth_of(problem: Problem) -> Truth | None:
    """What files say of a problem; None where they say nothing."""
    given = problem.meta.get(KEY)
    if not isinstance(given, Mapping):
        return None
    return Truth(**{**given, "twins": tuple(given.get("twins", ()))})


def plain_step(step: str) -> str:
    """A step's text by which it is known: white space does not count."""
    return " ".join(step.split())


def dressed(text: str, like: str) -> str:
    """A text between the white space of another."""
    bare = like.strip()
    lead, tail = like.split(bare, 1) if bare else ("", like)
    return f"{lead}{text.strip()}{tail}"


@dataclass(frozen=True)
class GivenTwins:
    """A `CounterfactualMaker` that takes one of the twins that the user gave for the trace's problem, by seed."""

    def __call__(self, trace: Trace, *, retoken: Retoken, seed: int) -> Counterfactual:
        """Take the first that fits.

        Raises:
            NotMeasurable: None fits; the text says why most do not.
        """
        twins = (truth_of(trace.problem) or Truth()).patches
        if not twins:
            raise NotMeasurable("the file of counterfactuals gives no twin of this problem's chain")
        check_question(trace, trace.problem.question.strip())
        check_encoding(trace, retoken)
        reasons: Counter[str] = Counter()
        for twin in Random(seed).sample(twins, len(twins)):
            try:
                return _fitted(trace, twin, retoken)
            except NotMeasurable as reason:
                reasons[str(reason)] += 1
        raise NotMeasurable(reasons.most_common(1)[0][0])


def _fitted(trace: Trace, twin: Mapping[str, Any], retoken: Retoken) -> Counterfactual:
    """The counterfactual of one given twin.

    Raises:
        NotMeasurable: It was written for another chain, or its tokens do not line up.
    """
    if twin["original"] and plain_step(twin["original"]) != plain_step(trace.chain_text):
        raise NotMeasurable("the given twin was written for another chain")
    prompt = trace.prompt.replace(trace.problem.question.strip(), twin["question"].strip())
    completion = dressed(twin["chain"], trace.chain_text) + tail_with(trace, twin["answer"])
    other = retoken(trace, prompt, completion)
    if other.prompt_length != trace.prompt_length:
        raise NotMeasurable("the given twin's question has another number of tokens")
    if not same_layout(trace, other):
        raise NotMeasurable(
            "the given twin's chain has another number of tokens in a step, or other steps"
        )
    return counterfactual(trace, other, answer=twin["answer"], source="given")


def given_changes(problem: Problem, *, seed: int = 0) -> tuple[QuestionChange, ...]:  # noqa: ARG001 - of the protocol
    """The changed questions that the user's file has of a problem, all of them."""
    return tuple(
        QuestionChange(twin["changes"], twin["question"], twin["answer"], twin["hint"] or None)
        for twin in (truth_of(problem) or Truth()).twins
    )


@dataclass(frozen=True)
class GivenParaphrases:
    """A `Paraphraser` that says every step as the user's file does."""

    texts: Mapping[str, Sequence[str]]

    def __call__(self, steps: Sequence[str]) -> tuple[str, ...]:
        """Reword all steps.

        Raises:
            NotMeasurable: The file has no rewording of a step.
        """
        if any(step.strip() and plain_step(step) not in self.texts for step in steps):
            raise NotMeasurable("the file of paraphrases has no rewording of a step of this chain")
        return tuple(
            dressed(self.texts[plain_step(step)][0], step) if step.strip() else step
            for step in steps
        )


@dataclass(frozen=True)
class GivenMistakes:
    """A `MistakeWriter` that knows the wrong steps of the user's file."""

    texts: Mapping[str, Sequence[str]]

    def __call__(  # the protocol's question is not asked: steps are known by their text
        self,
        question: str,  # noqa: ARG002
        steps: Sequence[str],
        *,
        seed: int,
    ) -> str | None:
        """The last of some steps as the file has it wrong; None where it has not."""
        wrong = self.texts.get(plain_step(steps[-1]))
        return dressed(Random(seed).choice(list(wrong)), steps[-1]) if wrong else None


def with_given_kinds(trace: Trace) -> Trace:
    """The trace with the kinds that the user's file gives; a step that the file does not have keeps its own."""
    kinds = (truth_of(trace.problem) or Truth()).kinds
    steps = tuple(
        replace(step, kind=StepKind(kinds.get(plain_step(step.text), step.kind)))
        for step in trace.steps
    )
    return replace(trace, steps=steps)
