"""Where the heads of each block's attention can be told apart: at the input of its output projection.

    what attention gives = W_o concat(z_1, ..., z_H) + bias      z_h: one query head's share of the projection's input

The projection is found by trial, not by name: the module inside the attention whose output is the attention's own and to whose output the parts of its
input add up. Families in which none does (states without heads, a gate or a norm behind the projection) keep their attention whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from mechcot.model.internals.architecture import ATTENTION_NAMES, Backbone, child_named
from mechcot.model.internals.forward import forward
from mechcot.model.internals.hooks import HookPoint
from mechcot.model.internals.self_test_trials import close

_KNOWN: WeakKeyDictionary[nn.Module, tuple["HeadPlace | str", ...]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class HeadPlace:
    """Where the query heads of one block stand side by side.

    Attributes:
        place: The input of the output projection.
        heads: Number of query heads.
        width: Numbers of each head.
        shared: Query heads that share a key/value head; 1 where none do.
    """

    place: HookPoint
    heads: int
    width: int
    shared: int

    def columns(self, head: int) -> slice:
        """The numbers of one head."""
        return slice(head * self.width, (head + 1) * self.width)


def head_places(backbone: Backbone, ids: Sequence[int]) -> tuple[HeadPlace | str, ...]:
    """The heads of every block, or why a block's cannot be told apart. Tried once a model, on one forward.

    Args:
        backbone: The model.
        ids: Any text.
    """
    if backbone.model not in _KNOWN:
        _KNOWN[backbone.model] = _tried(backbone, ids)
    return _KNOWN[backbone.model]


def _tried(backbone: Backbone, ids: Sequence[int]) -> tuple[HeadPlace | str, ...]:
    attentions = [child_named(block, ATTENTION_NAMES) for block in backbone.blocks]
    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}
    handles = [
        module.register_forward_hook(
            lambda m, given, out: seen.update({m: (_first(given), _first(out))})
        )
        for attention in attentions
        if attention is not None
        for module in attention.modules()
    ]
    try:
        forward(backbone, torch.tensor([list(ids)], device=backbone.device))
    finally:
        for handle in handles:
            handle.remove()
    return tuple(_of_block(backbone, layer, block, seen) for layer, block in enumerate(attentions))


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple | list) and value else value


def _of_block(
    backbone: Backbone,
    layer: int,
    attention: nn.Module | None,
    seen: dict[nn.Module, tuple[Any, Any]],
) -> HeadPlace | str:
    if attention is None or attention not in seen:
        return "it has no attention"
    config = backbone.config.get_text_config()
    heads, pairs = (
        _of_layer(getattr(config, name, None), layer)
        for name in ("num_attention_heads", "num_key_value_heads")
    )
    if not heads:
        return "the number of its heads is not known"
    given = seen[attention][1]
    for module in reversed([*attention.modules()]):
        source, out = seen.get(module, (None, None))
        if module is attention or not isinstance(source, Tensor) or not isinstance(out, Tensor):
            continue
        if out.shape != given.shape or source.ndim != 3 or source.shape[-1] % heads:
            continue
        if close(out, given) and _adds_up(module, source, out, heads=heads):
            shared = heads // pairs if pairs and heads % pairs == 0 else 1
            return HeadPlace(HookPoint(module, "input"), heads, source.shape[-1] // heads, shared)
    return "no projection adds up its heads"


def _of_layer(number: Any, layer: int) -> int:
    if isinstance(number, list | tuple):
        return int(number[layer]) if layer < len(number) else 0
    return number if isinstance(number, int) else 0


@torch.no_grad()
def _adds_up(module: nn.Module, source: Tensor, out: Tensor, *, heads: int) -> bool:
    """Whether the projections of the heads, one at a time, add up to what it gives."""
    empty = module(torch.zeros_like(source))
    parts = source.unflatten(-1, (heads, -1))
    total = empty.float()
    for head in range(heads):
        alone = torch.zeros_like(parts)
        alone[..., head, :] = parts[..., head, :]
        total = total + (module(alone.flatten(-2)) - empty).float()
    return close(total.to(out.dtype), out)
