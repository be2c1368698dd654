"""The text that a model itself writes between its chain and its answer, found by the answers that are known to be right."""

import re
from collections import Counter
from collections.abc import Sequence

from mechcot.core.trace import Phase, Step, Trace
from mechcot.text.answer_outcomes import is_right
from mechcot.text.answers import find_answer, same_answer

LONGEST = 80
"""Characters of a lead; longer ones are no question for an answer."""
SHARE = 0.5
"""Share of the finished texts that must have the lead."""
_BREAKS = re.compile(r"\n|(?<=[.!?:;])\s")


def common_lead(traces: Sequence[Trace], *, share: float = SHARE) -> str:
    """The text before the right answer that most finished completions have in common; "" where there is none.

    It begins behind the chain, closing mark included; in a text without marks, at its last line or sentence.

    Args:
        traces: Chains of one author.
        share: Least share of the finished ones that have it.
    """
    finished = [trace for trace in traces if trace.finished]
    leads = Counter(lead for trace in finished if (lead := _lead(trace)).strip())
    text, count = leads.most_common(1)[0] if leads else ("", 0)
    return text if count >= share * len(finished) else ""


def says_right(trace: Trace) -> bool:
    """Return whether a finished text has the right answer, read or at least written behind its chain."""
    return trace.finished and (is_right(trace.answer.text, trace.problem) or bool(_lead(trace)))


def _lead(trace: Trace) -> str:
    answer = trace.problem.answer.strip()
    said = [step for step in trace.steps if step.phase is Phase.ANSWER]
    tail = trace.completion[said[0].chars.start :] if said else trace.completion
    places = list(re.finditer(rf"(?<!\w){re.escape(answer)}(?!\w)", tail)) if answer else []
    if not places:
        return ""
    lead = tail[: places[-1].start()]
    if not said:
        ends = [match.end() for match in _BREAKS.finditer(lead.rstrip())]
        lead = lead[ends[-1] if ends else 0 :]
    lead = _gap(trace, said) + lead.rstrip(" ")
    return lead if len(lead) <= LONGEST else ""


def _gap(trace: Trace, said: Sequence[Step]) -> str:
    """The white space between a chain and its closing mark, which the chain's last step holds."""
    chain = trace.completion[: said[0].chars.start] if said else ""
    return chain[len(chain.rstrip()) :]


def last_numbers_right(traces: Sequence[Trace]) -> bool:
    """Whether the last number is the right answer in at least half of the finished completions."""
    finished = [trace for trace in traces if trace.finished]
    right = 0
    for trace in finished:
        read = find_answer(trace.completion, otherwise="last_number")
        right += read is not None and same_answer(read.text, trace.problem.answer)
    return bool(finished) and right >= SHARE * len(finished)
