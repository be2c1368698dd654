"""Try a model before it is believed: four forwards over four tokens, once per model.

Checked against the model itself: our unembedding gives its logits; residual in + attention + MLP is
residual out (else those streams are not offered); an explicit mask gives the plain states (else nothing
can be hidden); a cropped cache plus packed branches gives the truncated runs (else one run per branch).
"""

from collections.abc import Mapping
from dataclasses import replace
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from mechcot.core.errors import UserError
from mechcot.model.backbone import Backbone
from mechcot.model.forward import cache_view, capture_taps, forward, keys_values
from mechcot.model.hooks import Place
from mechcot.model.masks import additive, causal
from mechcot.model.sites import STREAMS, Site

_LENGTH = 4
_KNOWN: WeakKeyDictionary[nn.Module, Backbone] = WeakKeyDictionary()


def backbone_of(model: nn.Module) -> Backbone:
    """Take a model apart, try the parts, and remember the outcome for this model object.

    Raises:
        UserError: The family is not supported, or the weights give values that are not finite.
    """
    if model not in _KNOWN:
        _KNOWN[model] = _tried(Backbone.take_apart(model))
    return _KNOWN[model]


@torch.no_grad()
def _tried(backbone: Backbone) -> Backbone:
    ids = torch.arange(1, _LENGTH + 1, device=backbone.device).unsqueeze(0)
    ids = ids % int(backbone.config.vocab_size)
    seen = [site for layer in range(backbone.n_layers) for site in _sites(backbone, layer)]
    states: dict[Site, Tensor] = {}
    hidden = forward(
        backbone, ids, taps=capture_taps(backbone, seen, states, keep=lambda batch: batch[0])
    )
    if not bool(torch.isfinite(hidden).all()):
        msg = f"{type(backbone.model).__name__} gives values that are not finite (NaN or infinite); check the weights and the dtype"
        raise UserError(msg)
    theirs = torch.log_softmax(
        backbone.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.float(), dim=-1
    )
    if not _close(backbone.unembed(hidden), theirs):
        msg = f"{type(backbone.model).__name__} turns states into logits in a way that is not known here; this family is not supported"
        raise UserError(msg)
    backbone = replace(
        backbone,
        places=tuple(_true_places(backbone, layer, states) for layer in range(backbone.n_layers)),
    )
    backbone = replace(backbone, maskable=_obeys_masks(backbone, ids, hidden))
    return replace(backbone, forkable=backbone.maskable and _forks(backbone, ids, hidden))


def _sites(backbone: Backbone, layer: int) -> list[Site]:
    return [Site(stream, layer) for stream in STREAMS if stream in backbone.places[layer]]


def _close(left: Tensor, right: Tensor) -> bool:
    tolerance = 1e-4 if left.dtype is torch.float32 else 0.05
    difference = (left.float() - right.to(left.device).float()).abs().max()
    return bool(difference <= tolerance * (1 + right.float().abs().max()))


def _true_places(backbone: Backbone, layer: int, states: dict[Site, Tensor]) -> Mapping[str, Place]:
    """Keep the streams whose sum holds in this block."""
    found = {s: states[Site(s, layer)] for s in STREAMS if Site(s, layer) in states}
    places = dict(backbone.places[layer])
    ends = {stream: places[stream] for stream in ("resid_pre", "resid_post")}
    if "attn_out" not in found or "mlp_out" not in found:
        return ends
    middle = found["resid_pre"] + found["attn_out"]
    if not _close(middle + found["mlp_out"], found["resid_post"]):
        return ends
    if "resid_mid" not in found or not _close(middle, found["resid_mid"]):
        places.pop("resid_mid", None)
    return places


def _obeys_masks(backbone: Backbone, ids: Tensor, hidden: Tensor) -> bool:
    positions = torch.arange(_LENGTH, device=ids.device)
    mask = additive(
        backbone, causal(queries=positions, keys=positions)[None], queries=positions, keys=positions
    )
    try:
        masked = forward(backbone, ids, positions=positions, mask=mask)
        none = torch.eye(_LENGTH, dtype=torch.bool, device=ids.device)
        alone = forward(
            backbone,
            ids,
            positions=positions,
            mask=additive(backbone, none[None], queries=positions, keys=positions),
        )
    except (TypeError, ValueError, RuntimeError, AttributeError, KeyError):
        return False
    return _close(masked, hidden) and not torch.equal(alone, masked)


def _forks(backbone: Backbone, ids: Tensor, hidden: Tensor) -> bool:
    """Two branches on one cache: tokens 1, 2 after a cut at 1, and token 2 after a cut at 2."""
    if "local" in getattr(backbone.config, "attention_layers", ()):
        return False  # GPT-Neo cuts its local windows out by index, longer than this trial is
    cache = cache_view((), stop=0)
    try:
        forward(backbone, ids, cache=cache)
        queries = torch.tensor([1, 2, 2], device=ids.device)
        keys = torch.tensor([0, 1, 1, 2, 2], device=ids.device)
        seen = torch.tensor(
            [[1, 0, 1, 0, 0], [1, 0, 1, 1, 0], [1, 1, 0, 0, 1]], device=ids.device
        ).bool()
        mask = additive(backbone, seen[None], queries=queries, keys=keys)
        packed = forward(
            backbone,
            ids[:, queries],
            positions=queries,
            mask=mask,
            cache=cache_view(keys_values(cache), stop=2),
        )
    except (TypeError, ValueError, RuntimeError, AttributeError, KeyError, IndexError):
        return False
    return _close(packed, hidden[:, queries])
