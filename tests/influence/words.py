"""Traces of plain sentences, one token a character."""

from itertools import accumulate, pairwise

from mechcot.core.problem import Problem
from mechcot.core.trace import Answer, Phase, Span, Step, StepKind, Trace


def trace_of(steps: list[str], answer: str) -> Trace:
    texts = [f"{text}\n" for text in steps]
    bounds = list(pairwise(accumulate(map(len, texts), initial=0)))
    made = [
        Step(i, text, Span(a, b), Span(a + 1, b + 1), StepKind.PROGRESSION, Phase.CHAIN)
        for i, (text, (a, b)) in enumerate(zip(texts, bounds, strict=True))
    ]
    whole = "".join(texts)
    ids = tuple(range(len(whole) + 1))
    problem = Problem("q", "?", answer)
    return Trace("q/m", problem, "m", "?", whole, ids, 1, tuple(made), Answer(answer, "phrase"))
