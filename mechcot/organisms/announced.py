"""Kinds of an organism's steps while they are written: exact for finished steps, announced for the open one.

A finished step (it ends with ` .`) has the kind that the law gives it. The step that is still being written has the
kind of the shortest step that begins with its words: `need` announces exploration, `h :` a check, `h= 3` a value alone,
whose kind depends on what the chain has said of h. What is announced may change with the next word (`so` may become
`so far`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mechcot.core.problem import Problem
from mechcot.core.trace import StepKind
from mechcot.organisms.exact import ORGANISM_TASK
from mechcot.organisms.grammar import BODIES, END, MARKERS, Body, form, shape_of
from mechcot.organisms.ground_truth import follow
from mechcot.organisms.problems import QuestionGraph, read_question

_KINDS: dict[Body, StepKind] = {
    "define": StepKind.EXPLORATION,
    "compute": StepKind.PROGRESSION,
    "list": StepKind.SUMMARY,
    "check": StepKind.VERIFICATION,
}


@dataclass(frozen=True)
class ByLaw:
    """A `mechcot.text.step_kinds.Classifier` of one question's chains.

    Attributes:
        world: The question.
    """

    world: QuestionGraph

    def __call__(self, steps: Sequence[str]) -> list[StepKind]:
        """Give every step its kind; the last may be unfinished. Cost: linear in the text."""
        texts = [step.strip() for step in steps]
        if not texts or texts[-1].split()[-1:] == [END]:
            return list(follow(self.world, texts).kinds)
        return [*follow(self.world, texts[:-1]).kinds, self._announced(texts)]

    def _announced(self, texts: Sequence[str]) -> StepKind:
        words = tuple(texts[-1].split())
        told = form(texts[-1])
        rest = words[told.start :]
        if told.marker is None:
            begun = [kind for marker, kind in MARKERS if words and marker[: len(words)] == words]
            if begun:
                return begun[0]
        elif not rest:
            return told.marker
        begins = [shape_of(word) for word in rest]
        fits = sorted((k.split() for k in BODIES if k.split()[: len(rest)] == begins), key=len)
        if not rest or not fits:
            return StepKind.OTHER
        body = BODIES[" ".join(fits[0])]
        if body != "give":
            return _KINDS[body]
        value = " ".join((*words[: told.start], rest[0], "0", END))
        return follow(self.world, [*texts[:-1], value]).kinds[-1]


def by_law(problem: Problem) -> ByLaw | None:
    """The classifier of a problem's chains; None for a problem of another task."""
    if problem.meta.get("task") != ORGANISM_TASK:
        return None
    return ByLaw(read_question(problem.question))
