"""The cost on every card against what is counted at the model's blocks: laws of tokens and calls, no times."""

import copy
from dataclasses import replace
from functools import partial

import pytest
import torch

from benchmarks.measures import chain, reader_of
from mechcot.compare.forecast import calls, work
from mechcot.compare.measure_inputs import inputs_for
from mechcot.core.errors import NotMeasurable
from mechcot.measures.registry import MEASURES
from mechcot.model.prefix.lockstep import together
from mechcot.model.prefix.memory import Limit
from mechcot.model.reasoner import Reasoner
from mechcot.model.token_count import counted
from mechcot.organisms import problems
from tests.measures.conftest import chain_of

FAR = 2.0
"""The announced cost is at most so many times what is counted, and at least one part in so many."""
FEW = 4
"""Calls that make no difference."""
ANSWER, DRAWS = 3, 4


def organism(name, *, hops, count=3):
    """A shipped model and short chains of its task."""
    reader = Reasoner.load(name)
    asked = problems.problems(count, seed=11, hops=(hops, hops), hint="answer", style="brief")
    return reader, [chain_of(reader, problem, seed=i) for i, problem in enumerate(asked)]


def sums(*, layers, tokens, steps):
    """A random model that reads bytes, and long running sums."""
    reader = reader_of(context=2 * tokens + 512, layers=layers, width=16)
    return reader, [chain(reader, tokens=tokens, steps=steps, start=s) for s in (200, 207, 214)]


SHAPES = {
    "4 layers, 5 steps": partial(organism, "organism:base", hops=2),
    "4 layers, 13 steps": partial(organism, "organism:control", hops=6),
    "2 layers, 8 steps": partial(sums, layers=2, tokens=300, steps=8),
}


@pytest.fixture(scope="module", params=SHAPES)
def shape(request):
    """A reader, another of its shape, and chains."""
    reader, traces = SHAPES[request.param]()
    other = Reasoner.of(copy.deepcopy(reader.model), reader.tokenizer, name="other")
    for weights in other.model.parameters():
        weights.data += 0.002 * torch.randn_like(weights)
    return reader, other, traces


def taken(name, reader, trace, inputs) -> bool:
    """Take a measurement; whether there was one to take."""
    try:
        MEASURES[name].run(reader, trace, inputs)
    except NotMeasurable:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURES)
def test_a_card_announces_what_is_counted(name, shape):
    """Taken once before it is counted: what a model is tried for, once, is not counted."""
    reader, other, traces = shape
    inputs = [
        inputs_for(reader, trace, others=traces, seed=0, draws=DRAWS, against=other)
        for trace in traces
    ]
    tasks = [
        partial(taken, name, reader, trace, replace(given, answer_tokens=ANSWER))
        for trace, given in zip(traces, inputs, strict=True)
    ]
    first = together(tasks, sizes=list(map(len, traces)), limit=Limit())
    if not any(first):
        pytest.skip("not measurable here")
    pairs = zip(traces, tasks, first, strict=True)
    traces, tasks = zip(*((trace, task) for trace, task, found in pairs if found), strict=True)
    run = partial(together, tasks, sizes=list(map(len, traces)), limit=Limit())
    with counted(reader) as one, counted(other) as two:
        run()
    if reader.name.startswith("small") and MEASURES[name].card.calls.written:
        return  # random weights never end a text
    layers = reader.model.config.num_hidden_layers
    said = sum(work(name, trace, layers=layers, draws=DRAWS) for trace in traces)
    assert 1 / FAR <= said / (one.tokens + two.tokens) <= FAR
    said, found = calls(name, traces), one.runs + two.runs
    assert 1 / FAR <= (said + FEW) / (found + FEW) <= FAR
