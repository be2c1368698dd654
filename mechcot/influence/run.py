"""`mechcot influence`: who listens to which step, by kind, before and after.

    relative[l, h, j, i]  = mass[l, h, j, i] / (tokens of j / tokens that i sees)
    corrected             = relative / E[relative | distance, length]                 (mechcot.influence.expected_mass)
    received[l, h, j]     = mean over later chain steps i of corrected[l, h, j, i]
    pooled[j]             = mean over layers and heads

Traces are read one by one; what is kept of each is folded by distance (mechcot.influence.folded_mass). Heads that listen to few steps:
mechcot.influence.top_receiver_heads.

Relative mass comes first because a later target sees more text: with even attention a model without any interest would seem to ignore whatever comes late.
1 is what a step of this length at this distance receives on average in the other traces, both models together. The question
and the first token (attention sink) are no sources; the answer's own attention stands beside, as `answer`. By kind: mean over the steps of a kind
in a trace, then over the traces of a problem, and over problems, over which intervals are bootstrapped. "Ignored" steps often just come after the answer, so every number
is also given before and after the first statement of the right answer (that statement itself counts as before; chains that never state it
count in neither).

DIR/ gets steps.parquet (one row per model, trace and step), heads.parquet (per layer, head and kind), influence.json and index.html.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from einops import reduce
from jaxtyping import Float

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.notices import print_notice
from mechcot.core.store import digest, nan_to_none, write_bytes, write_json, write_text
from mechcot.core.trace import Trace
from mechcot.core.wording import count_of
from mechcot.influence.expected_mass import ExpectedAttention
from mechcot.influence.folded_mass import Folded
from mechcot.influence.step_weights import attention_mass
from mechcot.influence.top_receiver_heads import head_scores, receivers
from mechcot.model.loading.preflight import preflight, rendered
from mechcot.model.reasoner import Reasoner
from mechcot.runs.executor import SERIAL, Executor
from mechcot.runs.items import Format, Items
from mechcot.runs.output_claims import claimed
from mechcot.runs.reader_keys import precision, read_by
from mechcot.stats.bootstrap import bootstrap_mean
from mechcot.tasks import first_right_step, missing_for
from mechcot.view.pages.influence import influence_page

STRATA = ("all", "before", "after")
UNSTATED = "unstated"
"""Place of the steps of a chain in which no statement of the right answer was found."""

_ALONE = "no chain has two steps, so that no later step could listen to one; what the answer's own attention gets stands in steps.parquet"
"""What is said of chains of one step each."""
_USES = {"kinds": "numbers by kind of step", "first_right_step": "before and after"}


def run_influence(
    readers: Sequence[Reasoner],
    traces: Sequence[Trace],
    *,
    out: Path,
    seed: int,
    executor: Executor = SERIAL,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Read every trace with every model and write the folder; gives what influence.json holds.

    Args:
        readers: One model, or two: before and after.
        traces: The traces.
        out: Folder; attention that was read already is not read again.
        seed: Seed of the resampling.
        executor: Where traces are read.
        overwrite: Take over a folder that holds another run.

    Raises:
        UserError: No trace can be read by all models, one is not fit (`mechcot.model.loading.preflight`), or the folder holds another run.
    """
    for reader in readers:
        preflight(reader, rendered(reader, traces))
    described = {"seed": seed} | read_by(readers, traces)
    with claimed(out, "influence", described, overwrite=overwrite):
        lacking = missing_for([trace.problem for trace in traces], _USES)
        for what, why in lacking.items():
            print_notice(f"{what}: {why}")
        items = Items(out / "items", Format(".safetensors", Folded.parse, Folded.content))
        kept, every, left_out = _read(readers, traces, items=items, executor=executor)
        steps, heads = [], []
        names = [reader.name for reader in readers]
        scores: dict[str, list[np.ndarray]] = {name: [] for name in names}
        empty = np.zeros((0, 0, 0))  # traces, layers, heads
        for trace, keys in kept:
            folded = [items.read(key) for key in keys]
            others = every
            for mine in folded:  # another item means another trace, whoever reads it
                others = others.plus(mine.null, sign=-1)
            for name, mine in zip(names, folded, strict=True):
                values, answer = mine.received(others)
                steps += step_rows(trace, values, answer, reader=name)
                heads += _head_rows(trace, values, reader=name)
                empty = np.zeros((0, *np.shape(values)[:2]))
                score = head_scores(values)
                if score is not None:
                    scores[name].append(score)
        table = pd.DataFrame(steps)
        if not table["received"].notna().any():
            lacking = {**lacking, "who listens": _ALONE}
            print_notice(f"who listens: {_ALONE}")
        stacked = {name: np.array(mine) if mine else empty for name, mine in scores.items()}
        result = nan_to_none(
            {
                "models": names,
                "n": len(kept),
                "problems": int(table["problem"].nunique()),
                "unstated": int(table.loc[table["place"] == UNSTATED, "trace"].nunique()),
                "left_out": left_out,
                "missing": lacking,
                "kinds": attention_by_kind(table, models=names, seed=seed),
                "receivers": receivers(stacked, models=names, seed=seed),
            }
        )
        write_bytes(out / "steps.parquet", table.to_parquet(index=False))
        columns = ["reader", "layer", "head", "kind", "received"]
        frame = pd.DataFrame(heads, columns=columns).groupby(columns[:-1], as_index=False)
        write_bytes(out / "heads.parquet", frame["received"].mean().to_parquet(index=False))
        write_json(out / "influence.json", result)
        write_text(out / "index.html", influence_page(result))
        return result


def step_rows(
    trace: Trace,
    received: Float[np.ndarray, "layer head step"],
    answer: Float[np.ndarray, "layer head step"],
    *,
    reader: str,
) -> list[dict[str, Any]]:
    """One row per chain step: kind, place, pooled received attention, the answer's own.

    Args:
        trace: The chain.
        received: Corrected attention from later steps; 1 is what such a step receives on average.
        answer: The same from the token that predicts the answer.
        reader: Name of the model that read.

    Returns:
        `place` is `before` up to the first statement of the right answer and `after` behind it; `unstated` everywhere in a chain that never
        states it, which is neither.
    """
    pooled, asked = (reduce(x, "layer head step -> step", "mean") for x in (received, answer))
    right = first_right_step(trace)
    return [
        {
            "reader": reader,
            "trace": trace.id,
            "problem": trace.problem.id,
            "step": step.index,
            "kind": step.kind.value,
            "place": _place(step.index, right),
            "received": float(pooled[step.index]),
            "answer": float(asked[step.index]),
        }
        for step in trace.chain_steps
    ]


def _place(step: int, right: int | None) -> str:
    if right is None:
        return UNSTATED
    return "before" if step <= right else "after"


def _head_rows(
    trace: Trace, received: Float[np.ndarray, "layer head step"], *, reader: str
) -> list[dict[str, Any]]:
    kinds = np.array([step.kind.value for step in trace.chain_steps])
    rows = []
    for kind in sorted(set(kinds)):
        here = received[:, :, (kinds == kind) & np.isfinite(received[0, 0])]
        if here.shape[-1]:
            for (layer, head), value in np.ndenumerate(here.mean(-1)):
                rows.append(
                    {"reader": reader, "layer": layer, "head": head, "kind": kind}
                    | {"received": float(value)}
                )
    return rows


def attention_by_kind(
    table: pd.DataFrame, *, models: Sequence[str], seed: int
) -> list[dict[str, Any]]:
    """Mean received attention of every kind, by model and stratum, and after - before.

    Returns:
        Rows with `model` (a name, or `change`), `kind`, `stratum`, `mean`, `low`, `high`, `n` (problems of which a chain has such a step).
    """
    rows = []
    for stratum in STRATA:
        part = table if stratum == "all" else table[table["place"] == stratum]
        part = part.dropna(subset=["received"])
        items = part.groupby(["kind", "trace", "problem", "reader"])["received"].mean()
        items = items.groupby(["kind", "problem", "reader"]).mean().unstack("reader")
        for kind in sorted(items.index.get_level_values("kind").unique()):
            wide = items.loc[kind].dropna()
            if not len(wide):
                continue
            columns = {name: wide[name] for name in models}
            if len(models) == 2:
                columns["change"] = wide[models[1]] - wide[models[0]]
            for name, values in columns.items():
                interval = bootstrap_mean(values.to_numpy(float), seed=seed, purpose="influence")
                rows.append(
                    {"model": name, "kind": kind, "stratum": stratum, "n": interval.n}
                    | {"mean": interval.mean, "low": interval.low, "high": interval.high}
                )
    return rows


View = tuple[int, Trace]
"""The number of a reader, and a trace in its tokens."""


def _read(
    readers: Sequence[Reasoner],
    traces: Sequence[Trace],
    *,
    items: Items[Folded],
    executor: Executor,
) -> tuple[list[tuple[Trace, list[str]]], ExpectedAttention, list[dict[str, str]]]:
    """Return the keys of each trace's attention, one a model, what all of them have together, and what is left out."""
    views, reasons = _views(readers, traces)
    tasks = {key: view for keyed in views.values() for key, view in keyed}
    compute = partial(_fold, tuple(readers))
    failures: dict[str, str] = {}
    shapes: set[tuple[int, ...]] = set()
    work = items.fill(tasks, compute, executor=executor, desc="attention", unit="trace")
    for key, failed in work:
        if failed is not None:
            failures[key] = failed.reason
            continue
        shapes.add(items.read(key).sums.shape[:2])
        if len(shapes) > 1:
            told = " and ".join(f"{n} layers of {heads} heads" for n, heads in sorted(shapes))
            raise UserError(
                f"attention is compared head by head, but the models have {told}; give two models of one architecture"
            )
    reasons |= {
        index: failures[key]
        for index, keyed in views.items()
        for key, _ in keyed
        if key in failures
    }
    if len(reasons) == len(traces):
        told = "; ".join(sorted(set(reasons.values())))
        raise UserError(f"none of {count_of(len(traces), 'trace')} can be read: {told}")
    kept = [
        (traces[index], [key for key, _ in keyed])
        for index, keyed in views.items()
        if index not in reasons
    ]
    every = ExpectedAttention({}, {})
    for _, keys in kept:
        for key in keys:
            every = every.plus(items.read(key).null)
    return kept, every, [{"id": traces[i].id, "reason": reasons[i]} for i in sorted(reasons)]


def _views(
    readers: Sequence[Reasoner], traces: Sequence[Trace]
) -> tuple[dict[int, list[tuple[str, View]]], dict[int, str]]:
    """Return each trace as the models see it, by the key of its attention, and why others cannot be read."""
    views: dict[int, list[tuple[str, View]]] = {}
    reasons: dict[int, str] = {}
    for index, trace in enumerate(traces):
        try:
            seen = [reader.view(trace) for reader in readers]
        except NotMeasurable as error:
            reasons[index] = str(error)
            continue
        views[index] = [
            (_key(reader, view), (number, view))
            for number, (reader, view) in enumerate(zip(readers, seen, strict=True))
        ]
    return views, reasons


def _key(reader: Reasoner, seen: Trace) -> str:
    return digest(
        "folded, relative",
        reader.weights_hash,
        reader.cue.text,
        list(seen.ids),
        seen.prompt_length,
        [s.tokens.stop for s in seen.steps],
        *precision(reader),
    )


def _fold(readers: Sequence[Reasoner], view: View) -> Folded:
    number, trace = view
    return Folded.of(attention_mass(readers[number], trace))
