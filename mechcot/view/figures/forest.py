"""The lead figure: every change with its 95 % interval, against the band inside which nothing changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mechcot.stats.sentences import shown
from mechcot.text.number_format import difference, interval, letter
from mechcot.view.theme import BAND, Look, plain, span, titled, whiskers, wrapped

GAP = 0.7
ROW = 27
BETWEEN = 62
ALIKE = 4


@dataclass(frozen=True)
class _Panel:
    """The rows of one unit: measure -> height of each comparison's mark, top row 0, downwards negative."""

    unit: str
    marks: Mapping[tuple[str, str], float]
    titles: Mapping[str, str]
    depth: float


def forest(
    tables: Mapping[str, pd.DataFrame],
    looks: Mapping[str, Look],
    *,
    chains: str = "the same chains",
) -> go.Figure:
    """Draw the changes of all comparisons.

    Args:
        tables: Name of a comparison -> its contrast table.
        looks: Name of a comparison -> how it is drawn.
        chains: What was read, for the title.
    """
    contrasts = {name: _rows(table) for name, table in tables.items()}
    panels = _panels(contrasts)
    tall = sum(ROW * panel.depth for panel in panels) + BETWEEN * (len(panels) - 1)
    ranges = _ranges(panels, contrasts)
    figure = make_subplots(
        rows=max(len(panels), 1),
        cols=1,
        row_heights=[panel.depth for panel in panels] or None,
        vertical_spacing=BETWEEN / tall if len(panels) > 1 else 0,
    )
    for place, panel in enumerate(panels, start=1):
        for name, rows in contrasts.items():
            _marks(figure, place, panel, name, rows, looks[name])
        _bands(figure, place, panel, contrasts)
        figure.update_yaxes(
            tickvals=[_middle(panel, measure) for measure in panel.titles],
            ticktext=[wrapped(title, width=24) for title in panel.titles.values()],
            range=[-panel.depth + GAP / 2, GAP],
            showgrid=False,
            zeroline=False,
            showline=False,
            ticks="",
            row=place,
            col=1,
        )
        figure.update_xaxes(
            title=f"change in {plain(panel.unit)}", range=ranges[place - 1], row=place, col=1
        )
    every = [row for rows in contrasts.values() for row in rows]
    few = "; inconclusive inside the band: more items are needed" * any(map(_is_narrow, every))
    titled(
        figure,
        f"What changed: after minus before, on {chains}",
        f"n = {span({row.n for row in every} or {0})} items; bars: 95 % bootstrap intervals; shaded: equivalence band; hollow: no verdict{few}",
        height=int(88 + 52 + tall),
        top=88,
    )
    return figure.update_layout(margin={"r": 238})


def _rows(table: pd.DataFrame) -> list[Any]:
    """Rows with their columns as attributes, and the verdict as a page shows it."""
    verdicts = [shown(*pair) for pair in zip(table["verdict"], table["status"], strict=True)]
    return list(table.assign(shown=verdicts).itertuples(index=False))


def _is_narrow(row: Any) -> bool:
    """Whether nothing is said of a change whose interval lies inside the band: the test of no change assumes less than the interval does."""
    return row.shown == "inconclusive" and max(-row.low, row.high) < row.smallest_effect


def _panels(contrasts: Mapping[str, Sequence[Any]]) -> list[_Panel]:
    """Group measures by unit, because numbers of different units share no axis."""
    rows = [(name, row) for name, some in contrasts.items() for row in some]
    panels = []
    for unit in dict.fromkeys(row.unit for _, row in rows):
        titles = {row.measure: row.title for _, row in rows if row.unit == unit}
        marks, depth = {}, 0.0
        for measure in titles:
            for name in (name for name, row in rows if row.measure == measure):
                marks[measure, name] = -depth
                depth += 1
            depth += GAP
        panels.append(_Panel(unit, marks, titles, depth))
    return panels


def _ranges(panels: Sequence[_Panel], contrasts: Mapping[str, Sequence[Any]]) -> list[list[float]]:
    """Ends of each panel's axis: zero, every interval and every band; one range for all when they are alike."""
    ends = []
    for panel in panels:
        rows = [row for some in contrasts.values() for row in some if row.unit == panel.unit]
        sides = [side for row in rows for side in (row.smallest_effect, -row.smallest_effect)]
        values = [0.0, *sides, *(end for row in rows for end in (row.low, row.high, row.delta))]
        known = [value for value in values if value == value]
        ends.append((min(known), max(known)))
    widths = [high - low for low, high in ends if high > low] or [1.0]
    if ends and max(widths) <= ALIKE * min(widths):
        ends = [(min(low for low, _ in ends), max(high for _, high in ends))] * len(ends)
    return [[low - 0.04 * (high - low or 1), high + 0.04 * (high - low or 1)] for low, high in ends]


def _middle(panel: _Panel, measure: str) -> float:
    heights = [height for (of, _), height in panel.marks.items() if of == measure]
    return (max(heights) + min(heights)) / 2


def _marks(
    figure: go.Figure, place: int, panel: _Panel, name: str, rows: Sequence[Any], look: Look
) -> None:
    """One trace of marks with whiskers, and the numbers beside them."""
    mine = [row for row in rows if row.unit == panel.unit]
    heights = [panel.marks[row.measure, name] for row in mine]
    hollow = [row.shown in ("not judged", "exploratory") for row in mine]
    figure.add_trace(
        go.Scatter(
            x=[row.delta for row in mine],
            y=heights,
            error_x=whiskers(
                *([getattr(row, end) for row in mine] for end in ("delta", "low", "high")),
                color=look.colour,
                thickness=2,
                width=4,
            ),
            mode="markers",
            marker={
                "symbol": [look.symbol + ("-open" if empty else "") for empty in hollow],
                "size": 9,
                "color": look.colour,
                "line": {"width": 1.6, "color": look.colour},
            },
            name=plain(name),
            legendgroup=plain(name),
            showlegend=place == 1,
            customdata=[
                [plain(row.title), row.shown, interval(row.low, row.high), row.n] for row in mine
            ],
            hovertemplate="%{customdata[0]}: %{x:.3f} %{customdata[2]}<br>%{customdata[1]}, n = %{customdata[3]}",
        ),
        row=place,
        col=1,
    )
    suffix = "" if place == 1 else str(place)
    for row, height in zip(mine, heights, strict=True):
        figure.add_annotation(
            text=f"{difference(row.delta, row.low, row.high)}  <b>{letter(row.shown)} {row.shown}</b>",
            x=1,
            xref=f"x{suffix} domain",
            xanchor="left",
            xshift=12,
            y=height,
            yref=f"y{suffix}",
            showarrow=False,
            align="left",
            font={"size": 11.5},
        )


def _bands(
    figure: go.Figure, place: int, panel: _Panel, contrasts: Mapping[str, Sequence[Any]]
) -> None:
    """Shade plus and minus the smallest effect that counts, one box per measure."""
    bounds = {row.measure: row.smallest_effect for rows in contrasts.values() for row in rows}
    for measure in panel.titles:
        bound = bounds[measure]
        if bound == bound and bound > 0:
            heights = [height for (of, _), height in panel.marks.items() if of == measure]
            figure.add_shape(
                type="rect",
                x0=-bound,
                x1=bound,
                y0=min(heights) - 0.55,
                y1=max(heights) + 0.55,
                fillcolor=BAND,
                line={"width": 0},
                layer="below",
                row=place,
                col=1,
            )
