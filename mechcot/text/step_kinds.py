"""Kinds of steps: the six kinds of PI by a documented rule lexicon.

Kinds: Test-time Prompt Intervention (PI, Yang et al. 2025, arXiv 2508.02511). PI's own labels come from a
language model with a prompt; it publishes no lexicon. The cues below are ours, put together from

* TIP (Wang et al. 2025, arXiv 2501.18585): `alternatively` as the switch word (exploration);
* Venhoff et al. 2025 (arXiv 2506.18167): "uncertainty", "backtracking", "example testing" and their
  typical openers (`wait`, `let me check`, `maybe`);
* Thought Anchors (Bogdan et al. 2025, arXiv 2506.19143), the definitions of the eight tags (self checking, result
  consolidation, final answer emission, uncertainty management, plan generation), and counts of cues and tags in one half of the
  problems of its published traces.

Rule: `STATED` first, what a step says outright of itself; then `LEXICON`, how such steps often open. In each the first kind of the order
whose pattern occurs wins; backtracking stands before verification because "wait, that's wrong, let me check" does both. No pattern:
progression. The step's label (`Step 3.`) is no part of it. A step without a letter or a digit is `other`, and so is every step of a
chain that is not English: the lexicon knows no other language (`mechcot.text.english_only`).
Deviation from PI: rules, not a model, so expect errors; a number about kinds must name its classifier. The default is
`mechcot.text.learned_step_kinds`, which asks `STATED` first and lets `LEXICON` lean on what it learned.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from mechcot.core.trace import StepKind
from mechcot.text.english_only import in_other_letters, is_english
from mechcot.text.thought_anchor_cues import unlabelled


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


Lexicon = Mapping[StepKind, tuple[str, ...]]

STATED: Lexicon = {
    StepKind.CONCLUSION: (
        r"\\boxed\b",
        r"\bfinal answer\b",
        r"(?<!if )\b(?:the|my|our)(?: \w+)? answer (?:is|should be|must be|would be)\b(?![^.]*\?)",
        r"^\W*(?:in conclusion|to conclude|answer\s*[:=])",
        r"^\W*####",
    ),
    StepKind.BACKTRACKING: (
        r"\b(?:made|make|making) (?:a|an|some)(?: \w+)? (?:mistake|error|slip)\b",
        r"\bi(?:'ve| have| must have| may have| might have)? (?:messed up|miscalculated|misread|misunderstood|miscounted)\b",
        r"\b(?:that's|that is|this is|that was|this was|i was|i'm|which is) (?:not right|wrong|incorrect|not correct|a mistake|a contradiction)\b",
        r"\b(?:go back|going back|start over|start again|backtrack|scratch that|let me redo|redo (?:this|that|it)|undo|rethink)\b",
        r"^\W*(?:oops|wait,? no|no,? wait|actually,? no)\b",
        r"\bgetting confused\b",
    ),
    StepKind.VERIFICATION: (
        r"\b(?:double[- ]?check|re-?check|cross-?check|verify|verifying|verification|sanity check)",
        r"\b(?:let me|let's|let us|i'll|i should|we should|i can|we can|to|just to) (?:just |also |quickly )?(?:check|confirm|test|make sure|be sure)\b",
        r"\b(?:which|this|that) (?:matches|confirms|checks out|agrees|is consistent)\b",
        r"\bplug(?:ging)? (?:it|this|that|these|them|\S{1,12}(?: = \S+)?) back\b",
        r"[\u2713\u2714]",
    ),
    StepKind.SUMMARY: (
        r"\b(?:to summari[sz]e|in summary|summari[sz]ing|to recap|putting (?:it|this|that|these|everything) (?:all )?together)\b",
    ),
    StepKind.EXPLORATION: (
        r"\balternatively\b|\banother (?:way|approach|method|idea|option|thought)\b|\bwhat if\b",
    ),
}
"""What a step says outright."""

LEXICON: Lexicon = {
    StepKind.CONCLUSION: (
        r"^\W*(?:conclusion|answer|final solution)\b",
        r"\b(?:i|we) conclude\b|\bi(?:'m| am) confident\b",
    ),
    StepKind.BACKTRACKING: (
        r"^\W*(?:(?:but|so|hmm|no|oh|ah|okay),? )*(?:wait|hold on)\b",
        r"^\W*(?:no,|nope|actually,)",
        r"\b(?:mistake|confus\w+|overcomplicat\w+|contradict\w*|not possible|impossible|can't be|cannot be right|strange|weird)\b",
        r"\b(?:doesn't|does not|didn't|don't) (?:work|make sense|match|seem|add up|fit)\b",
        r"\bnot (?:sure|certain)\b|\bunsure\b",
    ),
    StepKind.VERIFICATION: (
        r"^\W*(?:(?:so|ok(?:ay)?|hmm),? )?(?:yes|yeah|yep|correct|exactly|good|perfect|great)\b",
        r"\b(?:seems?|looks?|is|that's|it's|are) (?:also |indeed )?(?:correct|right|consistent|reasonable|good|solid|fine)\b",
        r"\b(?:makes sense|checks out|same (?:result|answer) as|consistent with)\b",
        r"^\W*(?:check|checking)\b",
        r"\bis (?:that|this|it) (?:right|correct|true)\b",
    ),
    StepKind.EXPLORATION: (
        r"\b(?:maybe|perhaps|i wonder)\b|^\W*hmm\b",
        r"\b(?:let me|let's|i'll|i can|we can|i could|we could|i should) (?:just |also |first |now |actually )?(?:try|consider|think|explore|see|start|look|approach|visuali[sz]e|use|break|figure|recall|go)\b",
        r"\b(?:one|a different|other|the best) (?:way|approach|option|possibility|strategy)\b",
        r"\b(?:i|we)(?: just| also)? (?:need|have|want) to (?:find|figure|determine|solve|compute|calculate|express|convert|evaluate)\b",
        r"^\W*(?:to (?:find|solve|determine|figure)|suppose|try)\b",
        r"\bfirst,? i(?:'ll| will| need| should)\b",
        r"\b(?:could|might) (?:be|also|try|use)\b",
    ),
    StepKind.SUMMARY: (
        r"\b(?:so far|overall|all in all|altogether|in total)\b",
        r"^\W*summary\b",
        r"^\W*(?:(?:so|now),? )?(?:i|we) (?:now )?(?:have|know|got|found) (?:that )?(?:the|all|both|two|three|our)\b",
        r"^\W*(?:therefore|thus|hence),? (?:the|our|we have|all|both|these)\b(?!.*[+*/].*=)",
    ),
}
"""How steps of a kind often open."""


def match(lexicon: Lexicon, steps: Sequence[str]) -> list[StepKind | None]:
    """The first kind of a lexicon whose patterns occur in each step; None where none does.

    Args:
        lexicon: Patterns (case ignored, curly quotes made straight) per kind; the order of the mapping is the order of rank.
        steps: The texts of steps; their labels are taken off.
    """
    patterns = [(kind, re.compile("|".join(cues), re.IGNORECASE)) for kind, cues in lexicon.items()]
    texts = [unlabelled(step).replace("\u2019", "'") for step in steps]
    return [next((kind for kind, cue in patterns if cue.search(text)), None) for text in texts]


@dataclass(frozen=True)
class RuleClassifier:
    """Classify each step by the first kind whose patterns occur in it.

    Attributes:
        lexicon: Patterns per kind in order of rank. One of your own stands alone, in whatever language; `LEXICON` has `STATED` before it and
            is asked about English chains only.
        default: The kind of a step in which nothing occurs.
    """

    lexicon: Lexicon = field(default_factory=lambda: LEXICON)
    default: StepKind = StepKind.PROGRESSION

    def __call__(self, steps: Sequence[str]) -> list[StepKind]:
        """Give every step its kind; cost linear in the text."""
        if self.lexicon is LEXICON:
            return in_english(self._kinds, steps)
        return [
            kind if _says(step) else StepKind.OTHER
            for step, kind in zip(steps, self._kinds(steps), strict=True)
        ]

    def _kinds(self, steps: Sequence[str]) -> list[StepKind]:
        opened = match(self.lexicon, steps)
        stated = match(STATED, steps) if self.lexicon is LEXICON else opened
        return [first or then or self.default for first, then in zip(stated, opened, strict=True)]


def _says(step: str) -> bool:
    return any(map(str.isalnum, step))


def in_english(
    classify: Callable[[Sequence[str]], list[StepKind]], steps: Sequence[str]
) -> list[StepKind]:
    """Kinds by something that knows English alone.

    Returns:
        `other` for every step of a chain that is not English, for steps in other letters, and for steps without a letter or a digit.
    """
    if not is_english(steps):
        return [StepKind.OTHER] * len(steps)
    return [
        kind if _says(step) and not in_other_letters(step) else StepKind.OTHER
        for step, kind in zip(steps, classify(steps), strict=True)
    ]
