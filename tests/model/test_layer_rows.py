"""Rows that begin at a layer are the whole rows, at half of the tokens."""

from functools import partial

import pytest
import torch

from mechcot.core.errors import EditDidNotFire
from mechcot.model.internals.forward import cache_view
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Add, Identity, Intervention, Replace
from mechcot.model.prefix import grown_rows, layer_rows as module
from mechcot.model.prefix.layer_rows import layer_rows, run_with_inputs, why_whole
from mechcot.model.prefix.lockstep import together, twice
from mechcot.model.prefix.memory import Limit
from mechcot.model.token_count import counted
from tests.model.families import EVERY, make, tokens

N, START, AT = 24, 9, (10, 11, 14)


def edits_of(inputs, *, edit=None, at=AT):
    return [
        Intervention(
            Site("resid_pre", layer),
            at,
            edit or Replace(states[list(at)].flip(0) * 1.5 + 0.1 * (layer + 1)),
        )
        for layer, states in enumerate(inputs)
    ]


@pytest.mark.parametrize("family", EVERY)
@pytest.mark.parametrize("start", [START, 0])
def test_rows_that_begin_at_their_layer_are_whole_patched_rows(family, start):
    reasoner, ids = make(family), tokens(N)
    prefix, inputs = run_with_inputs(reasoner, ids)
    edits = edits_of(inputs)
    assert why_whole(prefix) == ""
    with counted(reasoner) as count:
        rows = layer_rows(prefix, start, edits, inputs=inputs)
    layers, length = len(inputs), N - start
    assert count.tokens == pytest.approx(length * (layers + 1) / 2)
    assert count.runs == 1
    whole = prefix.rerun_from(start, rows=[ids[start:]] * layers, under=[[edit] for edit in edits])
    torch.testing.assert_close(rows, whole, atol=1e-5, rtol=1e-5)
    assert (whole - prefix.hidden[start:]).abs().amax(dim=(1, 2)).min() > 1e-3


def test_an_edit_that_changes_nothing_gives_exactly_the_same_rows():
    prefix, inputs = run_with_inputs(make("llama"), tokens(N))
    kept = layer_rows(prefix, START, edits_of(inputs, edit=Identity()), inputs=inputs)
    zero = Add(torch.zeros_like(inputs[0][0]))
    assert torch.equal(kept, layer_rows(prefix, START, edits_of(inputs, edit=zero), inputs=inputs))
    torch.testing.assert_close(kept, prefix.hidden[START:].expand_as(kept), atol=1e-5, rtol=0)


def test_out_of_memory_halves_the_rows_and_changes_nothing(monkeypatch):
    prefix, inputs = run_with_inputs(make("llama"), tokens(N))
    whole = layer_rows(prefix, START, edits_of(inputs), inputs=inputs)
    real = grown_rows.forward

    def small(*args, cache, **kwargs):
        if cache.layers[-1].keys.shape[0] > 1:
            raise torch.OutOfMemoryError
        return real(*args, cache=cache, **kwargs)

    monkeypatch.setattr(grown_rows, "forward", small)
    parts = layer_rows(prefix, START, edits_of(inputs), inputs=inputs)
    torch.testing.assert_close(parts, whole, atol=1e-5, rtol=1e-5)
    assert prefix.backbone.rows.tokens < len(inputs) * (N - START)
    prefix.backbone.rows.tokens = Limit().tokens


def test_a_position_that_is_not_run_is_an_error():
    prefix, inputs = run_with_inputs(make("llama"), tokens(N))
    with pytest.raises(EditDidNotFire, match=r"did not fire at positions \[3\].*\[9, 24\)"):
        layer_rows(prefix, START, edits_of(inputs, edit=Identity(), at=(3, 10)), inputs=inputs)


@pytest.mark.parametrize("broken", ["error", "value"])
def test_a_family_whose_rows_cannot_begin_at_a_layer_runs_whole_ones(monkeypatch, broken):
    reasoner, ids = make("llama"), tokens(N)
    prefix, inputs = run_with_inputs(reasoner, ids)

    def view(tensors, *, stop, rows=1):
        if isinstance(rows, int):
            return cache_view(tensors, stop=stop, rows=rows)
        if broken == "error":
            raise RuntimeError("sizes do not match")
        return cache_view(tuple((k, v * 2) for k, v in tensors), stop=stop, rows=rows)

    monkeypatch.setattr(module, "cache_view", view)
    module._KNOWN.clear()
    with counted(reasoner) as count:
        rows = layer_rows(prefix, START, edits_of(inputs), inputs=inputs)
    assert count.tokens >= len(inputs) * (N - START)
    reason = why_whole(prefix)
    assert "LlamaForCausalLM" in reason
    assert ("sizes do not match" in reason) == (broken == "error")
    monkeypatch.undo()
    module._KNOWN.clear()
    torch.testing.assert_close(
        rows, layer_rows(prefix, START, edits_of(inputs), inputs=inputs), atol=1e-5, rtol=1e-5
    )


TEXTS = ((24, 9), (26, 11), (23, 9), (40, 12))
"""Tokens of each text, and the first that is run."""


def patched(reasoner, index):
    """The rows of one text, and how far two identity edits of it lie apart."""
    n, start = TEXTS[index]
    prefix, inputs = run_with_inputs(reasoner, tokens(n, seed=index))
    edits = edits_of(inputs, at=(start, start + 2))
    zero = edits_of(inputs, edit=Add(torch.zeros_like(inputs[0][0])), at=(start,))
    kept, again = twice(partial(layer_rows, prefix, start, zero, inputs=inputs))
    return layer_rows(prefix, start, edits, inputs=inputs), float((kept - again).abs().max())


def side_by_side(reasoner):
    tasks = [partial(patched, reasoner, index) for index in range(len(TEXTS))]
    run = partial(together, tasks, sizes=[n for n, _ in TEXTS], limit=Limit())
    run()  # what is tried once is not counted
    with counted(reasoner) as apart:
        alone = [task() for task in tasks]
    with counted(reasoner) as fused:
        beside = run()
    for (rows, _), (others, identity) in zip(alone, beside, strict=True):
        torch.testing.assert_close(others, rows, atol=2e-5, rtol=1e-5)
        assert identity == 0.0
    return apart.runs, fused.runs


@pytest.mark.parametrize("family", EVERY)
def test_the_rows_of_many_texts_share_a_batch(family):
    reasoner = make(family)
    apart, fused = side_by_side(reasoner)
    assert module._SHARES[reasoner.model]
    assert fused <= 0.6 * apart


def test_a_family_whose_rows_depend_on_those_beside_them_runs_each_text_alone(monkeypatch):
    reasoner = make("llama")
    before = module._SHARES.pop(reasoner.model, None)
    real = grown_rows._together
    monkeypatch.setattr(
        grown_rows, "_together", lambda *args: [states + 1e-2 for states in real(*args)]
    )
    _, fused = side_by_side(reasoner)
    assert not module._SHARES.pop(reasoner.model)
    monkeypatch.undo()
    _, batched = side_by_side(reasoner)
    assert fused > batched
    assert before in {None, True}


def test_an_edit_that_spoils_its_own_text_spoils_no_other():
    reasoner = make("llama")

    def rows(index, value):
        n, start = TEXTS[index]
        prefix, inputs = run_with_inputs(reasoner, tokens(n, seed=index))
        edits = edits_of(inputs, edit=Add(torch.full_like(inputs[0][0], value)), at=(start,))
        return layer_rows(prefix, start, edits, inputs=inputs)

    tasks = [partial(rows, 0, float("nan")), partial(rows, 1, 0.5)]
    spoilt, whole = together(tasks, sizes=[24, 26], limit=Limit())
    assert spoilt.isnan().any()
    torch.testing.assert_close(whole, rows(1, 0.5), atol=2e-5, rtol=1e-5)
