"""Runs and unembeddings of many texts in one batch, equal to those of each text alone but for rounding.

    no mask      texts from position 0, padded behind their ends: a later token moves no earlier state
    a mask       every row has its own positions; its kept keys end where its new ones begin, and what pads either side is hidden

    keys of a row    [ padding | kept | new | padding ]

Each way is tried once a model (`self_test.py`): where a family gives other states for it, it runs each text alone.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from mechcot.core.errors import NotMeasurable
from mechcot.model.internals.architecture import Backbone
from mechcot.model.internals.forward import cache_layer, check_finite, forward
from mechcot.model.internals.hooks import Hook, HookPoint
from mechcot.model.internals.masks import MOST_PAIRS, Masks
from mechcot.model.prefix.lockstep import Sizes, ask_for

BatchWay = Literal["plain", "masked", "kept"]


@dataclass(frozen=True)
class BatchBounds:
    """What is worth one batch.

    Attributes:
        tokens: Most tokens, padding included.
        padding: Padding that costs less than a run of its own.
        pairs: Most numbers of one mask.
        states: Most states that are unembedded at once.
    """

    tokens: int
    padding: int
    pairs: int
    states: int


ON_CPU = BatchBounds(tokens=4096, padding=96, pairs=MOST_PAIRS, states=512)
ON_GPU = BatchBounds(tokens=16_384, padding=1024, pairs=2**27, states=2048)
"""A GPU runs 1,000 tokens through a model of 7B in the time in which Python asks it for the next run."""


def _bounds(device: torch.device) -> BatchBounds:
    return ON_CPU if device.type == "cpu" else ON_GPU


def worth_padding(sizes: Sequence[Sizes], device: torch.device) -> bool:
    """Return whether runs of these rows, new and kept tokens share a batch that is not too large and not too empty."""
    rows, tokens, kept = (
        sum(s[0] for s in sizes),
        max(s[1] for s in sizes),
        max(s[2] for s in sizes),
    )
    padded, real = rows * tokens, sum(s[0] * s[1] for s in sizes)
    most = _bounds(device)
    return (
        padded <= most.tokens
        and padded * (kept + tokens) <= most.pairs
        and padded - real <= max(most.padding, real // 4)
    )


@dataclass(frozen=True, eq=False)
class BlocksRun:
    """A run of rows of tokens through the blocks, see `forward`.

    Attributes:
        backbone: The model.
        ids: Token ids.
        positions: Their absolute positions, the same for every row.
        mask: Additive masks; None: plain causal attention from position 0.
        cache: Keys and values before `ids`, which grow by this run.
        taps: Hooks.
    """

    backbone: Backbone
    ids: Int[Tensor, "row token"]
    positions: Int[Tensor, " token"]
    mask: Masks | None
    cache: DynamicCache | None
    taps: Sequence[tuple[HookPoint, Hook]]

    @property
    def kept(self) -> int:
        """Tokens whose keys and values are there already."""
        return self.cache.get_seq_length() if self.cache is not None else 0

    @property
    def way(self) -> BatchWay | None:
        """How it is padded."""
        if self.mask is None:
            return None if self.kept else "plain"
        return "kept" if self.kept else "masked"

    @property
    def kind(self) -> Hashable:
        """See `BatchRequest`: one model, one way, the same kinds of masks."""
        way = self.way
        if way is None or way not in self.backbone.batches.ways:
            return None
        if self.kept + self.ids.shape[1] > self.backbone.switch:
            return None
        masks = tuple(self.mask) if isinstance(self.mask, dict) else ()
        return id(self.backbone.base), way, masks, self.cache is None

    @property
    def costly(self) -> bool:
        """See `BatchRequest`."""
        return True

    @property
    def sizes(self) -> Sizes:
        """Rows, tokens, kept tokens."""
        return (*self.ids.shape, self.kept)

    def fit(self, sizes: Sequence[Sizes]) -> bool:
        """See `BatchRequest`."""
        return worth_padding(sizes, self.ids.device)

    def alone(self) -> Float[Tensor, "row token d_model"]:
        """See `BatchRequest`."""
        return forward(
            self.backbone,
            self.ids,
            positions=self.positions,
            mask=self.mask,
            cache=self.cache,
            taps=self.taps,
        )

    def together(
        self, sizes: Sequence[Sizes], requests: Sequence["BlocksRun | None"]
    ) -> list[Tensor]:
        """See `BatchRequest`."""
        batch = Batch(self.backbone, tuple(sizes), tuple(requests), self.ids.device)
        cache = batch.cache() if self.cache is not None else None
        hidden = forward(
            self.backbone,
            batch.ids(),
            positions=batch.positions(),
            mask=None if self.mask is None else batch.masks(),
            cache=cache,
            taps=batch.taps(),
        )
        if cache is not None:
            batch.hand_back(cache)
        return [hidden[rows, : size[1]] for rows, size in zip(batch.rows, sizes, strict=True)]


@dataclass(frozen=True, eq=False)
class Batch:
    """Runs side by side.

    Attributes:
        backbone: The model.
        sizes: Rows, tokens and kept tokens of each.
        runs: Each; None: a slot whose result nobody wants.
        device: Of the tokens.
    """

    backbone: Backbone
    sizes: tuple[Sizes, ...]
    runs: tuple[BlocksRun | None, ...]
    device: torch.device

    @property
    def rows(self) -> list[slice]:
        """The rows of each run."""
        ends = list(accumulate(size[0] for size in self.sizes))
        return [slice(end - size[0], end) for end, size in zip(ends, self.sizes, strict=True)]

    @property
    def _shape(self) -> tuple[int, int, int]:
        """All rows; most tokens; most kept tokens."""
        _, tokens, kept = (max(column) for column in zip(*self.sizes, strict=True))
        return self.rows[-1].stop, tokens, kept

    def _each(self) -> list[tuple[slice, BlocksRun]]:
        pairs = zip(self.rows, self.runs, strict=True)
        return [(rows, run) for rows, run in pairs if run is not None]

    def ids(self) -> Int[Tensor, "row token"]:
        """The token ids; where nothing stands, a row's own first: a padding token is warned of, and a damaged one would spoil others."""
        rows, tokens, _ = self._shape
        ids = self._each()[0][1].ids[:1, :1].repeat(rows, tokens)
        for mine, run in self._each():
            ids[mine] = run.ids[:, :1]
            ids[mine, : run.ids.shape[1]] = run.ids
        return ids

    def positions(self) -> Int[Tensor, "*row token"]:
        """The positions; behind a row's end they go on, within the context."""
        rows, tokens, kept = self._shape
        own = torch.arange(tokens, device=self.device)
        if not kept and all(run.mask is None for _, run in self._each()):
            return own
        positions = own.expand(rows, tokens).clone()
        for mine, run in self._each():
            positions[mine, : run.ids.shape[1]] = run.positions
        return positions

    def masks(self) -> Masks:
        """The masks, one for each kind of layer that the runs name."""
        own: list[Any] = [run.mask if run is not None else None for run in self.runs]
        first = next(mask for mask in own if mask is not None)
        if not isinstance(first, dict):
            return self._mask(own)
        return {name: self._mask([mask and mask[name] for mask in own]) for name in first}

    def _mask(self, own: Sequence[Tensor | None]) -> Tensor:
        rows, tokens, kept = self._shape
        dtype = self.backbone.dtype
        lowest = torch.finfo(dtype).min
        mask = torch.full((rows, 1, tokens, kept + tokens), lowest, dtype=dtype, device=self.device)
        for mine, size, seen in zip(self.rows, self.sizes, own, strict=True):
            if seen is not None:
                mask[mine, :, : size[1], kept - size[2] : kept + size[1]] = seen
        return mask

    def cache(self) -> DynamicCache:
        """A cache over the kept keys and values of all runs."""
        cache = DynamicCache()
        if self._shape[2]:
            caches = [None if run is None else run.cache for run in self.runs]
            first: Any = next(own for own in caches if own is not None)
            for index in range(len(first.layers)):
                pasts = [None if own is None else own.layers[index] for own in caches]
                cache.layers.append(_Joined(self, pasts))
        return cache

    def hand_back(self, cache: DynamicCache) -> None:
        """Give each run's cache its own part."""
        _, _, kept = self._shape
        layers: list[Any] = cache.layers
        for mine, size, run in zip(self.rows, self.sizes, self.runs, strict=True):
            if run is None or run.cache is None:
                continue
            keys = slice(kept - size[2], kept + size[1])
            run.cache.layers[:] = [
                cache_layer(layer.keys[mine, :, keys], layer.values[mine, :, keys])
                for layer in layers
            ]

    def taps(self) -> list[tuple[HookPoint, Hook]]:
        """The hooks of all runs, each on its own rows."""
        return [
            (place, _own(hook, mine, run.ids.shape[1]))
            for mine, run in self._each()
            for place, hook in run.taps
        ]


class _Joined(DynamicLayer):
    """Keys and values of one layer of several caches; put side by side once the new ones come, for as many copies of the rows as those have."""

    def __init__(self, batch: Batch, pasts: Sequence[Any]) -> None:
        super().__init__()
        self._batch, self._pasts = batch, pasts
        first = next(past for past in pasts if past is not None)
        self.dtype, self.device = first.keys.dtype, first.keys.device
        self.keys, self.values = first.keys, first.values
        self.is_initialized = True

    def get_seq_length(self) -> int:
        """Most kept tokens."""
        return self._batch._shape[2]

    def update(
        self, key_states: Tensor, value_states: Tensor, *_args: Any, **_kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Join kept and new ones."""
        self.keys = self._join("keys", key_states)
        self.values = self._join("values", value_states)
        return self.keys, self.values

    def _join(self, name: str, new: Tensor) -> Tensor:
        rows, _, kept = self._batch._shape
        shape = list(new.shape)
        shape[-2] += kept
        joined = new.new_empty(shape)
        copies = joined.unflatten(0, (-1, rows))
        for mine, size, past in zip(self._batch.rows, self._batch.sizes, self._pasts, strict=True):
            first = kept if past is None else kept - size[2]
            if first:  # padding is masked, and 0 times anything but a number is none
                copies[:, mine, :, :first] = 0
            if past is not None:
                copies[:, mine, :, first:kept] = getattr(past, name)[: size[0]]
        joined[:, :, kept:] = new
        return joined


def _own(hook: Hook, rows: slice, tokens: int) -> Hook:
    """A hook that sees and changes its own rows only."""

    def tap(states: Tensor) -> Tensor:
        own = states[rows, :tokens]
        new = hook(own)
        if new is own:
            return states
        states = states.clone()
        states[rows, :tokens] = new
        return states

    return tap


@dataclass(frozen=True, eq=False)
class _Unembedding:
    """States to log-probabilities, see `Backbone.unembed`."""

    backbone: Backbone
    states: Float[Tensor, "*batch d_model"]
    scale: float

    @property
    def kind(self) -> Hashable:
        """See `BatchRequest`."""
        if not self.backbone.batches.ways:
            return None
        return id(self.backbone.head), self.scale, self.backbone.softcap

    @property
    def costly(self) -> bool:
        """See `BatchRequest`."""
        return False

    @property
    def sizes(self) -> Sizes:
        """Number of states."""
        return (self.states.shape[:-1].numel(),)

    def fit(self, sizes: Sequence[Sizes]) -> bool:
        """See `BatchRequest`."""
        return sum(size[0] for size in sizes) <= _bounds(self.states.device).states

    def alone(self) -> Float[Tensor, "*batch d_vocab"]:
        """See `BatchRequest`."""
        return self.backbone.unembed(self.states, scale=self.scale)

    def together(
        self, sizes: Sequence[Sizes], requests: Sequence["_Unembedding | None"]
    ) -> list[Tensor]:
        """See `BatchRequest`."""
        width = self.states.shape[-1]
        states = [
            self.states.new_zeros(size[0], width) if r is None else r.states.reshape(-1, width)
            for size, r in zip(sizes, requests, strict=True)
        ]
        scores = self.backbone.unembed(torch.cat(states), scale=self.scale)
        parts = scores.split([size[0] for size in sizes])
        return [
            part if r is None else part.reshape(*r.states.shape[:-1], -1)
            for part, r in zip(parts, requests, strict=True)
        ]


def run_blocks(
    backbone: Backbone,
    ids: Int[Tensor, "row token"],
    *,
    positions: Int[Tensor, " token"],
    mask: Masks | None = None,
    cache: DynamicCache | None = None,
    taps: Sequence[tuple[HookPoint, Hook]] = (),
) -> Float[Tensor, "row token d_model"]:
    """Run the model without its head as `forward` does; where tasks run together, in one batch with theirs.

    Raises:
        NotMeasurable: A state of these rows is not finite.
    """
    hidden = ask_for(BlocksRun(backbone, ids, positions, mask, cache, taps))
    check_finite(hidden)
    return hidden


def unembed(
    backbone: Backbone, hidden: Float[Tensor, "*batch d_model"], *, scale: float = 1.0
) -> Float[Tensor, "*batch d_vocab"]:
    """Turn states into log-probabilities as `Backbone.unembed` does; where tasks run together, in one batch with theirs.

    Raises:
        NotMeasurable: One of them is not a number.
    """
    scores = ask_for(_Unembedding(backbone, hidden, scale))
    if bool(torch.isnan(scores).any()):
        raise NotMeasurable("the model's logits are not numbers (NaN) on this text")
    return scores
