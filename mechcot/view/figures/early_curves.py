"""Early answering: how likely the final answer is after each share of the chain, with the area between the curve and its end."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mechcot.text.number_format import number
from mechcot.view.pages.figure_data import Band, EarlyCurves
from mechcot.view.theme import Look, plain, titled, wrapped

_COLUMNS = 3
UNDER = {"mode": "lines", "width": 4.5}
OVER = {"mode": "lines+markers", "width": 1.8}


def early_curves(curves: Mapping[str, EarlyCurves], looks: Mapping[str, Look]) -> go.Figure:
    """Draw one panel a comparison, before and after in each.

    Args:
        curves: Name of a comparison -> its lines.
        looks: Model -> how it is drawn.
    """
    columns = min(_COLUMNS, max(len(curves), 1))
    rows = max(-(-len(curves) // columns), 1)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        shared_yaxes=True,
        horizontal_spacing=0.05,
        vertical_spacing=0.28 / rows,
        subplot_titles=[plain(name) for name in curves] if len(curves) > 1 else None,
    )
    drawn: set[str] = set()
    for place, pair in enumerate(curves.values()):
        row, col = place // columns + 1, place % columns + 1
        pens = ((pair.before, UNDER), (pair.after, OVER))
        for band, _ in pens:
            for trace in _shades(band, looks[band.model]):
                figure.add_trace(trace, row=row, col=col)
        for band, pen in pens:
            line = _line(band, looks[band.model], pen=pen, legend=band.model not in drawn)
            figure.add_trace(line, row=row, col=col)
            drawn.add(band.model)
        _areas(figure, pair, row=row, col=col)
    figure.update_annotations(font_size=12)
    figure.update_xaxes(
        range=[-0.02, 1.02], zeroline=False, tickformat=".0%", title="share of the chain given"
    )
    figure.update_yaxes(range=[0, 1.03], zeroline=False)
    first = next(iter(curves.values()), None)
    if first is not None:
        figure.update_yaxes(title=wrapped(first.y_title, width=34), col=1)
    counts = sorted({band.n for pair in curves.values() for band in (pair.before, pair.after)}) or [
        0
    ]
    span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return titled(
        figure,
        "Early answering: when is the final answer already there?",
        f"mean over n = {span} items; bands: pointwise 95 % bootstrap intervals; light tint: the area between the curve and its end",
        height=110 + 320 * rows,
        top=108,
    )


def _shades(band: Band, look: Look) -> list[go.Scatter]:
    """The tinted area between the curve and its end, and the interval."""
    model = plain(band.model)
    shared = {"legendgroup": model, "hoverinfo": "skip", "showlegend": False, "mode": "lines"}
    none = {"width": 0}
    return [
        go.Scatter(x=band.x, y=band.mean, line=none, name=f"{model}: floor of the area", **shared),
        go.Scatter(
            x=band.x,
            y=np.full_like(band.mean, band.mean[-1]),
            line=none,
            fill="tonexty",
            fillcolor=look.tint(0.10),
            name=f"{model}: area to the end",
            **shared,
        ),
        go.Scatter(x=band.x, y=band.low, line=none, name=f"{model}: low", **shared),
        go.Scatter(
            x=band.x,
            y=band.high,
            line=none,
            fill="tonexty",
            fillcolor=look.tint(0.28),
            name=f"{model}: high",
            **shared,
        ),
    ]


def _line(band: Band, look: Look, *, pen: Mapping[str, Any], legend: bool) -> go.Scatter:
    """The mean; the reference is drawn wide and the other thin, so that equal lines stay both visible."""
    model = plain(band.model)
    return go.Scatter(
        x=band.x,
        y=band.mean,
        mode=pen["mode"],
        name=model,
        legendgroup=model,
        showlegend=legend,
        line={"color": look.colour, "width": pen["width"], "dash": look.dash},
        marker={"color": look.colour, "symbol": look.symbol, "size": 5},
        hovertemplate="%{x:.0%} of the chain: %{y:.3f}",
    )


def _areas(figure: go.Figure, pair: EarlyCurves, *, row: int, col: int) -> None:
    """Print both areas inside the panel."""
    lines = [
        f"{plain(band.model, limit=18)}: {number(band.area)}"
        for band in (pair.before, pair.after)
        if not np.isnan(band.area)
    ]
    if lines:
        figure.add_annotation(
            text="<br>".join([f"<i>{plain(pair.area_name)}</i>", *lines]),
            x=0.02,
            xref="x domain",
            y=0.86,
            yref="y domain",
            xanchor="left",
            yanchor="top",
            showarrow=False,
            align="left",
            font={"size": 11.5},
            row=row,
            col=col,
        )
