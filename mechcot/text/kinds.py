"""What a step does: the six kinds of PI by a documented rule lexicon.

Kinds: Test-time Prompt Intervention (PI, Yang et al. 2025, arXiv 2508.02511). PI's own labels come from a
language model with a prompt; it publishes no lexicon. The cues below are ours, put together from

* TIP (Wang et al. 2025, arXiv 2501.18585): `alternatively` as the switch word (exploration);
* Venhoff et al. 2025 (arXiv 2506.18167): "uncertainty", "backtracking", "example testing" and their
  typical openers (`wait`, `let me check`, `maybe`);
* Thought Anchors (Bogdan et al. 2025, arXiv 2506.19143), the definitions of the eight tags (self checking, result
  consolidation, final answer emission, uncertainty management, plan generation);
* reading the traces under test.

Rule: the first kind of the order below whose pattern occurs in the step wins; backtracking stands
before verification because "wait, that's wrong, let me check" does both. No pattern: progression.
A step without a letter or a digit is `other`. Deviation from PI: rules, not a model, so expect errors;
a number about kinds must name its classifier.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from mechcot.core.trace import StepKind


@runtime_checkable
class Classifier(Protocol):
    """Gives every step of a chain its kind."""

    def __call__(self, steps: Sequence[str]) -> list[StepKind]:
        """Classify.

        Args:
            steps: The texts of all chain steps in order, so that context may count.

        Returns:
            One kind per step.
        """
        ...


LEXICON: Mapping[StepKind, tuple[str, ...]] = {
    StepKind.CONCLUSION: (
        r"\\boxed\b",
        r"\bfinal answer\b",
        r"\bthe answer (?:is|should be|must be|would be)\b",
        r"\b(?:in conclusion|to conclude|i conclude|we conclude)\b",
        r"^\W*(?:conclusion|answer)\b\s*[:=]?",
        r"^\W*####",
    ),
    StepKind.BACKTRACKING: (
        r"\b(?:that's|that is|this is|that was|this was|i was|i'm|which is)\s+(?:not right|wrong|incorrect|a mistake|not correct|impossible)\b",
        r"\b(?:i|we) (?:made|must have made|have made) (?:a|an|some) (?:mistake|error|slip)\b",
        r"\b(?:go back|going back|start over|backtrack|scratch that|let me redo|redo (?:this|that|it)|undo)\b",
        r"^\W*(?:oops|no,|nope|actually, no|wait,? no)\b",
        r"\bdoesn't (?:work|make sense)\b|\bdoes not (?:work|make sense)\b|\bcontradict",
    ),
    StepKind.VERIFICATION: (
        r"\b(?:let me|let's|let us|i'll|i should|we should|i can|we can|to|just to)\s+(?:just\s+)?(?:double[- ]check|check|verify|confirm|test|make sure|re-?check|see if (?:that|this))",
        r"\b(?:double[- ]check|verify|verifying|sanity check|checking|verification)\b",
        r"^\W*(?:check|wait|hold on)\b",
        r"\bis (?:that|this) (?:right|correct)\b",
        r"\b(?:which|this|that) (?:matches|confirms|checks out|agrees|is consistent)\b",
        r"\bplug(?:ging)? (?:it |this |that |these |them )?back\b",
    ),
    StepKind.EXPLORATION: (
        r"\balternatively\b|\banother (?:way|approach|method|idea|thought)\b",
        r"\b(?:maybe|perhaps|what if|i wonder|not sure|hmm)\b",
        r"\b(?:let me|let's) (?:try|consider|think|explore|see)\b",
        r"\b(?:one|a different|other) (?:way|approach|option|possibility)\b",
        r"\b(?:could|might) (?:be|also|try|use)\b",
        r"^\W*(?:suppose|try)\b",
    ),
    StepKind.SUMMARY: (
        r"\b(?:to summari[sz]e|in summary|summari[sz]ing|to recap|recap|putting (?:it|this|that|everything) (?:all )?together)\b",
        r"\b(?:so far|overall|all in all|altogether|in total)\b",
        r"^\W*(?:summary|therefore|thus|hence)\b",
        r"\b(?:so|now) (?:i|we) (?:have|know|got|found) (?:that )?(?:the|all|both)\b",
    ),
}
ORDER = tuple(LEXICON)


@dataclass(frozen=True)
class RuleClassifier:
    """Classify each step by the first kind whose patterns occur in it.

    Attributes:
        lexicon: Patterns (case ignored) per kind; the order of the mapping is the order of rank.
        default: The kind of a step in which nothing occurs.
    """

    lexicon: Mapping[StepKind, tuple[str, ...]] = field(default_factory=lambda: LEXICON)
    default: StepKind = StepKind.PROGRESSION

    def __call__(self, steps: Sequence[str]) -> list[StepKind]:
        """Give every step its kind; cost linear in the text."""
        patterns = [
            (kind, re.compile("|".join(cues), re.IGNORECASE)) for kind, cues in self.lexicon.items()
        ]
        return [self._kind(step, patterns) for step in steps]

    def _kind(self, step: str, patterns: list[tuple[StepKind, re.Pattern[str]]]) -> StepKind:
        if not any(map(str.isalnum, step)):
            return StepKind.OTHER
        text = step.replace("\u2019", "'")
        return next((kind for kind, pattern in patterns if pattern.search(text)), self.default)
