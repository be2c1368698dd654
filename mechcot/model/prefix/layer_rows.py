"""One row per layer, each edited at one layer's input: only what can differ is run.

    row of layer l   = the clean run below block l, the edited state at its input, and blocks l, l + 1, ... from there on

An edit at the input of block l changes nothing below it, so that its row enters the batch at block l with the states that
the clean run has there: L rows cost about L / 2 runs. The model's own forward runs; a hook at the input of each
named block appends the row, and each block's keys and values before `start` are seen by as many rows as there are by then.
Where tasks run together, their rows share a batch (`grown_rows.py`), each way tried once a model.
A family in which that fails, or gives other states than whole rows do (tried once a model on a few tokens), runs whole rows.
"""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import DynamicCache

from mechcot.core.errors import EditDidNotFire
from mechcot.core.trace import Span
from mechcot.model.interface import Scorer
from mechcot.model.internals.forward import cache_view, capture_taps
from mechcot.model.internals.growing_cache import with_room
from mechcot.model.internals.masks import additive, causal_less, parts_of
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.self_test_trials import BREAKS, close
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Add, Intervention
from mechcot.model.prefix.batch_requests import BlocksRun
from mechcot.model.prefix.grown_rows import BlockInputs, GrownRun
from mechcot.model.prefix.lockstep import ask_for, in_company, undisturbed
from mechcot.model.prefix.memory import in_parts
from mechcot.model.prefix.prefix import Prefix

_TRIED = 12
"""Tokens of the trial."""
_KNOWN: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()
_SHARES: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


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


def _share_batches(run: BlocksRun) -> bool:
    """Return whether rows of several texts may share a batch: each has the states that it has alone, to the last bit the same whatever stands beside it."""
    model = run.backbone.model
    if model not in _SHARES:
        with undisturbed():
            _SHARES[model] = _batch_trial(model, [*run.ids[0].tolist() * _TRIED])
    return _SHARES[model]


def _batch_trial(model: Any, ids: Sequence[int]) -> bool:
    scorer: Any = SimpleNamespace(model=model, logit_scale=1.0)

    def rows(first: int, last: int, start: int) -> GrownRun:
        prefix, inputs = run_with_inputs(scorer, ids[first:last])
        blocks = sorted({len(inputs) // 2, len(inputs) - 1})
        add = Add(inputs[-1][-1])
        edits = [Intervention(Site("resid_pre", block), (start,), add) for block in blocks]
        part = slice(0, len(prefix) - start)
        return _run(prefix, start, part, edits, inputs, _cache(prefix, start, edits))

    short, long, another = (0, _TRIED, 7), (1, _TRIED - 1, 4), (2, _TRIED, 4)
    try:
        alone = [rows(*text).alone() for text in (short, long)]
        sizes = [rows(*text).sizes for text in (short, long)]
        together, others, nothing = (
            rows(*short).together(sizes, [rows(*short), rows(*beside) if beside else None])
            for beside in (long, another, None)
        )
    except BREAKS:
        return False
    same = all(torch.equal(together[0], rest[0]) for rest in (others, nothing))
    return same and all(map(close, together, alone))


def _grown(
    prefix: Prefix, start: int, edits: Sequence[Intervention], inputs: BlockInputs
) -> Float[Tensor, "edit later d_model"]:
    parts = parts_of(prefix.backbone, range(start, len(prefix)), kept=start)
    cache = _cache(prefix, start, edits)
    if len(parts) == 1:
        run = _run(prefix, start, parts[0], edits, inputs, cache)
        shares = in_company() and run.clean.kind is not None and _share_batches(run.clean)
        return ask_for(replace(run, shares=shares))
    with_room(cache, room=len(prefix))
    states = [_run(prefix, start, part, edits, inputs, cache).alone() for part in parts]
    return torch.cat(states, dim=1)


def _cache(prefix: Prefix, start: int, edits: Sequence[Intervention]) -> DynamicCache:
    """Keys and values before `start`, for as many rows at each block as there are by then."""
    blocks = range(prefix.backbone.n_layers)
    rows = [max(1, sum(edit.site.layer <= block for edit in edits)) for block in blocks]
    return cache_view(prefix.prefix_cache.tensors, stop=start, rows=rows)


def _run(
    prefix: Prefix,
    start: int,
    part: slice,
    edits: Sequence[Intervention],
    inputs: BlockInputs,
    cache: DynamicCache,
) -> GrownRun:
    """The rows over a part of the tokens from `start` on."""
    backbone, span = prefix.backbone, Span(start + part.start, start + part.stop)
    queries = torch.arange(span.start, span.stop, device=backbone.device)
    keys = torch.arange(span.stop, device=backbone.device)
    seen = causal_less(span, (), device=backbone.device)
    clean = BlocksRun(
        backbone,
        torch.tensor([prefix.ids[span.start : span.stop]], device=backbone.device),
        queries,
        additive(backbone, seen[None], queries=queries, keys=keys),
        cache,
        (),
    )
    return GrownRun(clean, span, tuple(edits), inputs)
