"""Memory runs out above a number of tokens: the same numbers, in smaller parts, cut alike afterwards."""

import gc
import weakref
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model

from mechcot.core.errors import DoesNotFit, NotMeasurable
from mechcot.core.trace import Span
from mechcot.model.internals import self_test
from mechcot.model.internals.heads import head_places
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Add, AttentionKnockout, Identity, Intervention
from mechcot.model.prefix import batch_requests
from mechcot.model.prefix.memory import Limit, in_parts, out_of_memory
from mechcot.model.prefix.prefix import Prefix
from tests.model.families import EVERY, make, tokens

IDS = tokens(24)
CUTS = (3, 9, 17, 24, 11)
SUFFIXES = ((5, 6, 7), (8,), (), (1, 2, 3, 4), (2, 3))
CLOSE = {"atol": 1e-5, "rtol": 1e-5}
ERRORS = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError(
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"
    ),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    MemoryError(),
)


@pytest.fixture
def fresh():
    """A model whose limits are its own for this test."""
    reasoner = make("llama")
    known = backbone_of(reasoner.model)
    self_test._KNOWN[reasoner.model] = replace(known, rows=Limit(), packs=Limit())
    yield reasoner
    self_test._KNOWN[reasoner.model] = known


@pytest.fixture
def starve(monkeypatch):
    """`starve(most)` -> the sizes of all forwards tried; those above `most` tokens run out of memory."""

    def begin(most: int, error: Exception = ERRORS[0]) -> list[int]:
        seen: list[int] = []
        plain = batch_requests.forward

        def forward(backbone, ids, **kwargs):
            seen.append(ids.numel())
            if ids.numel() > most:
                raise error
            return plain(backbone, ids, **kwargs)

        monkeypatch.setattr(batch_requests, "forward", forward)
        return seen

    return begin


@pytest.mark.parametrize("error", ERRORS)
def test_what_counts_as_out_of_memory(error):
    assert out_of_memory(error)
    assert not out_of_memory(RuntimeError("shapes do not match"))
    assert not out_of_memory(ValueError("out of memory"))


def test_parts_keep_the_order_halve_and_stay_halved():
    limit, tried = Limit(), []

    def run(part):
        tried.append(part)
        if len(part) > 2:
            raise MemoryError
        return part

    assert in_parts([1] * 7, run, limit=limit) == [[index] for index in range(7)]
    assert tried == [[0, 1, 2, 3, 4, 5, 6], [0, 1, 2], [0], [1], [2], [3], [4], [5], [6]]
    assert limit.tokens == 1
    assert in_parts([1, 5], run, limit=limit) == [[0], [1]]
    assert in_parts([], run, limit=limit) == []


def test_items_without_tokens_do_not_loop_for_ever():
    def run(part):
        if len(part) > 1:
            raise MemoryError
        return part

    assert in_parts([0, 0, 0], run, limit=Limit()) == [[0], [1], [2]]


def test_one_item_too_large_does_not_fit_and_other_errors_pass():
    def run(_):
        raise MemoryError

    with pytest.raises(DoesNotFit, match="does not fit in memory: a run of 9 tokens alone"):
        in_parts([9], run, limit=Limit())

    def wrong(_):
        msg = "shapes do not match"
        raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="shapes do not match"):
        in_parts([9, 9], wrong, limit=Limit())


@pytest.mark.parametrize("error", ERRORS)
def test_packed_forks_shrink_to_the_same_numbers(fresh, starve, error):
    prefix = Prefix.of(fresh, IDS)
    answers = [(11,), (12, 13), (14, 15, 16), (17,), (18,)]

    def everything():
        branches = prefix.branches(CUTS, SUFFIXES, hide=[(), (Span(2, 5),), (), (), (Span(0, 4),)])
        return branches.next_logprobs(), branches.score(answers), branches.greedy(6, stop={3})

    plain = everything()
    seen = starve(4, error)
    found = everything()
    assert max(seen) > 4
    torch.testing.assert_close(found[0], plain[0], **CLOSE)
    np.testing.assert_allclose(found[1], plain[1], atol=1e-5)
    assert found[2] == plain[2]
    tried = len([size for size in seen if size > 4])
    everything()
    assert len([size for size in seen if size > 4]) == tried, "the limit was forgotten"


@pytest.mark.parametrize("forkable", [True, False])
def test_rows_shrink_to_the_same_numbers(fresh, starve, forkable):
    self_test._KNOWN[fresh.model] = replace(backbone_of(fresh.model), forkable=forkable)
    prefix = Prefix.of(fresh, IDS)
    site = Site("resid_pre", 1)
    under = [[Intervention(site, (12,), Add(torch.full((32,), 0.1 * row)))] for row in range(5)]
    rows = [[*IDS[10:23], token] for token in range(5, 10)]
    shared = {"hide": [AttentionKnockout(Span(2, 5), Span(15, 24))]}

    def everything():
        return (
            prefix.rerun_from(10, under=under, **shared),
            prefix.rerun_from(10, rows, **shared),
            prefix.decode(10, rows, under=under, max_new=5, stop={3}),
        )

    plain = everything()
    seen = starve(2 * 24)
    found = everything()
    assert max(seen) > 2 * 24
    torch.testing.assert_close(found[0], plain[0], **CLOSE)
    torch.testing.assert_close(found[1], plain[1], **CLOSE)
    assert found[2] == plain[2]


def test_an_identity_edit_stays_exactly_zero_in_parts(fresh, starve):
    prefix = Prefix.of(fresh, IDS)
    starve(40)
    keep = [[Intervention(Site("resid_pre", layer), (12,), Identity())] for layer in range(3)]
    rows = [IDS[10:]] * 3
    kept = prefix.rerun_from(10, rows, under=keep)
    assert torch.equal(kept, prefix.rerun_from(10, rows))
    assert torch.equal(kept, prefix.rerun_from(10, rows, under=keep))


def test_a_text_that_does_not_fit_alone(fresh, starve):
    starve(10)
    with pytest.raises(DoesNotFit, match="24 tokens alone"):
        Prefix.of(fresh, IDS)


def test_the_context_ends_greedy_writing_and_refuses_what_is_longer():
    reasoner = make("gpt2")  # a learned position for each token: nothing beyond can be run
    context = backbone_of(reasoner.model).context
    ids = tokens(context - 3)
    prefix = Prefix.of(reasoner, ids)
    branches = prefix.branches([len(ids), 5], [[7, 8], [7]])
    written = branches.greedy(6, stop=())
    assert [len(branch) for branch in written] == [2, 6]
    assert [len(row) for row in prefix.decode(len(ids) - 1, max_new=9, stop=())] == [4]
    with pytest.raises(NotMeasurable, match=rf"{context + 1} tokens, the context is {context}"):
        prefix.branches([len(ids)], [[1, 2, 3, 4]]).next_logprobs()
    with pytest.raises(NotMeasurable, match="the context is"):
        Prefix.of(reasoner, tokens(context + 1))


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:fan_in_fan_out:UserWarning")
@pytest.mark.parametrize("family", EVERY)
@pytest.mark.parametrize("adapted", [False, True])
def test_a_model_that_nobody_uses_any_more_leaves_memory(family, adapted):
    model = deepcopy(make(family).model)
    if adapted:
        model = get_peft_model(model, LoraConfig(r=2, target_modules="all-linear"))
    backbone = backbone_of(model)
    head_places(backbone, IDS)
    assert backbone.model is (model.get_base_model() if adapted else model)
    weights = [weakref.ref(weight) for weight in model.parameters()]
    gone = weakref.ref(model)
    del model, backbone
    gc.collect()
    assert gone() is None
    assert not [weight for weight in weights if weight() is not None]
