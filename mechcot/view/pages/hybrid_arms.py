"""The page of `mechcot hybrid` with several tuned models, from `arms.json` alone."""

from collections.abc import Mapping
from typing import Any

from mechcot.core.wording import count_of
from mechcot.text.number_format import DASH, percent
from mechcot.view.figures.hybrid import recovered_by_arm
from mechcot.view.pages.hybrid import hybrid_terms, value_or_dash
from mechcot.view.pages.numbered_figures import NumberedFigure
from mechcot.view.pages.plain_tables import Cell, Table, numeric, row_table
from mechcot.view.pages.sections import Section, listing, plain_page, reasons


def arms_page(result: Mapping[str, Any]) -> str:
    """Set the page.

    Args:
        result: What `arms.json` holds.

    Returns:
        HTML text, the same for the same data.
    """
    headline = NumberedFigure(
        1,
        recovered_by_arm(result),
        "Left by the share of the positions at which something was given, right by the bits that say where and what. One line an arm, one mark a budget. "
        f"No interval is corrected for the {len(result['arms'])} arms.",
        _arms(result),
    )
    budgets = (
        (
            _budgets(result),
            "The run of each arm has a page of its own in arms/, with its controls.",
        ),
    )
    return plain_page(
        "Changed when, or changed what?",
        meta=f"{result['base']} writes, helped by {count_of(len(result['arms']), 'tuned model')} one at a time; {count_of(result['n'], 'problem')}, the same for all.",
        summary=result["sentences"],
        headline=headline,
        sections=[
            Section("At each budget", (), budgets, folded=True),
            *listing("Left out", ("model", "reason"), reasons(result["left_out"])),
        ],
        terms=hybrid_terms(result),
    )


def _arms(result: Mapping[str, Any]) -> Table:
    columns = {
        "arm": lambda row: Cell(row["name"]),
        "trained": lambda row: Cell(row["trained"] or DASH),
        "right alone": lambda row: value_or_dash(row["right"]["tuned"]),
        f"gap to {result['base']}": lambda row: value_or_dash(row["gap"]),
        "changed": lambda row: Cell(row["changed"] or ("open" if row["divides"] else "no gap")),
    }
    return row_table(result["arms"], columns)


def _budgets(result: Mapping[str, Any]) -> Table:
    rows = [(arm, row) for arm in result["arms"] for row in arm["conditions"]]
    columns = {
        "arm": lambda pair: Cell(pair[0]["name"]),
        "given": lambda pair: Cell(pair[1]["name"]),
        "budget": lambda pair: numeric(f"{pair[1]['budget']:g}"),
        "right": lambda pair: value_or_dash(pair[1]["accuracy"]),
        "recovered share": lambda pair: value_or_dash(pair[1]["recovered"]),
        "beyond random vectors": lambda pair: value_or_dash(
            pair[1]["beyond_random"] or {"mean": None}
        ),
        "positions given": lambda pair: numeric(percent(pair[1]["share"])),
        "bits a text": lambda pair: numeric(f"{pair[1]['bits']:.1f}"),
    }
    return row_table(rows, columns)
