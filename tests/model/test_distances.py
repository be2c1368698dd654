import math

import pytest
import torch
from hypothesis import given, settings, strategies as st

from mechcot.model.distances import js, kl, token_logprobs, tv
from mechcot.model.prefix.prefix import Prefix
from tests.model.families import make, tokens


def states(*, seed: int, n: int = 11) -> torch.Tensor:
    return torch.randn(n, 6, generator=torch.Generator().manual_seed(seed))


WEIGHT = torch.randn(6, 17, generator=torch.Generator().manual_seed(9))


def unembed(hidden: torch.Tensor) -> torch.Tensor:
    return torch.log_softmax(hidden @ WEIGHT, dim=-1)


def other(hidden: torch.Tensor) -> torch.Tensor:
    return torch.log_softmax(2 * hidden @ WEIGHT, dim=-1)


def slow(p: torch.Tensor, q: torch.Tensor) -> tuple[list[float], list[float], list[float]]:
    """One token and one word at a time."""
    results = ([], [], [])
    for row_p, row_q in zip(p.double().exp().tolist(), q.double().exp().tolist(), strict=True):
        pairs = list(zip(row_p, row_q, strict=True))
        middle = [(a + b) / 2 for a, b in pairs]
        results[0].append(sum(a * math.log(a / b) for a, b in pairs))
        results[1].append(sum(abs(a - b) for a, b in pairs) / 2)
        left = sum(a * math.log(a / m) for (a, _), m in zip(pairs, middle, strict=True))
        right = sum(b * math.log(b / m) for (_, b), m in zip(pairs, middle, strict=True))
        results[2].append((left + right) / 2)
    return results


@pytest.mark.parametrize("chunk", [1, 4, 256])
def test_distances_equal_the_slow_loop(chunk):
    p, q = states(seed=1), states(seed=2)
    expected = slow(unembed(p), unembed(q))
    for distance, values in zip((kl, tv, js), expected, strict=True):
        torch.testing.assert_close(
            distance(p, q, unembed, chunk), torch.tensor(values), atol=1e-5, rtol=1e-4
        )


def test_two_models_may_have_two_unembeddings():
    p = states(seed=1)
    expected = slow(unembed(p), other(p))
    for distance, values in zip((kl, tv, js), expected, strict=True):
        got = distance(p, p, unembed, unembed_q=other)
        torch.testing.assert_close(got, torch.tensor(values), atol=1e-5, rtol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 30))
def test_equal_states_give_exactly_zero_and_ranges_hold(seed, scale):
    p, q = scale * states(seed=seed), scale * states(seed=seed + 1)
    for distance in (kl, tv, js):
        assert torch.equal(distance(p, p, unembed), torch.zeros(len(p)))
        assert distance(p, q, unembed).min() >= 0
    assert tv(p, q, unembed).max() <= 1 + 1e-5
    assert js(p, q, unembed).max() <= math.log(2) + 1e-5
    torch.testing.assert_close(js(p, q, unembed), js(q, p, unembed), atol=1e-5, rtol=1e-4)


def test_words_of_probability_zero_count_nothing():
    def padded(hidden: torch.Tensor) -> torch.Tensor:
        logits = hidden @ WEIGHT
        logits[:, -3:] = -torch.inf
        return torch.log_softmax(logits, dim=-1)

    p, q = states(seed=1), states(seed=2)
    for distance in (kl, tv, js):
        assert torch.isfinite(distance(p, q, padded)).all()
        assert torch.equal(distance(p, p, padded), torch.zeros(len(p)))


def test_only_one_chunk_is_unembedded_at_a_time():
    sizes = []

    def watched(hidden: torch.Tensor) -> torch.Tensor:
        sizes.append(len(hidden))
        return unembed(hidden)

    kl(states(seed=1), states(seed=2), watched, chunk=4)
    token_logprobs(states(seed=1), range(11), watched, chunk=4)
    assert max(sizes) == 4


def test_scores_are_logprobs_of_the_tokens():
    reasoner = make("llama")
    prefix = Prefix.of(reasoner, tokens(12))
    table = prefix.unembed(prefix.hidden)
    wanted = tokens(12, seed=5)
    got = token_logprobs(prefix.hidden, wanted, prefix.unembed, chunk=5)
    torch.testing.assert_close(got, table[torch.arange(12), torch.tensor(wanted)])


def test_lengths_must_agree_and_nothing_gives_nothing():
    with pytest.raises(ValueError, match="same tokens, got 11 and 3"):
        kl(states(seed=1), states(seed=2, n=3), unembed)
    with pytest.raises(ValueError, match="got 2 for 11"):
        token_logprobs(states(seed=1), [1, 2], unembed)
    assert len(tv(states(seed=1, n=0), states(seed=1, n=0), unembed)) == 0
    assert len(token_logprobs(states(seed=1, n=0), [], unembed)) == 0
