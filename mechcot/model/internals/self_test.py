"""Try a model before it is believed: two dozen forwards over two dozen tokens, once per model.

Checked against the model itself, with windows, chunks and top-k numbers made small enough to matter:

    unembedding   ours gives its logits
    streams       residual in + attention + MLP is residual out (else those streams are not offered)
    causality     changing later tokens, or leaving them out, moves no earlier state, at any block
    masks         an explicit causal mask gives the plain states, and changing *hidden* tokens moves no later
                  state, at any block (else nothing can be hidden: linear attention, state spaces, top-k)
    forks         packed branches on a cropped cache give the truncated runs (else one run per branch)
    switch        the frequencies of the rotation stay when the run gets longer (else cache and plain run differ)
    writing       a step on the model's own cache, a padded row, a row left alone: each gives the plain logits
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.trace import Span
from mechcot.model.generation.stepping import DecodingState
from mechcot.model.internals.architecture import Backbone, Writes
from mechcot.model.internals.forward import cache_view, capture_taps, forward, keys_values
from mechcot.model.internals.hooks import HookPoint
from mechcot.model.internals.masks import additive
from mechcot.model.internals.sites import STREAMS, Site
from mechcot.model.interventions import AttentionKnockout
from mechcot.model.prefix.branches import Branches
from mechcot.model.prefix.memory import NO_LIMIT, out_of_memory
from mechcot.model.prefix.run import PrefixCache, Run

LENGTH = 32
_SMALL = 8
_REACHES = (
    "sliding_window",
    "sliding_window_size",
    "attention_chunk_size",
    "attention_window_size",
    "keep_window_size",
    "index_topk",
    "index_topk_blocks",
    "index_block_size",
    "indexer_budget",
    "rel_extent",
)
"""Numbers of a config that decide from which length on attention is not full."""
_CHOSEN = ("keep_window_size", "index_topk", "index_topk_blocks", "indexer_budget")
"""Those by which the keys are chosen out of the whole text; where scores tie, the choice depends on its length."""
_FARTHEST = 2**20
_BREAKS = (
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
_KNOWN: WeakKeyDictionary[nn.Module, Backbone] = WeakKeyDictionary()
_States = Mapping[Site, Tensor]


def backbone_of(model: nn.Module) -> Backbone:
    """Take a model apart, try the parts, and remember the outcome for this model object.

    Raises:
        UserError: The family is not supported, or the weights give values that are not finite.
    """
    if model not in _KNOWN:
        try:
            _KNOWN[model] = _tried(Backbone.take_apart(model))
        except _BREAKS as error:
            if out_of_memory(error):
                raise
            first = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise UserError(
                f"{type(model).__name__} does not run as a decoder of plain text ({first}); this family is not supported"
            ) from error
    return _KNOWN[model]


@torch.no_grad()
def _tried(backbone: Backbone) -> Backbone:
    with _small(backbone.model):
        trial = Backbone.take_apart(backbone.model)
        ids = _tokens(trial)
        trial = replace(trial, places=_checked_places(trial, ids))
        plain = _Run.of(trial, ids)
        trial = replace(trial, causal=_is_causal(trial, ids, plain))
        trial = replace(trial, takes_masks=_takes_masks(trial, ids, plain))
        leak = _leak(trial, ids)
        trial = replace(trial, leak=leak, maskable=not leak)
        trial = replace(trial, forkable=trial.maskable and _forks(trial, ids))
        writes = _writes(trial, ids[0].tolist())
    return replace(
        backbone,
        places=trial.places,
        causal=trial.causal,
        takes_masks=trial.takes_masks,
        maskable=trial.maskable,
        leak=trial.leak,
        forkable=trial.forkable,
        writes=writes,
        switch=_switch(backbone, ids),
    )


@contextmanager
def _small(model: nn.Module) -> Iterator[None]:
    """Make windows, chunks and top-k numbers small for the time of a trial: a short text crosses them."""
    changed: list[tuple[Any, str, int]] = []
    holders = {id(held): held for held in _holders(model)}
    try:
        for held in holders.values():
            for name in _REACHES:
                value = vars(held).get(name)
                if isinstance(value, int) and not isinstance(value, bool) and value > _SMALL:
                    setattr(held, name, _SMALL)
                    changed.append((held, name, value))
        yield
    finally:
        for held, name, value in changed:
            setattr(held, name, value)


def _holders(model: nn.Module) -> Iterator[Any]:
    for module in model.modules():
        yield module
        config = getattr(module, "config", None)
        if config is not None:
            yield config
            yield config.get_text_config()


def _tokens(backbone: Backbone) -> Tensor:
    """A text of different tokens, none of which the config names or whose row is damaged (met text by text)."""
    config = backbone.config.get_text_config()
    named = {v for k, v in vars(config).items() if k.endswith("_token_id") and isinstance(v, int)}
    size = int(config.vocab_size)
    model: Any = backbone.model
    rows = model.get_input_embeddings().weight[: min(size, 4096)]
    whole = rows.isfinite().flatten(1).all(-1).tolist()
    plain = [t for t, finite in enumerate(whole) if finite and t not in named] or [0]
    chooses = any(getattr(config, name, None) is not None for name in _CHOSEN)
    length = max(8, min(3 * LENGTH if chooses else LENGTH, backbone.context - 1))
    chosen = [plain[(7 * i * i + 5 * i + 11) % len(plain)] for i in range(length)]
    return torch.tensor([chosen], device=backbone.device)


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


@dataclass(frozen=True, eq=False)
class _Run:
    """The states of one run: after every block, and after the final norm."""

    layers: tuple[Tensor, ...]
    hidden: Tensor

    @classmethod
    def of(
        cls, backbone: Backbone, ids: Tensor, *, hide: Sequence[AttentionKnockout] | None = None
    ) -> "_Run":
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

    def moved(self, other: "_Run", span: slice) -> float:
        """Largest relative change of a state in a span, over all blocks."""
        pairs = zip((*self.layers, self.hidden), (*other.layers, other.hidden), strict=True)
        return max(_change(a[span], b[span]) for a, b in pairs)


def _change(left: Tensor, right: Tensor) -> float:
    difference = (left.float() - right.float()).norm(dim=-1)
    return float((difference / left.float().norm(dim=-1).clamp(min=1e-9)).max())


def _stays(moved: float, dtype: torch.dtype) -> bool:
    return moved <= (1e-5 if dtype is torch.float32 else 0.02)


def _checked_places(backbone: Backbone, ids: Tensor) -> tuple[Mapping[str, HookPoint], ...]:
    """The streams that hold, once finite values and the unembedding have been seen."""
    name = type(backbone.model).__name__
    seen = [
        Site(stream, layer)
        for layer in range(backbone.n_layers)
        for stream in STREAMS
        if stream in backbone.places[layer]
    ]
    states: dict[Site, Tensor] = {}
    taps = capture_taps(backbone, seen, states, keep=lambda batch: batch[0])
    hidden = forward(backbone, ids, taps=taps)
    out = backbone.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
    if not bool(torch.isfinite(hidden).all()) or bool(torch.isnan(out.logits).any()):
        raise UserError(
            f"{name} gives values that are not finite (NaN or infinite); check the weights and the dtype"
        )
    if not _close(backbone.unembed(hidden), torch.log_softmax(out.logits.float(), dim=-1)):
        raise UserError(
            f"{name} turns states into logits in a way that is not known here; this family is not supported"
        )
    shape = (ids.shape[1], backbone.d_model)
    if any(s.shape != shape for site, s in states.items() if site.stream.startswith("resid_p")):
        return ({},) * backbone.n_layers  # several residual streams (Gemma 3n, hyper-connections)
    last = states[Site("resid_post", backbone.n_layers - 1)]
    if isinstance(backbone.final_norm, nn.Identity) and not _close(last, hidden[0]):
        raise UserError(
            f"expected a norm that is known here between the last block of {name} and its unembedding; this family is not supported"
        )
    return tuple(_true_places(backbone, layer, states) for layer in range(backbone.n_layers))


def _close(left: Tensor, right: Tensor) -> bool:
    tolerance = 1e-4 if left.dtype is torch.float32 else 0.05
    difference = (left.float() - right.to(left.device).float()).abs().max()
    return bool(difference <= tolerance * (1 + right.float().abs().max()))


def _true_places(backbone: Backbone, layer: int, states: _States) -> Mapping[str, HookPoint]:
    """Keep the streams whose sum holds in this block."""
    found = {s: states[Site(s, layer)] for s in STREAMS if Site(s, layer) in states}
    places = dict(backbone.places[layer])
    ends = {stream: places[stream] for stream in ("resid_pre", "resid_post")}
    if len({found[s].shape for s in found}) > 1 or not {"attn_out", "mlp_out"} <= set(found):
        return ends
    middle = found["resid_pre"] + found["attn_out"]
    if not _close(middle + found["mlp_out"], found["resid_post"]):
        return ends
    if "resid_mid" not in found or not _close(middle, found["resid_mid"]):
        places.pop("resid_mid", None)
    return places


def _is_causal(backbone: Backbone, ids: Tensor, plain: _Run) -> bool:
    """Change the last token of a few, then the last third of many, then leave that third out.

    Raises:
        UserError: Even in a text of a few tokens the past depends on what comes later.
    """
    few = ids[:, :4]
    moved = _Run.of(backbone, few).moved(_Run.of(backbone, _other(few, Span(3, 4))), slice(0, 3))
    if not _stays(moved, backbone.dtype):
        raise UserError(
            f"expected a decoder, got {type(backbone.model).__name__}, in which another last token moves earlier states "
            f"by {moved:.1e}; this family is not supported"
        )
    cut = min(2 * ids.shape[1] // 3, LENGTH)
    later = _Run.of(backbone, _other(ids, Span(cut, ids.shape[1])))
    if not _stays(plain.moved(later, slice(0, cut)), backbone.dtype):
        return False
    for stop in range(cut, ids.shape[1], LENGTH):
        part = _Run.of(backbone, ids[:, :stop])
        pairs = zip((*plain.layers, plain.hidden), (*part.layers, part.hidden), strict=True)
        if not all(_close(whole[:stop], states) for whole, states in pairs):
            return False
    return True


def _takes_masks(backbone: Backbone, ids: Tensor, plain: _Run) -> bool:
    """An explicit causal mask gives the plain states, and one that shows each token only itself does not."""
    try:
        masked = _Run.of(backbone, ids, hide=()).hidden
        own = torch.arange(ids.shape[1], device=ids.device)
        none = torch.eye(len(own), dtype=torch.bool, device=ids.device)[None]
        alone = forward(
            backbone,
            ids,
            positions=own,
            mask=additive(backbone, none, queries=own, keys=own),
        )[0]
    except _BREAKS:
        return False
    return _close(masked, plain.hidden) and not torch.equal(alone, masked)


def _leak(backbone: Backbone, ids: Tensor) -> str:
    """Return why nothing can be hidden: hide a span from all later tokens, change it, and look at them."""
    if not backbone.causal:
        return "its earlier tokens depend on later ones (attention chosen over the whole text)"
    if not backbone.takes_masks:
        return "it takes no explicit attention mask"
    length = ids.shape[1]
    span = Span(length // 4, length // 2)
    hide = [AttentionKnockout(span, Span(span.stop, length))]
    try:
        here, there = (_Run.of(backbone, text, hide=hide) for text in (ids, _other(ids, span)))
    except _BREAKS:
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


def _forks(backbone: Backbone, ids: Tensor) -> bool:
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
        kept = PrefixCache(backbone, tuple(text), hidden, (), keys_values(cache))
        whole = replace(kept, backbone=replace(backbone, forkable=False))
        fast, slow = (
            Branches(one, 1.0, cuts, tuple(map(tuple, suffixes)), hides) for one in (kept, whole)
        )
        same = all(_close(fast.hidden(b), slow.hidden(b)) for b in range(len(cuts)))
        rest = Run(backbone, start=third, rows=[text[third:]], acts=[()], tensors=kept.tensors)
        return same and _close(rest.go(cache=rest.cache())[0], hidden[third:])
    except _BREAKS:
        return False


def _switch(backbone: Backbone, ids: Tensor) -> int:
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
    except _BREAKS:
        return NO_LIMIT
    return low


def _writes(backbone: Backbone, text: list[int]) -> Writes:
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
        found = [state.logits(backbone.model)[-1]]
        state.advance(list(range(len(prompts))), new[:1] * len(prompts))
        found.append(state.logits(backbone.model)[-1])
        for token in new[1:]:
            state.advance([len(state.rows) - 1], [token])
            found.append(state.logits(backbone.model)[-1])
    except _BREAKS:
        return False
    return _close(torch.stack(found), plain[-len(found) :].float())
