"""The 2 x 2 of vectors and models: one panel a behaviour, four changes with their intervals."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mechcot.core.wording import count_of
from mechcot.view.theme import PALETTE, SYMBOLS, plain, titled

_ORDER = (("tuned", "tuned"), ("base", "tuned"), ("tuned", "base"), ("base", "base"))
"""Source and model, from the bottom."""
_PANELS = 3


def two_by_two_figure(result: Mapping[str, Any]) -> go.Figure:
    """Draw the changes; colours say whose vector it is.

    Args:
        result: What two_by_two.json holds.
    """
    rows = result["rows"]
    columns = min(_PANELS, len(rows))
    down = -(-len(rows) // columns)
    titles = [f"{plain(row['name'])}: {row['readout']}<br>{row['verdict']}" for row in rows]
    figure = make_subplots(
        rows=down,
        cols=columns,
        subplot_titles=titles,
        shared_yaxes=True,
        horizontal_spacing=0.05,
        vertical_spacing=0.32 / down,
    )
    for index, row in enumerate(rows):
        at: dict[str, Any] = {"row": index // columns + 1, "col": index % columns + 1}
        figure.add_trace(_changes(row), **at)
        zero: dict[str, Any] = {"line": {"color": "#8a8780", "width": 1, "dash": "dot"}} | at
        figure.add_vline(x=0, **zero)
    figure.update_annotations(font_size=12)
    base, tuned = map(plain, result["models"])
    return titled(
        figure,
        "Whose vector moves whom?",
        f"base: {base}, tuned: {tuned}; change from the model's clean texts at {result['nats']:g} nats, n = {count_of(result['n'], 'problem')}; 95 % intervals",
        height=150 + 230 * down,
        top=120,
    )


def _changes(row: Mapping[str, Any]) -> go.Scatter:
    by_place = {(cell["source"], cell["model"]): cell for cell in row["cells"]}
    cells = [by_place[place] for place in _ORDER if by_place[place]["mean"] is not None]
    colours = [PALETTE[cell["source"] == "tuned"] for cell in cells]
    return go.Scatter(
        x=[cell["mean"] for cell in cells],
        y=[f"{cell['source']}’s on {cell['model']}" for cell in cells],
        mode="markers",
        showlegend=False,
        marker={"color": colours, "symbol": SYMBOLS[0], "size": 9},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [_length(cell, "high") for cell in cells],
            "arrayminus": [_length(cell, "low") for cell in cells],
            "thickness": 1.4,
            "width": 4,
            "color": "#55524b",
        },
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )


def _length(cell: Mapping[str, Any], end: str) -> float:
    return 0.0 if cell[end] is None else abs(cell[end] - cell["mean"])
