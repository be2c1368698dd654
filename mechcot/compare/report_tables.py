"""The frames behind the report's tables: accuracy, kinds, own chains, nulls, costs, what could not be measured."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from mechcot.compare.pair_finding import PairFinding, null_name
from mechcot.compare.report_figures import ArrayReader
from mechcot.compare.settings import Study
from mechcot.compare.tables import Tables, not_judged
from mechcot.core.card import ArrayCard, MeasureCard
from mechcot.core.trace import StepKind
from mechcot.measures.registry import MEASURES
from mechcot.stats.bootstrap import bootstrap_mean
from mechcot.stats.gates import GATE_MEASURE
from mechcot.stats.measurement_tables import item_means, rows_of, scalar_rows
from mechcot.stats.proportions import share_interval
from mechcot.text.number_format import number


def kind_frame(reader: ArrayReader, card: MeasureCard, array: ArrayCard) -> pd.DataFrame:
    """How much steps of each kind carry, before and after, on chains that both read; no row for a kind that does not occur.

    Args:
        reader: Gives the arrays.
        card: The measure.
        array: Its array of one value per step, where a high value carries.

    Returns:
        Values are averaged inside an item first; the interval of `delta` is over items, `n` counts steps.
    """
    values = [
        {"item": trace.problem.id, "kind": step.kind, "before": b, "after": a}
        for trace, before, after in reader.pairs(card.name, array.name)
        for step, b, a in zip(trace.chain_steps, before.values, after.values, strict=True)
    ]
    table = pd.DataFrame(values, columns=["item", "kind", "before", "after"]).dropna()
    rows = []
    for kind in StepKind:
        part = table[table["kind"] == kind]
        if part.empty:
            continue
        means = part.groupby("item")[["before", "after"]].mean()
        moved = (means["after"] - means["before"]).to_numpy(float)
        end = bootstrap_mean(moved, seed=reader.seed, purpose=f"kind {kind}")
        sides = {side: float(means[side].mean()) for side in ("before", "after")}
        ends = {"delta": end.mean, "low": end.low, "high": end.high}
        rows.append({"kind": kind.value, "unit": card.unit, **sides, **ends, "n": len(part)})
    return pd.DataFrame(rows)


def own_chain_frame(finding: PairFinding, tables: Tables, *, seed: int) -> pd.DataFrame:
    """Accuracy, and the measures that are also taken on own chains, by author and reader: one row for each with a value.

    Args:
        finding: Gives the two models.
        tables: Measurements of the whole study.
        seed: Seed of the study, for the intervals.
    """
    rows = []
    for measure in MEASURES.values():
        card = measure.card
        table = tables.measurements[tables.measurements["measure"] == card.name]
        if not card.own_chains or table.empty:
            continue
        title = "Accuracy with the chain" if card.name == GATE_MEASURE else card.title
        for author in finding.readers:
            for reader in finding.readers:
                values = item_means(table, reader=reader, author=author).to_numpy(float)
                if len(values):
                    end = share_interval(values, seed=seed, purpose=f"own {card.name}")
                    key = {"measure": title, "unit": card.unit, "author": author, "reader": reader}
                    rows.append(key | end.row())
    return pd.DataFrame(rows)


def null_frame(
    study: Study, table: pd.DataFrame, findings: Sequence[PairFinding], *, reference: str
) -> pd.DataFrame:
    """Identity edits, yardsticks, and the scaled copy of the first model.

    Args:
        study: The settings.
        table: The nulls as `nulls` gives them, one row per measure, reader and scalar.
        findings: Those of the study; only that of the scaled copy is used.
        reference: Name of the first model.
    """
    rows = [_null(row, MEASURES[str(row["measure"])].card) for row in rows_of(table)]
    rows += [
        {
            "null": "logits × 1.5",
            "measure": row["title"],
            "model": f"{reference} against itself, more confident",
            "mean": row["delta"],
            "low": row["low"],
            "high": row["high"],
            "expected": f"within ±{row['smallest_effect']:g}",
            "ok": None
            if row["verdict"] == "not judged"
            else row["verdict"] not in {"less", "more"},
            "n": row["n"],
        }
        for finding in findings
        if finding.after == null_name(study)
        for row in rows_of(finding.headline.table)
    ]
    return pd.DataFrame(rows, dtype=object)


def _null(row: dict[str, Any], card: MeasureCard) -> dict[str, Any]:
    """What a null must give, and whether it did."""
    name, value, ok = row["name"], row["mean"], None
    words, expected = dict(card.yardsticks).get(name, name), "a yardstick"
    if name == "identity":
        words, expected, value = "identity edit", "exactly 0", row["largest"]
        ok = value == 0.0
    elif name == "noise":
        words, expected, value = (
            "two kernel paths",
            "below a third of the smallest effect",
            row["largest"],
        )
        ok = value < card.smallest_effect / 3
    elif name == "null_random":
        words = "as many random positions"
        expected, ok = _random_null(value, own=row["own"], smallest=card.smallest_effect)
    ends = {"mean": float(value), "low": math.nan, "high": math.nan}
    about = {"null": words, "measure": card.title, "model": row["reader"]}
    return about | ends | {"expected": expected, "ok": ok, "n": int(row["n"])}


def _random_null(value: float, *, own: float, smallest: float) -> tuple[str, bool | None]:
    """What the same edit at random positions must give, and whether it did."""
    if not own >= smallest:
        return f"no effect to compare it with: the measure's own value is {number(own)}", None
    return f"under half of the measure's own value, {number(own)}", abs(value) < own / 2


def not_judged_frame(tables: Tables) -> pd.DataFrame:
    """Items that could not be measured, counted by measure, model and reason."""
    table = not_judged(tables)
    pairs = zip(table["reader"], table["author"], strict=True)
    models = [f"{reader} on chains of {author}" for reader, author in pairs]
    return table.assign(measure=_titles(table), model=models)


def _titles(table: pd.DataFrame) -> list[str]:
    return [MEASURES[str(name)].card.title for name in table["measure"]]


def accuracy_frame(
    names: Sequence[str], tables: Tables, *, author: str | None, seed: int
) -> pd.DataFrame:
    """Accuracy of every model with its own chain, the headline chain, none, and another item's.

    Without an `author` the headline chain is the model's own, with the answer asked for behind it.

    Args:
        names: The models, in the order of the rows.
        tables: Scalars of the whole study.
        author: Who wrote the headline's chains; None for each model's own.
        seed: Seed of the study, for intervals where an item is not just right or wrong.
    """
    headline = "own chain, answer asked for" if author is None else f"chain of {author}"
    rows = []
    for name in names:
        for condition, writer, scalar in (
            ("own chain", name, "own_correct"),
            (headline, author or name, "acc_with"),
            ("no chain", author or name, "acc_without"),
            ("another item's chain", author or name, "acc_other"),
        ):
            scalars = scalar_rows(tables.scalars, measure=GATE_MEASURE, name=scalar)
            values = item_means(scalars, reader=name, author=writer).to_numpy(float)
            if len(values):
                end = share_interval(values, seed=seed, purpose=f"accuracy {scalar}")
                rows.append({"model": name, "condition": condition} | end.row())
    return pd.DataFrame(rows)


def cost_frame(tables: Tables) -> pd.DataFrame:
    """Seconds spent per measure and reader."""
    grouped = tables.measurements.groupby(["measure", "reader"], sort=True)["seconds"]
    table = grouped.agg(seconds="sum", items="count").reset_index()
    return table.assign(measure=_titles(table)).rename(columns={"reader": "model"})
