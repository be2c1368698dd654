"""The choice of the next token: greedy, or by inverse distribution from numbers drawn before."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechcot.core.errors import UserError

LIKELIEST = 128
"""Tokens that are sorted first: of a vocabulary of 50,000 they hold nearly every draw, and cost a tenth of sorting it all."""


@dataclass(frozen=True)
class Sampling:
    """Settings of the choice of the next token.

    Attributes:
        max_tokens: Most tokens to write.
        temperature: 0 is greedy.
        top_p: Keep the smallest set of tokens with at least this probability (Holtzman et al. 2020, arXiv 1904.09751).
    """

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise UserError(f"max_tokens: expected at least 1, got {self.max_tokens}.")
        if not 0 <= self.temperature < math.inf:
            raise UserError(f"temperature: expected 0 (greedy) or more, got {self.temperature}.")
        if not 0 < self.top_p <= 1:
            raise UserError(f"top_p: expected a number above 0 and at most 1, got {self.top_p}.")


def choose(
    logits: Float[Tensor, "batch d_vocab"],
    sampling: Sampling,
    draws: Float[np.ndarray, " batch"],
) -> Int[Tensor, " batch"]:
    """The next token of every row: the largest, or the one where the distribution passes the draw.

    Args:
        logits: Already scaled; the temperature is applied here.
        sampling: Temperature 0 takes the largest; otherwise `top_p` limits what may be drawn.
        draws: One number in [0, 1) per row; unused at temperature 0.

    Returns:
        Token ids.
    """
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    probabilities = torch.softmax(logits.double() / sampling.temperature, dim=-1)
    numbers = torch.from_numpy(draws).to(probabilities)
    tokens, found = _among_likeliest(probabilities, sampling.top_p, numbers)
    if not found.all():
        rest = ~found
        tokens[rest] = _among_all(probabilities[rest], sampling.top_p, numbers[rest])
    return tokens


def _among_all(
    probabilities: Float[Tensor, "row d_vocab"], top_p: float, draws: Float[Tensor, " row"]
) -> Int[Tensor, " row"]:
    """Sort the whole vocabulary, the likeliest first and of equals the lowest id, and take the token where the sum passes the draw."""
    sorted_p, tokens = probabilities.sort(dim=-1, descending=True, stable=True)
    cumulative = sorted_p.cumsum(dim=-1)
    outside: Bool[Tensor, "row d_vocab"] = cumulative - sorted_p >= top_p
    cumulative = sorted_p.masked_fill(outside, 0.0).cumsum(dim=-1)
    target = draws[:, None] * cumulative[:, -1:]
    place = torch.searchsorted(cumulative, target, right=True)
    place = torch.minimum(place, (~outside).sum(dim=-1, keepdim=True) - 1)
    return tokens.gather(-1, place)[:, 0]


def _among_likeliest(
    probabilities: Float[Tensor, "batch d_vocab"], top_p: float, draws: Float[Tensor, " batch"]
) -> tuple[Int[Tensor, " batch"], Bool[Tensor, " batch"]]:
    """The same choice without sorting the rest of the vocabulary, and the rows where the likeliest tokens decide it."""
    likeliest = probabilities.topk(min(LIKELIEST, probabilities.shape[-1]), dim=-1)
    tokens, by_id = likeliest.indices.sort(dim=-1)  # so that equals stand by their ids
    sorted_p, order = likeliest.values.gather(-1, by_id).sort(dim=-1, descending=True, stable=True)
    cumulative = sorted_p.cumsum(dim=-1)
    inside = cumulative - sorted_p < top_p
    ends = ~inside.all(dim=-1)
    mass = torch.where(ends, (sorted_p * inside).sum(dim=-1), probabilities.sum(dim=-1))
    place = torch.searchsorted(cumulative, (draws * mass)[:, None], right=True)
    place = place.clamp(max=sorted_p.shape[-1] - 1)
    passed = inside.gather(-1, place) & (sorted_p.gather(-1, place) > sorted_p[:, -1:])
    return tokens.gather(-1, order.gather(-1, place))[:, 0], passed[:, 0] & (ends | (top_p == 1))


def draws_of(seeds: Sequence[int], steps: int) -> Float[np.ndarray, "item step"]:
    """One uniform number per item and position, from each item's own generator."""
    return np.stack([np.random.default_rng(seed).random(steps) for seed in seeds])
