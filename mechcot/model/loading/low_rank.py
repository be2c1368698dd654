"""LoRA layers that add their part in place: the same sum as PEFT's own, without three more copies of every output.

PEFT keeps an adapter in float32 over a base in half precision, and runs all of its products there, with a copy of every input. Here an adapter has
the precision of its base, as in a model that serves it; the sum is rounded once.
"""

from collections.abc import Callable
from typing import Any

import torch
from peft.tuners.lora.layer import Linear
from torch import Tensor, nn


class LowRankLinear(Linear):
    """`x W + b + scale * x A B` for one adapter: shape `[..., d_in]` to `[..., d_out]`.

    It is PEFT's layer but for its forward: weights, names and merging are the same. An adapter that was merged or
    switched off is left to PEFT, and a hook on the base keeps the output that it was given.
    """

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor:
        """One product of the base, two thin ones, one sum."""
        if self.merged or self.disable_adapters:
            return super().forward(x, *args, **kwargs)
        (name,) = self.active_adapters
        out = self.base_layer(x).contiguous()
        if self.base_layer._forward_hooks:
            out = out.clone()
        low = self.lora_A[name](x)
        weight: Any = self.lora_B[name].weight
        up = weight.to(low.dtype)  # another precision under autocast only
        flat = out.view(-1, out.shape[-1])
        flat.addmm_(low.reshape(-1, low.shape[-1]), up.t(), alpha=self.scaling[name])
        return out


def quicken(model: nn.Module) -> Callable[[], None]:
    """Turn the plain LoRA layers of a frozen model into `LowRankLinear`, in place; all other kinds stay.

    Args:
        model: In evaluation mode.

    Returns:
        What makes them PEFT's own again, in the precision that they had.
    """
    layers = [layer for layer in model.modules() if type(layer) is Linear and _plain(layer)]
    parts = [part for layer in layers for part in (layer.lora_A, layer.lora_B)]
    before = [(weight, weight.data) for part in parts for weight in part.parameters()]
    for layer in layers:
        layer.__class__ = LowRankLinear
        weight: Any = layer.base_layer.weight
        for part in (layer.lora_A, layer.lora_B):
            part.to(weight.dtype)

    def undo() -> None:
        for layer in layers:
            layer.__class__ = Linear
        for weight, data in before:
            weight.data = data

    return undo


def _plain(layer: Linear) -> bool:
    """Return whether one adapter of the plain kind acts on a dense layer."""
    names, base = list(layer.active_adapters), layer.base_layer
    if len(names) != 1 or names[0] not in layer.lora_A or type(base) is not nn.Linear:
        return False
    if abs(layer.scaling[names[0]]) > torch.finfo(torch.float32).max:
        return False  # no factor of a product
    changed = layer.training or layer.merged or layer.disable_adapters or layer.lora_variant
    return not changed and layer.lora_B[names[0]].bias is None
