"""`mechcot influence`: who listens to which step, by kind, before and after.

    received[l, h, j] = mean over later chain steps i of corrected[l, h, j, i]       (mechcot.influence.null)
    pooled[j]         = mean over layers and heads

1 is what a step of this length at this distance receives on average in the other traces, both models together. The question
and the first token (attention sink) are no sources; the answer's own attention stands beside, as `answer`. By kind: mean over the steps of a kind
in a trace, then over traces, whose intervals are bootstrapped over traces. "Ignored" steps often just come after the answer, so every number
is also given before and after the first statement of the right answer (that statement itself counts as before).

DIR/ gets steps.parquet (one row per model, trace and step), heads.parquet (per layer, head and kind), influence.json and index.html.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from safetensors.numpy import load_file, save
from tqdm.auto import tqdm

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.store import digest, write_bytes, write_json, write_text
from mechcot.core.trace import Trace
from mechcot.influence.null import Null
from mechcot.influence.orders import first_right
from mechcot.influence.prune import plain
from mechcot.influence.weights import Mass, attention_mass
from mechcot.model.reasoner import Reasoner
from mechcot.stats.bootstrap import bootstrap_mean
from mechcot.view.influence_page import page

STRATA = ("all", "before", "after")


def run(
    readers: Sequence[Reasoner], traces: Sequence[Trace], *, out: Path, seed: int
) -> dict[str, Any]:
    """Read every trace with every model and write the folder; gives what influence.json holds.

    Args:
        readers: One model, or two: before and after.
        traces: The traces.
        out: Folder; attention that was read already is not read again.
        seed: Seed of the resampling.

    Raises:
        UserError: No trace can be read by all models.
    """
    masses, left_out = _masses(readers, traces, out=out)
    every = Null({}, {})
    for _, found in masses:
        for mass in found:
            every = every.plus(mass.null)
    steps, heads = [], []
    for trace, found in masses:
        for reader, mass in zip(readers, found, strict=True):
            others = every
            for mine in found:  # another item means another trace, whoever reads it
                others = others.plus(mine.null, sign=-1)
            values = mass.corrected(others.plus(mass.null))
            steps += step_rows(trace, values, reader=reader.name)
            heads += _head_rows(trace, values, reader=reader.name)
    table = pd.DataFrame(steps)
    names = [reader.name for reader in readers]
    result = plain(
        {
            "models": names,
            "n": len(masses),
            "left_out": left_out,
            "kinds": by_kind(table, models=names, seed=seed),
        }
    )
    write_bytes(out / "steps.parquet", table.to_parquet(index=False))
    frame = pd.DataFrame(heads).groupby(["reader", "layer", "head", "kind"], as_index=False)
    write_bytes(out / "heads.parquet", frame["received"].mean().to_parquet(index=False))
    write_json(out / "influence.json", result)
    write_text(out / "index.html", page(result))
    return result


def received(
    corrected: Float[np.ndarray, "layer head source target"],
) -> Float[np.ndarray, "layer head source"]:
    """Mean over later chain steps; NaN for a step that has none (the last)."""
    inner = corrected[..., :-1]
    known = np.isfinite(inner)
    count = known.sum(-1)
    total = np.where(known, inner, 0.0).sum(-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def step_rows(
    trace: Trace, corrected: Float[np.ndarray, "layer head source target"], *, reader: str
) -> list[dict[str, Any]]:
    """One row per step: kind, place against the first right statement, pooled received attention, the answer's own."""
    pooled = received(corrected).mean((0, 1))
    answer = corrected[..., -1].mean((0, 1))
    right = first_right(trace)
    return [
        {
            "reader": reader,
            "trace": trace.id,
            "step": step.index,
            "kind": step.kind.value,
            "place": "before" if right is None or step.index <= right else "after",
            "received": float(pooled[step.index]),
            "answer": float(answer[step.index]),
        }
        for step in trace.chain_steps
    ]


def _head_rows(trace: Trace, corrected: np.ndarray, *, reader: str) -> list[dict[str, Any]]:
    values = received(corrected)
    kinds = np.array([step.kind.value for step in trace.chain_steps])
    rows = []
    for kind in sorted(set(kinds)):
        here = values[:, :, (kinds == kind) & np.isfinite(values[0, 0])]
        if here.shape[-1]:
            for (layer, head), value in np.ndenumerate(here.mean(-1)):
                rows.append(
                    {"reader": reader, "layer": layer, "head": head, "kind": kind}
                    | {"received": float(value)}
                )
    return rows


def by_kind(table: pd.DataFrame, *, models: Sequence[str], seed: int) -> list[dict[str, Any]]:
    """Mean received attention of every kind, by model and stratum, and after - before.

    Args:
        table: Rows as `step_rows` gives them.
        models: One name, or before and after.
        seed: Seed of the resampling.

    Returns:
        Rows with `model` (a name, or `change`), `kind`, `stratum`, `mean`, `low`, `high`, `n` (traces that have such a step).
    """
    rows = []
    for stratum in STRATA:
        part = table if stratum == "all" else table[table["place"] == stratum]
        part = part.dropna(subset=["received"])
        items = part.groupby(["kind", "trace", "reader"])["received"].mean().unstack("reader")
        for kind in sorted(items.index.get_level_values("kind").unique()):
            wide = items.loc[kind].dropna()
            if not len(wide):
                continue
            columns = {name: wide[name] for name in models}
            if len(models) == 2:
                columns["change"] = wide[models[1]] - wide[models[0]]
            for name, values in columns.items():
                found = bootstrap_mean(values.to_numpy(float), seed=seed, purpose="influence")
                rows.append(
                    {"model": name, "kind": kind, "stratum": stratum, "n": found.n}
                    | {"mean": found.mean, "low": found.low, "high": found.high}
                )
    return rows


def _masses(
    readers: Sequence[Reasoner], traces: Sequence[Trace], *, out: Path
) -> tuple[list[tuple[Trace, list[Mass]]], list[dict[str, str]]]:
    found, left_out = [], []
    for trace in tqdm(traces, desc="attention", unit="trace"):
        try:
            found.append((trace, [_mass(reader, trace, out=out) for reader in readers]))
        except NotMeasurable as error:
            left_out.append({"id": trace.id, "reason": str(error)})
    if not found:
        reasons = sorted({each["reason"] for each in left_out})
        msg = f"none of the {len(traces)} traces can be read: {'; '.join(reasons)}"
        raise UserError(msg)
    return found, left_out


def _mass(reader: Reasoner, trace: Trace, *, out: Path) -> Mass:
    seen = reader.view(trace)
    key = digest(
        reader.weights_hash,
        reader.cue.text,
        list(seen.ids),
        seen.prompt_length,
        [s.tokens.stop for s in seen.steps],
    )
    path = out / "items" / f"{key}.safetensors"
    if not path.is_file():
        mass = attention_mass(reader, seen)
        write_bytes(path, save({"mass": mass.mass, "code": mass.code}))
    held = load_file(path)
    return Mass(held["mass"], held["code"])
