"""Activations addressed the way people think: by step, kind, phase, layer and site.

One *unit* is the question (step -1) or one step of a trace. A unit has one row (`mean`: mean over its
tokens, `last`: its last token) or one row per token (`whole`). The index is a table with one line per
unit; the numbers lie in memory or in safetensors shards, of which only the asked-for slices are read.
How they get there: `capture.py`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from safetensors import safe_open
from torch import Tensor

from mechcot.core.display import Displayed
from mechcot.core.errors import UserError
from mechcot.core.trace import Phase, StepKind, Trace
from mechcot.core.wording import count_of
from mechcot.model.internals.sites import Site

if TYPE_CHECKING:
    import plotly.graph_objects as go

QUESTION_STEP = -1
INDEX_COLUMNS = (
    "trace", "item", "author", "tokens", "step", "kind", "phase", "token_start", "token_stop", "shard", "row_start",
    "row_stop",
)  # fmt: skip


@dataclass(frozen=True)
class CaptureSpec:
    """Sites, positions and precision of the states that are kept of every trace.

    Attributes:
        sites: Where in the network.
        pool: `mean` or `last` (one row per unit), or `whole` (one row per token).
        phases: Which phases; the question is one unit.
        kinds: Which kinds of steps; None: all. The question is kept or left out by `phases`.
        dtype: How the numbers are stored; bfloat16 halves the size and rounds to 3 digits.

    Raises:
        UserError: No sites, or one of them twice.
    """

    sites: tuple[Site, ...]
    pool: Literal["mean", "last", "whole"] = "mean"
    phases: tuple[Phase, ...] = (Phase.QUESTION, Phase.CHAIN, Phase.ANSWER)
    kinds: tuple[StepKind, ...] | None = None
    dtype: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        if not self.sites or len(set(self.sites)) != len(self.sites):
            raise UserError(
                f"expected at least one site and none twice, got {[s.name for s in self.sites]}"
            )

    @property
    def torch_dtype(self) -> torch.dtype:
        """The storage type."""
        return torch.float32 if self.dtype == "float32" else torch.bfloat16

    def to_json(self) -> dict[str, Any]:
        """As data, for the manifest."""
        return {
            "sites": [site.name for site in self.sites],
            "pool": self.pool,
            "phases": [str(phase) for phase in self.phases],
            "kinds": None if self.kinds is None else [str(kind) for kind in self.kinds],
            "dtype": self.dtype,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "CaptureSpec":
        """The value that `to_json` described."""
        return cls(
            sites=tuple(Site.parse(name) for name in data["sites"]),
            pool=data["pool"],
            phases=tuple(Phase(phase) for phase in data["phases"]),
            kinds=None if data["kinds"] is None else tuple(StepKind(k) for k in data["kinds"]),
            dtype=data["dtype"],
        )


@dataclass(frozen=True)
class CacheUnit:
    """The question or one step: what a line of the index is about."""

    step: int
    kind: str
    phase: str
    start: int
    stop: int


def units(trace: Trace, wanted: CaptureSpec) -> tuple[CacheUnit, ...]:
    """The units of a trace that are wanted; those without tokens are left out."""
    question = trace.phase(Phase.QUESTION)
    every = [
        CacheUnit(QUESTION_STEP, "question", str(Phase.QUESTION), question.start, question.stop)
    ]
    every += [
        CacheUnit(step.index, str(step.kind), str(step.phase), step.tokens.start, step.tokens.stop)
        for step in trace.steps
        if wanted.kinds is None or step.kind in wanted.kinds
    ]
    return tuple(u for u in every if u.stop > u.start and Phase(u.phase) in wanted.phases)


@runtime_checkable
class Store(Protocol):
    """Arrays in memory or on disk."""

    def read(self, shard: int, site: Site, start: int, stop: int) -> Tensor:
        """Rows `[start, stop)` of one site in one shard.

        Returns:
            `[stop - start, d_model]` in storage type.
        """
        ...


@dataclass(frozen=True, eq=False)
class MemoryStore:
    """Numbers in memory: one mapping per shard."""

    shards: Sequence[Mapping[Site, Tensor]]

    def read(self, shard: int, site: Site, start: int, stop: int) -> Tensor:
        """Rows `[start, stop)` of one site in one shard, see `Store.read`."""
        return self.shards[shard][site][start:stop]


@dataclass(frozen=True, eq=False)
class DiskStore:
    """Numbers in safetensors shards, memory-mapped: a slice reads its own bytes only."""

    folder: Path
    _files: dict[int, Any] = field(default_factory=dict)

    def read(self, shard: int, site: Site, start: int, stop: int) -> Tensor:
        """Rows `[start, stop)` of one site in one shard, see `Store.read`; only these are read from the file."""
        if shard not in self._files:
            self._files[shard] = safe_open(shard_path(self.folder, shard), framework="pt")
        return self._files[shard].get_slice(site.name)[start:stop]


def shard_path(folder: Path, shard: int) -> Path:
    """File of a shard."""
    return folder / f"shard-{shard:05d}.safetensors"


@dataclass(frozen=True, eq=False, repr=False)
class ActivationCache(Displayed):
    """Activations of many traces under one model.

    Attributes:
        index: One line per unit, see `INDEX_COLUMNS`; rows of `read` come in this order.
        wanted: What was kept.
        model: Name of the model.
        weights_hash: Hash of its weights.
        d_model: Width of the residual stream.
        store: Where the numbers lie.

    Example:
        >>> import mechcot as mc
        >>> base = mc.load("organism:base")
        >>> cache = base.activations(base.write(mc.problems("mod10", n=1)), at="resid_post.2")
        >>> cache.read(mc.Site("resid_post", 2), kind=mc.StepKind.VERIFICATION).shape[1]
        128
    """

    index: pd.DataFrame
    wanted: CaptureSpec
    model: str
    weights_hash: str
    d_model: int
    store: Store

    def __repr__(self) -> str:
        sites = ", ".join(site.short for site in self.sites)
        rows = "a row a token" if self.wanted.pool == "whole" else f"{self.wanted.pool} of each"
        place = (
            f"on disk in {self.store.folder}" if isinstance(self.store, DiskStore) else "in memory"
        )
        return (
            f"Activations of {self.model}: {count_of(len(self.traces), 'trace')}, {len(self.index)} questions and steps ({rows}), {place}\n"
            f"  at {sites}, {self.d_model} wide; .read(site, kind=, step=, ...) gives the states"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row per question (`step` -1) or step: `trace`, `item`, `author`, `step`, `kind`, `phase`, its token span and its rows in `read`."""
        sizes = (self.index["row_stop"] - self.index["row_start"]).to_numpy()
        columns = ["trace", "item", "author", "step", "kind", "phase", "token_start", "token_stop"]
        return self.index[columns].assign(row=np.cumsum(sizes) - sizes, rows=sizes)

    def norms(self, trace: str | None = None) -> pd.DataFrame:
        """Length of the states of one trace: `step` (from 1; 0: the question), `kind`, `site`, `norm`.

        Args:
            trace: Id of the trace; None: the first.

        Raises:
            UserError: The trace is not in the cache, or nothing is.
        """
        if not self.traces:
            raise UserError("this cache holds no traces; give some to Reasoner.activations")
        chosen = self.select(trace=trace or self.traces[0])
        parts = []
        for site in self.sites:
            states = [self.store.read(*run).float() for run in _each(chosen, site)]
            lengths = [float(rows.norm(dim=-1).mean()) for rows in states]
            parts.append(chosen[["step", "kind"]].assign(site=site.short, norm=lengths))
        table = pd.concat(parts, ignore_index=True)
        return table.assign(step=table["step"] + 1)

    def plot(self, trace: str | None = None) -> "go.Figure":
        """The length of the states of one trace by step, a line a site.

        Args:
            trace: Id of the trace; None: the first.

        Raises:
            UserError: The trace is not in the cache, or nothing is.
        """
        figures = import_module("mechcot.view.figures.results")
        name = trace or (self.traces or ("",))[0]
        return figures.step_norms(self.norms(trace), trace=name, model=self.model)

    @property
    def sites(self) -> tuple[Site, ...]:
        """The sites that were kept."""
        return self.wanted.sites

    @cached_property
    def traces(self) -> tuple[str, ...]:
        """Trace ids, in order."""
        return tuple(self.index["trace"].drop_duplicates())

    def select(
        self,
        *,
        trace: str | Collection[str] | None = None,
        step: int | Collection[int] | None = None,
        kind: StepKind | Collection[StepKind] | None = None,
        phase: Phase | Collection[Phase] | None = None,
    ) -> pd.DataFrame:
        """The lines of the index that match all that is given.

        Args:
            trace: Ids of traces; None: all, as for the others.
            step: Indices of steps; -1 is the question.
            kind: Kinds of steps.
            phase: Phases.

        Raises:
            UserError: A trace is not in the cache.
        """
        chosen = self.index if trace is None else self._of_traces(trace)
        keep = np.ones(len(chosen), dtype=bool)
        for column, value in (("step", step), ("kind", kind), ("phase", phase)):
            if value is not None:
                values = [value] if isinstance(value, str | int) else list(value)
                plain = [str(v) if isinstance(v, str) else v for v in values]
                keep &= pd.Series(chosen[column]).isin(plain).to_numpy()
        return chosen.iloc[np.flatnonzero(keep)]

    def _of_traces(self, trace: str | Collection[str]) -> pd.DataFrame:
        """The lines of some traces, in the order of the index."""
        wanted = {trace} if isinstance(trace, str) else set(trace)
        if missing := wanted - self._lines.keys():
            raise UserError(
                f"trace {sorted(missing)[0]!r} is not in this cache of {count_of(len(self.traces), 'trace')}; see .traces"
            )
        lines = [self._lines[name] for name in wanted]
        return self.index.iloc[np.sort(np.concatenate(lines)) if lines else []]

    @cached_property
    def _lines(self) -> Mapping[str, np.ndarray]:
        """The lines of each trace in the index."""
        found = self.index.groupby("trace").indices
        return {str(name): np.asarray(lines) for name, lines in found.items()}

    def read(
        self,
        site: Site,
        *,
        trace: str | Collection[str] | None = None,
        step: int | Collection[int] | None = None,
        kind: StepKind | Collection[StepKind] | None = None,
        phase: Phase | Collection[Phase] | None = None,
    ) -> Float[Tensor, "row d_model"]:
        """The states of the chosen units (float32), in the order of `select` with the same arguments.

        Reads only these rows. With `pool="whole"` a unit has as many rows as tokens.

        Raises:
            UserError: The site was not kept, or a trace is not in the cache.
        """
        if site not in self.sites:
            raise UserError(
                f"{site.name} was not kept; this cache has {', '.join(s.name for s in self.sites)}"
            )
        chosen = self.select(trace=trace, step=step, kind=kind, phase=phase)
        parts = [
            self.store.read(shard, site, start, stop).float()
            for shard, start, stop in _runs(chosen)
        ]
        return torch.cat(parts) if parts else torch.zeros(0, self.d_model)

    def layers(
        self, stream: str, *, trace: str, step: int
    ) -> tuple[tuple[int, ...], Float[Tensor, "layer row d_model"]]:
        """One unit through the network: the kept layers of a stream, and their states [layer, row, d_model].

        Raises:
            UserError: No layer of the stream was kept, or the trace is not in the cache.
        """
        sites = sorted(site for site in self.sites if site.stream == stream)
        if not sites:
            raise UserError(
                f"no layer of {stream!r} was kept; this cache has {', '.join(s.name for s in self.sites)}"
            )
        states = torch.stack([self.read(site, trace=trace, step=step) for site in sites])
        return tuple(site.layer for site in sites), states

    def only(self, traces: Sequence[str]) -> "ActivationCache":
        """The same cache for some traces, in the given order."""
        place = {trace: number for number, trace in enumerate(traces)}
        chosen = self.select(trace=tuple(traces))
        order = np.argsort([place[trace] for trace in chosen["trace"]], kind="stable")
        index = chosen.iloc[order].reset_index(drop=True)
        return replace(self, index=index)


def _each(chosen: pd.DataFrame, site: Site) -> list[tuple[int, Site, int, int]]:
    """Where the rows of every unit lie: shard, site, first row, row after the last."""
    columns = (chosen[name].tolist() for name in ("shard", "row_start", "row_stop"))
    return [(shard, site, start, stop) for shard, start, stop in zip(*columns, strict=True)]


def _runs(chosen: pd.DataFrame) -> list[tuple[int, int, int]]:
    """Neighbouring rows of one shard, joined, so that they are read at once."""
    runs: list[tuple[int, int, int]] = []
    for shard, start, stop in chosen[["shard", "row_start", "row_stop"]].to_numpy().tolist():
        if runs and runs[-1][0] == shard and runs[-1][2] == start:
            runs[-1] = (shard, runs[-1][1], stop)
        else:
            runs.append((shard, start, stop))
    return runs
