"""Tables of a page as plain cells: the same rows serve readers without a script and those who want the numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mechcot.text.number_format import (
    DASH,
    MINUS,
    digits_for,
    fixed,
    interval,
    number,
    p_value,
    percent,
    signed,
)
from mechcot.view.pages.figure_data import EarlyCurves, ItemValues, PatchMap, SeriesLine, StepMaps
from mechcot.view.pages.report_rows import (
    AccuracyRow,
    ContrastRow,
    GateRow,
    KindRow,
    NullRow,
    OwnChainCell,
)

LARGE_EFFECT = 10
Style = Literal["", "number", "verdict", "ok", "code"]


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


def _value(value: float, low: float, high: float) -> Cell:
    return Cell(number(value, digits=digits_for(low, high)), "number", interval(low, high))


def _change(row: ContrastRow | KindRow) -> Cell:
    text = signed(row.delta, digits=digits_for(row.low, row.high))
    return Cell(text, "number", interval(row.low, row.high))


def _judged(line: SeriesLine, place: int) -> Cell:
    told = f"{interval(line.low[place], line.high[place])}, {line.verdicts[place]}"
    return Cell(number(line.mean[place]), "number", told)


def _effect(size: float) -> str:
    """A paired effect size; beyond 10 the differences hardly vary and its digits mean nothing."""
    if abs(size) <= LARGE_EFFECT or size != size:
        return fixed(size)
    return f"< {MINUS}{LARGE_EFFECT}" if size < 0 else f"> {LARGE_EFFECT}"


def contrasts(rows: Sequence[ContrastRow]) -> Table:
    """One row per measure with everything the verdict rests on."""
    heads = (
        "measure",
        "before",
        "after",
        "change",
        "n",
        "d_z",
        "p (Holm)",
        "p (equivalence, before Holm)",
        "verdict",
    )
    return table(
        heads,
        [
            (
                Cell(row.title, "", row.unit),
                Cell(fixed(row.before), "number"),
                Cell(fixed(row.after), "number"),
                _change(row),
                Cell(str(row.n), "number", f"−{row.dropped}" if row.dropped else ""),
                Cell(_effect(row.effect_size), "number"),
                Cell(p_value(row.p_holm), "number"),
                Cell(p_value(row.p_equivalence), "number"),
                Cell(row.shown, "verdict", remark),
            )
            for row, remark in zip(rows, _remarks(rows), strict=True)
        ],
    )


def compared(by_name: Mapping[str, Sequence[ContrastRow]]) -> Table:
    """The rows of several comparisons under each other; the name stands first where there is more than one."""
    plain = contrasts([row for rows in by_name.values() for row in rows])
    if len(by_name) < 2:
        return plain
    names = [name for name, rows in by_name.items() for _ in rows]
    named = tuple((Cell(name), *row) for name, row in zip(names, plain.rows, strict=True))
    return Table((Cell("comparison"), *plain.heads), named)


def _remarks(rows: Sequence[ContrastRow]) -> list[str]:
    """The reason where the verdict alone leaves a question, once for rows that share it, and the card's status unless it passed."""
    told: set[str] = set()
    found = []
    for row in rows:
        if row.shown == "exploratory":
            found.append(f"alone: {row.verdict}")
            continue
        reason = row.reason if row.verdict in ("not judged", "inconclusive") else ""
        said = "as above" if reason in told else reason
        told |= {reason} - {""}
        found.append("; ".join(part for part in (said, row.status) if part and part != "passed"))
    return found


def accuracy(rows: Sequence[AccuracyRow]) -> Table:
    """One row per model, one column per condition."""
    conditions = tuple(dict.fromkeys(row.condition for row in rows))
    cells = {(row.model, row.condition): row for row in rows}
    lines = []
    for model in dict.fromkeys(row.model for row in rows):
        line = [Cell(model)]
        for condition in conditions:
            row = cells.get((model, condition))
            ends = (
                ""
                if row is None or row.low != row.low
                else f"[{percent(row.low)}, {percent(row.high)}]"
            )
            line.append(
                Cell(DASH if row is None else percent(row.value), "number", ends.replace(" %", ""))
            )
        lines.append(line)
    return table(("model", *conditions), lines)


def gates(rows: Sequence[GateRow]) -> Table:
    """Gates, failed ones first."""
    return table(
        ("gate", "about", "measured", "bound", "holds", "in words"),
        [
            (
                Cell(row.name),
                Cell(row.side),
                Cell(number(row.value), "number"),
                Cell(number(row.bound), "number"),
                Cell("yes" if row.ok else "no", "ok"),
                Cell(row.reason),
            )
            for row in sorted(rows, key=lambda row: row.ok)
        ],
    )


def kinds(rows: Sequence[KindRow]) -> Table:
    """Importance per step kind."""
    unit = rows[0].unit if rows else ""
    return table(
        ("step kind", f"before ({unit})", "after", "change", "steps"),
        [
            (
                Cell(row.kind),
                Cell(fixed(row.before), "number"),
                Cell(fixed(row.after), "number"),
                _change(row),
                Cell(str(row.n), "number"),
            )
            for row in rows
        ],
    )


def nulls(rows: Sequence[NullRow]) -> Table:
    """Nulls: an edit that must do nothing, and the size of doing something meaningless.

    Rows that differ in the model only (identity edits, exactly 0 everywhere) stand in one line.
    """
    alike: dict[str, list[NullRow]] = {}
    for row in rows:
        alike.setdefault(repr(replace(row, model="")), []).append(row)
    return table(
        ("null", "measure", "model", "came out", "must be", "holds", "n"),
        [
            (
                Cell(row.name),
                Cell(row.measure),
                Cell(", ".join(row.model for row in some)),
                _value(row.value, row.low, row.high),
                Cell(row.expected),
                Cell(DASH if row.ok is None else "yes" if row.ok else "no", "ok"),
                Cell(str(row.n) if row.n else DASH, "number"),
            )
            for some in alike.values()
            for row in some[:1]
        ],
    )


def own_chains(cells: Sequence[OwnChainCell]) -> Table:
    """One row per measure, one column per cell of author x reader."""
    pairs = tuple(dict.fromkeys((cell.author, cell.reader) for cell in cells))
    found = {(cell.measure, cell.author, cell.reader): cell for cell in cells}
    units = {cell.measure: cell.unit for cell in cells}
    lines = []
    for measure in dict.fromkeys(cell.measure for cell in cells):
        line = [Cell(measure, "", units[measure])]
        for author, reader in pairs:
            cell = found.get((measure, author, reader))
            line.append(
                Cell(DASH, "number") if cell is None else _value(cell.value, cell.low, cell.high)
            )
        lines.append(line)
    return table(
        ("measure", *(f"{author}’s chains, read by {reader}" for author, reader in pairs)), lines
    )


def item_values(values: Sequence[ItemValues]) -> Table:
    """One row per item, before → after per measure."""
    items = tuple(dict.fromkeys(item for value in values for item in value.items))
    places = [{item: place for place, item in enumerate(value.items)} for value in values]
    rows = []
    for item in items:
        row = [Cell(item)]
        for value, place in zip(values, places, strict=True):
            at = place.get(item)
            text = DASH if at is None else f"{fixed(value.before[at])} → {fixed(value.after[at])}"
            row.append(Cell(text, "number"))
        rows.append(row)
    return table(("item", *(f"{value.title} ({value.unit})" for value in values)), rows)


def curves(pairs: Mapping[str, EarlyCurves]) -> Table:
    """Every line with its band, one row per point."""
    return table(
        ("comparison", "model", "share of the chain", "mean"),
        [
            (
                Cell(name),
                Cell(band.model),
                Cell(percent(float(x)), "number"),
                _value(float(mean), float(low), float(high)),
            )
            for name, pair in pairs.items()
            for band in (pair.before, pair.after)
            for x, mean, low, high in zip(band.x, band.mean, band.low, band.high, strict=True)
        ],
    )


def step_map(maps: StepMaps, *, most: int = 24) -> Table:
    """Before → after for every defined cell of the first `most` steps; a row is acted on by the columns."""
    sources, targets = maps.sources[:most], maps.targets[:most]
    return table(
        ("acted on", *sources),
        [
            (
                Cell(target),
                *(
                    Cell("", "number")
                    if np.isnan(maps.before[column, row])
                    else Cell(
                        f"{fixed(maps.before[column, row])} → {fixed(maps.after[column, row])}",
                        "number",
                    )
                    for column in range(len(sources))
                ),
            )
            for row, target in enumerate(targets)
        ],
    )


def patch_maps(maps: Sequence[PatchMap]) -> Table:
    """Before → after per readout and layer, and how many items have a value at each place."""
    places = tuple(dict.fromkeys(place for one in maps for place in one.places))
    rows = []
    for one in maps:
        counts = dict(zip(one.places, one.counts, strict=True))
        items = [
            Cell(str(counts[place]) if place in counts else DASH, "number") for place in places
        ]
        rows.append([Cell(one.readout, "", "items"), Cell("", "number"), *items])
        for row, layer in enumerate(one.layers):
            line = [Cell(one.readout), Cell(str(layer), "number")]
            for place in places:
                at = one.places.index(place) if place in one.places else None
                text = (
                    DASH
                    if at is None
                    else f"{fixed(one.before[row, at])} → {fixed(one.after[row, at])}"
                )
                line.append(Cell(text, "number"))
            rows.append(line)
    return table(("readout", "layer", *places), rows)


def series(lines: Sequence[SeriesLine]) -> Table:
    """One row per measure, one column per checkpoint, with the verdict against the first."""
    names = tuple(dict.fromkeys(name for line in lines for name in line.checkpoints))
    rows = []
    for line in lines:
        at = {name: place for place, name in enumerate(line.checkpoints)}
        cells = [_judged(line, at[name]) if name in at else Cell(DASH, "number") for name in names]
        rows.append([Cell(line.title, "", line.unit), *cells, Cell(str(line.n), "number")])
    return table(("measure", *names, "n"), rows)
