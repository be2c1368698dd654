"""Tables about the use of own chains: each model alone, and what changed between two."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mechcot.stats.chain_use_change import AXES
from mechcot.stats.measurement_tables import rows_of
from mechcot.text.number_format import digits_for, fixed, interval, signed
from mechcot.view.pages.plain_tables import (
    Cell,
    Table,
    number_column,
    row_table,
    table,
    text_column,
)

_NAN = float("nan")


def use_table(models: Sequence[Mapping[str, Any]]) -> Table:
    """One row per model: each axis with its interval, and the verdict.

    Args:
        models: Entries of `models` in check.json.
    """
    rows = [
        (
            Cell(model["name"]),
            *(_estimate(model[name]) for name in AXES),
            Cell(str(model["followed"]["n"]), "number"),
            Cell(model["verdict"], "", model["remark"]),
        )
        for model in models
    ]
    return table(("model", *AXES.values(), "n", "verdict"), rows)


def use_number(value: float | None) -> Cell:
    """A number of an entry; a dash where there is none."""
    return Cell(fixed(_NAN if value is None else value), "number")


def _estimate(axis: Mapping[str, Any]) -> Cell:
    if axis["mean"] is None or axis["mean"] != axis["mean"]:
        return use_number(None)
    low, high = axis["low"], axis["high"]
    return Cell(fixed(axis["mean"], digits=digits_for(low, high)), "number", interval(low, high))


def change_table(axes: pd.DataFrame) -> Table:
    """One row per axis: before, after, the paired difference with its 95 % interval.

    Args:
        axes: Columns `title`, `before`, `after`, `delta`, `low`, `high`, `n` and `verdict`.
    """
    named = {"comparison": text_column("comparison")} if "comparison" in axes else {}
    columns = named | {
        "own chains": text_column("title"),
        "before": number_column("before"),
        "after": number_column("after"),
        "paired change": lambda row: Cell(
            signed(row["delta"], digits=digits_for(row["low"], row["high"])),
            "number",
            interval(row["low"], row["high"]),
        ),
        "n": lambda row: Cell(str(row["n"]), "number"),
        "verdict": text_column("verdict", style="verdict"),
    }
    return row_table(rows_of(axes), columns)
