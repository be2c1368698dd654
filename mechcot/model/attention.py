"""Attention between steps, of all layers and heads, without ever keeping a token x token array.

    mass[l, h, source, target] = mean over queries in target of the sum over keys in source of a[l, h, q, k]
    mean[l, h, source, target] = mass / number of keys in source (the mean over all pairs)

Sources are the question (the whole prompt) and then the chain steps; targets are the chain steps and
then the answer phase. Where the source does not lie before the target both are NaN, and so are empty
steps. Source: step attention of Bogdan et al. 2025 (arXiv 2506.19143). Deviation: none in the mean; `mass`
is ours, it grows with the length of the source step.

The model's own attention runs as always; at each layer a second pass takes its queries and keys in
blocks of queries (fewer for longer texts, so that a block's memory stays the same), makes the probabilities of one block, and sums them into groups with
token -> step one-hot products, each over a stretch of tokens and the few groups that lie in it. The result is float32, made once and filled layer by layer. Two registries must know the attention function's name: without
the second one Transformers hands over no mask and the function would be bidirectional.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from mechcot.core.errors import UserError
from mechcot.core.trace import Span
from mechcot.model.interface import HasModel
from mechcot.model.internals.architecture import Backbone
from mechcot.model.internals.forward import check_finite, forward
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.prefix.memory import out_of_memory

NAME = "mechcot_step_attention"
BLOCK = 256
_BLOCK_NUMBERS = 4_000_000
"""Most probabilities held at once, over all heads: 16 MB, and as much for the scores."""
_ON_GPU = 16
"""Times as large are blocks there: Python asks for each."""
STRETCH = 128
"""Fewest tokens that one product sums into groups; more where groups are long. On a GPU one product has all of them."""
_PER_QUERY_HEAD = "kv_head key d -> (kv_head group) key d"
"""Each key or value head, once for every query head that shares it."""
_GROUPS = 16
"""About so many groups lie in a stretch."""


@dataclass(frozen=True, eq=False)
class StepAttention:
    """Attention between groups of tokens.

    Attributes:
        mass: Mean over queries of the sum over keys, float32.
        sizes: Number of tokens of each source.
    """

    mass: Float[np.ndarray, "layer head source target"]
    sizes: Int[np.ndarray, " source"]

    @property
    def mean(self) -> Float[np.ndarray, "layer head source target"]:
        """Mean over (query, key) pairs; made anew at each call, as large as `mass`."""
        return self.mass / np.maximum(self.sizes, 1).astype(self.mass.dtype)[:, None]

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.mean, self.mass))


def group_attention(
    reasoner: HasModel, ids: Sequence[int], groups: Sequence[Span]
) -> StepAttention:
    """Attention between any disjoint spans in order; every group is a source and a target.

    Raises:
        UserError: Groups overlap or leave the sequence, or the family cannot be observed.
        NotMeasurable: The states are not finite.
    """
    if any(b.start < a.stop for a, b in pairwise(groups)) or (
        groups and groups[-1].stop > len(ids)
    ):
        raise UserError(
            f"groups must be disjoint spans in order within {len(ids)} tokens, got {list(groups)}"
        )
    backbone = backbone_of(reasoner.model)
    tokens = torch.tensor([list(ids)], dtype=torch.long, device=backbone.device)
    sizes = np.array([len(group) for group in groups], dtype=np.int64)
    return StepAttention(mass=_mass(backbone, tokens, groups, sizes), sizes=sizes)


def _mass(
    backbone: Backbone, tokens: Tensor, groups: Sequence[Span], sizes: Int[np.ndarray, " group"]
) -> Float[np.ndarray, "layer head source target"]:
    recorder = _Recorder(tuple(groups), sizes, length=tokens.shape[1], layers=backbone.n_layers)
    try:
        with _observed(backbone.model, recorder):
            hidden = forward(backbone, tokens)
    except (AttributeError, TypeError, LookupError, ValueError, RuntimeError) as error:
        if out_of_memory(error):
            raise
        raise UserError(
            f"{type(backbone.model).__name__} does not run under another attention function ({error}); step attention cannot be read for this family"
        ) from error
    check_finite(hidden)
    missing = [layer for layer in range(backbone.n_layers) if layer not in recorder.seen]
    if missing or recorder.mass is None:
        raise UserError(
            f"{type(backbone.model).__name__} does not run its attention through Transformers' attention "
            f"interface (layers {missing[:3]} were not seen); step attention cannot be read for this family"
        )
    return recorder.mass


@dataclass(eq=False)
class _Recorder:
    """Collects from one observed run: mass between groups, one layer after the other."""

    groups: tuple[Span, ...]
    sizes: Int[np.ndarray, " group"]
    length: int
    layers: int
    mass: Float[np.ndarray, "layer head source target"] | None = None
    seen: set[int] = field(default_factory=set)
    members: dict[tuple[int, int, torch.device], Tensor] = field(default_factory=dict)

    def record(self, layer: int, sums: Float[Tensor, "head source target"]) -> None:
        """Keep one layer's summed probabilities as mass; NaN where no pair is defined."""
        if self.mass is None:
            self.mass = np.empty((self.layers, *sums.shape), dtype=np.float32)
        here = self.mass[layer]
        np.divide(sums.cpu().numpy(), np.maximum(self.sizes, 1), out=here, casting="same_kind")
        here[:, ~np.triu(np.ones(here.shape[1:], dtype=bool), k=1)] = np.nan
        here[:, self.sizes == 0, :] = np.nan
        here[:, :, self.sizes == 0] = np.nan
        self.seen.add(layer)

    def stretches(self, start: int, stop: int, *, size: int) -> Iterator[tuple[slice, slice]]:
        """Stretches of the tokens `[start, stop)` that touch some group, and the groups that each touches."""
        for begin in range(start, stop, size):
            end = min(begin + size, stop)
            first = bisect_right(self.groups, begin, key=lambda group: group.stop)
            last = bisect_left(self.groups, end, key=lambda group: group.start)
            if first < last:
                yield slice(begin, end), slice(first, last)

    def one_hot(self, tokens: slice, groups: slice, like: Tensor) -> Float[Tensor, "token group"]:
        """Membership of each token of a stretch in the groups that it touches, float32; made once for all layers of a device."""
        key = (tokens.start, tokens.stop, like.device)
        if key not in self.members:
            member = torch.zeros(tokens.stop - tokens.start, groups.stop - groups.start)
            for index, group in enumerate(self.groups[groups]):
                begin, end = group.start - tokens.start, group.stop - tokens.start
                member[max(begin, 0) : max(end, 0), index] = 1.0
            self.members[key] = member.to(like.device)
        return self.members[key]

    def blocks(self, *, size: int) -> Iterator[tuple[int, int]]:
        """Blocks of `size` queries, from the first query of some group to the last."""
        first = min((g.start for g in self.groups if len(g)), default=0)
        last = max((g.stop for g in self.groups if len(g)), default=0)
        for start in range(first, last, size):
            yield start, min(start + size, last)


_RECORDER: ContextVar[_Recorder | None] = ContextVar("mechcot_attention_recorder", default=None)


@contextmanager
def _observed(model: nn.Module, recorder: _Recorder) -> Iterator[None]:
    """Run the model's attention through `_attend` for the time of a `with` block."""
    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    parts: list[Any] = [module for module in model.modules() if hasattr(module, "config")]
    configs = {id(part.config): part.config for part in parts}
    before = {key: config._attn_implementation for key, config in configs.items()}
    token = _RECORDER.set(recorder)
    try:
        for config in configs.values():
            config._attn_implementation = NAME
        yield
    finally:
        for key, config in configs.items():
            config._attn_implementation = before[key]
        _RECORDER.reset(token)


def _attend(
    module: Any,
    query: Float[Tensor, "batch head query d_head"],
    key: Float[Tensor, "batch kv_head key d_head"],
    value: Float[Tensor, "batch kv_head key d_value"],
    attention_mask: Tensor | None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attention as Transformers calls it: the fast kernel's output, and group sums on the side."""
    recorder = _RECORDER.get()
    if recorder is None or query.shape[-2] != key.shape[-2] or query.shape[0] != 1:
        raise RuntimeError(
            f"{NAME} observes one whole sequence at a time, got {tuple(query.shape)} queries and {tuple(key.shape)} keys"
        )
    if options.get("s_aux") is not None or options.get("position_bias") is not None:
        raise UserError(
            f"{type(module).__name__} adds sinks or biases to its attention; step attention cannot be read for this family"
        )
    scale = options.get("scaling")
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    softcap = options.get("softcap")
    probabilities = _Probabilities(query[0], key[0], attention_mask, scale=scale, softcap=softcap)
    recorder.record(module.layer_idx, _group_sums(probabilities, recorder))
    if softcap is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    return _blockwise_output(probabilities, value[0]).unsqueeze(0), None


class _Probabilities:
    """Attention probabilities of one layer, a block of queries at a time."""

    def __init__(
        self,
        query: Tensor,
        key: Tensor,
        mask: Tensor | None,
        *,
        scale: float,
        softcap: float | None,
    ) -> None:
        groups = query.shape[0] // key.shape[0]
        self.n_queries = query.shape[1]
        larger = 1 if query.device.type == "cpu" else _ON_GPU
        most = larger * _BLOCK_NUMBERS // (query.shape[0] * query.shape[1])
        self.block_size = max(1, min(larger * BLOCK, most))
        self._query = query
        self._key = repeat(key, _PER_QUERY_HEAD, group=groups)
        self._mask = None if mask is None else mask[0, 0]
        self._scale, self._softcap = scale, softcap

    def block(self, start: int, stop: int) -> Float[Tensor, "head query key"]:
        """Probabilities (float32) of the queries `[start, stop)` over the keys `[0, stop)`."""
        query = self._query[:, start:stop].float() * self._scale
        scores = query @ self._key[:, :stop].float().transpose(1, 2)
        if self._softcap is not None:
            scores = torch.tanh(scores / self._softcap) * self._softcap
        if self._mask is None:
            square = torch.ones(stop - start, stop - start, dtype=torch.bool, device=scores.device)
            scores[:, :, start:].masked_fill_(square.triu(1), -torch.inf)
        elif self._mask.dtype == torch.bool:
            scores.masked_fill_(~self._mask[start:stop, :stop], -torch.inf)
        else:
            scores += self._mask[start:stop, :stop]
        return torch.softmax(scores, dim=-1)


def _group_sums(
    probabilities: _Probabilities, recorder: _Recorder
) -> Float[Tensor, "head source target"]:
    like, n = probabilities._query, len(recorder.groups)
    size = max(STRETCH, _GROUPS * recorder.length // max(n, 1))
    if like.device.type != "cpu":
        size = recorder.length
    keys = [
        (tokens, groups, recorder.one_hot(tokens, groups, like))
        for tokens, groups in recorder.stretches(0, recorder.length, size=size)
    ]
    sums = torch.zeros(like.shape[0], n, n, device=like.device)
    for start, stop in recorder.blocks(size=probabilities.block_size):
        block = probabilities.block(start, stop)
        to_sources = torch.zeros(*block.shape[:2], n, device=like.device)
        for tokens, groups, member in keys:
            if tokens.start < stop:
                seen = block[:, :, tokens]
                to_sources[:, :, groups] += seen @ member[: seen.shape[-1]]
        for tokens, groups in recorder.stretches(start, stop, size=stop - start):
            member = recorder.one_hot(tokens, groups, like)
            sums[:, :, groups] += to_sources.transpose(1, 2) @ member
    return sums


def _blockwise_output(
    probabilities: _Probabilities, value: Float[Tensor, "kv_head key d_value"]
) -> Float[Tensor, "query head d_value"]:
    """Attention output where the fast kernel cannot serve (a softcap on the scores)."""
    heads = probabilities._query.shape[0]
    value = repeat(value, _PER_QUERY_HEAD, group=heads // value.shape[0])
    parts = []
    for start in range(0, probabilities.n_queries, probabilities.block_size):
        stop = min(start + probabilities.block_size, probabilities.n_queries)
        parts.append(probabilities.block(start, stop).to(value.dtype) @ value[:, :stop])
    return rearrange(torch.cat(parts, dim=1), "head query d -> query head d").contiguous()
