"""One row per layer, each edited at one layer's input: only what can differ is run.

    row of layer l   = the clean run below block l, the edited state at its input, and blocks l, l + 1, ... from there on

An edit at the input of block l changes nothing below it, so that its row enters the batch at block l with the states that
the clean run has there: L rows cost about L / 2 runs. The model's own forward runs; a hook at the input of each
named block appends the row, and each block's keys and values before `start` are seen by as many rows as there are by then.
A family in which that fails, or gives other states than whole rows do (tried once a model on a few tokens), runs whole rows.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mechcot.core.errors import EditDidNotFire
from mechcot.core.trace import Span
from mechcot.model.interface import Scorer
from mechcot.model.internals.forward import cache_view, capture_taps, forward
from mechcot.model.internals.growing_cache import with_room
from mechcot.model.internals.hooks import Hook
from mechcot.model.internals.masks import additive, causal_less, parts_of
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.self_test_trials import BREAKS, close
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Add, Intervention
from mechcot.model.prefix.lockstep import undisturbed
from mechcot.model.prefix.memory import in_parts
from mechcot.model.prefix.prefix import Prefix

BlockInputs = tuple[Float[Tensor, "token d_model"], ...]
"""The states that enter each block."""
_TRIED = 12
"""Tokens of the trial."""
_KNOWN: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()


def run_with_inputs(reasoner: Scorer, ids: Sequence[int]) -> tuple[Prefix, BlockInputs]:
    """Run a text once and keep the states that enter each block. Cost: one forward.

    Raises:
        UserError: The family has no residual stream between its blocks.
    """
    backbone = backbone_of(reasoner.model)
    sites = [Site("resid_pre", layer) for layer in range(backbone.n_layers)]
    states: dict[Site, Tensor] = {}
    taps = capture_taps(backbone, sites, states, keep=lambda batch: batch[0])
    prefix = Prefix.of(reasoner, ids, watching=taps)
    return prefix, tuple(states[site] for site in sites)


def layer_rows(
    prefix: Prefix, start: int, edits: Sequence[Intervention], *, inputs: BlockInputs
) -> Float[Tensor, "edit later d_model"]:
    """Rerun what follows `start`, one row for each edit of a block's input.

    Args:
        prefix: The clean run.
        start: First position that is run.
        edits: Each at the `resid_pre` of another block, in the order of blocks, at positions from `start` on.
        inputs: The clean run's states at the input of every block.

    Returns:
        States after the final norm; `[row, i]` stands at position `start + i`.

    Raises:
        EditDidNotFire: A position outside `[start, end)`, or a block that was not visited.
    """
    if why_whole(prefix):
        rows = [prefix.ids[start:]] * len(edits)
        return prefix.rerun_from(start, rows=rows, under=[[edit] for edit in edits])
    for edit in edits:
        if outside := [p for p in edit.at if not start <= p < len(prefix)]:
            raise EditDidNotFire(
                f"the edit at {edit.site.name} did not fire at positions {outside[:5]}: this run covers [{start}, {len(prefix)})"
            )

    def run(part: list[int]) -> Tensor:
        return _grown(prefix, start, [edits[index] for index in part], inputs)

    sizes = [len(prefix) - start] * len(edits)
    return torch.cat(in_parts(sizes, run, limit=prefix.backbone.rows))


def why_whole(prefix: Prefix) -> str:
    """Return why this family runs whole rows; empty where a row may begin at a block. Tried once a model."""
    model = prefix.backbone.model
    if not prefix.prefix_cache.serves(len(prefix)):
        return f"the keys and values of {type(model).__name__} cannot be cropped"
    if model not in _KNOWN:
        with undisturbed():
            _KNOWN[model] = _trial(model, [*prefix.ids, *prefix.ids[::-1]] * _TRIED)
    return _KNOWN[model]


def _trial(model: Any, ids: Sequence[int]) -> str:
    """Edit two tokens at three blocks, as rows that begin there and as whole rows."""
    scorer: Any = SimpleNamespace(model=model, logit_scale=1.0)
    start, name = _TRIED // 2, type(model).__name__
    try:
        prefix, inputs = run_with_inputs(scorer, ids[:_TRIED])
        vector = inputs[-1][-1]
        blocks = sorted({0, len(inputs) // 2, len(inputs) - 1})
        at = (start, start + 1)
        edits = [Intervention(Site("resid_pre", block), at, Add(vector)) for block in blocks]
        grown = _grown(prefix, start, edits, inputs)
        rows = [prefix.ids[start:]] * len(edits)
        whole = prefix.rerun_from(start, rows=rows, under=[[edit] for edit in edits])
    except BREAKS as error:
        first = " ".join(str(error).split())[:120]
        return f"a row of {name} cannot begin at a block ({type(error).__name__}: {first})"
    if grown.shape == whole.shape and close(grown, whole):
        return ""
    return f"a row of {name} that begins at a block gives other states than a whole one"


def _grown(
    prefix: Prefix, start: int, edits: Sequence[Intervention], inputs: BlockInputs
) -> Float[Tensor, "edit later d_model"]:
    backbone = prefix.backbone
    blocks = range(backbone.n_layers)
    rows = [max(1, sum(edit.site.layer <= block for edit in edits)) for block in blocks]
    cache = cache_view(prefix.prefix_cache.tensors, stop=start, rows=rows)

    def run(part: slice) -> Tensor:
        span = Span(start + part.start, start + part.stop)
        queries = torch.arange(span.start, span.stop, device=backbone.device)
        keys = torch.arange(span.stop, device=backbone.device)
        seen = causal_less(span, (), device=backbone.device)
        begun: list[Site] = []
        hidden = forward(
            backbone,
            torch.tensor([prefix.ids[span.start : span.stop]], device=backbone.device),
            positions=queries,
            mask=additive(backbone, seen[None], queries=queries, keys=keys),
            cache=cache,
            taps=[
                (backbone.place(edit.site), _begin(edit, span, inputs[edit.site.layer], begun))
                for edit in edits
            ],
        )
        if missed := [edit.site.name for edit in edits if edit.site not in begun]:
            raise EditDidNotFire(f"the edit at {missed[0]} did not fire; check the site")
        return hidden

    parts = parts_of(backbone, range(start, len(prefix)), kept=start)
    if len(parts) > 1:
        with_room(cache, room=len(prefix))
    return torch.cat([run(part) for part in parts], dim=1)


def _begin(edit: Intervention, span: Span, states: Tensor, begun: list[Site]) -> Hook:
    """The hook at which an edited row begins; the first one takes the place of the clean row that led there."""

    def tap(batch: Tensor) -> Tensor:
        row = states[span.start : span.stop].to(batch, copy=True)
        which = [i for i, position in enumerate(edit.at) if position in span.positions()]
        if which:
            at = torch.tensor([edit.at[i] - span.start for i in which], device=row.device)
            index = torch.tensor(which, device=row.device)
            row[at] = edit.edit(row[at], index).to(row.dtype)
        grown = torch.cat([batch, row[None]]) if begun else row[None]
        begun.append(edit.site)
        return grown

    return tap
