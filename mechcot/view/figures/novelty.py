"""The 2 x 2 of novelty and length: one panel a quantity, one mark a model and cell."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from mechcot.view.figures.shifts import model_marks
from mechcot.view.theme import Look, panel_grid, span, titled, wrapped

_CELLS = ("seen, short", "seen, long", "novel, short", "novel, long")


def novelty_cells(rows: pd.DataFrame, looks: Mapping[str, Look]) -> go.Figure:
    """Draw every quantity by cell.

    Args:
        rows: One row a cell, quantity and model: `cell`, `quantity`, `model`, `mean`, `low`, `high`, `n`.
        looks: Model -> how it is drawn.
    """
    quantities, models = (list(dict.fromkeys(rows[name])) for name in ("quantity", "model"))
    figure, places, lines = panel_grid(
        len(quantities),
        [wrapped(quantity, width=30) for quantity in quantities],
        columns=len(quantities),
        across=0.05,
        between=0.3,
    )
    step = 0.6 / max(len(models), 1)
    for (quantity, model), part in rows.groupby(["quantity", "model"], sort=False):
        aside = (models.index(model) - (len(models) - 1) / 2) * step
        x = [_CELLS.index(cell) + aside for cell in part["cell"]]
        first = quantity == quantities[0]
        mark = model_marks(part, x, str(model), looks, first=first)
        figure.add_trace(mark, **places[quantities.index(quantity)])
    ticks = [cell.replace(", ", "<br>") for cell in _CELLS]
    figure.update_xaxes(
        tickvals=list(range(4)),
        ticktext=ticks,
        range=[-0.5, 3.5],
        showgrid=False,
        zeroline=False,
    )
    figure.update_yaxes(range=[-0.05, 1.08], nticks=6)
    figure.update_annotations(font_size=12, yanchor="bottom")
    return titled(
        figure,
        "Is it the new, or the long?",
        f"n = {span({int(n) for n in rows['n']})} items a point; bars: 95 % intervals",
        height=150 + 260 * lines,
        top=132,
    )
