"""Explicit attention masks: additive, 4-D, built from absolute positions.

A boolean mask is silently wrong under eager attention, and no mask at all turns custom kernels
bidirectional or packed; an additive mask with explicit position ids is right on every path. Models
with sliding windows or chunks get one mask per kind of layer.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechcot.core.errors import EditDidNotFire, UserError
from mechcot.core.trace import Span
from mechcot.model.internals.architecture import Backbone
from mechcot.model.interventions import AttentionKnockout

Masks = Float[Tensor, "row 1 query key"] | dict[str, Float[Tensor, "row 1 query key"]]
MOST_PAIRS = 2**24
"""Numbers of one mask (rows times queries times keys): a longer run is fed in parts on its own cache."""
MOST_QUERIES = 512
"""Tokens of a part on a CPU, whose masked kernel does not skip the keys behind a query."""


def parts_of(backbone: Backbone, places: Sequence[int], *, kept: int, rows: int = 1) -> list[slice]:
    """Cut a run into parts whose masks stay within `MOST_PAIRS`; one part where they would lie on both sides of a switch of the rotation.

    Args:
        backbone: The model.
        places: Absolute positions of the run's tokens.
        kept: Tokens before them.
        rows: Rows with a mask of their own.
    """
    size = max(1, MOST_PAIRS // (rows * (kept + len(places))))
    if backbone.device.type == "cpu":
        size = min(size, MOST_QUERIES)
    parts = [slice(at, min(at + size, len(places))) for at in range(0, len(places), size)]
    lengths = [max(places[part]) + 1 for part in parts]
    return parts if backbone.serves(max(lengths), *lengths) else [slice(0, len(places))]


def causal(
    *, queries: Int[Tensor, " query"], keys: Int[Tensor, " key"]
) -> Bool[Tensor, "query key"]:
    """Each query sees the keys at its own and at earlier positions."""
    return keys[None, :] <= queries[:, None]


def causal_less(
    span: Span, hides: Sequence[AttentionKnockout], *, device: torch.device
) -> Bool[Tensor, "query key"]:
    """The keys that the queries of a span see in a text from position 0 on: causal, less what is hidden from them.

    Written by slices: each number of a mask of 2^24 that is looked at once more costs as much as a tenth of its attention.

    Raises:
        UserError: A query would see nothing at all.
    """
    seen = torch.ones(len(span), span.stop, dtype=torch.bool, device=device)
    own = seen[:, span.start :].tril_()
    for hide in hides:
        by = slice(max(0, hide.by.start - span.start), max(0, hide.by.stop - span.start))
        seen[by, hide.keys.start : hide.keys.stop] = False
    _some_key(seen[~own.diagonal()])  # whoever sees itself sees something
    return seen


def _some_key(seen: Bool[Tensor, "*some query key"]) -> Bool[Tensor, "*some query key"]:
    """See that every query sees a key: a row of equal scores would attend to all of them, later ones too."""
    if not bool(seen.any(dim=-1).all()):
        raise UserError(
            "hiding these keys leaves a query with nothing to attend to; leave at least one token (itself) visible"
        )
    return seen


def check_fires(hide: AttentionKnockout, *, start: int, stop: int) -> None:
    """See that an `AttentionKnockout` concerns at least one (query, key) pair of the run over `[start, stop)`.

    Raises:
        EditDidNotFire: It does not; an empty key span is the identity and passes.
    """
    if not len(hide.keys):
        return
    first, last = max(hide.by.start, start), min(hide.by.stop, stop) - 1
    if first > last or last < hide.keys.start:
        raise EditDidNotFire(
            f"hiding keys [{hide.keys.start}, {hide.keys.stop}) from {_words(hide)} did not fire: "
            f"the run covers queries [{start}, {stop}); give a span with later tokens"
        )


def _words(hide: AttentionKnockout) -> str:
    return (
        "all later queries"
        if hide.queries is None
        else f"queries [{hide.by.start}, {hide.by.stop})"
    )


def additive(
    backbone: Backbone,
    seen: Bool[Tensor, "some query key"],
    *,
    rows: int = 1,
    queries: Int[Tensor, " query"],
    keys: Int[Tensor, " key"],
) -> Masks:
    """Turn what may be seen into the masks that the model takes, sliding windows and chunks included.

    Args:
        backbone: The model.
        seen: Which key each query may see, windows and chunks left aside; one for all rows, or one per row.
        rows: Size of the batch.
        queries: Absolute positions of the queries.
        keys: Absolute positions of the keys.
    """
    layers = set(getattr(backbone.config, "layer_types", None) or ())
    whole = _to_floats(seen, dtype=backbone.dtype, rows=rows)
    masks: dict[str, Tensor] = dict.fromkeys(layers, whole)
    window = next((size for size in backbone.windows if size is not None), None)
    if window is not None:
        near = keys[None, :] > queries[:, None] - window
        masks["sliding_attention"] = _to_floats(
            _some_key(seen & near), dtype=backbone.dtype, rows=rows
        )
        if not layers:
            return masks["sliding_attention"]
    if backbone.chunk is not None and "chunked_attention" in layers:
        same = keys[None, :] // backbone.chunk == queries[:, None] // backbone.chunk
        masks["chunked_attention"] = _to_floats(
            _some_key(seen & same), dtype=backbone.dtype, rows=rows
        )
    return whole if all(mask is whole for mask in masks.values()) else masks


def _to_floats(
    seen: Bool[Tensor, "some query key"], *, dtype: torch.dtype, rows: int
) -> Float[Tensor, "row 1 query key"]:
    shown, hidden = torch.tensor([0, torch.finfo(dtype).min], dtype=dtype, device=seen.device)
    mask = torch.where(seen, shown, hidden)
    return mask.unsqueeze(1).expand(rows, -1, -1, -1)
