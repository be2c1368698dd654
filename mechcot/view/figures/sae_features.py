"""Figures of sparse features: along one trace, by kind of step, before against after."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mechcot.view.theme import LIGHT, PALETTE, THREAD, panel_grid, plain, scale, titled

PANELS = 3
"""Panels in a row."""


def token_figure(shown: Mapping[str, Any], features: Sequence[int]) -> go.Figure:
    """Activation of some features at every token of one chain.

    Args:
        shown: `trace`, `tokens`, `values` as [feature, token], and `steps` with `start` and `kind`.
        features: Their numbers.
    """
    values = np.asarray(shown["values"], dtype=float)
    tokens = [plain(token, limit=12) or "·" for token in shown["tokens"]]
    figure = go.Figure(
        go.Heatmap(
            z=values,
            y=[f"f{number}" for number in features],
            x=list(range(len(tokens))),
            text=[tokens] * len(features),
            coloraxis="coloraxis",
            hovertemplate="%{y} at “%{text}”: %{z:.2f}<extra></extra>",
        )
    )
    figure.update_xaxes(
        tickvals=list(range(len(tokens))),
        ticktext=tokens,
        tickangle=-90,
        tickfont={"size": 8.5},
        showgrid=False,
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, tickfont={"size": 10.5})
    for step in shown["steps"]:
        figure.add_vline(x=step["start"] - 0.5, line={"width": 1, "color": THREAD})
        figure.add_annotation(
            x=step["start"] - 0.4,
            y=1,
            yref="paper",
            text=plain(step["kind"]),
            textangle=-30,
            showarrow=False,
            xanchor="left",
            yanchor="bottom",
            font={"size": 9.5},
        )
    _coloured(figure, name="activation")
    return titled(
        figure,
        "Activation along one chain",
        f"{plain(shown['trace'])}, read by {plain(shown['model'])}",
        height=190 + 22 * len(features),
        top=110,
    )


def _panels(
    rows: Sequence[Mapping[str, Any]], *, across: float, between: float, **shared: Any
) -> tuple[go.Figure, list[dict[str, Any]], int]:
    """A panel a feature, three in a row: the figure, the panels' places, the number of rows."""
    titles = [f"feature {row['feature']}" for row in rows]
    shared |= {"columns": PANELS, "across": across, "between": between}
    figure, places, down = panel_grid(len(rows), titles, **shared)
    figure.update_annotations(font_size=11.5)
    return figure, places, down


def _coloured(figure: go.Figure, *, name: str, **axis: Any) -> None:
    """Give a heat map the sequential scale, so that a page can change it with its paper."""
    bar = axis.pop("bar", {}) | {"title": {"text": name, "font": {"size": 11}}}
    axis |= {"colorscale": scale(LIGHT.sequential), "colorbar": {"thickness": 9} | bar}
    figure.update_layout(meta={"scales": {"coloraxis": "sequential"}}, coloraxis=axis)


def kind_figure(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> go.Figure:
    """Mean activation by kind of step, one panel a feature, before and after as bars."""
    figure, places, down = _panels(rows, across=0.07, between=0.22, shared_xaxes=True)
    every = sorted({kind for row in rows for side in row["kinds"] for kind in side})
    for place, row in zip(places, rows, strict=True):
        for side, name in enumerate(names):
            figure.add_trace(
                go.Bar(
                    x=every,
                    y=[row["kinds"][side].get(kind, {}).get("mean", 0.0) for kind in every],
                    name=plain(name),
                    legendgroup=name,
                    showlegend=place is places[0],
                    marker={"color": PALETTE[side]},
                    hovertemplate="%{x}: %{y:.3f}<extra></extra>",
                ),
                **place,
            )
    figure.update_yaxes(nticks=4, exponentformat="none", rangemode="tozero")
    figure.update_xaxes(tickangle=-40, tickfont={"size": 10})
    figure.update_layout(barmode="group", bargap=0.25)
    return titled(
        figure,
        "Mean activation by kind of step",
        "over all tokens of the steps of a kind; each panel has its own scale",
        height=170 + 150 * down,
        top=112,
    )


def histogram_figure(rows: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Steps of every kind by how strongly they excite a feature, one panel a feature; shares of the steps of a kind.

    Args:
        rows: Entries of `top`, with `histogram`.
    """
    figure, places, down = _panels(rows, across=0.04, between=0.3, shared_yaxes=True)
    for place, row in zip(places, rows, strict=True):
        histogram = row["histogram"]
        edges, counts = np.asarray(histogram["edges"]), histogram["counts"]
        shares = np.array([np.divide(steps, max(sum(steps), 1)) for steps in counts.values()])
        figure.add_trace(
            go.Heatmap(
                z=np.where(shares > 0, shares, np.nan),
                x=(edges[1:] + edges[:-1]) / 2,
                y=[f"{plain(kind)} ({sum(steps)})" for kind, steps in counts.items()],
                coloraxis="coloraxis",
                xgap=1,
                ygap=1,
                hovertemplate="%{y}, activation near %{x:.2f}: %{z:.0%} of the steps<extra></extra>",
            ),
            **place,
        )
    figure.update_xaxes(showgrid=False, nticks=5, exponentformat="none")
    figure.update_xaxes(title="largest activation in the step", row=down)
    figure.update_yaxes(showgrid=False, tickfont={"size": 10})
    _coloured(figure, name="share", cmin=0, cmax=1, bar={"tickformat": ".0%"})
    return titled(
        figure,
        "How strongly each kind of step excites a feature",
        "each row sums to 100 % of the steps of a kind (their number in brackets); blank: none; the model before",
        height=150 + 145 * down,
        top=92,
    )


def change(features: Sequence[Mapping[str, Any]], names: Sequence[str]) -> go.Figure:
    """Mean activation before against after, one mark a feature; those that changed stand out."""
    figure = go.Figure()
    tested = [feature for feature in features if feature["change"]]
    for label, colour, rows in (
        (
            "no change shown",
            "rgba(128, 128, 128, 0.45)",
            [r for r in tested if r["change"]["p_holm"] >= 0.05],
        ),
        ("changed (Holm, .05)", PALETTE[1], [r for r in tested if r["change"]["p_holm"] < 0.05]),
    ):
        figure.add_trace(
            go.Scatter(
                x=[max(row["change"]["before"], 1e-5) for row in rows],
                y=[max(row["change"]["after"], 1e-5) for row in rows],
                mode="markers",
                name=f"{label}: {len(rows)}",
                marker={"color": colour, "size": 6},
                text=[f"feature {row['feature']}" for row in rows],
                hovertemplate="%{text}: %{x:.4f} → %{y:.4f}<extra></extra>",
            )
        )
    ends = [max(row["change"][side], 1e-5) for row in tested for side in ("before", "after")]
    if ends:
        figure.add_shape(
            type="line",
            layer="below",
            x0=min(ends),
            y0=min(ends),
            x1=max(ends),
            y1=max(ends),
            line={"width": 1, "dash": "dot", "color": "rgba(128, 128, 128, 0.8)"},
        )
    figure.update_xaxes(
        type="log", title=f"mean activation, {plain(names[0])}", dtick=1, exponentformat="power"
    )
    figure.update_yaxes(type="log", title=plain(names[1]), dtick=1, exponentformat="power")
    return titled(
        figure,
        "Before and after, on the same tokens",
        "one mark a feature: mean activation per chain token; values below 1e-5 are drawn there",
        height=430,
        top=104,
    )
