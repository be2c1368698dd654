"""Trials of a model on a few tokens, each against plain runs of the model itself; `self_test.py` says what they are for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.trace import Span
from mechcot.model.generation.stepping import DecodingState
from mechcot.model.internals.architecture import Backbone, Writes
from mechcot.model.internals.forward import cache_view, capture_taps, forward, keys_values
from mechcot.model.internals.masks import additive, causal
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import AttentionKnockout
from mechcot.model.prefix.batch_requests import BlocksRun
from mechcot.model.prefix.branches import Branches
from mechcot.model.prefix.cached_run import PrefixCache, Run
from mechcot.model.prefix.memory import NO_LIMIT

LENGTH = 32
_FARTHEST = 2**20
BREAKS = (
    TypeError,
    ValueError,
    RuntimeError,
    AttributeError,
    KeyError,
    IndexError,
    AssertionError,
    NotImplementedError,
    NotMeasurable,
)


@dataclass(frozen=True, eq=False)
class StatesOfRun:
    """The states of one run: after every block, and after the final norm."""

    layers: tuple[Tensor, ...]
    hidden: Tensor

    @classmethod
    def of(
        cls, backbone: Backbone, ids: Tensor, *, hide: Sequence[AttentionKnockout] | None = None
    ) -> "StatesOfRun":
        """Run a text plainly, or under an explicit mask with something hidden."""
        every = range(backbone.n_layers)
        sites = [Site("resid_post", n) for n in every if "resid_post" in backbone.places[n]]
        states: dict[Site, Tensor] = {}
        taps = capture_taps(backbone, sites, states, keep=lambda batch: batch[0])
        if hide is None:
            hidden = forward(backbone, ids, taps=taps)[0]
        else:
            run = Run(backbone, start=0, rows=ids.tolist(), acts=[tuple(hide)], watching=taps)
            hidden = run.go(cache=None)[0]
        return cls(tuple(states[site] for site in sites), hidden)

    def moved(self, other: "StatesOfRun", span: slice) -> float:
        """Largest relative change of a state in a span, over all blocks."""
        pairs = zip((*self.layers, self.hidden), (*other.layers, other.hidden), strict=True)
        return max(_change(a[span], b[span]) for a, b in pairs)


def _change(left: Tensor, right: Tensor) -> float:
    difference = (left.float() - right.float()).norm(dim=-1)
    return float((difference / left.float().norm(dim=-1).clamp(min=1e-9)).max())


_ROUNDED = 0.0125
"""Change of all logits that is rounding in half precision, over the root of the number of layers: in 143 families, most of two layers, it was at most .0108
where a way of writing is right (.0075 in SmolLM2 of 30), and at least .0140 where it is wrong."""
_RARE = 8
"""One of so many tokens may take another route."""


def _stays(moved: float, dtype: torch.dtype) -> bool:
    return moved <= (1e-5 if dtype is torch.float32 else 0.02)


def close(left: Tensor, right: Tensor) -> bool:
    """True where two tensors are equal but for rounding in their precision."""
    tolerance = 1e-4 if left.dtype is torch.float32 else 0.05
    difference = (left.float() - right.to(left.device).float()).abs().max()
    return bool(difference <= tolerance * (1 + right.float().abs().max()))


def _other(ids: Tensor, span: Span) -> Tensor:
    """The same text with other tokens in a span: those of another place."""
    other = ids.clone()
    moved = ids.roll(len(span) + 1, dims=1)
    other[:, span.start : span.stop] = moved[:, span.start : span.stop]
    same = other[:, span.start : span.stop] == ids[:, span.start : span.stop]
    other[:, span.start : span.stop] += same.long() * torch.where(
        other[:, span.start : span.stop] > 0, -1, 1
    )
    return other


def is_causal(backbone: Backbone, ids: Tensor, plain: StatesOfRun) -> bool:
    """Change the last token of a few, then the last third of many, then leave that third out.

    Raises:
        UserError: Even in a text of a few tokens the past depends on what comes later.
    """
    few = ids[:, :4]
    moved = StatesOfRun.of(backbone, few).moved(
        StatesOfRun.of(backbone, _other(few, Span(3, 4))), slice(0, 3)
    )
    if not _stays(moved, backbone.dtype):
        raise UserError(
            f"expected a decoder, got {type(backbone.model).__name__}, in which another last token moves earlier states "
            f"by {moved:.1e}; this family is not supported"
        )
    cut = min(2 * ids.shape[1] // 3, LENGTH)
    later = StatesOfRun.of(backbone, _other(ids, Span(cut, ids.shape[1])))
    if not _stays(plain.moved(later, slice(0, cut)), backbone.dtype):
        return False
    same = close if ids.shape[1] > LENGTH else partial(_close_but_for_routes, backbone)
    for stop in range(cut, ids.shape[1], LENGTH):
        part = StatesOfRun.of(backbone, ids[:, :stop])
        pairs = zip((*plain.layers, plain.hidden), (*part.layers, part.hidden), strict=True)
        if not all(same(whole[:stop], states) for whole, states in pairs):
            return False
    return True


def _close_but_for_routes(backbone: Backbone, left: Tensor, right: Tensor) -> bool:
    """As `close`; where rounding in half precision may send a token to another expert, a few tokens may differ.

    Not for a family that chooses keys out of the whole text (its trial has a longer one): that moves few tokens, too.
    """
    if backbone.dtype is torch.float32 or not _routed(backbone.model):
        return close(left, right)
    near = [close(a, b) for a, b in zip(left, right, strict=True)]
    return near.count(False) <= len(near) / _RARE


def _routed(model: nn.Module) -> bool:
    """Return whether tokens are sent to experts."""
    return any(name.rpartition(".")[2].endswith("experts") for name, _ in model.named_modules())


def takes_masks(backbone: Backbone, ids: Tensor, plain: StatesOfRun) -> bool:
    """An explicit causal mask gives the plain states, and one that shows each token only itself does not."""
    try:
        masked = StatesOfRun.of(backbone, ids, hide=()).hidden
        own = torch.arange(ids.shape[1], device=ids.device)
        none = torch.eye(len(own), dtype=torch.bool, device=ids.device)[None]
        alone = forward(
            backbone,
            ids,
            positions=own,
            mask=additive(backbone, none, queries=own, keys=own),
        )[0]
    except BREAKS:
        return False
    return close(masked, plain.hidden) and not torch.equal(alone, masked)


def leak(backbone: Backbone, ids: Tensor) -> str:
    """The reason why nothing can be hidden: hide a span from all later tokens, change it, and look at them."""
    if not backbone.causal:
        return "its earlier tokens depend on later ones (attention chosen over the whole text)"
    if not backbone.takes_masks:
        return "it takes no explicit attention mask"
    length = ids.shape[1]
    span = Span(length // 4, length // 2)
    hide = [AttentionKnockout(span, Span(span.stop, length))]
    try:
        here, there = (
            StatesOfRun.of(backbone, text, hide=hide) for text in (ids, _other(ids, span))
        )
    except BREAKS:
        return "it takes no mask that hides tokens"
    after = slice(span.stop, length)
    if _stays(here.moved(there, after), backbone.dtype):
        return ""
    layers = (*here.layers, here.hidden), (*there.layers, there.hidden)
    changes = [_change(a[after], b[after]) for a, b in zip(*layers, strict=True)]
    first = next(n for n, change in enumerate(changes) if not _stays(change, backbone.dtype))
    kinds = getattr(backbone.config, "layer_types", None) or ()
    kind = f" ({kinds[first].replace('_', ' ')})" if first < len(kinds) else ""
    where = f" through layer {first}{kind}" if here.layers else ""
    return f"a token hidden from attention still moves later states by {changes[first]:.1e}{where}"


def forks(backbone: Backbone, ids: Tensor) -> bool:
    """Branches with tokens of their own on one cache, one with something hidden, against whole runs; and a rest."""
    if "local" in getattr(backbone.config, "attention_layers", ()):
        return False  # GPT-Neo cuts its local windows out by index, longer than this trial is
    text, length = ids[0].tolist(), ids.shape[1]
    third = length // 3
    cuts = (third, 2 * third, length - 1)
    suffixes = (text[-3:], text[1:5], text[2:4])
    hides = ((), (Span(1, third),), ())
    cache = cache_view((), stop=0)
    try:
        hidden = forward(backbone, ids, cache=cache)[0]
        prefix_cache = PrefixCache(backbone, tuple(text), hidden, (), keys_values(cache))
        whole = replace(prefix_cache, backbone=replace(backbone, forkable=False))
        fast, slow = (
            Branches(cache, 1.0, cuts, tuple(map(tuple, suffixes)), hides)
            for cache in (prefix_cache, whole)
        )
        same = all(close(fast.hidden(b), slow.hidden(b)) for b in range(len(cuts)))
        rest = Run(
            backbone, start=third, rows=[text[third:]], acts=[()], tensors=prefix_cache.tensors
        )
        return same and close(rest.go(cache=rest.cache())[0], hidden[third:])
    except BREAKS:
        return False


def switch(backbone: Backbone, ids: Tensor) -> int:
    """The longest run whose rotation is that of shorter ones, found by halving; the context where it never changes."""

    def frequencies(length: int) -> list[Tensor]:
        positions = torch.tensor([0, length - 1], device=ids.device)
        forward(backbone, ids[:, :2], positions=positions)
        return [b.clone() for name, b in backbone.base.named_buffers() if "freq" in name]

    def same(length: int) -> bool:
        now = frequencies(length)
        return len(now) == len(short) and all(map(torch.equal, now, short))

    most = min(backbone.context, _FARTHEST)
    if not any("freq" in name for name, _ in backbone.base.named_buffers()):
        return NO_LIMIT
    try:
        short = frequencies(2)
        if same(most):
            return NO_LIMIT
        low, high = 2, most
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if same(middle) else (low, middle)
        frequencies(2)
    except BREAKS:
        return NO_LIMIT
    return low


def batch_ways(backbone: Backbone, text: list[int]) -> frozenset[str]:
    """The ways in which two texts share a batch: each has the states that it has alone, to the last bit the same whatever stands beside it."""
    able = {
        "plain": backbone.causal,
        "masked": backbone.takes_masks,
        "kept": backbone.forkable and backbone.takes_masks,
    }
    return frozenset(way for way, can in able.items() if can and _batch_agrees(backbone, text, way))


def _batch_agrees(backbone: Backbone, text: list[int], way: str) -> bool:
    third = len(text) // 3
    kept = (third, 2 * third) if way == "kept" else (0, 0)
    shapes = ((kept[0], third), (kept[1], third - 3))
    short, long, another = text, text[::-1], [*text[5:], *text[:5]]

    def run(ids: list[int], shape: tuple[int, int]) -> BlocksRun:
        start, stop = shape[0], sum(shape)
        device = backbone.device
        cache = cache_view((), stop=0) if backbone.forkable else None
        if start:
            forward(backbone, torch.tensor([ids[:start]], device=device), cache=cache)
        queries, keys = torch.arange(start, stop, device=device), torch.arange(stop, device=device)
        seen = causal(queries=queries, keys=keys)[None]
        mask = additive(backbone, seen, queries=queries, keys=keys) if way != "plain" else None
        tokens = torch.tensor([ids[start:stop]], device=device)
        return BlocksRun(backbone, tokens, queries, mask, cache, ())

    def both(beside: list[int] | None) -> list[Tensor]:
        runs = [run(short, shapes[0]), run(beside, shapes[1]) if beside else None]
        return run(short, shapes[0]).together([(1, n, k) for k, n in shapes], runs)

    try:
        alone = [run(ids, shape).alone() for ids, shape in zip((short, long), shapes, strict=True)]
        together, others, nothing = both(long), both(another), both(None)
    except BREAKS:
        return False
    same = all(torch.equal(together[0], rest[0]) for rest in (others, nothing))
    return same and all(map(close, together, alone))


def writes(backbone: Backbone, text: list[int]) -> Writes:
    """The fastest way of writing that gives the logits of plain runs."""
    long, short = text[:-4], text[2 : len(text) // 2 + 2]
    cached = backbone.causal and _steps_agree(backbone, [short], text, cached=True)
    ways: tuple[tuple[Literal["padded", "equal"], list[int]], ...] = (
        ("padded", long),
        ("equal", text[1 : len(short) + 1]),
    )
    for batch, beside in ways:
        if (batch == "equal" or backbone.causal) and _steps_agree(
            backbone, [beside, short], text, cached=cached
        ):
            return Writes(cached, batch)
    return Writes(cached, "alone")


def _steps_agree(
    backbone: Backbone, prompts: list[list[int]], text: list[int], *, cached: bool
) -> bool:
    """Return whether the last prompt goes on as plain runs do: beside the others for one token, then without them."""
    new = text[-3:]
    whole = torch.tensor([[*prompts[-1], *new]], device=backbone.device)
    ones = torch.ones_like(whole)
    try:
        plain = backbone.model(input_ids=whole, attention_mask=ones, use_cache=False).logits[0]
        state = DecodingState.start(prompts, backbone.device, cached=cached)
        stepped = [state.logits(backbone.model)[-1]]
        state.advance(list(range(len(prompts))), new[:1] * len(prompts))
        stepped.append(state.logits(backbone.model)[-1])
        for token in new[1:]:
            state.advance([len(state.rows) - 1], [token])
            stepped.append(state.logits(backbone.model)[-1])
    except BREAKS:
        return False
    return _same_logits(backbone, torch.stack(stepped), plain[-len(stepped) :].float())


def _same_logits(backbone: Backbone, ours: Tensor, plain: Tensor) -> bool:
    """True where float32 logits of a model are equal but for rounding in the model's own precision.

    In half precision by the size of the whole difference, which grows with the root of the depth: a single logit may be far off where nothing is wrong,
    and near where much is.
    """
    if backbone.dtype is torch.float32:
        return close(ours, plain)
    told = plain - plain.mean(dim=-1, keepdim=True)
    return bool((ours - plain).norm() <= _ROUNDED * math.sqrt(backbone.n_layers) * told.norm())
