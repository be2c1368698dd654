"""An activation cache on disk, for thousands of traces: written in shards, resumed, checked on reuse.

A cache is a folder: `manifest.json` (what was kept, of which weights), and for each shard a parquet
index and a safetensors file. A shard counts once its safetensors file is there (it is moved in whole,
after its index), so a killed run goes on where it stood. Reading maps the files and takes slices.
"""

import errno
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors.torch import save

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.progress import progress_bar
from mechcot.core.store import read_json, tokens_digest, write_bytes, write_json
from mechcot.core.trace import Trace
from mechcot.model.activations.cache import (
    INDEX_COLUMNS,
    ActivationCache,
    CaptureSpec,
    DiskStore,
    shard_path,
)
from mechcot.model.activations.capture import (
    GIB,
    LESS,
    ShardRows,
    check_limit,
    check_sites,
    estimate,
    pooled_rows,
    size_text,
    written_traces,
)
from mechcot.model.interface import TraceWriter
from mechcot.model.internals.self_test import backbone_of

_SCHEMA = 1


def stream(
    reasoner: TraceWriter,
    traces: Sequence[Trace | Problem],
    folder: Path,
    *,
    wanted: CaptureSpec,
    writing: Mapping[str, Any] | None = None,
    limit: int = 16 * GIB,
    shard_size: int = GIB // 8,
) -> ActivationCache:
    """Keep activations on disk; run again to resume or to add traces.

    Args:
        reasoner: The model.
        traces: As in `activations`.
        folder: Where; made if it is not there.
        wanted: What to keep.
        writing: Arguments for `Reasoner.write`.
        limit: Most bytes in the folder.
        shard_size: Bytes after which a shard is written; what a killed run loses at most.

    Returns:
        The cache of exactly these traces, in this order.

    Raises:
        UserError: The folder is about other weights, tokens or settings; too little room.
    """
    written = written_traces(reasoner, traces, writing)
    backbone = backbone_of(reasoner.model)
    check_sites(backbone, wanted)
    there = _prepare(reasoner, folder, wanted, d_model=backbone.d_model)
    todo = _not_there(written, there)
    size = estimate(todo, wanted=wanted, d_model=backbone.d_model).size
    used = _used(folder)
    check_limit(size, limit=limit, there=used)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UserError(
            f"expected {size_text(size)} of free disk for this cache, {folder} has {size_text(free)}; {LESS}"
        )
    writer = _Writer(folder=folder, d_model=backbone.d_model, limit=limit, used=used)
    shard = ShardRows(wanted)
    for trace in progress_bar(todo, desc=f"activations of {reasoner.name}", delay=2):
        shard.add(trace, pooled_rows(reasoner, trace, wanted, ()))
        if shard.size >= shard_size:
            writer.write(shard)
            shard = ShardRows(wanted)
    if shard.n_rows:
        writer.write(shard)
    return open_cache(folder).only([trace.id for trace in written])


def open_cache(folder: Path, *, weights_hash: str | None = None) -> ActivationCache:
    """Open a cache on disk; reads the index, not the numbers.

    Raises:
        UserError: No cache there, another schema, or other weights.
    """
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise UserError(
            f"expected an activation cache in {folder}, found no manifest.json; make it with `stream`"
        )
    contents = read_json(manifest, what="an activation cache's manifest")
    if contents.get("schema") != _SCHEMA:
        raise UserError(
            f"{manifest}: expected schema {_SCHEMA}, got {contents.get('schema')}; remove the folder and run again"
        )
    if weights_hash is not None and contents["weights_hash"] != weights_hash:
        raise UserError(
            f"{folder} holds activations of other weights ({contents['model']}, {contents['weights_hash']}); use another folder"
        )
    tables = [pd.read_parquet(_index_path(path)) for path in _complete(folder)]
    empty = pd.DataFrame(columns=list(INDEX_COLUMNS))
    return ActivationCache(
        index=pd.concat(tables, ignore_index=True) if tables else empty,
        wanted=CaptureSpec.from_json(contents["wanted"]),
        model=contents["model"],
        weights_hash=contents["weights_hash"],
        d_model=contents["d_model"],
        store=DiskStore(folder),
    )


@dataclass(eq=False)
class _Writer:
    """Writes shards one after the other and keeps the limit."""

    folder: Path
    d_model: int
    limit: int
    used: int

    def write(self, shard: ShardRows) -> None:
        taken = _complete(self.folder)
        number = 1 + int(taken[-1].stem.removeprefix("shard-")) if taken else 0
        path = shard_path(self.folder, number)
        buffer = BytesIO()
        shard.table(number=number).to_parquet(buffer, index=False)
        numbers = save({site.name: t for site, t in shard.tensors(self.d_model).items()})
        size = len(numbers) + len(buffer.getvalue())
        check_limit(size, limit=self.limit, there=self.used)
        try:
            write_bytes(_index_path(path), buffer.getvalue())
            write_bytes(path, numbers)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise UserError(
                f"the disk is full at {self.folder} after {size_text(self.used)}; free some room and run again, finished shards are kept"
            ) from error
        self.used += size


def _index_path(shard: Path) -> Path:
    return shard.with_suffix(".parquet")


def _complete(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("shard-*.safetensors") if _index_path(p).is_file())


def _used(folder: Path) -> int:
    return sum(p.stat().st_size + _index_path(p).stat().st_size for p in _complete(folder))


def _prepare(
    reasoner: TraceWriter, folder: Path, wanted: CaptureSpec, *, d_model: int
) -> pd.DataFrame:
    """Make the folder, or see that what lies there is about the same thing; gives its index."""
    manifest = folder / "manifest.json"
    if not manifest.exists():
        contents = {
            "schema": _SCHEMA,
            "model": reasoner.name,
            "weights_hash": reasoner.weights_hash,
            "d_model": d_model,
            "wanted": wanted.to_json(),
        }
        write_json(manifest, contents)
    cache = open_cache(folder, weights_hash=reasoner.weights_hash)
    if cache.wanted != wanted:
        raise UserError(
            f"{folder} was made with other settings ({cache.wanted.to_json()}); use another folder or the same settings"
        )
    return cache.index


def _not_there(traces: Sequence[Trace], index: pd.DataFrame) -> list[Trace]:
    known = dict(zip(index["trace"], index["tokens"], strict=True))
    for trace in traces:
        if known.get(trace.id, digest := tokens_digest(trace.ids)) != digest:
            raise UserError(
                f"trace {trace.id!r} is in the cache with other tokens; use another folder, or another trace id"
            )
    return [trace for trace in traces if trace.id not in known]
