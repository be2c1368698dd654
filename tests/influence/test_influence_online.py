"""Pruning while writing: identity, an oracle with hidden keys, and what is kept."""

import numpy as np
import pytest
import torch

from mechcot.core.errors import UserError
from mechcot.core.trace import Phase, Span
from mechcot.influence.online import RANKS, Online, run_online, write_online
from mechcot.model.dropping import DroppingCache
from mechcot.model.edits import Hide
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.task import problems


@pytest.fixture(scope="module")
def reader() -> Reasoner:
    return Reasoner.load("organism:base")


@pytest.fixture(scope="module")
def asked():
    return problems(2, seed=11)


@pytest.fixture(scope="module")
def written(reader, asked):
    return reader.write(asked, max_tokens=120)


def test_keeping_everything_writes_the_same_text(reader, asked, written):
    for problem, trace in zip(asked, written, strict=True):
        found = write_online(reader, problem, Online(keep=1.0, max_tokens=120))
        assert found.trace.completion == trace.completion
        assert found.trace.ids == trace.ids
        assert (found.dropped, found.cached) == ((), found.uncut)


def test_dropped_positions_are_hidden_from_all_that_follows_and_from_nothing_before(
    reader, written
):
    """Against a run of the whole text under a mask, position for position."""
    ids = written[0].ids
    cut, gone = len(ids) - 12, Span(len(ids) - 30, len(ids) - 22)
    cache = DroppingCache(reader, ids[:cut])
    cache.drop(list(gone.positions()))
    assert len(cache) == cut - len(gone)
    assert cache.bytes() * cut == DroppingCache(reader, ids[:cut]).bytes() * len(cache)
    for token in ids[cut:]:
        cache.append(token)
    prefix = reader.prefix(ids[:cut])
    hide = Hide(gone, queries=Span(cut, 2**40))
    states = prefix.rest(cut, [list(ids[cut:])], under=[hide])[0]
    np.testing.assert_allclose(cache._last.numpy(), states[-1].numpy(), atol=1e-4)
    plain = reader.prefix(ids).hidden[-1]
    assert (cache._last - plain).abs().max() > 1e-3


def test_the_attention_received_is_that_of_the_whole_text(reader, written):
    ids = written[0].ids
    got = DroppingCache(reader, ids).attention(last=8)
    reader.model.set_attn_implementation("eager")
    with torch.no_grad():
        full = reader.model(input_ids=torch.tensor([ids]), output_attentions=True).attentions
    reader.model.set_attn_implementation("sdpa")
    expected = torch.stack(full)[:, 0, :, -8:].mean((0, 1, 2))
    np.testing.assert_allclose(got.numpy(), expected.numpy(), atol=1e-5)
    assert got.sum() == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("by", RANKS)
def test_what_is_kept_fits_and_the_question_is_never_dropped(reader, asked, by):
    found = write_online(reader, asked[0], Online(keep=0.4, every=1, by=by, max_tokens=80))
    chain = found.trace.phase(Phase.CHAIN)
    assert found.dropped
    assert all(position in chain for position in found.dropped)
    whole = [
        step
        for step in found.trace.chain_steps
        if len(set(step.tokens.positions()) & set(found.dropped)) not in {0, len(step.tokens)}
    ]
    assert whole == []  # steps go as a whole
    assert found.cached < found.uncut
    if by == "random":
        again = write_online(reader, asked[0], Online(keep=0.4, every=1, by=by, max_tokens=80))
        assert again.trace == found.trace


def test_recent_keeps_the_latest(reader, asked):
    found = write_online(reader, asked[0], Online(keep=0.4, every=1, by="recent", max_tokens=120))
    chain = found.trace.phase(Phase.CHAIN)
    assert max(found.dropped) < chain.stop - (chain.stop - chain.start) // 4


def test_rows_sum_up(reader, asked):
    ways = {"all": Online(keep=1.0, max_tokens=40), "half": Online(keep=0.5, max_tokens=40)}
    rows = run_online(reader, asked[:2], ways=ways)
    assert [row["way"] for row in rows] == ["all", "half"]
    assert rows[0]["cached"] == 1.0
    assert rows[1]["cached"] < 1.0
    assert all(row["tokens_per_second"] > 0 and row["n"] == 2 for row in rows)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"keep": 1.5}, "0 to 1, got 1.5"),
        ({"keep": 0.5, "by": "magic"}, "attention, recent, random"),
        ({"keep": 0.5, "every": 0}, "1 or more steps, got 0"),
    ],
)
def test_wrong_settings_are_told(wrong, said):
    with pytest.raises(UserError, match=said):
        Online(**wrong)
