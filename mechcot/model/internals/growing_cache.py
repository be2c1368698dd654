"""A cache whose layers grow inside one buffer: a run in many parts copies the keys and values before it once, not once a part."""

from functools import partial
from typing import Any, cast

from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


class GrowingLayer(DynamicLayer):
    """Keys and values of one layer; those that were handed in are never written to.

    Attributes:
        room: Tokens that the buffers hold; beyond them they are replaced by larger ones.
    """

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self._buffers: dict[str, Tensor] = {}

    def update(
        self, key_states: Tensor, value_states: Tensor, *_args: Any, **_kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write the new ones behind the old ones; gives all of them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        kept = self.get_seq_length()
        self.keys = self._grown("keys", key_states, kept)
        self.values = self._grown("values", value_states, kept)
        return self.keys, self.values

    def _grown(self, name: str, new: Tensor, kept: int) -> Tensor:
        stop = kept + new.shape[-2]
        buffer = self._buffers.get(name)
        if buffer is None or buffer.shape[-2] < stop:
            room = self.room if stop <= self.room else stop + stop // 8
            buffer = new.new_empty((*new.shape[:-2], room, new.shape[-1]))
            if kept:
                buffer[:, :, :kept] = getattr(self, name)
            self._buffers[name] = buffer
        buffer[:, :, kept:stop] = new
        return buffer[:, :, :stop]


def with_room(cache: DynamicCache, *, room: int) -> DynamicCache:
    """Let a cache grow to `room` tokens in place; what it holds is copied when the first new tokens come.

    Args:
        cache: Its layers are replaced.
        room: Tokens in all.
    """
    cache.layers[:] = [_layer(layer, room) for layer in cast("list[Any]", cache.layers)]
    cache.layer_class_to_replicate = cast("Any", partial(GrowingLayer, room))
    return cache


def _layer(layer: Any, room: int) -> GrowingLayer:
    growing = GrowingLayer(room)
    growing.dtype, growing.device = layer.dtype, layer.device
    growing.keys, growing.values = layer.keys, layer.values
    growing.is_initialized = True
    return growing
