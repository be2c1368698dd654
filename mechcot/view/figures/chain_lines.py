"""Lines along the chain: a value after each share of the chain, with the area between the line and its end."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from mechcot.core.card import ArrayCard, MeasureCard
from mechcot.text.number_format import number
from mechcot.view.theme import Look, panel_grid, plain, span, titled, wrapped

_COLUMNS = 3
UNDER = {"mode": "lines", "width": 4.5}
OVER = {"mode": "lines+markers", "width": 1.8}
"""The reference is drawn wide and the other thin, so that equal lines stay both visible."""


def chain_lines(
    frame: pd.DataFrame, card: MeasureCard, array: ArrayCard, looks: Mapping[str, Look]
) -> go.Figure:
    """Draw one panel a comparison, before and after in each.

    Args:
        frame: One row per point: `comparison`, `reader` (the reference first), `share` of the chain, `mean`, `low`, `high`,
            `unit`, and per line the same `n` and `value` (mean of the headline value).
        card: The measure.
        array: The array, for the title.
        looks: Model -> how it is drawn.
    """
    comparisons = list(dict.fromkeys(frame["comparison"]))
    figure, places, rows = panel_grid(
        len(comparisons),
        [plain(name) for name in comparisons] if len(comparisons) > 1 else None,
        columns=min(_COLUMNS, max(len(comparisons), 1)),
        across=0.05,
        between=0.28,
        shared_yaxes=True,
    )
    drawn: set[str] = set()
    for place, name in zip(places, comparisons, strict=True):
        here = frame[frame["comparison"] == name]
        lines = {str(reader): line for reader, line in here.groupby("reader", sort=False)}
        for reader, line in lines.items():
            for trace in _shades(line, plain(reader), looks[reader]):
                figure.add_trace(trace, **place)
        for (reader, line), pen in zip(lines.items(), (UNDER, OVER), strict=True):
            trace = _line(line, plain(reader), looks[reader], pen=pen, legend=reader not in drawn)
            figure.add_trace(trace, **place)
            drawn.add(reader)
        _values(figure, lines, card, place)
    figure.update_annotations(font_size=12)
    figure.update_xaxes(
        range=[-0.02, 1.02], zeroline=False, tickformat=".0%", title="share of the chain given"
    )
    unit = str(frame["unit"].iloc[0])
    if unit == "probability":
        figure.update_yaxes(range=[0, 1.03], zeroline=False)
    figure.update_yaxes(title=wrapped(unit, width=34), col=1)
    return titled(
        figure,
        plain(array.figure, limit=90),
        f"mean over n = {span(set(frame['n']))} items; bands: pointwise 95 % bootstrap intervals; light tint: the area between the line and its end",
        height=110 + 320 * rows,
        top=108,
    )


def _shades(line: pd.DataFrame, model: str, look: Look) -> list[go.Scatter]:
    """The tinted area between the line and its end, and the interval."""
    x, mean = line["share"].to_numpy(float), line["mean"].to_numpy(float)
    shared = {"legendgroup": model, "hoverinfo": "skip", "showlegend": False, "mode": "lines"}
    none = {"width": 0}
    layers: list[tuple[np.ndarray, str, float]] = [
        (mean, "floor of the area", 0.0),
        (np.full_like(mean, mean[-1]), "area to the end", 0.10),
        (line["low"].to_numpy(float), "low", 0.0),
        (line["high"].to_numpy(float), "high", 0.28),
    ]
    return [
        go.Scatter(
            x=x,
            y=y,
            line=none,
            name=f"{model}: {name}",
            fill="tonexty" if alpha else None,
            fillcolor=look.tint(alpha) if alpha else None,
            **shared,
        )
        for y, name, alpha in layers
    ]


def _line(
    line: pd.DataFrame, model: str, look: Look, *, pen: Mapping[str, Any], legend: bool
) -> go.Scatter:
    return go.Scatter(
        x=line["share"],
        y=line["mean"],
        mode=pen["mode"],
        name=model,
        legendgroup=model,
        showlegend=legend,
        line={"color": look.colour, "width": pen["width"], "dash": look.dash},
        marker={"color": look.colour, "symbol": look.symbol, "size": 5},
        hovertemplate="%{x:.0%} of the chain: %{y:.3f}",
    )


def _values(
    figure: go.Figure,
    lines: Mapping[str, pd.DataFrame],
    card: MeasureCard,
    place: Mapping[str, Any],
) -> None:
    """Print both headline values inside the panel."""
    values = [
        f"{plain(reader, limit=18)}: {number(float(line['value'].iloc[0]))}"
        for reader, line in lines.items()
    ]
    figure.add_annotation(
        text="<br>".join([f"<i>{plain(card.title)}</i>", *values]),
        x=0.02,
        xref="x domain",
        y=0.86,
        yref="y domain",
        xanchor="left",
        yanchor="top",
        showarrow=False,
        align="left",
        font={"size": 11.5},
        **place,
    )
