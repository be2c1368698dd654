import tracemalloc

import numpy as np
import pytest
import torch

from mechcot.core.errors import UserError
from mechcot.core.trace import Span
from mechcot.model import attention
from mechcot.model.attention import group_attention
from mechcot.model.prefix.prefix import Prefix
from tests.model.families import EVERY, make, tokens

GROUPS = [Span(0, 11), Span(11, 14), Span(14, 30), Span(30, 30), Span(30, 44), Span(46, 58)]


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "BLOCK", 16)


def eager_attentions(reasoner, ids):
    """Every probability, from Hugging Face's own eager path: `[layer head query key]`."""
    before = reasoner.model.config._attn_implementation
    reasoner.model.set_attn_implementation("eager")
    try:
        batch = torch.tensor([ids])
        with torch.no_grad():
            output = reasoner.model(
                input_ids=batch, attention_mask=torch.ones_like(batch), output_attentions=True
            )
    finally:
        reasoner.model.set_attn_implementation(before)
    return torch.stack(output.attentions)[:, 0].double().numpy()


@pytest.mark.parametrize("family", EVERY)
def test_pooled_eager_attention_is_the_oracle(family):
    reasoner, ids = make(family), tokens(60)
    mean, mass = group_attention(reasoner, ids, GROUPS)
    full = eager_attentions(reasoner, ids)
    assert mean.shape == mass.shape == (3, 4, len(GROUPS), len(GROUPS))
    for target, queries in enumerate(GROUPS):
        for source, keys in enumerate(GROUPS):
            got = mean[:, :, source, target], mass[:, :, source, target]
            if source >= target or not len(keys) or not len(queries):
                assert np.isnan(got).all()
                continue
            block = full[:, :, queries.start : queries.stop, keys.start : keys.stop]
            np.testing.assert_allclose(got[0], block.mean(axis=(2, 3)), atol=1e-6)
            np.testing.assert_allclose(got[1], block.sum(axis=3).mean(axis=2), atol=1e-5)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch):
    reasoner, ids = make("qwen3"), tokens(60)
    small = group_attention(reasoner, ids, GROUPS)
    monkeypatch.setattr(attention, "BLOCK", 256)
    large = group_attention(reasoner, ids, GROUPS)
    np.testing.assert_allclose(small.mass, large.mass, atol=1e-6)


def test_many_short_groups_are_pooled_over_stretches_that_cut_through_them(monkeypatch):
    monkeypatch.setattr(attention, "STRETCH", 8)
    reasoner, ids = make("llama"), tokens(60)
    groups = [Span(start, start + 3) for start in range(1, 58, 3)]
    mean, mass = group_attention(reasoner, ids, groups)
    pooled = eager_attentions(reasoner, ids)[:, :, 1:58, 1:58].reshape(3, 4, 19, 3, 19, 3)
    later = np.triu(np.ones((19, 19), dtype=bool), k=1)
    want = np.where(later, pooled.sum(axis=5).mean(axis=3).swapaxes(2, 3), np.nan)
    np.testing.assert_allclose(mass, want, atol=1e-6)
    np.testing.assert_allclose(mean, want / 3, atol=1e-6)


def test_the_result_is_float32_and_never_copied():
    reasoner, ids = make("llama"), tokens(400)
    groups = [Span(start, start + 2) for start in range(0, 400, 2)]
    tracemalloc.start()
    try:
        mass = group_attention(reasoner, ids, groups).mass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert mass.dtype == np.float32
    assert mass.nbytes <= peak <= 1.5 * mass.nbytes


@pytest.mark.parametrize("family", EVERY)
def test_the_future_cannot_move_the_past_while_attention_is_watched(family):
    reasoner, ids = make(family), tokens(60)
    other = [*ids[:44], *(1 + (i % 60) for i in ids[44:])]
    one, two = (group_attention(reasoner, each, GROUPS).mass for each in (ids, other))
    np.testing.assert_array_equal(one[:, :, :5, :5], two[:, :, :5, :5])
    assert np.nanmax(np.abs(one[:, :, :5, 5] - two[:, :, :5, 5])) > 1e-4


@pytest.mark.parametrize("family", EVERY)
def test_the_model_computes_what_it_always_does_and_is_left_as_it_was(family, monkeypatch):
    reasoner, ids = make(family), tokens(40)
    clean = Prefix.of(reasoner, ids).hidden
    seen = {}
    plain = attention.forward

    def spy(*args, **kwargs):
        seen["hidden"] = plain(*args, **kwargs)
        return seen["hidden"]

    monkeypatch.setattr(attention, "forward", spy)
    before = reasoner.model.config._attn_implementation
    group_attention(reasoner, ids, GROUPS[:3])
    torch.testing.assert_close(seen["hidden"][0], clean, atol=1e-4, rtol=1e-4)
    assert reasoner.model.config._attn_implementation == before
    assert torch.equal(Prefix.of(reasoner, ids).hidden, clean)


def test_the_model_is_left_as_it_was_after_an_error(monkeypatch):
    reasoner = make("llama")

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(attention, "_group_sums", fail)
    with pytest.raises(ZeroDivisionError):
        group_attention(reasoner, tokens(40), GROUPS[:3])
    assert reasoner.model.config._attn_implementation == "sdpa"
    assert Prefix.of(reasoner, tokens(9)).hidden.shape == (9, 32)


def test_no_token_by_token_array_of_a_head_is_made(monkeypatch):
    reasoner, ids = make("llama"), tokens(200)
    sizes = []
    block = attention._Probabilities.block

    def spy(self, start, stop):
        out = block(self, start, stop)
        sizes.append(out.shape[1:])
        return out

    monkeypatch.setattr(attention._Probabilities, "block", spy)
    group_attention(reasoner, ids, [Span(0, 50), Span(50, 190)])
    assert max(queries for queries, _ in sizes) == 16
    assert max(keys for _, keys in sizes) == 190


def test_what_cannot_be_watched_is_named():
    with pytest.raises(UserError, match="BloomForCausalLM does not run its attention through"):
        group_attention(make("bloom"), tokens(40), GROUPS[:3])
    with pytest.raises(UserError, match="disjoint spans in order within 20 tokens"):
        group_attention(make("llama"), tokens(20), GROUPS[:3])
    with pytest.raises(UserError, match="disjoint"):
        group_attention(make("llama"), tokens(20), [Span(0, 5), Span(4, 9)])
