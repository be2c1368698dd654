"""The page of `mechcot softcot eval`, from `softcot.json` alone."""

from collections.abc import Mapping
from typing import Any

from mechcot.core.wording import count_of
from mechcot.text.number_format import DASH
from mechcot.view.figures.soft_tokens import SOFT_CONDITIONS, soft_tokens_figure
from mechcot.view.pages.numbered_figures import NumberedFigure
from mechcot.view.pages.plain_tables import Cell, Table, numeric, row_table, value_cell
from mechcot.view.pages.sections import Section, listing, plain_page


def softcot_page(result: Mapping[str, Any]) -> str:
    """Set the page.

    Args:
        result: What `softcot.json` holds.

    Returns:
        HTML text, the same for the same data.
    """
    soft = result["soft"]
    headline = NumberedFigure(
        1,
        soft_tokens_figure(result),
        "Left: every condition writes its own chains. Right: the chain that was written with soft tokens stays, and they are acted on.",
        _conditions(result),
    )
    sections = [
        Section(
            "Soft tokens less each control",
            (),
            ((_less(result), "Paired over the same problems, 95 % intervals."),),
        ),
        Section(
            "What they carry past the chain",
            (),
            (
                (
                    _carried(result),
                    "In probability. Lost: of the own answer. Moved: to the answer of the question whose soft tokens, or states, they get.",
                ),
            ),
        ),
    ]
    if result["others"]:
        sections.append(
            Section("Other problems", (), ((_others(result), "Difference from the base."),))
        )
    left_out = {f"{row['id']} ({row['of']})": row["reason"] for row in result["left_out"]}
    left_out |= {SOFT_CONDITIONS[row["kind"]]: row["reason"] for row in result["without"]}
    sections += listing("Left out", ("problem, or condition", "reason"), left_out)
    return plain_page(
        "What do soft tokens before the chain do?",
        meta=f"{soft['places']} soft tokens of the assistant {soft['assistant']}; {count_of(result['n'], 'problem')}.",
        summary=result["sentences"],
        headline=headline,
        sections=sections,
        terms=[
            (
                "learned constant",
                "As many vectors, trained on the same texts with the same budget, that are the same for every question. What they reach needs no assistant.",
            ),
            (
                "followed, needed",
                "Of the written chain, as mechcot check has them: does the answer go where another item’s chain leads, and is the own answer lost without its own?",
            ),
            (
                "patched",
                "The states at the soft tokens, at the entry of a block, are those of the other question’s run; at block 0 that is the exchange of the tokens.",
            ),
        ],
    )


def _conditions(result: Mapping[str, Any]) -> Table:
    columns = {
        "condition": lambda row: Cell(SOFT_CONDITIONS[row["kind"]], "", row["name"]),
        "right": lambda row: _value(row["accuracy"]),
        "the chain is": lambda row: Cell(row["entry"]["verdict"]),
        "followed": lambda row: _value(row["entry"]["followed"]),
        "needed": lambda row: _value(row["entry"]["needed"]),
        "tokens of a chain": lambda row: numeric(
            DASH if row["entry"]["tokens"] is None else f"{row['entry']['tokens']:g}"
        ),
    }
    return row_table(result["conditions"], columns)


def _less(result: Mapping[str, Any]) -> Table:
    columns = {
        "soft tokens less": lambda row: Cell(SOFT_CONDITIONS[row["kind"]], "", row["name"]),
        "right": lambda row: _value(row["less"]["accuracy"]),
        "followed": lambda row: _value(row["less"]["followed"]),
        "lost with another’s chain": lambda row: _value(row["less"]["needed"]),
    }
    return row_table([row for row in result["conditions"] if row["kind"] != "own"], columns)


def _carried(result: Mapping[str, Any]) -> Table:
    columns = {
        "act": lambda row: Cell(row["act"]),
        "lost": lambda row: _value(row["lost"]),
        "moved": lambda row: _value(row["moved"]),
        "chains": lambda row: numeric(str(row["lost"]["n"])),
    }
    return (
        row_table(result["carried"], columns)
        if result["carried"]
        else row_table([{}], {"act": lambda _: Cell("no two chains with other answers")})
    )


def _others(result: Mapping[str, Any]) -> Table:
    columns = {
        "model": lambda row: Cell(SOFT_CONDITIONS[row["kind"]], "", row["name"]),
        "right": lambda row: _value(row["accuracy"]),
        "less the base": lambda row: _value(row["less"]),
    }
    return row_table(result["others"], columns)


def _value(value: Mapping[str, Any]) -> Cell:
    if value["mean"] is None:
        return numeric(DASH)
    if value["low"] is None:
        return numeric(f"{value['mean']:.2f}")
    return value_cell(value["mean"], value["low"], value["high"])
