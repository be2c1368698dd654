"""Outcome of a chain's answer: right, wrong, unread, or cut before it came. Unread is not wrong, and is counted apart."""

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from mechcot.core.problem import Problem
from mechcot.core.trace import Trace
from mechcot.text.answers import same_answer
from mechcot.text.asked_order import order_counts
from mechcot.text.listed_choices import choices

Outcome = Literal["right", "wrong", "unread", "cut"]
_WORDS: dict[Outcome, tuple[str, str]] = {
    "right": ("has the right answer", "have the right answer"),
    "wrong": ("has a wrong answer", "have a wrong answer"),
    "unread": ("has no answer that could be read", "have no answer that could be read"),
    "cut": ("was cut at the longest completion", "were cut at the longest completion"),
}
"""Of one chain, and of several."""


def outcome(trace: Trace) -> Outcome:
    """The outcome of a chain; a text that was cut counts as cut, whatever stands in it."""
    if not trace.finished:
        return "cut"
    if trace.answer.text is None:
        return "unread"
    return "right" if is_right(trace.answer.text, trace.problem) else "wrong"


def ends_right(trace: Trace) -> bool:
    """Return whether a text is whole and ends in the reference answer."""
    return outcome(trace) == "right"


def is_right(answer: str | None, problem: Problem) -> bool:
    """Return whether an answer is the reference, or names the same option of the question: by its text where the reference is a letter, and the other way round.

    Args:
        answer: What was answered; None is not right.
        problem: The question with its reference.
    """
    if same_for(problem, answer, problem.answer):
        return True
    listed = choices(problem.question)
    if answer is None or listed is None:
        return False
    options = {listed.named_by(text, same=same_answer) for text in (answer, problem.answer)}
    return len(options) == 1 and None not in options


def same_for(problem: Problem, a: str | None, b: str | None) -> bool:
    """Return whether two answers to a question say the same; the order of a list counts where it is asked for."""
    return same_answer(a, b, ordered=order_counts(problem))


def right_names(problem: Problem) -> tuple[str, ...]:
    """What the right answer is called: the reference, and of an option of the question its letter and its text."""
    listed = choices(problem.question)
    letter = listed and listed.named_by(problem.answer, same=same_answer)
    if listed is None or not letter:
        return (problem.answer,)
    text = listed.texts[[*listed.spans].index(letter)]
    return (problem.answer, *(name for name in (letter, text) if name != problem.answer))


def outcome_counts(traces: Iterable[Trace]) -> str:
    """Counts of chains by outcome, without the empty ones: `3 have a wrong answer, 2 have no answer that could be read`."""
    counts = Counter(outcome(trace) for trace in traces)
    return ", ".join(f"{n} {_WORDS[name][n > 1]}" for name in _WORDS if (n := counts[name]))
