"""Exact knowledge about chains of the organisms' task: each step's kind, and the steps that the answer needs."""

from collections.abc import Iterable
from dataclasses import replace

from mechcot.core.trace import Phase, Trace
from mechcot.organisms.ground_truth import graph, parse
from mechcot.organisms.problems import read_question

ORGANISM_TASK = "mod10"


def is_known(trace: Trace) -> bool:
    """Return whether the trace is about a problem of the organisms' task."""
    return trace.problem.meta.get("task") == ORGANISM_TASK


def with_exact_kinds(trace: Trace) -> Trace:
    """The trace with its chain steps' kinds parsed, where the task is known; else unchanged."""
    if not is_known(trace):
        return trace
    kinds = iter(fact.kind for fact in parse(trace.problem.question, _texts(trace)))
    steps = tuple(
        replace(step, kind=next(kinds)) if step.phase is Phase.CHAIN else step
        for step in trace.steps
    )
    return replace(trace, steps=steps)


def needed_steps(trace: Trace) -> frozenset[int]:
    """The steps that the answer rests on, directly or through other steps, later text kept."""
    known = graph(trace.problem.question, _texts(trace))
    return _ancestors(known.answer, known.edges)


def _ancestors(answer: Iterable[int], edges: Iterable[tuple[int, int]]) -> frozenset[int]:
    """The steps from which a path leads to the answer."""
    found = set(answer)
    for source, target in sorted(edges, key=lambda edge: -edge[1]):
        if target in found:
            found.add(source)
    return frozenset(found)


def first_right_step(trace: Trace) -> int | None:
    """The first step that states the queried name with the right answer; None for queries of two names."""
    query = read_question(trace.problem.question).query
    for index, fact in enumerate(parse(trace.problem.question, _texts(trace))):
        for _, name, value in fact.statements:
            if query == (name,) and str(value) == trace.problem.answer:
                return index
    return None


def _texts(trace: Trace) -> list[str]:
    return [step.text.strip() for step in trace.chain_steps]
