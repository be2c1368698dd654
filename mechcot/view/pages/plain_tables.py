"""Tables of a page as plain cells: the same rows serve readers without a script and those who want the numbers."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import pandas as pd

from mechcot.stats.measurement_tables import rows_of
from mechcot.stats.sentences import shown
from mechcot.text.number_format import (
    DASH,
    MINUS,
    amount,
    digits_for,
    fixed,
    interval,
    number,
    p_value,
    percent,
    signed,
)

LARGE_EFFECT = 10
MOST_STEPS = 24
Style = Literal["", "number", "verdict", "ok", "code"]
_Row = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Cell:
    """One cell: its text, how it is set, and a remark set small behind it."""

    text: str
    style: Style = ""
    remark: str = ""


@dataclass(frozen=True)
class Table:
    """Heads and rows; a head's style (`number` or text) is that of its column."""

    heads: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]


def table(heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Table:
    """Make a table; a column is set as numbers when its first cell is a number."""
    styles = [cell.style for cell in rows[0]] if rows else [""] * len(heads)
    return Table(
        heads=tuple(
            Cell(head, "number" if style == "number" else "")
            for head, style in zip(heads, styles, strict=True)
        ),
        rows=tuple(tuple(row) for row in rows),
    )


def row_table(
    rows: Iterable[T],
    columns: Mapping[str, Callable[[T], Cell]] | Sequence[tuple[str, Callable[[T], Cell]]],
) -> Table:
    """One line a row; `columns` are heads with the cell for a row, as pairs where two heads may be the same."""
    heads, cells = zip(*(columns.items() if isinstance(columns, Mapping) else columns), strict=True)
    return table(heads, [[cell(row) for cell in cells] for row in rows])


def numeric(text: str, remark: str = "") -> Cell:
    """A cell that lines up with the numbers of its column."""
    return Cell(text, "number", remark)


def text_column(name: str, remark: str = "", *, style: Style = "") -> Callable[[_Row], Cell]:
    """A column of text, with another column as the remark."""
    return lambda row: Cell(str(row[name]), style, str(row[remark]) if remark else "")


def number_column(name: str) -> Callable[[_Row], Cell]:
    """A column of numbers that lines up."""
    return lambda row: numeric(fixed(row[name]))


def count_column(name: str = "n") -> Callable[[_Row], Cell]:
    """A column of counts; a dash for none."""
    return lambda row: numeric(str(row[name]) if row[name] else DASH)


def estimate_column(
    name: str = "mean", *, low: str = "low", high: str = "high"
) -> Callable[[_Row], Cell]:
    """A column of numbers with their intervals."""
    return lambda row: value_cell(row[name], row[low], row[high])


def value_cell(value: float, low: float, high: float) -> Cell:
    """A number with its interval, both to the decimals that the interval needs; `0` where all is exactly 0, as of an identity."""
    if value == low == high == 0:
        return Cell("0", "number", interval(low, high))
    return Cell(fixed(value, digits=digits_for(low, high)), "number", interval(low, high))


def _change(row: _Row) -> Cell:
    text = signed(row["delta"], digits=digits_for(row["low"], row["high"]))
    return Cell(text, "number", interval(row["low"], row["high"]))


def _effect(size: float) -> str:
    """A paired effect size; beyond 10 the differences hardly vary and its digits mean nothing."""
    if abs(size) <= LARGE_EFFECT or size != size:
        return fixed(size)
    return f"< {MINUS}{LARGE_EFFECT}" if size < 0 else f"> {LARGE_EFFECT}"


def _verdict(row: _Row) -> Cell:
    word = shown(row["verdict"], row["status"])
    if word == "exploratory":
        return Cell(word, "verdict", f"alone: {row['verdict']}")
    return Cell(word, "verdict", "" if row["status"] == "passed" else row["status"])


def contrast_table(contrasts: pd.DataFrame) -> Table:
    """Everything that each verdict rests on, one row per measure; reasons stand in the sentences.

    Args:
        contrasts: A contrast table of `mechcot.stats`; with a column `comparison`, that stands first.
    """
    named = {"comparison": text_column("comparison")} if "comparison" in contrasts else {}
    columns = {
        "measure": text_column("title", "unit"),
        "before": number_column("before"),
        "after": number_column("after"),
        "change": _change,
        "n": lambda row: Cell(str(row["n"]), "number", f"−{row['dropped']}" * bool(row["dropped"])),
        "d_z": lambda row: numeric(_effect(row["effect_size"])),
        "p (Holm)": lambda row: numeric(p_value(row["p_holm"])),
        "p (equivalence, before Holm)": lambda row: numeric(p_value(row["p_equivalence"])),
        "verdict": _verdict,
    }
    return row_table(rows_of(contrasts), named | columns)


def accuracy_table(frame: pd.DataFrame) -> Table:
    """One row per model, one column per condition."""

    def cell(row: _Row | None) -> Cell:
        if row is None:
            return numeric(DASH)
        known = row["low"] == row["low"]
        ends = f"[{percent(row['low'])}, {percent(row['high'])}]" if known else ""
        return Cell(percent(row["mean"]), "number", ends.replace(" %", ""))

    return _crossed(frame, "model", "condition", cell)


def calibration_table(frame: pd.DataFrame) -> Table:
    """One row per model: how sure and how right it is."""

    def value(name: str) -> Callable[[_Row], Cell]:
        return lambda row: numeric(fixed(row[name]) if row[name] == row[name] else DASH)

    columns = {
        "model": text_column("model"),
        "mean confidence": lambda row: numeric(percent(row["confidence"])),
        "right": lambda row: numeric(percent(row["accuracy"])),
        "calibration error": estimate_column("error"),
        "Brier score": value("brier"),
        "its resolution": value("resolution"),
        "its uncertainty": value("uncertainty"),
        "area under the curve": value("auroc"),
        "n": count_column(),
    }
    return row_table(rows_of(frame), columns)


def reliability_table(frame: pd.DataFrame) -> Table:
    """One row per model and bin of confidence."""
    columns = {
        "model": text_column("model"),
        "mean confidence": number_column("confidence"),
        "right": estimate_column("accuracy"),
        "n": count_column(),
    }
    return row_table(rows_of(frame), columns)


def shift_table(frame: pd.DataFrame) -> Table:
    """One row per shift, level, quantity and model."""
    columns = {name: text_column(name) for name in ("shift", "quantity", "model")}
    level = {"level": lambda row: numeric(number(row["level"]))}
    return row_table(
        rows_of(frame), level | columns | {"mean": estimate_column(), "n": count_column()}
    )


def novelty_table(frame: pd.DataFrame) -> Table:
    """One row per cell, quantity and model."""
    columns = {name: text_column(name) for name in ("cell", "quantity", "model")}
    return row_table(rows_of(frame), columns | {"mean": estimate_column(), "n": count_column()})


def own_chains_table(frame: pd.DataFrame) -> Table:
    """One row per measure, one column per pair of author and reader."""
    pairs = [f"chains of {row['author']}, read by {row['reader']}" for row in rows_of(frame)]
    named = frame.assign(pair=pairs)
    return _crossed(
        named, "measure", "pair", lambda r: estimate_column()(r) if r else numeric(DASH)
    )


def series_table(lines: pd.DataFrame) -> Table:
    """One row per measure, one column per checkpoint, with the verdict against the first."""

    def cell(row: _Row | None) -> Cell:
        if row is None:
            return numeric(DASH)
        verdict = row["verdict"] if row["position"] else "reference"
        ends = interval(row["value_low"], row["value_high"])
        return Cell(number(row["value"]), "number", f"{ends}, {verdict}")

    return _crossed(lines.assign(measure=lines["title"]), "measure", "checkpoint", cell, last="n")


def _crossed(
    frame: pd.DataFrame,
    down: str,
    across: str,
    cell: Callable[[_Row | None], Cell],
    *,
    last: str = "",
) -> Table:
    """One column against another, both in order of appearance; the unit stands behind the row's name.

    Args:
        frame: One row per cell.
        down: Column of the rows' names.
        across: Column of the columns' names.
        cell: The cell of a row of the frame; of None where there is none.
        last: A column whose largest value closes each row.
    """
    rows = rows_of(frame)
    names = list(dict.fromkeys(row[across] for row in rows))
    by_name: dict[str, dict[str, _Row]] = {}
    for row in rows:
        by_name.setdefault(row[down], {})[row[across]] = row
    lines = []
    for name, cells in by_name.items():
        some = list(cells.values())
        head = Cell(name, "", str(some[0].get("unit", "")))
        end = [numeric(str(max(row[last] for row in some)))] if last else []
        lines.append([head, *(cell(cells.get(other)) for other in names), *end])
    return table((down, *names, *([last] if last else [])), lines)


def gate_table(gates: pd.DataFrame, *, told: Collection[str] = ()) -> Table:
    """Gates, failed ones first.

    Args:
        gates: As `gates_table` of `mechcot.stats` gives them, with titles of measures instead of names.
        told: Sentences that the page has said before; a reason in one of them is not said again.
    """

    def reason(row: _Row) -> Cell:
        if row["because"]:
            return Cell(f"follows from: {row['because'].replace('_', ' ')}")
        said = any(row["reason"] in sentence for sentence in told)
        return Cell("as said above" if said else row["reason"])

    return row_table(
        rows_of(gates.sort_values("ok", kind="stable")),
        {
            "gate": lambda row: Cell(row["name"].replace("_", " ")),
            "about": lambda row: Cell(", ".join(filter(None, (row["measure"], row["side"])))),
            "measured": lambda row: numeric(number(row["value"])),
            "bound": lambda row: numeric(number(row["bound"])),
            "holds": lambda row: Cell("yes" if row["ok"] else "no", "ok"),
            "in words": reason,
        },
    )


def kind_table(kinds: pd.DataFrame) -> Table:
    """How much steps of each kind carry."""
    columns = {
        "step kind": text_column("kind"),
        f"before ({kinds['unit'].iloc[0]})": number_column("before"),
        "after": number_column("after"),
        "change": _change,
        "steps": count_column(),
    }
    return row_table(rows_of(kinds), columns)


def null_table(nulls: pd.DataFrame) -> Table:
    """Nulls; rows that differ in the model only (identity edits, exactly 0 everywhere) stand in one line."""
    alike: dict[str, list[dict[str, Any]]] = {}
    for row in rows_of(nulls):
        alike.setdefault(repr(row | {"model": ""}), []).append(row)
    merged = [
        some[0] | {"model": ", ".join(row["model"] for row in some)} for some in alike.values()
    ]
    holds = {True: "yes", False: "no", None: DASH}
    columns = {
        "null": text_column("null"),
        "measure": text_column("measure"),
        "model": text_column("model"),
        "came out": estimate_column(),
        "must be": text_column("expected"),
        "holds": lambda row: Cell(holds[row["ok"]], "ok"),
        "n": count_column(),
    }
    return row_table(merged, columns)


def not_judged_table(missing: pd.DataFrame) -> Table:
    """Items that could not be measured: each reason once, with the measures and models it covers.

    Args:
        missing: Columns `measure`, `model`, `reason` and `count`.
    """
    lines = []
    for reason, rows in missing.groupby("reason", sort=False):
        places = [f"{row['measure']}, {row['model']}: {row['count']}" for row in rows_of(rows)]
        total = Cell(str(int(rows["count"].sum())), "number")
        lines.append([Cell(str(reason)), total, Cell("; ".join(places))])
    return table(("why", "items", "measure, model: items"), lines)


def model_table(models: pd.DataFrame) -> Table:
    """What was loaded."""
    columns = {
        "model": text_column("name"),
        "given as": text_column("spec", "revision", style="code"),
        "parameters": lambda row: Cell(
            amount(float(row["parameters"]), "") if row["parameters"] else DASH, "number"
        ),
        "number format": text_column("dtype"),
        "device": text_column("device"),
        "weights": text_column("weights", style="code"),
    }
    return row_table(rows_of(models), columns)


def cost_table(costs: pd.DataFrame) -> Table:
    """Seconds of each part of the run."""
    columns = {
        "part": text_column("measure"),
        "model": text_column("model"),
        "items": count_column("items"),
        "seconds": lambda row: numeric(number(row["seconds"], digits=1)),
    }
    return row_table(rows_of(costs), columns)


def fact_table(pairs: Mapping[str, str]) -> Table:
    """A mapping as a table of two columns."""
    return table(("what", "value"), [(Cell(name), Cell(text)) for name, text in pairs.items()])


def item_table(items: pd.DataFrame, contrasts: pd.DataFrame) -> Table:
    """One row per item, before → after per measure."""
    titles = {row["measure"]: f"{row['title']} ({row['unit']})" for row in rows_of(contrasts)}
    kept = items[items["measure"].isin(list(titles))]

    def cell(row: _Row | None) -> Cell:
        return numeric(DASH if row is None else _arrow(row))

    return _crossed(kept.assign(title=kept["measure"].map(titles)), "item", "title", cell)


def _arrow(row: _Row) -> str:
    return f"{fixed(row['before'])} → {fixed(row['after'])}"


def line_table(lines: pd.DataFrame) -> Table:
    """Every line with its band, one row per point."""
    columns = {
        "comparison": text_column("comparison"),
        "model": text_column("reader"),
        "share of the chain": lambda row: numeric(percent(row["share"])),
        "mean": estimate_column(),
    }
    return row_table(rows_of(lines), columns)


def step_map_table(maps: pd.DataFrame) -> Table:
    """Before → after of every defined cell of the first steps; a row is acted on by the columns."""
    few = maps[(maps["source"] < MOST_STEPS) & (maps["target"] < MOST_STEPS)]
    few = few.sort_values(["source", "target"])
    known = rows_of(few[few["before"].notna()])
    cells = {(row["source"], row["target"]): _arrow(row) for row in known}
    sources, targets = (
        {
            step: f"{step + 1} {text}"
            for step, text in zip(few[side], few[f"{side}_text"], strict=True)
        }
        for side in ("source", "target")
    )
    rows = [
        [Cell(text), *(numeric(cells.get((source, target), "")) for source in sources)]
        for target, text in targets.items()
    ]
    return table(("acted on", *sources.values()), rows)


def place_map_table(maps: pd.DataFrame) -> Table:
    """Before → after per readout and layer, and how many items have a value at each place."""

    def cell(row: _Row | None) -> Cell:
        return Cell(
            DASH if row is None else _arrow(row), "number", f"n = {row['items']}" if row else ""
        )

    names = [f"{row['readout']}, layer {row['layer']:g}" for row in rows_of(maps)]
    return _crossed(maps.assign(**{"readout, layer": names}), "readout, layer", "place", cell)
