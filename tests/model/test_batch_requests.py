"""Runs of many texts in one batch: the states of each text alone in every family, or each text alone."""

from copy import deepcopy
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Span
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Add, AttentionKnockout, Intervention
from mechcot.model.prefix.lockstep import together, twice
from mechcot.model.prefix.memory import Limit
from mechcot.model.prefix.prefix import Prefix
from mechcot.model.token_count import counted
from tests.model.families import EVERY, make, tokens

LENGTHS = (23, 31, 26, 40, 29)


def everything(reasoner, index: int) -> dict[str, np.ndarray | torch.Tensor | list]:
    """What measures ask of a chain: a run, cuts with suffixes, greedy answers, a hidden step, an edit."""
    ids = tokens(LENGTHS[index], seed=index)
    half, third = len(ids) // 2, len(ids) // 3
    prefix = Prefix.of(reasoner, ids)
    branches = prefix.branches([third, half, len(ids)], [[1, 2], [3, 4, 5], [6] * (1 + index)])
    hidden = partial(prefix.rerun_from, half, under=[AttentionKnockout(Span(1, third))])
    edit = Intervention(Site("resid_pre", 1), (half, half + 1), Add(torch.ones(32)))
    return {
        "hidden": prefix.hidden,
        "logprobs": prefix.logprobs()[1:],
        "score": branches.score([[7], [8], [9]]),
        "scores": branches.score([[7, 8]] * 3),
        "greedy": branches.greedy(3 + index, stop=(0,)),
        "hide": hidden()[0],
        "identity": torch.sub(*twice(hidden)).abs().max(),
        "edit": prefix.rerun_from(third, under=[edit])[0],
        "rows": prefix.rerun_from(third, rows=[ids[third:], ids[third:][::-1]]).flatten(0, 1),
        "decode": prefix.decode(half, under=[edit], max_new=3, stop=(0,)),
    }


def held_together(reasoner) -> tuple[float, float]:
    """Runs of the first block, one at a time and together; both give the same."""
    tasks = [partial(everything, reasoner, index) for index in range(len(LENGTHS))]
    with counted(reasoner) as apart:
        alone = [task() for task in tasks]
    run = partial(together, tasks, sizes=LENGTHS, limit=Limit())
    run()  # what is tried once is not counted
    with counted(reasoner) as fused:
        beside = run()
    for one, other in zip(alone, beside, strict=True):
        for name, value in one.items():
            if isinstance(value, list):
                assert other[name] == value, name
            else:
                np.testing.assert_allclose(other[name], value, atol=2e-5, rtol=1e-5, err_msg=name)
        assert float(other["identity"]) == 0.0
    return apart.runs, fused.runs


@pytest.mark.parametrize("family", EVERY)
def test_many_texts_give_the_numbers_of_each_alone(family):
    reasoner = make(family)
    apart, fused = held_together(reasoner)
    assert backbone_of(reasoner.model).batches.ways == {"plain", "masked", "kept"}
    assert fused <= 0.45 * apart


@pytest.mark.parametrize("ways", [{"plain"}, {"kept"}, set()])
def test_what_a_family_cannot_do_in_a_batch_is_run_text_by_text(ways):
    reasoner = make("llama")
    batches = backbone_of(reasoner.model).batches
    before = batches.ways, batches.tried
    batches.ways, batches.tried = frozenset(ways), True
    try:
        held_together(reasoner)
    finally:
        batches.ways, batches.tried = before


def test_a_family_whose_positions_are_counted_from_the_mask_is_tried():
    reasoner = make("bloom")  # ALiBi: no positions can be given
    tasks = [partial(Prefix.of, reasoner, tokens(n, seed=n)) for n in LENGTHS]
    prefixes = together(tasks, sizes=LENGTHS, limit=Limit())
    assert "kept" not in backbone_of(reasoner.model).batches.ways
    for prefix, n in zip(prefixes, LENGTHS, strict=True):
        alone = Prefix.of(reasoner, tokens(n, seed=n))
        torch.testing.assert_close(prefix.hidden, alone.hidden, atol=2e-5, rtol=1e-5)


def test_a_damaged_token_spoils_no_text_beside_it():
    """Shorter texts are padded with a token of their own, not with one of a neighbour."""
    reasoner = make("llama")
    reasoner = SimpleNamespace(**vars(reasoner) | {"model": deepcopy(reasoner.model)})
    with torch.no_grad():
        reasoner.model.get_input_embeddings().weight[50] = torch.nan

    def score(ids, suffix):
        try:
            return float(Prefix.of(reasoner, ids).branches([2], [suffix]).score([[4]])[0])
        except NotMeasurable:
            return None

    texts = [([1, 2, 3], [50]), ([1, 2, 3], [7]), ([9, 8, 7, 6, 5], [7, 8, 9])]
    tasks = [partial(score, *text) for text in texts]
    alone = [task() for task in tasks]
    assert alone[0] is None and None not in alone[1:]
    assert together(tasks, sizes=[6] * 3, limit=Limit()) == [None, *map(pytest.approx, alone[1:])]
