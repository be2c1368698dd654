"""Foreign traces into the lines that every `--traces` reads, and the importances of Thought Anchors as results.

`mechcot.text.records` knows the formats, `mechcot.traces.external` what of a record is the chain. The sentences of Thought Anchors
with their tags and importances stay in the line as `anchors`; `importances` loads them as results.
Source: Thought Anchors (Bogdan et al. 2025, arXiv 2506.19143).
"""

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mechcot.core.errors import UserError
from mechcot.core.step_arrays import StepVector
from mechcot.core.store import digest, write_text
from mechcot.text.records import records
from mechcot.traces.external import foreign_chains, read_chains
from mechcot.traces.foreign_chain import ForeignChain, Loaded, as_line

ANCHORS = "anchors"
CHUNKS = "chunks"
IMPORTANCES = (
    "resampling_importance_accuracy", "resampling_importance_kl", "counterfactual_importance_accuracy",
    "counterfactual_importance_kl", "forced_importance_accuracy", "forced_importance_kl",
)  # fmt: skip


def importances(path: Path, *, name: str) -> list[StepVector]:
    """One importance of every sentence of every trace, as results that can be ranked against ours.

    Args:
        path: Thought Anchors traces, one a line.
        name: One of `IMPORTANCES`; accuracies are differences of probability over about 100 rollouts, the others KL in nats.

    Raises:
        UserError: An unknown name, or a line that is not a Thought Anchors trace.
    """
    if name not in IMPORTANCES:
        raise UserError(f"unknown importance {name!r}: expected one of {', '.join(IMPORTANCES)}")
    vectors = []
    for where, number, record in records(path, kind="thought-anchors"):
        for chain in foreign_chains(record, where=where, number=number):
            anchors = _with_anchors(chain, where).problem.meta[ANCHORS]
            vectors.append(
                StepVector(
                    values=np.array([a["importance"].get(name, math.nan) for a in anchors]),
                    measure="thought_anchors",
                    name=name,
                    unit="nats" if name.endswith("kl") else "probability",
                    trace=chain.problem.id,
                    reader=chain.author,
                    tokens=digest([a["text"] for a in anchors]),
                )
            )
    return vectors


def _with_anchors(chain: ForeignChain, where: str) -> ForeignChain:
    """A Thought Anchors chain with its sentences in the shape that `benchmarks.thought_anchors` reads."""
    meta = dict(chain.problem.meta)
    chunks = meta.pop(CHUNKS, None)
    if not isinstance(chunks, list):
        return chain
    anchors = [_anchor(chunk, f"{where}, chunk {i}") for i, chunk in enumerate(chunks)]
    return replace(chain, problem=replace(chain.problem, meta=meta | {ANCHORS: anchors}))


def import_traces(source: Path, out: Path, *, kind: str | None = None, **options: Any) -> Loaded:
    """Write the chains of `source` to `out`.

    Args:
        source: The file, or a folder of Thought Anchors.
        out: JSON lines, written whole or not at all.
        kind: One of `mechcot.text.records.FORMATS`; None for what the file shows.
        options: Those of `mechcot.traces.external.read_chains`.

    Returns:
        The chains, and what was left out.

    Raises:
        UserError: An unknown kind, a record that is wrong, a repeated id, or no chain at all.
    """
    loaded = read_chains(source, kind=kind, **options)
    chains = [_with_anchors(*pair) for pair in zip(loaded.chains, loaded.places, strict=True)]
    write_lines(out, chains)
    return replace(loaded, chains=chains)


def write_lines(out: Path, chains: Iterable[ForeignChain]) -> None:
    """Write chains as the lines that `--traces` reads, whole or not at all."""
    lines = (json.dumps(as_line(chain), ensure_ascii=False, sort_keys=True) for chain in chains)
    write_text(out, "".join(f"{line}\n" for line in lines))


def _anchor(chunk: Any, where: str) -> dict[str, Any]:
    """One sentence of a Thought Anchors trace with what its rollouts say.

    Returns:
        `text`: the sentence as their splitter cut it; `tags`: their labels, one of eight as a rule; `depends`: earlier
        sentences that it depends on; `importance`: by name, without those that are absent or not finite.
    """
    try:
        text, depends = chunk["chunk"], chunk.get("depends_on") or []
        if not isinstance(text, str) or not isinstance(depends, list):
            raise TypeError("'chunk' must be text, 'depends_on' a list")
        tags = chunk.get("function_tags") or ()
        given = {name: float(chunk[name]) for name in IMPORTANCES if chunk.get(name) is not None}
        return {
            "text": text,
            "tags": [tags] if isinstance(tags, str) else [str(tag) for tag in tags],
            "depends": [int(step) for step in depends],
            "importance": {name: value for name, value in given.items() if math.isfinite(value)},
        }
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UserError(
            f"{where}: not a sentence of Thought Anchors ({type(error).__name__}: {error})"
        ) from error
