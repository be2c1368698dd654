"""Paired slope plot: one thin line an item, before to after, and the mean with its interval on top."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from mechcot.view.theme import THREAD, Look, panel_grid, plain, span, titled, whiskers, wrapped

_COLUMNS = 5


def slope(items: pd.DataFrame, contrasts: pd.DataFrame, looks: Mapping[str, Look]) -> go.Figure:
    """Draw one small panel a measure.

    Args:
        items: One row per measure and item: `measure`, `item`, `before`, `after`.
        contrasts: The contrast table of the two models, for titles, units and means with their intervals.
        looks: Model -> how it is drawn.
    """
    values: list[Any] = list(contrasts.itertuples(index=False))
    by_measure = dict(iter(items.groupby("measure")))
    before, after = (str(getattr(values[0], f"reader_{side}")) for side in ("before", "after"))
    columns = min(_COLUMNS, max(len(values), 1))
    titles = [f"{wrapped(v.title, width=20)}<br>({plain(v.unit, limit=22)})" for v in values]
    figure, places, rows = panel_grid(
        len(values), titles, columns=columns, across=0.28 / columns, between=0.3
    )
    for place, value in zip(places, values, strict=True):
        figure.add_trace(_threads(by_measure.get(value.measure, items.iloc[:0])), **place)
        for trace in _means(value, before, after, looks, first=place is places[0]):
            figure.add_trace(trace, **place)
    figure.update_xaxes(
        range=[-0.28, 1.28],
        tickvals=[0, 1],
        showgrid=False,
        zeroline=False,
        ticktext=[plain(before, limit=11), plain(after, limit=11)],
    )
    figure.update_yaxes(zeroline=False, nticks=6, rangemode="tozero")
    figure.update_annotations(font_size=12, yanchor="bottom")
    return titled(
        figure,
        f"Item by item: {plain(before)} → {plain(after)}",
        f"n = {span({int(value.n) for value in values})} paired items; grey: one line an item; marks: mean with 95 % bootstrap interval; unit above each panel",
        height=165 + 250 * rows,
        top=132,
    )


def _threads(items: pd.DataFrame) -> go.Scatter:
    """All item lines as one trace, with a gap (NaN) after each pair."""
    count = len(items)
    gap = np.full(count, np.nan)
    return go.Scatter(
        x=np.tile([0.0, 1.0, np.nan], count),
        y=np.stack([items["before"], items["after"], gap], axis=1).reshape(-1),
        mode="lines",
        line={"color": THREAD, "width": 1},
        showlegend=False,
        name="items",
        text=[plain(item) for item in items["item"] for _ in range(3)],
        hovertemplate="%{text}: %{y:.3f}<extra></extra>",
    )


def _means(
    value: Any, before: str, after: str, looks: Mapping[str, Look], *, first: bool
) -> list[go.Scatter]:
    means = (value.before, value.after)
    line = go.Scatter(
        x=[0, 1],
        y=means,
        mode="lines",
        line={"color": looks[after].colour, "width": 2.5},
        showlegend=False,
        hoverinfo="skip",
        name="mean",
    )
    ends = (
        (before, value.before_low, value.before_high),
        (after, value.after_low, value.after_high),
    )
    return [
        line,
        *(
            go.Scatter(
                x=[x],
                y=[mean],
                mode="markers",
                name=plain(model),
                legendgroup=plain(model),
                showlegend=first,
                marker={"color": looks[model].colour, "symbol": looks[model].symbol, "size": 10},
                error_y=whiskers(
                    [mean], [low], [high], color=looks[model].colour, thickness=2, width=5
                ),
                hovertemplate="mean %{y:.3f}",
            )
            for x, mean, (model, low, high) in zip((0, 1), means, ends, strict=True)
        ),
    ]
