"""Inputs of probes: one row a step of a chain, read at the step's last token, with four labels.

    kind     what kind of step this is
    used     a later step reads the value that this step states (only steps that state one)
    again    a step behind the next one reads it
    known    the answer, asked for here, is the one that the model gives after the whole chain

`used` and `again` need a task that knows which steps read which (`Task.step_graph`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mechcot.core.errors import UserError
from mechcot.core.trace import Phase, StepKind, Trace
from mechcot.model.activations.capture import capture
from mechcot.model.generation.ask_answer import LONGEST_ANSWER, ask
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.probes.held_out import Rows
from mechcot.tasks import task_of
from mechcot.text.answers import same_answer

STEP_LABELS = ("kind", "used", "again", "known")


@dataclass(frozen=True, eq=False)
class Steps:
    """One row a chain step.

    Attributes:
        states: Site to states at the last token of each step.
        words: How often each word stands in the step.
        trace: Index of the row's trace.
        problem: Id of its problem.
        share: Where in its chain the step stands, from 0 to 1.
        labels: Target to labels; an empty label is no label.
    """

    states: dict[Site, Rows]
    words: Float[np.ndarray, "row word"]
    trace: Int[np.ndarray, " row"]
    problem: np.ndarray
    share: Float[np.ndarray, " row"]
    labels: dict[str, np.ndarray]


def read_steps(reader: Reasoner, traces: Sequence[Trace], sites: Sequence[Site]) -> Steps:
    """States, words and labels of every chain step. Cost: one forward a trace and a short one a step.

    Args:
        reader: Whose states and answers.
        traces: Its chains; those without a step are left out.
        sites: Where states are read.

    Raises:
        UserError: No chain has a step.
    """
    lists: dict[str, list[Any]] = {name: [] for name in ("trace", "problem", "share", *STEP_LABELS)}
    states: dict[Site, list[np.ndarray]] = {site: [] for site in sites}
    texts: list[list[str]] = []
    for number, trace in enumerate(traces):
        steps = [step for step in trace.chain_steps if step.tokens]
        last = [step.tokens.stop - 1 for step in steps]
        if not steps:
            continue
        seen = capture(reader, trace.ids[: trace.phase(Phase.CHAIN).stop], sites)
        for site in sites:
            states[site].append(seen[site][last].float().cpu().numpy())
        known, uses = _known(reader, trace, last), _used(trace)
        for place, step in enumerate(steps):
            lists["trace"].append(number)
            lists["problem"].append(trace.problem.id)
            lists["share"].append(place / max(len(steps) - 1, 1))
            lists["kind"].append("" if step.kind in {None, StepKind.OTHER} else str(step.kind))
            used, again = uses.get(step.index, ("", ""))
            lists["used"].append(used)
            lists["again"].append(again)
            lists["known"].append(known[place])
            texts.append(step.text.split())
    if not texts:
        raise UserError("no chain has a step; write chains with more than one step")
    columns = {name: np.array(values) for name, values in lists.items()}
    return Steps(
        states={site: np.concatenate(rows) for site, rows in states.items()},
        words=_bags(texts),
        trace=columns["trace"],
        problem=columns["problem"],
        share=columns["share"],
        labels={name: columns[name] for name in STEP_LABELS},
    )


def _known(reader: Reasoner, trace: Trace, last: Sequence[int]) -> list[str]:
    cuts = tuple(position + 1 for position in last)
    stop = trace.phase(Phase.CHAIN).stop
    asked = ask(
        reader, reader.prefix(trace.ids[:stop]), (*cuts, stop), max_new=LONGEST_ANSWER
    ).answers
    final = asked[-1].text
    if final is None:
        return [""] * len(last)
    return ["yes" if same_answer(answer.text, final) else "no" for answer in asked[:-1]]


def _used(trace: Trace) -> dict[int, tuple[str, str]]:
    """Stating step -> whether a later step, and one behind the next, reads its value; empty where nobody knows."""
    step_graph = task_of(trace.problem).step_graph
    if step_graph is None:
        return {}
    graph = step_graph(trace)
    some = {source for source, _ in graph.edges}
    later = {source for source, target in graph.edges if target > source + 1}
    return {
        step: ("yes" if step in some else "no", "yes" if step in later else "no")
        for step in graph.stating
    }


def _bags(texts: Sequence[Sequence[str]]) -> Rows:
    words = sorted({word for text in texts for word in text})
    place = {word: column for column, word in enumerate(words)}
    bags = np.zeros((len(texts), len(words)))
    for row, text in enumerate(texts):
        np.add.at(bags[row], [place[word] for word in text], 1.0)
    return bags
