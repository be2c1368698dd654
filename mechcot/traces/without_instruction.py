"""Whether the instruction behind each question, or the default words of a model without a chat template, are what it fails on: some problems are asked again without."""

from collections.abc import Sequence
from dataclasses import replace

from mechcot.core.problem import Problem
from mechcot.core.trace import Trace
from mechcot.model.prompts import PromptPolicy
from mechcot.model.reasoner import Reasoner
from mechcot.text.answer_leads import says_right

ASKED_AGAIN = 16
"""Problems that are asked again."""
BEHIND = ("with an instruction behind each question", "without it")
"""How a model with a chat template is asked, with and without."""
CLEARLY = 0.25
"""Share of them by which more must be right."""


def asked_plainly(reader: Reasoner, problems: Sequence[Problem], *, limit: int) -> list[Trace]:
    """Texts for the first problems without what is added to them; none where nothing is, or the user's own words are.

    Args:
        reader: The model.
        problems: What it was asked.
        limit: Longest completion, in tokens.
    """
    if not reader.policy.adds_words:
        return []
    plain = replace(reader, policy=reader.policy.without_words())
    few = problems[:ASKED_AGAIN]
    return plain.write(few, max_tokens=limit, batch_size=ASKED_AGAIN, skip=lambda *_: None)


def ways(policy: PromptPolicy) -> tuple[str, str]:
    """Say how a model is asked with and without what is added to its questions."""
    frame = policy.frame
    if frame is None or not frame.alone:
        return BEHIND
    return f"with no chat template, asked as {frame.text!r}", f"as {frame.alone!r}"


def unframed(policy: PromptPolicy) -> str:
    """Say how questions are put where no chat template and no spaced language says it; "" elsewhere."""
    return policy.source if policy.frame is not None and policy.family != "spaced" else ""


def better_without(
    traces: Sequence[Trace], plain: Sequence[Trace], said: tuple[str, str] = BEHIND
) -> str:
    """That a model is right clearly more often without the instruction, in words; "" where it is not.

    Args:
        traces: Its texts with the instruction.
        plain: Its texts without it, for some of the same problems.
        said: How both were asked, of `ways`.
    """
    right = {trace.problem.id: says_right(trace) for trace in plain}
    before = sum(says_right(trace) for trace in traces if trace.problem.id in right)
    after = sum(right.values())
    if after - before < max(CLEARLY * len(right), 1):
        return ""
    still = ", still the lesser part" if 2 * after < len(right) else ""
    return f"{said[0]} the model is right in {before} of {len(right)}, {said[1]} in {after}{still}"
