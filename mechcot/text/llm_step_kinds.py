"""Kinds by asking: an adapter for a language model of the user's own.

The user gives a function from a prompt to a reply (an API, a local model, a person). Each step is put with the definitions of
the kinds and the steps before it; a reply counts when it names exactly one kind. PI labels its steps this way
(Yang et al. 2025, arXiv 2508.02511); the wording of the prompt is ours.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mechcot.core.errors import UserError
from mechcot.core.trace import StepKind

DEFINITIONS: Mapping[StepKind, str] = {
    StepKind.PROGRESSION: "moves the solution forward: restates, recalls, derives or computes something",
    StepKind.SUMMARY: "puts together results that were found before",
    StepKind.EXPLORATION: "tries or plans another idea, method or case",
    StepKind.VERIFICATION: "checks something that was found before",
    StepKind.BACKTRACKING: "doubts or gives up something said before, or corrects it",
    StepKind.CONCLUSION: "states the final answer",
    StepKind.OTHER: "does none of these",
}
_NAME = re.compile(rf"\b({'|'.join(kind.value for kind in StepKind)})\b", re.IGNORECASE)


@dataclass(frozen=True)
class AskedClassifier:
    """Ask for the kind of each step; a `mechcot.text.step_kinds.Classifier`. One question per step.

    Attributes:
        ask: From a prompt to a reply.
        context: How many steps before are shown.
        strict: Whether a reply without exactly one kind is an error; else the step is `other`.
    """

    ask: Callable[[str], str]
    context: int = 3
    strict: bool = True

    def __call__(self, steps: Sequence[str]) -> list[StepKind]:
        """Ask about every step that has a letter or a digit; the others are `other`.

        Raises:
            UserError: A reply does not name exactly one kind and `strict` is set.
        """
        return [self._kind(steps, index) for index in range(len(steps))]

    def _kind(self, steps: Sequence[str], index: int) -> StepKind:
        if not any(map(str.isalnum, steps[index])):
            return StepKind.OTHER
        reply = self.ask(question(steps, index, context=self.context))
        kind = read_kind(reply)
        if kind is None and self.strict:
            raise UserError(
                f"step {index}: expected a reply that names exactly one kind, got {str(reply)[:80]!r}; see read_kind, or set strict=False"
            )
        return kind or StepKind.OTHER


def question(steps: Sequence[str], index: int, *, context: int) -> str:
    """The prompt about one step."""
    kinds = "\n".join(f"{kind.value}: {what}" for kind, what in DEFINITIONS.items())
    before = "".join(steps[max(0, index - context) : index]).strip() or "(nothing)"
    return (
        f"What does a step of a chain of thought do? The kinds:\n{kinds}\n\n"
        f"Before the step:\n{before}\n\nThe step:\n{steps[index].strip()}\n\n"
        "Reply with the name of one kind and nothing else."
    )


def read_kind(reply: str) -> StepKind | None:
    """The one kind that a reply names; None when it names none or several."""
    named = {name.lower() for name in _NAME.findall(str(reply))}
    return StepKind(named.pop()) if len(named) == 1 else None
