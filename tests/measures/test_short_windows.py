"""A window that ends before the chain begins: no share of nothing, and no broken weights."""

import numpy as np
import pytest

from mechcot.core.errors import NotMeasurable
from mechcot.measures import step_attention
from mechcot.measures.inputs import Inputs
from mechcot.model.attention import StepAttention


def seen(monkeypatch, mass):
    """Let the attention of the next reading be this, for each layer and head."""
    found = StepAttention(mass=mass, sizes=np.ones(mass.shape[-1], dtype=np.int64))
    monkeypatch.setattr(step_attention, "group_attention", lambda *_: found)


@pytest.mark.parametrize(("blind", "told"), [((0,), 1), ((0, 2), 2), ((0, 1, 2), 3)])
def test_layers_that_see_neither_chain_nor_question_are_named(
    random_reader, traces, monkeypatch, blind, told
):
    groups = len(traces[0].chain_steps) + 2
    mass = np.full((3, 2, groups, groups), 0.1)
    mass[list(blind), :, :-1, -1] = 0.0
    seen(monkeypatch, mass)
    with pytest.raises(NotMeasurable, match=f"in {told} of 3 layers the answer sees neither"):
        step_attention.measure(random_reader, traces[0], Inputs())


def test_a_layer_that_sees_the_chain_alone_has_a_share_of_one(random_reader, traces, monkeypatch):
    groups = len(traces[0].chain_steps) + 2
    mass = np.full((3, 2, groups, groups), 0.1)
    mass[:, :, 0, -1] = 0.0
    seen(monkeypatch, mass)
    assert step_attention.measure(random_reader, traces[0], Inputs()).value == 1.0
