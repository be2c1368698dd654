"""LoRA layers that add their part in place: the same sum as PEFT's own, without three more copies of every output.

PEFT keeps an adapter in float32 over a base in half precision, and runs all of its products there, with a copy of every input. Here an adapter has
the precision of its base, as in a model that serves it; the sum is rounded once.
"""

from peft.tuners.lora.layer import Linear
from torch import Tensor, nn


class LowRankLinear(Linear):
    """`x W + b + scale * x A B` for one adapter that stays as it is: shape `[..., d_in]` to `[..., d_out]`.

    It is PEFT's layer but for its forward: weights, names and merging are the same.
    """

    def forward(self, x: Tensor, *_: object, **__: object) -> Tensor:
        """One product of the base, two thin ones, one sum."""
        (name,) = self.active_adapters
        out = self.base_layer(x).contiguous()
        low, up = self.lora_A[name](x), self.lora_B[name].weight
        flat = out.view(-1, out.shape[-1])
        flat.addmm_(low.reshape(-1, low.shape[-1]), up.t(), alpha=self.scaling[name])
        return out


def quicken(model: nn.Module) -> nn.Module:
    """Turn the plain LoRA layers of a frozen model into `LowRankLinear`, in place; all other kinds stay.

    Args:
        model: In evaluation mode; its adapter is neither switched off nor changed from here on.

    Returns:
        `model` itself.
    """
    for layer in model.modules():
        if type(layer) is Linear and _plain(layer):
            layer.__class__ = LowRankLinear
            for part in (layer.lora_A, layer.lora_B):
                part.to(layer.base_layer.weight.dtype)
    return model


def _plain(layer: Linear) -> bool:
    """Return whether one adapter of the plain kind acts on a dense layer."""
    names, base = list(layer.active_adapters), layer.base_layer
    if len(names) != 1 or names[0] not in layer.lora_A or type(base) is not nn.Linear:
        return False
    changed = layer.training or layer.merged or layer.disable_adapters or layer.lora_variant
    return not changed and layer.lora_B[names[0]].bias is None
