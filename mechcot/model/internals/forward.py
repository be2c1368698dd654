"""One forward of a backbone: tokens in, states after the final norm out, edits fired and checked.

The cache handed in may be a *view* of somebody else's keys and values: the layers here grow by
concatenation, so the tensors behind a view are never written to. Sliding-window layers are cached
whole (the mask does the windowing), which keeps every cache croppable.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from mechcot.core.errors import EditDidNotFire, NotMeasurable
from mechcot.model.generation.stepping import accepted
from mechcot.model.internals.architecture import Backbone
from mechcot.model.internals.hooks import Hook, HookPoint, tapped
from mechcot.model.internals.masks import Masks
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Intervention

KeysValues = tuple[tuple[Tensor, Tensor], ...]


@torch.no_grad()
def forward(
    backbone: Backbone,
    ids: Int[Tensor, "batch token"],
    *,
    positions: Int[Tensor, "*batch token"] | None = None,
    mask: Masks | None = None,
    cache: DynamicCache | None = None,
    taps: Sequence[tuple[HookPoint, Hook]] = (),
) -> Float[Tensor, "out token d_model"]:
    """Run the model without its head.

    Args:
        backbone: The model.
        ids: Token ids.
        positions: Their absolute positions, the same for every row or one row each; None: 0, 1, 2, ...
        mask: Additive masks; None: plain causal attention (only right for a run from position 0).
        cache: Keys and values before `ids`; grows by this run. None: nothing is kept.
        taps: Hooks for this run.

    Returns:
        States after the final norm; as many rows as `ids`, and those that a hook appended (`layer_rows.py`).
    """
    names = accepted(type(backbone.base))
    kwargs: dict[str, Any] = {"input_ids": ids, "return_dict": True, "use_cache": cache is not None}
    if positions is not None and "position_ids" in names:
        kwargs["position_ids"] = positions.expand(ids.shape)
    if mask is None and cache is None:
        mask = torch.ones_like(ids)
    if mask is not None and "attention_mask" in names:
        kwargs["attention_mask"] = mask
    if cache is not None:
        kwargs["past_key_values"] = cache
    with tapped(taps):
        output = backbone.base(**kwargs)
    return output.last_hidden_state


def keys_values(cache: DynamicCache) -> KeysValues:
    """The tensors of a cache, layer by layer."""
    layers = cast("list[Any]", cache.layers)
    return tuple((layer.keys, layer.values) for layer in layers)


def cache_view(tensors: KeysValues, *, stop: int, rows: int | Sequence[int] = 1) -> DynamicCache:
    """A cache over the first `stop` tokens, for `rows` rows; copies nothing and shares nothing mutable.

    Args:
        tensors: Keys and values, layer by layer, each `[1 head token d_head]`.
        stop: How many tokens; 0 gives an empty cache.
        rows: Size of the batch, or one size for each layer; all rows see the same tensors.
    """
    cache = DynamicCache()
    if stop == 0:
        return cache
    sizes = [rows] * len(tensors) if isinstance(rows, int) else rows
    for (keys, values), size in zip(tensors, sizes, strict=True):
        rows_of = (part[:, :, :stop].expand(size, -1, -1, -1) for part in (keys, values))
        cache.layers.append(cache_layer(*rows_of))
    return cache


def cache_layer(keys: Tensor, values: Tensor) -> DynamicLayer:
    """A layer of a cache over keys and values that are there; shares their storage until it grows."""
    layer = DynamicLayer()
    layer.dtype, layer.device = keys.dtype, keys.device
    layer.keys, layer.values = keys, values
    layer.is_initialized = True
    return layer


class Firing:
    """The interventions of one run (one sequence of them per row), and which of them have fired.

    Lives for one run, over as many forwards as that takes (prefill, then single tokens).
    """

    def __init__(self, backbone: Backbone, rows: Sequence[Sequence[Intervention]]) -> None:
        """Look the sites up, so that a wrong one fails before anything runs.

        Raises:
            UserError: A site is not in the model.
            EditDidNotFire: An intervention has no positions.
        """
        self._backbone = backbone
        self._rows = [tuple(row) for row in rows]
        self._fired: dict[int, int] = {}
        for intervention in self._all():
            backbone.place(intervention.site)
            if not intervention.at:
                raise EditDidNotFire(
                    f"the intervention at {intervention.site.name} has no positions; give at least one"
                )

    def _all(self) -> list[Intervention]:
        return list(
            {id(intervention): intervention for row in self._rows for intervention in row}.values()
        )

    @staticmethod
    def check_reach(interventions: Sequence[Intervention], *, start: int, stop: int | None) -> None:
        """See that all positions lie in the run `[start, stop)` (no upper end while decoding).

        Raises:
            EditDidNotFire: Some lie outside; an earlier start, or other positions, are needed.
        """
        for intervention in interventions:
            outside = [p for p in intervention.at if p < start or (stop is not None and p >= stop)]
            if outside:
                reach = f"[{start}, {'end' if stop is None else stop})"
                raise EditDidNotFire(
                    f"the intervention at {intervention.site.name} did not fire at positions {outside[:5]}: this run covers "
                    f"{reach}; start the run at or before {min(intervention.at)} and keep positions inside the sequence"
                )

    def taps(self, *, start: int, length: int) -> list[tuple[HookPoint, Hook]]:
        """The hooks for one forward over positions `[start, start + length)`."""
        by_site: dict[Site, list[tuple[int | None, Intervention, list[int]]]] = {}
        shared = len(self._rows) == 1
        for row, interventions in enumerate(self._rows):
            for intervention in interventions:
                which = [i for i, p in enumerate(intervention.at) if start <= p < start + length]
                if which:
                    by_site.setdefault(intervention.site, []).append(
                        (None if shared else row, intervention, which)
                    )
        return [
            (self._backbone.place(site), self._tap(edits, start=start))
            for site, edits in by_site.items()
        ]

    def _tap(self, edits: list[tuple[int | None, Intervention, list[int]]], *, start: int) -> Hook:
        def tap(states: Tensor) -> Tensor:
            states = states.clone()
            for row, intervention, which in edits:
                rows = slice(None) if row is None else row
                index = torch.tensor(which, device=states.device)
                where = torch.tensor(
                    [intervention.at[i] - start for i in which], device=states.device
                )
                states[rows, where] = intervention.edit(states[rows, where], index).to(states.dtype)
                self._fired[id(intervention)] = self._fired.get(id(intervention), 0) + len(which)
            return states

        return tap

    def check_fired(self) -> None:
        """See that every intervention was visited.

        Raises:
            EditDidNotFire: One was not.
        """
        for intervention in self._all():
            if not self._fired.get(id(intervention)):
                raise EditDidNotFire(
                    f"the intervention at {intervention.site.name}, positions {intervention.at[:5]}, did not fire; check site and positions"
                )


def capture_taps(
    backbone: Backbone,
    sites: Sequence[Site],
    store: dict[Site, Tensor],
    *,
    keep: Callable[[Tensor], Tensor] = lambda states: states,
) -> list[tuple[HookPoint, Hook]]:
    """Hooks that put `keep(states)` (states: `[batch token d_model]`) of each site in `store`.

    Raises:
        UserError: A site is not in the model.
    """

    def watch(site: Site) -> Hook:
        # a state that may be overwritten in place (`resid_mid`) needs a copy of its own
        def tap(states: Tensor) -> Tensor:
            store[site] = keep(states.clone() if site.stream == "resid_mid" else states)
            return states

        return tap

    return [(backbone.place(site), watch(site)) for site in sites]


def check_finite(hidden: Tensor) -> None:
    """Check states of a forward.

    Raises:
        NotMeasurable: One of them is NaN or infinite.
    """
    if not bool(torch.isfinite(hidden).all()):
        raise NotMeasurable("the model's states are not finite (NaN or infinite) on this text")
