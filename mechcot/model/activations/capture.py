"""Fill an activation cache in memory: one teacher-forced forward per trace, its size known before.

Problems may stand in for traces: their chains are written first, once, so that activations of generated
tokens come from the same call. For thousands of traces see `disk_cache.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.progress import progress_bar
from mechcot.core.store import tokens_digest
from mechcot.core.trace import Trace
from mechcot.model.activations.cache import (
    INDEX_COLUMNS,
    ActivationCache,
    CacheUnit,
    CaptureSpec,
    MemoryStore,
    units,
)
from mechcot.model.interface import HasModel, TraceWriter
from mechcot.model.internals.architecture import Backbone
from mechcot.model.internals.forward import capture_taps
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import AnyIntervention
from mechcot.model.prefix.cached_run import Run

GIB = 2**30
LESS = "keep fewer sites, pool by mean or last, store bfloat16, or raise the limit"


def capture(
    reasoner: HasModel,
    ids: Sequence[int],
    sites: Sequence[Site],
    *,
    under: Sequence[AnyIntervention] = (),
) -> dict[Site, Float[Tensor, "token d_model"]]:
    """The states of one sequence at some sites. Cost: one forward; nothing is unembedded.

    Raises:
        UserError: A site that the model does not have, or no tokens.
        EditDidNotFire: An act did not.
    """
    if not len(ids):
        raise UserError(
            "expected at least one token, got an empty sequence; check the prompt and the tokenizer"
        )
    return _watch(reasoner, ids, sites, keep=lambda states: states, under=under)


def _watch(
    reasoner: HasModel,
    ids: Sequence[int],
    sites: Sequence[Site],
    *,
    keep: Callable[[Tensor], Tensor],
    under: Sequence[AnyIntervention],
) -> dict[Site, Tensor]:
    """Run once and keep a function of the states of each site; the states themselves are let go."""
    backbone = backbone_of(reasoner.model)
    states: dict[Site, Tensor] = {}
    taps = capture_taps(backbone, sites, states, keep=lambda batch: keep(batch[0]))
    run = Run(backbone, start=0, rows=[ids], acts=[tuple(under)], watching=taps, path="causal")
    run.go(cache=None)
    return states


@dataclass(frozen=True)
class Estimate:
    """Size of a cache before it is made.

    Attributes:
        traces: Traces.
        tokens: Tokens to run.
        rows: Rows per site.
        size: Bytes of numbers; indexes add about 100 bytes a step.
    """

    traces: int
    tokens: int
    rows: int
    size: int


def estimate(traces: Sequence[Trace], *, wanted: CaptureSpec, d_model: int) -> Estimate:
    """Work out the size of a cache before it is made."""
    rows = sum(_n_rows(unit, wanted) for trace in traces for unit in units(trace, wanted))
    width = torch.finfo(wanted.torch_dtype).bits // 8 * d_model * len(wanted.sites)
    return Estimate(len(traces), sum(len(t) for t in traces), rows, rows * width)


def activations(
    reasoner: TraceWriter,
    traces: Sequence[Trace | Problem],
    *,
    wanted: CaptureSpec,
    under: Sequence[AnyIntervention] = (),
    writing: Mapping[str, Any] | None = None,
    limit: int = 4 * GIB,
) -> ActivationCache:
    """Keep activations in memory.

    Args:
        reasoner: The model.
        traces: Traces as this reader sees them; for problems the chain is written first (once), then
            read (once), so that generated tokens come from the same call.
        wanted: What to keep.
        under: Acts on every trace, in absolute positions.
        writing: Arguments for `Reasoner.write`.
        limit: Most bytes of numbers.

    Raises:
        UserError: More than `limit`, a site that the model does not have, a trace id twice.
        EditDidNotFire: An act did not.
    """
    written = written_traces(reasoner, traces, writing)
    backbone = backbone_of(reasoner.model)
    check_sites(backbone, wanted)
    check_limit(
        estimate(written, wanted=wanted, d_model=backbone.d_model).size, limit=limit, there=0
    )
    shard = ShardRows(wanted)
    for trace in progress_bar(written, desc=f"activations of {reasoner.name}", delay=2):
        shard.add(trace, pooled_rows(reasoner, trace, wanted, under))
    return ActivationCache(
        index=shard.table(number=0),
        wanted=wanted,
        model=reasoner.name,
        weights_hash=reasoner.weights_hash,
        d_model=backbone.d_model,
        store=MemoryStore([shard.tensors(backbone.d_model)]),
    )


def written_traces(
    reasoner: TraceWriter, traces: Sequence[Trace | Problem], writing: Mapping[str, Any] | None
) -> list[Trace]:
    """The traces, with the problems among them written first.

    Returns:
        As many traces, in the same order.

    Raises:
        UserError: A trace id occurs twice.
    """
    problems = [item for item in traces if isinstance(item, Problem)]
    new = iter(reasoner.write(problems, **(writing or {})) if problems else ())
    every = [next(new) if isinstance(item, Problem) else item for item in traces]
    ids = [trace.id for trace in every]
    if len(set(ids)) != len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise UserError(
            f"expected distinct trace ids, got {twice!r} twice; give every trace its own id"
        )
    return every


def check_sites(backbone: Backbone, wanted: CaptureSpec) -> None:
    """See that the model has all sites.

    Raises:
        UserError: It does not.
    """
    for site in wanted.sites:
        backbone.place(site)


def check_limit(size: int, *, limit: int, there: int) -> None:
    """See that `size` more bytes beside those `there` keep the limit.

    Raises:
        UserError: They do not.
    """
    if size + there > limit:
        raise UserError(
            f"this cache needs {size_text(size + there)}, the limit is {size_text(limit)}; {LESS}"
        )


def size_text(size: int) -> str:
    """Bytes for people."""
    return f"{size / 2**20:.1f} MiB" if size < GIB else f"{size / GIB:.1f} GiB"


def _n_rows(unit: CacheUnit, wanted: CaptureSpec) -> int:
    return unit.stop - unit.start if wanted.pool == "whole" else 1


def pooled_rows(
    reasoner: HasModel, trace: Trace, wanted: CaptureSpec, under: Sequence[AnyIntervention]
) -> dict[Site, Tensor]:
    """Rows of one trace, unit after unit, in storage type on the CPU.

    Returns:
        For each site `[row d_model]`: one row per unit, or one per token of it with `pool="whole"`. Empty,
        and nothing is run, when no unit is wanted.
    """
    spans = units(trace, wanted)
    if not spans:
        return {}
    cuts = [(unit.start, unit.stop) for unit in spans]

    def keep(states: Tensor) -> Tensor:
        rows = torch.cat([_pool(states[start:stop], wanted.pool) for start, stop in cuts])
        return rows.to("cpu", wanted.torch_dtype)

    return _watch(reasoner, trace.ids, wanted.sites, keep=keep, under=under)


def _pool(states: Float[Tensor, "token d_model"], pool: str) -> Float[Tensor, "row d_model"]:
    if pool == "mean":
        return states.float().mean(dim=0, keepdim=True)
    return states[-1:] if pool == "last" else states


@dataclass(eq=False)
class ShardRows:
    """Rows that will be written together."""

    wanted: CaptureSpec
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    parts: list[dict[Site, Tensor]] = field(default_factory=list)
    n_rows: int = 0
    size: int = 0

    def add(self, trace: Trace, rows: dict[Site, Tensor]) -> None:
        """Add the rows of one trace."""
        spans = units(trace, self.wanted)
        if not spans:
            return
        head = (trace.id, trace.problem.id, trace.author, tokens_digest(trace.ids))
        for unit in spans:
            stop = self.n_rows + _n_rows(unit, self.wanted)
            columns = (unit.step, unit.kind, unit.phase, unit.start, unit.stop)
            self.lines.append((*head, *columns, -1, self.n_rows, stop))
            self.n_rows = stop
        self.parts.append(rows)
        self.size += sum(states.nbytes for states in rows.values())

    def table(self, *, number: int) -> pd.DataFrame:
        """The lines of the index."""
        return pd.DataFrame(self.lines, columns=list(INDEX_COLUMNS)).assign(shard=number)

    def tensors(self, d_model: int) -> dict[Site, Tensor]:
        """All rows, site by site."""
        empty = torch.zeros(0, d_model, dtype=self.wanted.torch_dtype)
        return {
            site: torch.cat([empty, *(part[site] for part in self.parts)])
            for site in self.wanted.sites
        }
