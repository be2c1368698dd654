"""The ruler's figures: every model of the panel on every measure, and reached reliance against the measures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from mechcot.view.theme import PALETTE, Look, panel_grid, plain, titled, wrapped

_COLUMNS = 3
_GROUPS: Mapping[str, Look] = {
    "base": Look("#000000", "star", "solid"),
    "uses": Look(PALETTE[0], "circle", "solid"),
    "harmless": Look(PALETTE[5], "circle-open", "solid"),
    "mixture": Look(PALETTE[2], "diamond", "solid"),
    "gated": Look(PALETTE[3], "triangle-up", "solid"),
    "bypasses": Look(PALETTE[1], "square", "solid"),
    "subject": Look(PALETTE[4], "x", "solid"),
}
"""Group of the panel to how it is drawn; black is never used elsewhere."""


@dataclass(frozen=True)
class ModelPoint:
    """One model's mean on one measure.

    Attributes:
        model: Its name.
        group: Its group in the panel.
        measure: Title of the measure.
        unit: Unit of the measure.
        mean: Mean over items.
        reached: Reached reliance by edits; NaN for models that are no mixture.
    """

    model: str
    group: str
    measure: str
    unit: str
    mean: float
    reached: float


def models_figure(points: Sequence[ModelPoint], *, items: int) -> go.Figure:
    """One row a measure, one mark a model; models of one group share a line within the row. Means in nats are left out."""
    points = [point for point in points if point.unit != "nats"]
    measures = list(dict.fromkeys(point.measure for point in points))
    groups = [group for group in _GROUPS if any(p.group == group for p in points)]
    figure = go.Figure()
    for place, group in enumerate(groups):
        here = [p for p in points if p.group == group]
        lift = (len(groups) - 1) / 2 - place
        figure.add_trace(
            go.Scatter(
                x=[p.mean for p in here],
                y=[measures.index(p.measure) * -1 + lift * 0.11 for p in here],
                mode="markers",
                name=plain(group),
                marker={
                    "color": _GROUPS[group].colour,
                    "symbol": _GROUPS[group].symbol,
                    "size": 8,
                    "opacity": 0.8,
                },
                text=[plain(f"{p.model}: {p.measure}") for p in here],
                hovertemplate="%{text} %{x:.3f}<extra></extra>",
            )
        )
    figure.update_yaxes(
        tickvals=[-place for place in range(len(measures))],
        ticktext=[wrapped(measure, width=24) for measure in measures],
        range=[-len(measures) + 0.4, 0.6],
        showgrid=False,
        zeroline=False,
    )
    figure.update_xaxes(title="mean over items, in the measure's own unit", zeroline=True)
    return titled(
        figure,
        "Every model of the panel on every measure",
        f"one mark a model, mean over n = {items} chains of base; colour and symbol: what training made true",
        height=150 + 62 * len(measures),
        top=104,
    )


def reliance_figure(points: Sequence[ModelPoint]) -> go.Figure:
    """One panel a measure: reached reliance of the mixtures against the measure's mean."""
    known = [p for p in points if p.reached == p.reached]
    measures = list(dict.fromkeys(point.measure for point in known))
    titles = [wrapped(measure, width=30) for measure in measures]
    columns = min(_COLUMNS, max(len(measures), 1))
    figure, places, rows = panel_grid(
        len(measures), titles, columns=columns, across=0.08, between=0.3
    )
    look = _GROUPS["mixture"]
    for place, measure in zip(places, measures, strict=True):
        here = [p for p in known if p.measure == measure]
        figure.add_trace(
            go.Scatter(
                x=[p.reached for p in here],
                y=[p.mean for p in here],
                mode="markers",
                showlegend=False,
                marker={"color": look.colour, "symbol": look.symbol, "size": 8},
                text=[plain(p.model) for p in here],
                hovertemplate="%{text}: %{x:.2f}, %{y:.3f}<extra></extra>",
            ),
            **place,
        )
    figure.update_xaxes(range=[-0.05, 1.05], nticks=5)
    figure.update_yaxes(nticks=5, exponentformat="none")
    figure.update_xaxes(title="reached reliance", row=rows)
    figure.update_annotations(font_size=12)
    return titled(
        figure,
        "Does the measure follow the reliance that a model reached?",
        "one mark a mixture arm; across: probability that follows exact edits of the chain; up: mean of the measure",
        height=110 + 215 * rows,
        top=96,
    )


def lengths_figure(numbers: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """One panel a number: what follows the length of the chain although nothing else changes.

    Args:
        numbers: Name to `steps`, `values` and their `spearman`.
    """
    names = list(numbers)
    titles = [_with_rank(name, numbers[name]["spearman"]) for name in names]
    figure, places, rows = panel_grid(len(names), titles, columns=2, across=0.1, between=0.34)
    for place, name in zip(places, names, strict=True):
        figure.add_trace(
            go.Scatter(
                x=numbers[name]["steps"],
                y=numbers[name]["values"],
                mode="markers",
                showlegend=False,
                marker={"color": PALETTE[0], "size": 7, "opacity": 0.75},
                hovertemplate="%{x} steps: %{y:.3f}<extra></extra>",
            ),
            **place,
        )
    figure.update_yaxes(nticks=5, exponentformat="none")
    figure.update_xaxes(title="steps of the chain", row=rows)
    figure.update_annotations(font_size=12)
    return titled(
        figure,
        "Famous numbers that follow the length of the chain",
        "one mark a chain of base, read by base: its use of the chain is the same everywhere",
        height=110 + 230 * rows,
        top=96,
    )


def _with_rank(name: str, rank: float | None) -> str:
    return f"{wrapped(name, width=44)}: Spearman {'–' if rank is None else f'{rank:+.2f}'}"


def agreement_figure(
    correlations: Mapping[str, Mapping[str, float | None]], *, models: int
) -> go.Figure:
    """Return which measures order the models alike: one cell a pair, Spearman over the models' means.

    Args:
        correlations: Title to title to correlation; None where there is none.
        models: How many models.
    """
    names = list(correlations)
    rows = [
        [None if i < j else correlations[left].get(right) for j, right in enumerate(names)]
        for i, left in enumerate(names)
    ]
    figure = go.Figure(
        go.Heatmap(
            x=names,
            y=names,
            z=rows,
            zmin=-1,
            zmax=1,
            colorscale="RdBu",
            reversescale=False,
            text=[["" if v is None else f"{v:+.2f}" for v in row] for row in rows],
            texttemplate="%{text}",
            textfont={"size": 10},
            hovertemplate="%{y} and %{x}: %{z:+.2f}<extra></extra>",
            colorbar={"title": {"text": "Spearman"}, "thickness": 12},
            hoverongaps=False,
        )
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="", automargin=True)
    figure.update_xaxes(tickangle=-40, showgrid=False, ticks="", automargin=True)
    return titled(
        figure,
        "Measures that order the models alike",
        f"rank correlation of two measures' means over up to {models} models",
        height=200 + 32 * len(names),
        top=96,
    )
