"""Whether the instruction behind each question is what a model fails on: some problems are asked again without it."""

from collections.abc import Sequence
from dataclasses import replace

from mechcot.compare.answer_leads import says_right
from mechcot.core.problem import Problem
from mechcot.core.trace import Trace
from mechcot.model.reasoner import Reasoner

ASKED_AGAIN = 16
"""Problems that are asked again."""
CLEARLY = 0.25
"""Share of them by which more must be right."""


def asked_plainly(reader: Reasoner, problems: Sequence[Problem], *, limit: int) -> list[Trace]:
    """Texts for the first problems without the instruction; none where no instruction stands behind a question, or the user's own does.

    Args:
        reader: The model.
        problems: What it was asked.
        limit: Longest completion, in tokens.
    """
    policy = reader.policy
    if not policy.instruction or policy.asking.instruction is not None:
        return []
    plain = replace(reader, policy=replace(policy, instruction=""))
    few = problems[:ASKED_AGAIN]
    return plain.write(few, max_tokens=limit, batch_size=ASKED_AGAIN, skip=lambda *_: None)


def better_without(traces: Sequence[Trace], plain: Sequence[Trace]) -> str:
    """That a model is right clearly more often without the instruction, in words; "" where it is not.

    Args:
        traces: Its texts with the instruction.
        plain: Its texts without it, for some of the same problems.
    """
    right = {trace.problem.id: says_right(trace) for trace in plain}
    before = sum(says_right(trace) for trace in traces if trace.problem.id in right)
    after = sum(right.values())
    if after - before < max(CLEARLY * len(right), 1):
        return ""
    return f"with an instruction behind each question the model is right in {before} of {len(right)}, without it in {after}"
