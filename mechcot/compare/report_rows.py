"""The rows of the page's tables: accuracy, kinds, own chains, nulls, costs, what could not be judged."""

from collections.abc import Sequence

import pandas as pd

from mechcot.compare.findings import Measurements, PairFinding, Tables, not_judged, null_name
from mechcot.compare.study import Study
from mechcot.core.trace import StepKind, Trace
from mechcot.measures.registry import MEASURES
from mechcot.stats.bootstrap import bootstrap_mean
from mechcot.stats.proportions import share_interval
from mechcot.stats.tables import item_means, scalar_rows
from mechcot.text.number_format import number
from mechcot.view.pages.report_data import (
    AccuracyRow,
    CostRow,
    KindRow,
    NotJudgedRow,
    NullRow,
    OwnChainCell,
)


def kinds(
    finding: PairFinding, measurements: Measurements, traces: Sequence[Trace], *, seed: int
) -> tuple[KindRow, ...]:
    """Return how far hiding a step of each kind moves the answer, before and after, on chains that both read.

    Args:
        finding: Gives the two models; no rows when each read its own chains.
        measurements: Every measurement by (measure, author, reader, trace id).
        traces: The chains that are judged.
        seed: Seed of the study, for the intervals.

    Returns:
        One row per kind that occurs. Values are total variation of the answer, averaged inside an item first;
        the interval is over items, `n` counts steps.
    """
    if not finding.same:
        return ()
    rows: list[dict[str, object]] = []
    for trace in traces:
        both = [
            measurements.get(("suppression", finding.author(reader), reader, trace.id))
            for reader in (finding.before, finding.after)
        ]
        if any(r is None or "answer" not in r.results for r in both):
            continue
        values = [r.results["answer"].values for r in both if r is not None]
        rows += [
            {"item": trace.problem.id, "kind": step.kind, "before": b, "after": a}
            for step, b, a in zip(trace.chain_steps, *values, strict=True)
        ]
    table = pd.DataFrame(rows, columns=["item", "kind", "before", "after"])
    found = []
    for kind in StepKind:
        part = table[table["kind"] == kind]
        if part.empty:
            continue
        means = part.groupby("item")[["before", "after"]].mean()
        moved = bootstrap_mean(
            (means["after"] - means["before"]).to_numpy(float),
            clusters=None,
            seed=seed,
            purpose=f"kind {kind}",
        )
        found.append(
            KindRow(
                kind=kind.value,
                unit="probability",
                before=float(means["before"].mean()),
                after=float(means["after"].mean()),
                delta=moved.mean,
                low=moved.low,
                high=moved.high,
                n=len(part),
            )
        )
    return tuple(found)


def own_cells(finding: PairFinding, tables: Tables, *, seed: int) -> tuple[OwnChainCell, ...]:
    """The 2 x 2 of author and reader for accuracy and the cheap measures.

    Args:
        finding: Gives the two models.
        tables: Measurements of the whole study.
        seed: Seed of the study, for the intervals.

    Returns:
        A cell for each author and reader that have a value; up to eight.
    """
    found = []
    for title, unit, measure in (
        ("Accuracy with the chain", "share", "gates"),
        ("Early answering", "probability", "early_answering"),
    ):
        rows = tables.measurements[tables.measurements["measure"] == measure]
        for author in (finding.before, finding.after):
            for reader in (finding.before, finding.after):
                values = item_means(rows, reader=reader, author=author).to_numpy(float)
                if not len(values):
                    continue
                end = share_interval(values, seed=seed, purpose=f"own {measure}")
                found.append(
                    OwnChainCell(title, author, reader, end.mean, end.low, end.high, end.n, unit)
                )
    return tuple(found)


def null_rows(
    study: Study, table: pd.DataFrame, findings: Sequence[PairFinding], *, reference: str
) -> tuple[NullRow, ...]:
    """Identity edits, yardsticks, and the scaled copy of the first model.

    Args:
        study: The settings.
        table: The nulls as `nulls` gives them, one row per measure, reader and scalar.
        findings: Those of the study; only that of the scaled copy is used.
        reference: Name of the first model.
    """
    words = {
        "identity": ("identity edit", "exactly 0"),
        "noise": ("two kernel paths", "below a third of the smallest effect"),
        "null_random": ("as many random positions", ""),
        "ceiling": ("ceiling: the twin's whole text", "a yardstick"),
        "ceiling_fact": ("ceiling: the fact in the question", "a yardstick"),
        "expected_share": ("share of the tokens that are chain", "a yardstick"),
    }
    found = []
    for row in table.to_dict("records"):
        name, expected = words.get(str(row["name"]), (str(row["name"]), "a yardstick"))
        card = MEASURES[str(row["measure"])].card
        exact, floor = row["name"] == "identity", row["name"] == "noise"
        ok = None
        if exact:
            ok = row["largest"] == 0.0
        elif floor:
            ok = row["largest"] < card.smallest_effect / 3
        elif row["name"] == "null_random":
            expected, ok = _random_null(row["mean"], own=row["own"], smallest=card.smallest_effect)
        value = row["largest"] if exact or floor else row["mean"]
        found.append(
            NullRow(
                name=name,
                measure=card.title,
                model=str(row["reader"]),
                value=float(value),
                expected=expected,
                ok=ok,
                n=int(row["n"]),
                unit=card.unit,
            )
        )
    for finding in findings:
        if finding.after != null_name(study):
            continue
        for row in finding.headline.table.to_dict("records"):
            found.append(
                NullRow(
                    name="logits × 1.5",
                    measure=str(row["title"]),
                    model=f"{reference} against itself, more confident",
                    value=float(row["delta"]),
                    low=float(row["low"]),
                    high=float(row["high"]),
                    expected=f"within ±{row['smallest_effect']:g}",
                    ok=None
                    if row["verdict"] == "not judged"
                    else row["verdict"] not in {"less", "more"},
                    n=int(row["n"]),
                    unit=str(row["unit"]),
                )
            )
    return tuple(found)


def _random_null(value: float, *, own: float, smallest: float) -> tuple[str, bool | None]:
    """Return what the same edit at random positions must give, and whether it did."""
    if not own >= smallest:
        return f"no effect to compare it with: the measure's own value is {number(own)}", None
    return f"under half of the measure's own value, {number(own)}", abs(value) < own / 2


def not_judged_rows(tables: Tables) -> tuple[NotJudgedRow, ...]:
    """Items that could not be measured, counted."""
    return tuple(
        NotJudgedRow(
            measure=MEASURES[str(row["measure"])].card.title,
            model=f"{row['reader']} on chains of {row['author']}",
            reason=str(row["reason"]),
            count=int(row["count"]),
        )
        for row in not_judged(tables).to_dict("records")
    )


def accuracy_rows(
    names: Sequence[str], tables: Tables, *, author: str | None, seed: int
) -> tuple[AccuracyRow, ...]:
    """Accuracy of every model with its own chain, the headline chain, none, and another item's.

    Without an `author` the headline chain is the model's own, with the answer asked for behind it.

    Args:
        names: The models, in the order of the rows.
        tables: Scalars of the whole study.
        author: Who wrote the headline's chains; None for each model's own.
        seed: Seed of the study, for intervals where an item is not just right or wrong.
    """
    headline = "own chain, answer asked for" if author is None else f"{author}'s chain"
    found = []
    for name in names:
        for condition, writer, scalar in (
            ("own chain", name, "own_correct"),
            (headline, author or name, "acc_with"),
            ("no chain", author or name, "acc_without"),
            ("another item's chain", author or name, "acc_other"),
        ):
            rows = scalar_rows(tables.scalars, measure="gates", name=scalar)
            values = item_means(rows, reader=name, author=writer).to_numpy(float)
            if len(values):
                end = share_interval(values, seed=seed, purpose=f"accuracy {scalar}")
                found.append(AccuracyRow(name, condition, end.mean, end.low, end.high, end.n))
    return tuple(found)


def cost_rows(tables: Tables) -> tuple[CostRow, ...]:
    """Seconds spent per measure and reader."""
    grouped = tables.measurements.groupby(["measure", "reader"], sort=True)["seconds"].agg(
        ["sum", "count"]
    )
    return tuple(
        CostRow(
            what=MEASURES[str(row["measure"])].card.title,
            model=str(row["reader"]),
            items=int(row["count"]),
            seconds=float(row["sum"]),
        )
        for row in grouped.reset_index().to_dict("records")
    )
