"""The page of `mechcot steer cross`, from `two_by_two.json` alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from mechcot.core.wording import count_of
from mechcot.text.number_format import DASH, fixed
from mechcot.view.figures.two_by_two import (
    MOST_PANELS,
    lines_drawn,
    readout_name,
    two_by_two_figure,
)
from mechcot.view.pages.numbered_figures import NumberedFigure
from mechcot.view.pages.plain_tables import Cell, Table, numeric, row_table, value_cell
from mechcot.view.pages.sections import Section, listing, plain_page, reasons

_SAID: Mapping[str, str] = {
    "old": "{name}: an old mechanism; either model’s vector moves the base.",
    "trigger": "{name}: a trigger; the tuned model’s vector moves the base, whose own does not.",
    "mechanism": "{name}: the tuned model’s own mechanism; its vector moves it and not the base.",
    "lost": "{name}: lost; the base answers to its vector, and the tuned model to neither.",
    "nothing": "{name}: nothing; every change is surely smaller than what counts.",
    "not shown": "{name}: not shown; no model is surely moved, nor is it shown that none is",
    "open": "{name}: open.",
    "not judged": "{name}: not judged",
    "doses differ": "{name}: not judged; the measured doses are not the same everywhere.",
}


_NAMED = 6
_ABSENT: Mapping[str, str] = {
    "": "",
    "base": " The base has no such direction.",
    "tuned": " The tuned model has no such direction.",
}


def two_by_two_page(result: Mapping[str, Any]) -> str:
    """Set the page.

    Args:
        result: What `two_by_two.json` holds.

    Returns:
        HTML text, the same for the same data.
    """
    base, tuned = result["models"]
    headline = NumberedFigure(
        1,
        two_by_two_figure(result),
        f"Left to right: how a readout changes when a vector is added. {_rows_are(result)} Grey: what random vectors of the same dose change on that model.",
        _cells(result),
    )
    return plain_page(
        "Mechanism or trigger?",
        meta=f"{base} and {tuned}; {count_of(len(result['rows']), 'behaviour')}, {count_of(result['n'], 'problem')}.",
        summary=[*_summary(result["rows"]), *map(_note, result["notes"])],
        headline=headline,
        sections=[
            *_deciding(result["rows"]),
            Section(
                "Contrasts",
                (),
                ((_contrasts(result), "Paired over the same problems."),),
                folded=_many(result["rows"]),
            ),
            *listing("Left out", ("vector", "reason"), reasons(result["left_out"])),
        ],
        terms=[
            (
                "mechanism and trigger",
                "A vector of the tuned model that moves the base finds there what answers to it: the tuning changed when it is called. One that moves the tuned model alone "
                "finds what answers to it there alone.",
            ),
            (
                "what it does not say",
                "The intervals that are shown are 95 % each; a verdict widens them for all cells of the page, and asks that a change go beyond random vectors of the same dose. "
                "“Nothing” needs every interval within the smallest change that counts: a tenth of the clean texts’ mean, at least .1, on at least 20 problems whose texts came to their end. A vector that moves nothing may be badly read.",
            ),
        ],
    )


def decided_by(row: Mapping[str, Any]) -> str:
    """What would decide a row that is not shown or judged, as the end of a sentence; empty for others."""
    if row.get("why"):  # earlier versions wrote none
        return f"; {row['why']}"
    if row["verdict"] != "not shown":
        return ""
    if row["needed"]:
        return f"; --n {row['needed']} would decide it, if the changes are as they seem"
    if any(cell["low"] is None for cell in row["cells"]):
        return "; a change has no interval: more problems must give this readout"
    return "; what moves does so no more than random vectors: more of them (--chance) or another dose may decide it"


def _many(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the vectors are too many for a panel and a sentence each."""
    return len(rows) > MOST_PANELS


def _rows_are(result: Mapping[str, Any]) -> str:
    rows = result["rows"]
    if not _many(rows):
        return "Four rows a behaviour: whose vector, on whom."
    drawn = len(lines_drawn(rows))
    least = f" {drawn} of {len(rows)} are drawn, those of which something is said first; the numbers behind the figure hold all."
    return f"One row a vector, one column for whose it is and on whom.{least * (drawn < len(rows))}"


def _summary(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence a vector, or of many one a verdict."""
    if not _many(rows):
        return [_sentence(row) for row in rows]
    told = []
    for verdict, said in _SAID.items():
        names = [row["name"] for row in rows if row["verdict"] == verdict]
        if names:
            rest = f" and {len(names) - _NAMED} more" * (len(names) > _NAMED)
            sentence = said.format(name=f"{len(names)} of {len(rows)} vectors ({', '.join(names[:_NAMED])}{rest})")  # fmt: skip
            listed = "; what would decide each is listed below" * (
                verdict in ("not shown", "not judged")
            )
            told.append(f"{sentence.rstrip('.')}{listed}.")
    return told


def _deciding(rows: Sequence[Mapping[str, Any]]) -> list[Section]:
    """Of many vectors, what would decide each that is not decided."""
    open_ends = {row["name"]: decided_by(row).removeprefix("; ") for row in rows}
    undecided = {name: f"{told}." for name, told in open_ends.items() if told}
    return listing("What would decide", ("vector", "what"), undecided) if _many(rows) else []


def _sentence(row: Mapping[str, Any]) -> str:
    said = _SAID[row["verdict"]].format(name=row["name"])
    told = said if said.endswith(".") else f"{said}{decided_by(row)}."
    return told + _ABSENT[row.get("absent", "")]  # earlier versions wrote none


def _note(note: str) -> str:
    return f"{note[0].upper()}{note[1:]}."


def _cells(result: Mapping[str, Any]) -> Table:
    rows = [(row, cell) for row in result["rows"] for cell in row["cells"]]
    columns = {
        "behaviour": lambda pair: Cell(pair[0]["name"], "", readout_name(pair[0]["readout"])),
        "vector of": lambda pair: Cell(pair[1]["source"]),
        "on": lambda pair: Cell(pair[1]["model"]),
        "change": lambda pair: _value(pair[1]),
        "random vectors": lambda pair: Cell(_span(pair[1]["chance"])),
        "smallest that counts": lambda pair: numeric(fixed(pair[1]["smallest"])),
        "measured dose, nats": lambda pair: numeric(fixed(pair[1]["dose"], digits=3)),
    }
    return row_table(rows, columns)


def _contrasts(result: Mapping[str, Any]) -> Table:
    names = {
        "models": "on base less on tuned",
        "sources": "base’s less tuned’s",
        "interaction": "own less crossed",
    }
    rows = [(row, contrast) for row in result["rows"] for contrast in row["contrasts"]]
    columns = {
        "behaviour": lambda pair: Cell(pair[0]["name"], "", readout_name(pair[0]["readout"])),
        "contrast": lambda pair: Cell(names[pair[1]["what"]]),
        "of": lambda pair: Cell(_subject(pair[1])),
        "difference": lambda pair: _value(pair[1]),
    }
    return row_table(rows, columns)


def _subject(contrast: Mapping[str, Any]) -> str:
    if contrast["what"] == "interaction":
        return DASH
    if contrast["what"] == "models":
        return f"{contrast['source']}’s vector"
    return f"on {contrast['model']}"


def _span(changes: Sequence[float]) -> str:
    """The least and the largest change by random vectors, and how many they are."""
    if not changes:
        return DASH
    return f"{fixed(min(changes))} to {fixed(max(changes))} ({len(changes)})"


def _value(value: Mapping[str, Any]) -> Cell:
    if value["mean"] is None:
        return numeric(DASH)
    if value["low"] is None:
        return numeric(fixed(value["mean"]))
    return value_cell(value["mean"], value["low"], value["high"])
