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

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from mechcot.core.errors import UserError
from mechcot.model.internals import self_test_trials as trials
from mechcot.model.internals.architecture import Backbone, whole_and_base
from mechcot.model.internals.forward import capture_taps, forward
from mechcot.model.internals.hooks import HookPoint
from mechcot.model.internals.sites import STREAMS, Site
from mechcot.model.prefix.lockstep import in_company, undisturbed
from mechcot.model.prefix.memory import out_of_memory

_SMALL = 8
_REACHES = (
    "sliding_window", "sliding_window_size", "attention_chunk_size", "attention_window_size", "keep_window_size",
    "index_topk", "index_topk_blocks", "index_block_size", "indexer_budget", "rel_extent",
)  # fmt: skip
"""Numbers of a config that decide from which length on attention is not full."""
_CHOSEN = ("keep_window_size", "index_topk", "index_topk_blocks", "indexer_budget")
"""Those by which the keys are chosen out of the whole text; where scores tie, the choice depends on its length."""
_KNOWN: WeakKeyDictionary[nn.Module, Backbone] = WeakKeyDictionary()
"""What was found of each model, without the model itself: a value that holds its key keeps it in memory for ever."""
_LET_GO = nn.Identity()
_States = Mapping[Site, Tensor]


def backbone_of(model: nn.Module) -> Backbone:
    """Take a model apart, try the parts, and remember the outcome for this model object.

    Raises:
        UserError: The family is not supported, or the weights give values that are not finite.
    """
    if model not in _KNOWN:
        try:
            with undisturbed():
                found = _tried(Backbone.take_apart(model))
        except trials.BREAKS as error:
            if out_of_memory(error):
                raise
            first = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise UserError(
                f"{type(model).__name__} does not run as a decoder of plain text ({first}); this family is not supported"
            ) from error
        _KNOWN[model] = replace(found, model=_LET_GO, base=_LET_GO)
    whole, base = whole_and_base(model)
    backbone = replace(_KNOWN[model], model=whole, base=base)
    if in_company():
        _try_batches(backbone)
    return backbone


@torch.no_grad()
def _try_batches(backbone: Backbone) -> None:
    """Find the ways in which runs of many texts may share a batch with this model, and note them with it."""
    if backbone.batches.tried:
        return
    with _small(backbone.model), undisturbed():
        whole = Backbone.take_apart(backbone.model)
        kwargs = {name: getattr(backbone, name) for name in ("causal", "takes_masks", "forkable")}
        trial = replace(whole, **kwargs)
        backbone.batches.ways = trials.batch_ways(trial, _tokens(trial)[0].tolist())
    backbone.batches.tried = True


@torch.no_grad()
def _tried(backbone: Backbone) -> Backbone:
    with _small(backbone.model):
        trial = Backbone.take_apart(backbone.model)
        ids = _tokens(trial)
        trial = replace(trial, places=_checked_places(trial, ids))
        plain = trials.StatesOfRun.of(trial, ids)
        trial = replace(trial, causal=trials.is_causal(trial, ids, plain))
        trial = replace(trial, takes_masks=trials.takes_masks(trial, ids, plain))
        leak = trials.leak(trial, ids)
        trial = replace(trial, leak=leak, maskable=not leak)
        trial = replace(trial, forkable=trial.maskable and trials.forks(trial, ids))
        writes = trials.writes(trial, ids[0].tolist())
    return replace(
        backbone,
        places=trial.places,
        causal=trial.causal,
        takes_masks=trial.takes_masks,
        maskable=trial.maskable,
        leak=trial.leak,
        forkable=trial.forkable,
        writes=writes,
        switch=trials.switch(backbone, ids),
    )


@contextmanager
def _small(model: nn.Module) -> Iterator[None]:
    """Make windows, chunks and top-k numbers small for the time of a trial: a short text crosses them."""
    changed: list[tuple[Any, str, int]] = []
    holders = {id(holder): holder for holder in _holders(model)}
    try:
        for holder in holders.values():
            for name in _REACHES:
                value = vars(holder).get(name)
                if isinstance(value, int) and not isinstance(value, bool) and value > _SMALL:
                    setattr(holder, name, _SMALL)
                    changed.append((holder, name, value))
        yield
    finally:
        for holder, name, value in changed:
            setattr(holder, name, value)


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
    length = max(8, min(3 * trials.LENGTH if chooses else trials.LENGTH, backbone.context - 1))
    chosen = [plain[(7 * i * i + 5 * i + 11) % len(plain)] for i in range(length)]
    return torch.tensor([chosen], device=backbone.device)


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
    if not trials.close(backbone.unembed(hidden), torch.log_softmax(out.logits.float(), dim=-1)):
        raise UserError(
            f"{name} turns states into logits in a way that is not known here; this family is not supported"
        )
    shape = (ids.shape[1], backbone.d_model)
    if any(s.shape != shape for site, s in states.items() if site.stream.startswith("resid_p")):
        return ({},) * backbone.n_layers  # several residual streams (Gemma 3n, hyper-connections)
    last = states[Site("resid_post", backbone.n_layers - 1)]
    if isinstance(backbone.final_norm, nn.Identity) and not trials.close(last, hidden[0]):
        raise UserError(
            f"expected a norm that is known here between the last block of {name} and its unembedding; this family is not supported"
        )
    return tuple(_true_places(backbone, layer, states) for layer in range(backbone.n_layers))


def _true_places(backbone: Backbone, layer: int, states: _States) -> Mapping[str, HookPoint]:
    """Keep the streams whose sum holds in this block."""
    streams = {s: states[Site(s, layer)] for s in STREAMS if Site(s, layer) in states}
    places = dict(backbone.places[layer])
    ends = {stream: places[stream] for stream in ("resid_pre", "resid_post")}
    if len({streams[s].shape for s in streams}) > 1 or not {"attn_out", "mlp_out"} <= set(streams):
        return ends
    middle = streams["resid_pre"] + streams["attn_out"]
    if not trials.close(middle + streams["mlp_out"], streams["resid_post"]):
        return ends
    if "resid_mid" not in streams or not trials.close(middle, streams["resid_mid"]):
        places.pop("resid_mid", None)
    return places
