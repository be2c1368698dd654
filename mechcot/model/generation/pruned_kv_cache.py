"""Greedy writing on a key/value cache from which positions can be dropped while it goes on.

Dropped positions are gone for every later token; what was written before keeps what it saw. Positions are never renumbered: the
keys that stay carry the rotation of their own place, and each run gets an explicit mask over the positions kept.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.model.interface import HasModel
from mechcot.model.internals.architecture import Backbone
from mechcot.model.internals.forward import cache_view, forward, keys_values
from mechcot.model.internals.masks import additive, causal
from mechcot.model.internals.self_test import backbone_of


class DroppingCache:
    """One sequence in the writing: its tokens, and which of them are still cached."""

    def __init__(self, reasoner: HasModel, ids: Sequence[int]) -> None:
        """Run the prompt.

        Raises:
            UserError: The family's cache cannot be cut or it takes no explicit mask.
        """
        self._backbone: Backbone = backbone_of(reasoner.model)
        if not self._backbone.forkable or not self._backbone.maskable:
            name = type(self._backbone.model).__name__
            why = f": {self._backbone.leak}" if self._backbone.leak else ""
            raise UserError(
                f"{name} keeps no cache from which single positions can be dropped{why}"
            )
        self._cache = cache_view((), stop=0)
        self.ids: list[int] = []
        self.cached: list[int] = []
        self._last = self._run(ids)

    def __len__(self) -> int:
        """Positions that are cached."""
        return len(self.cached)

    @property
    def next_id(self) -> int:
        """The likeliest next token."""
        return int(self._backbone.unembed(self._last).argmax())

    def append(self, token: int) -> None:
        """Run one more token. One forward of it."""
        self._last = self._run([token])

    def drop(self, positions: Sequence[int]) -> None:
        """Forget positions; those that are not cached are ignored."""
        gone = set(positions)
        places = [i for i, position in enumerate(self.cached) if position not in gone]
        index = torch.tensor(places, dtype=torch.long, device=self._backbone.device)
        cut = tuple(
            (
                keys.index_select(2, index.to(keys.device)),
                values.index_select(2, index.to(values.device)),
            )
            for keys, values in keys_values(self._cache)
        )
        self._cache = cache_view(cut, stop=len(places))
        self.cached = [self.cached[i] for i in places]

    def attention(self, *, last: int) -> Float[Tensor, " cached"]:
        """Attention that each cached position receives from the last `last` tokens: mean over layers, heads and queries.

        Runs these tokens once more under eager attention; nothing that is cached changes.
        """
        last = min(last, len(self.cached) - 1)
        before = len(self.cached) - last
        positions = self.cached[before:]
        model: Any = self._backbone.model
        implementation = model.config._attn_implementation
        model.set_attn_implementation("eager")
        try:
            with torch.no_grad():
                output = self._backbone.base(
                    input_ids=self._tensor([self.ids[p] for p in positions])[None],
                    position_ids=self._tensor(positions)[None],
                    attention_mask=self._mask(positions, self.cached),
                    past_key_values=cache_view(keys_values(self._cache), stop=before),
                    use_cache=True,
                    output_attentions=True,
                    return_dict=True,
                )
        finally:
            model.set_attn_implementation(implementation)
        return torch.stack([a[0].float().mean((0, 1)) for a in output.attentions]).mean(0).cpu()

    def bytes(self) -> int:
        """Size of the cached keys and values."""
        pairs = keys_values(self._cache)
        return sum(t.numel() * t.element_size() for pair in pairs for t in pair)

    def _run(self, ids: Sequence[int]) -> Float[Tensor, " d_model"]:
        positions = list(range(len(self.ids), len(self.ids) + len(ids)))
        self._backbone.check_length(positions[-1] + 1)
        if self.ids and not self._backbone.serves(len(self.ids), positions[-1] + 1):
            raise NotMeasurable(
                f"the text passes {self._backbone.switch} tokens, where this model turns all positions otherwise; what is cached does not serve longer texts"
            )
        cached = [*self.cached, *positions]
        hidden = forward(
            self._backbone,
            self._tensor(ids)[None],
            positions=self._tensor(positions),
            mask=self._mask(positions, cached),
            cache=self._cache,
        )
        self.ids += ids
        self.cached = cached
        return hidden[0, -1]

    def _mask(self, queries: Sequence[int], keys: Sequence[int]) -> Any:
        of, to = self._tensor(queries), self._tensor(keys)
        return additive(self._backbone, causal(queries=of, keys=to)[None], queries=of, keys=to)

    def _tensor(self, numbers: Sequence[int]) -> Tensor:
        return torch.tensor(list(numbers), dtype=torch.long, device=self._backbone.device)
