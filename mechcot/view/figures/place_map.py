"""Layer x place maps: one row of maps a readout, before, after, difference."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mechcot.core.card import MeasureCard
from mechcot.view.figures.triptych import add_row, colour_axes, ticks
from mechcot.view.theme import plain, titled, wrapped

_PRINTED = 8


def place_map(frame: pd.DataFrame, card: MeasureCard, *, before: str, after: str) -> go.Figure:
    """Draw all readouts below each other on one scale.

    Args:
        frame: One row per cell: `readout`, `layer`, `place`, `before`, `after`, and `items` that have a value at the place.
        card: The measure, for title and unit.
        before: Name of the reference model.
        after: Name of the later checkpoint.
    """
    readouts = list(dict.fromkeys(frame["readout"]))
    figure = make_subplots(
        rows=max(len(readouts), 1),
        cols=3,
        shared_yaxes=True,
        shared_xaxes=True,
        horizontal_spacing=0.025,
        vertical_spacing=0.3 / max(len(readouts), 1),
        column_titles=[plain(before, limit=24), plain(after, limit=24), "after − before"],
    )
    shared, differences, deep = [], [], 1
    for row, readout in enumerate(readouts, start=1):
        rows = frame[frame["readout"] == readout]
        places, layers = list(dict.fromkeys(rows["place"])), list(dict.fromkeys(rows["layer"]))
        maps = [_grid(rows, side, layers, places) for side in ("before", "after")]
        shared, differences = [*shared, *maps], [*differences, maps[1] - maps[0]]
        deep = max(deep, len(layers))
        small = len(places) <= _PRINTED and len(layers) <= 2 * _PRINTED
        add_row(
            figure,
            (*maps, maps[1] - maps[0]),
            row=row,
            rows=[f"{readout}, layer {layer}" for layer in layers],
            columns=places,
            hover="{row}, {column}",
            digits=2 if small else None,
        )
        items = dict(zip(rows["place"], rows["items"], strict=True))
        named = [f"{wrapped(place, width=9)}<br>n = {items[place]}" for place in places]
        _label(figure, row, down=[str(layer) for layer in layers], across=named)
        figure.update_yaxes(title=f"<b>{wrapped(readout, width=18)}</b><br>layer", row=row, col=1)
    figure.update_annotations(font_size=12)
    height = len(readouts) * max(180, min(26 * deep, 420)) + 225
    colour_axes(figure, shared, differences, card.unit, height=height)
    titled(
        figure,
        f"{plain(card.title)}: layer by place in the chain",
        f"{plain(card.unit, limit=60)}; mean over the items that have a value there (n = ... below), no intervals; empty: none has",
        height=height,
        top=86,
    )
    return figure.update_layout(margin={"b": 118})


def _label(figure: go.Figure, row: int, *, down: Sequence[str], across: Sequence[str]) -> None:
    """Name the rows and the columns of a row of maps, never more than 16 of them."""
    bare: dict[str, Any] = {"showgrid": False, "zeroline": False, "row": row}
    for names, update, more in (
        (down, figure.update_yaxes, {}),
        (
            across,
            figure.update_xaxes,
            {"showticklabels": True, "tickangle": 0, "tickfont": {"size": 10.5}},
        ),
    ):
        at = ticks(len(names), most=16)
        texts = [names[place] for place in at]
        update(tickvals=at, ticktext=texts, range=[-0.5, len(names) - 0.5], **bare, **more)


def _grid(
    rows: pd.DataFrame, side: str, layers: Sequence[int], places: Sequence[str]
) -> np.ndarray:
    """Values `[layer, place]`."""
    grid = rows.pivot(index="layer", columns="place", values=side)
    return grid.reindex(index=list(layers), columns=list(places)).to_numpy(float)
