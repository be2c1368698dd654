"""More than two checkpoints: one line a measure over all of them, with its interval."""

import re
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from mechcot.view.theme import PALETTE, Look, panel_grid, plain, span, titled, whiskers, wrapped

_COLUMNS = 3
LOOK = Look(PALETTE[0], "circle", "solid")


def one_run(names: Sequence[str]) -> bool:
    """Return whether the later checkpoints are of one training run, as far as their names tell: only numbers differ."""
    later = {re.sub(r"\d+", "#", name) for name in names[1:]}
    return len(later) == 1


def series_figure(table: pd.DataFrame) -> go.Figure:
    """Draw one panel a measure, checkpoints in order from left to right; only those of one run are joined by a line.

    Args:
        table: What `mechcot.stats.checkpoint_series` gives.
    """
    lines = [rows.sort_values("position") for _, rows in table.groupby("measure", sort=False)]
    names = list(map(str, lines[0]["checkpoint"]))
    titles = [
        f"{wrapped(line['title'].iloc[0], width=30)} ({plain(line['unit'].iloc[0], limit=22)})"
        for line in lines
    ]
    columns = min(_COLUMNS, max(len(lines), 1))
    figure, places, rows = panel_grid(
        len(lines), titles, columns=columns, across=0.08, between=0.32
    )
    for place, line in zip(places, lines, strict=True):
        for trace in _line(line):
            figure.add_trace(trace, **place)
        figure.update_xaxes(
            tickvals=list(range(len(names))),
            range=[-0.3, len(names) - 0.7],
            ticktext=[wrapped(name, width=10) for name in names],
            showgrid=False,
            zeroline=False,
            **place,
        )
    figure.update_yaxes(zeroline=False, rangemode="tozero", nticks=6)
    figure.update_annotations(font_size=12)
    return titled(
        figure,
        "Checkpoint by checkpoint, in the order given",
        f"mean over n = {span({int(line['n'].max()) for line in lines})} items; bands and whiskers: 95 % bootstrap intervals; unit above each panel",
        height=105 + 235 * rows,
        top=100,
    )


def _line(line: pd.DataFrame) -> list[go.Scatter]:
    names, verdicts = list(line["checkpoint"]), list(line["verdict"])
    mean, low, high = (line[name] for name in ("value", "value_low", "value_high"))
    places = list(range(len(names)))
    joined = one_run(names)
    shared = {
        "x": places,
        "mode": "lines",
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    band = [
        go.Scatter(y=low, name="low", **shared),
        go.Scatter(y=high, name="high", fill="tonexty", fillcolor=LOOK.tint(0.22), **shared),
    ]
    bars = whiskers(mean, low, high, thickness=1.6, width=5)
    means = go.Scatter(
        x=places,
        y=mean,
        mode="lines+markers" if joined else "markers",
        name=plain(line["title"].iloc[0]),
        showlegend=False,
        line={"color": LOOK.colour, "width": 2.2},
        marker={"color": LOOK.colour, "size": 7 if joined else 9},
        error_y=None if joined else bars,
        text=[plain(name) for name in names],
        customdata=["reference", *verdicts[1:]],
        hovertemplate="%{text}: %{y:.3f} (%{customdata})<extra></extra>",
    )
    return [*band, means] if joined else [means]
