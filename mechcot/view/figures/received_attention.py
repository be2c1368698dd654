"""Received attention by step kind, before and after, split at the first right statement."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mechcot.core.wording import count_of
from mechcot.view.theme import THREAD, looks, plain, titled, whiskers

TITLES: Mapping[str, str] = {
    "all": "all steps",
    "before": "up to the first right statement",
    "after": "after it",
}


def received_by_kind(
    rows: Sequence[Mapping[str, Any]], *, models: Sequence[str], n: int
) -> go.Figure:
    """Draw one panel a stratum that has rows, kinds as rows, models side by side.

    Args:
        rows: `model`, `kind`, `stratum`, `mean`, `low`, `high`, `n`.
        models: Names in order; rows of other names (`change`) are not drawn.
        n: Number of traces.
    """
    panels = {
        name: title for name, title in TITLES.items() if any(r["stratum"] == name for r in rows)
    }
    kinds = sorted({row["kind"] for row in rows}, reverse=True)
    pens = looks(models)
    figure = make_subplots(
        rows=1,
        cols=max(1, len(panels)),
        shared_yaxes=True,
        horizontal_spacing=0.03,
        subplot_titles=list(panels.values()) or None,
    )
    for col, stratum in enumerate(panels, start=1):
        for place, model in enumerate(models):
            mine = [r for r in rows if r["model"] == model and r["stratum"] == stratum]
            shift = 0.13 * (place - (len(models) - 1) / 2) * -2
            figure.add_trace(
                go.Scatter(
                    x=[row["mean"] for row in mine],
                    y=[kinds.index(row["kind"]) + shift for row in mine],
                    mode="markers",
                    name=plain(model),
                    legendgroup=model,
                    showlegend=col == 1,
                    marker={"color": pens[model].colour, "symbol": pens[model].symbol, "size": 9},
                    error_x=whiskers(
                        *([row[end] for row in mine] for end in ("mean", "low", "high")),
                        color=pens[model].colour,
                        thickness=1.6,
                        width=4,
                    ),
                    text=[f"{row['kind']}, {count_of(row['n'], 'trace')}" for row in mine],
                    hovertemplate="%{text}: %{x:.3f}",
                ),
                row=1,
                col=col,
            )
        at: dict[str, Any] = {"row": 1, "col": col}
        figure.add_vline(x=1.0, line={"color": THREAD, "width": 1.5, "dash": "dash"}, **at)
    figure.update_yaxes(
        tickvals=list(range(len(kinds))),
        ticktext=kinds,
        range=[-0.6, len(kinds) - 0.4],
        zeroline=False,
    )
    figure.update_xaxes(zeroline=False, title="received / expected")
    figure.update_annotations(font_size=12)
    return titled(
        figure,
        "Which kinds of step are listened to?",
        f"mean over n = {count_of(n, 'problem')}, 95 % bootstrap intervals; dashes: what place and length alone give",
        height=200 + 46 * len(kinds),
        top=118,
    )
