"""Kinds of tokens, by the steps that they lie in."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool

from mechcot.core.trace import Phase, Step, Trace
from mechcot.sae.token_states import TokenStates
from mechcot.tasks import task_of

if TYPE_CHECKING:
    pass


NEEDED = ("needed", "not needed")
"""Steps that the answer rests on, and all others."""


def token_kinds(
    tokens: TokenStates, traces: Sequence[Trace]
) -> dict[str, Bool[np.ndarray, " token"]]:
    """Tokens of the question, of each kind of step, and of the answer; where every task knows it, of needed and other steps of the chain."""
    steps = np.array(
        [
            "question" if step < 0 else _kind(traces[trace].steps[step])
            for trace, step in zip(tokens.trace, tokens.step, strict=True)
        ]
    )
    kinds = {str(kind): steps == kind for kind in np.unique(steps)}
    graphs = [task_of(trace.problem).step_graph for trace in traces]
    if any(graph is None for graph in graphs):
        return kinds
    needed = [graph(trace).needed for graph, trace in zip(graphs, traces, strict=True) if graph]
    chain = ~np.isin(steps, ("question", "answer"))
    rests = np.array(
        [step in needed[trace] for trace, step in zip(tokens.trace, tokens.step, strict=True)]
    )
    return kinds | dict(zip(NEEDED, (chain & rests, chain & ~rests), strict=True))


def _kind(step: Step) -> str:
    return "answer" if step.phase is Phase.ANSWER else str(step.kind)
