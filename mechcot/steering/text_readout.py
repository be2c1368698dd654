"""Readout of one written text: length, steps by kind, answer, coherence, thoughts.

A finished text whose answer cannot be read is *unread*: not right, and not counted as wrong either.
"""

import math
from typing import Any

from mechcot.core.trace import Phase, StepKind, Trace
from mechcot.model.generation.ask_answer import ask
from mechcot.model.reasoner import Reasoner
from mechcot.steering.switch_penalty import Phrases, think
from mechcot.tasks import is_correct_thought
from mechcot.text.answer_outcomes import is_right
from mechcot.text.unread_answers import unread


def row(reasoner: Reasoner, trace: Trace, phrases: Phrases = ()) -> dict[str, Any]:
    """Measure one text. Cost: one forward of the clean model.

    Args:
        reasoner: The model that wrote it; nothing acts on it while it scores its text.
        trace: The text.
        phrases: What opens a new thought; empty: thoughts are not judged.
    """
    chain = trace.phase(Phase.CHAIN)
    right, lost = correct(trace), bool(unread([trace]))
    scores = reasoner.prefix(trace.ids).logprobs()[chain.start : chain.stop]
    readouts: dict[str, Any] = {
        "item": trace.problem.id,
        "tokens": len(chain),
        "steps": len(trace.chain_steps),
        "correct": float(right),
        "unread": float(lost),
        "finished": float(trace.finished),
        "nats_per_token": -float(scores.mean()) if len(chain) else math.nan,
    }
    readouts |= {str(k): float(sum(s.kind is k for s in trace.chain_steps)) for k in StepKind}
    if phrases:
        counts = think(trace, phrases, is_correct_thought, right=right)
        readouts |= {
            "thoughts": counts.thoughts,
            "tokens_per_thought": counts.tokens / max(1, counts.thoughts),
            "any_correct_thought": float(counts.correct > 0),
            "underthinking": math.nan
            if counts.underthinking is None or lost
            else counts.underthinking,
        }
    return readouts


def correct(trace: Trace) -> bool:
    """Return whether the stated answer is right."""
    return is_right(trace.answer.text, trace.problem)


def cut_short(reasoner: Reasoner, trace: Trace, tokens: int) -> dict[str, float]:
    """Return whether the answer is right, and whether it is unread, when the chain is cut after some tokens and the answer is asked for.

    Args:
        reasoner: The model that answers.
        trace: Whose chain is cut.
        tokens: How many tokens of the chain stay; more than it has: all.
    """
    chain = trace.phase(Phase.CHAIN)
    cut = min(chain.start + tokens, chain.stop)
    asked = ask(reasoner, reasoner.prefix(trace.ids[:cut]), [cut], max_new=8)
    stated = asked.answers[0].text
    right = is_right(stated, trace.problem)
    return {"correct": float(right), "unread": float(stated is None)}
