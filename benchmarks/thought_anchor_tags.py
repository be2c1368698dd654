"""The eight functions of Thought Anchors by a scorecard of cues, and what they are among the six kinds of PI.

    points(step, tag) = START[tag] + sum of POINTS[tag][cue] over the cues of the step + FOLLOWS[tag][tag of the step before]

The tag with the most points wins, the earlier of `FunctionTag` at equal points. Every cue is a name of
`mechcot.text.thought_anchor_cues`; every point is a small whole number that was written by hand, with counts of cues and tags in one half of the
problems of the published traces at hand. Nothing else is learned. `python -m benchmarks.kinds FOLDER` scores it on the
other half.

Source of the tags: the labelling prompt of Thought Anchors (Bogdan et al. 2025, arXiv 2506.19143). Their labels were given by a
language model, not by people: agreement with them is agreement with that labeller. A step of several functions gets one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mechcot.core.errors import UserError
from mechcot.core.trace import StepKind
from mechcot.text.step_kinds import in_english
from mechcot.text.thought_anchor_cues import COMPUTED, WORDING, cues_of


class FunctionTag(StrEnum):
    """The eight functions of a sentence, as Thought Anchors names them."""

    PROBLEM_SETUP = "problem_setup"
    PLAN_GENERATION = "plan_generation"
    FACT_RETRIEVAL = "fact_retrieval"
    ACTIVE_COMPUTATION = "active_computation"
    UNCERTAINTY_MANAGEMENT = "uncertainty_management"
    SELF_CHECKING = "self_checking"
    RESULT_CONSOLIDATION = "result_consolidation"
    FINAL_ANSWER_EMISSION = "final_answer_emission"


KIND_OF: Mapping[FunctionTag, StepKind] = {
    FunctionTag.PROBLEM_SETUP: StepKind.PROGRESSION,
    FunctionTag.PLAN_GENERATION: StepKind.EXPLORATION,
    FunctionTag.FACT_RETRIEVAL: StepKind.PROGRESSION,
    FunctionTag.ACTIVE_COMPUTATION: StepKind.PROGRESSION,
    FunctionTag.UNCERTAINTY_MANAGEMENT: StepKind.BACKTRACKING,
    FunctionTag.SELF_CHECKING: StepKind.VERIFICATION,
    FunctionTag.RESULT_CONSOLIDATION: StepKind.SUMMARY,
    FunctionTag.FINAL_ANSWER_EMISSION: StepKind.CONCLUSION,
}
"""Ours: PI has no kind for setup and recall, and its backtracking is part of `uncertainty_management`."""

TAGS_OF: Mapping[StepKind, tuple[FunctionTag, ...]] = {
    kind: tuple(tag for tag, its in KIND_OF.items() if its is kind) for kind in StepKind
}
"""The tags that a kind may stand for; none for `other`."""

START: Mapping[FunctionTag, int] = {
    FunctionTag.PROBLEM_SETUP: -2,
    FunctionTag.PLAN_GENERATION: 0,
    FunctionTag.FACT_RETRIEVAL: 2,
    FunctionTag.ACTIVE_COMPUTATION: 0,
    FunctionTag.UNCERTAINTY_MANAGEMENT: -1,
    FunctionTag.SELF_CHECKING: -1,
    FunctionTag.RESULT_CONSOLIDATION: -1,
    FunctionTag.FINAL_ANSWER_EMISSION: -3,
}
# fmt: off
POINTS: Mapping[FunctionTag, Mapping[str, int]] = {
    FunctionTag.PROBLEM_SETUP: {
        "first three": 5, "let me think": 4, "problem": 3, "have problem": 2, "okay so": 2, "read again": 2,
        "first eight": 1, "need to": 1, "but": -1, "maybe I": -1, "let me check": -2, "has =": -2,
    },
    FunctionTag.PLAN_GENERATION: {
        "let me try": 3, "need to": 3, "approach": 3, "maybe": 2, "could": 2, "if I": 2, "let me": 1, "compute next": 1,
        "hmm": 1, "first eight": 1, "many words": 1, "next": 1, "wait": -1, "but": -1, "ends with :": -1, "problem": -1,
        "check": -2, "let me check": -2, "has =": -2,
    },
    FunctionTag.FACT_RETRIEVAL: {
        "since": 2, "looking at": 2, "recall": 1, "there are": 1, "originally": 1, "next": 1, "many words": 1,
        "first eight": 1, "old numbers": 1, "chain of =": -1, "question": -1, "mistake": -1, "not right": -1, "wait": -1,
        "so it is": -1, "therefore": -1, "let me": -2, "maybe": -2, "seems right": -2, "compute": -2,
    },
    FunctionTag.ACTIVE_COMPUTATION: {
        "operation": 2, "chain of =": 2, "compute": 2, "has =": 1, "symbols only": 1, "many numbers": 1, "gives": 1,
        "old result": 1, "seen whole": 1, "recall": -1, "question": -1, "wait": -2, "but": -2, "no number": -3, "maybe": -3,
    },
    FunctionTag.UNCERTAINTY_MANAGEMENT: {
        "not right": 4, "confusing": 4, "wait": 3, "hmm": 3, "mistake": 3, "question": 3, "but": 2, "maybe I": 2,
        "is that": 1, "check": 1, "let me check": 1, "no number": 1, "seems right": -1, "has =": -3,
    },
    FunctionTag.SELF_CHECKING: {
        "tick": 7, "check": 4, "seems right": 4, "yes": 4, "let me check": 3, "matches": 2, "indeed": 1, "second half": 1,
        "seen whole": 1, "therefore": 1, "prev check": 1, "prev let me check": 1, "wait": -1, "but": -1, "maybe": -1,
        "problem": -1,
    },
    FunctionTag.RESULT_CONSOLIDATION: {
        "now have": 4, "so it is": 3, "conclude": 3, "name it": 3, "therefore": 2, "so": 2, "old numbers": 1, "yes": 1,
        "ends with :": 1, "prev chain of =": 1, "maybe": -1, "no number": -1, "but": -2, "chain of =": -2, "compute": -2,
        "wait": -3, "need to": -3, "question": -4,
    },
    FunctionTag.FINAL_ANSWER_EMISSION: {
        "boxed": 9, "final answer": 8, "so the answer": 4, "last two": 4, "answer is": 3, "last part": 1, "wait": -4,
        "but": -4, "question": -4,
    },
}
# fmt: on
FOLLOWS: Mapping[FunctionTag, Mapping[FunctionTag, int]] = {
    FunctionTag.PROBLEM_SETUP: {FunctionTag.PROBLEM_SETUP: 1},
    FunctionTag.FACT_RETRIEVAL: {FunctionTag.FACT_RETRIEVAL: 1},
    FunctionTag.ACTIVE_COMPUTATION: {
        FunctionTag.ACTIVE_COMPUTATION: 1,
        FunctionTag.SELF_CHECKING: 1,
    },
    FunctionTag.UNCERTAINTY_MANAGEMENT: {FunctionTag.UNCERTAINTY_MANAGEMENT: 1},
    FunctionTag.SELF_CHECKING: {FunctionTag.SELF_CHECKING: 1},
    FunctionTag.FINAL_ANSWER_EMISSION: {FunctionTag.FINAL_ANSWER_EMISSION: 2},
}


@dataclass(frozen=True)
class RuleTagger:
    """Give every step its function by points.

    Attributes:
        points: Points of each cue, per tag.
        start: Points that a tag has before any cue.
        follows: Points of a tag behind the tag of the step before.
    """

    points: Mapping[FunctionTag, Mapping[str, int]] = field(default_factory=lambda: POINTS)
    start: Mapping[FunctionTag, int] = field(default_factory=lambda: START)
    follows: Mapping[FunctionTag, Mapping[FunctionTag, int]] = field(
        default_factory=lambda: FOLLOWS
    )

    def __post_init__(self) -> None:
        named = {cue.removeprefix("prev ") for card in self.points.values() for cue in card}
        unknown = sorted(named - WORDING.keys() - COMPUTED)
        if unknown:
            raise UserError(
                f"no such cue: {', '.join(unknown)}; expected names of mechcot.text.thought_anchor_cues"
            )

    def tags(self, steps: Sequence[str]) -> list[FunctionTag]:
        """The function of every step. Linear in the text."""
        chosen: list[FunctionTag] = []
        for cues in cues_of(steps):
            scores = self.scores(cues, before=chosen[-1] if chosen else None)
            chosen.append(max(FunctionTag, key=lambda tag: scores[tag]))  # the first of equals
        return chosen

    def scores(
        self, cues: frozenset[str], *, before: FunctionTag | None = None
    ) -> dict[FunctionTag, int]:
        """The points of every tag, so that a verdict can be explained."""
        return {
            tag: self.start.get(tag, 0)
            + sum(points for cue, points in self.points.get(tag, {}).items() if cue in cues)
            + (0 if before is None else self.follows.get(tag, {}).get(before, 0))
            for tag in FunctionTag
        }


@dataclass(frozen=True)
class FunctionClassifier:
    """The six kinds by way of the eight functions; a `mechcot.text.step_kinds.Classifier`."""

    tagger: RuleTagger = field(default_factory=RuleTagger)

    def __call__(self, steps: Sequence[str]) -> list[StepKind]:
        """Give every step its kind; `other` where nothing is said, and throughout a chain that is not English."""
        return in_english(lambda chain: [KIND_OF[tag] for tag in self.tagger.tags(chain)], steps)
