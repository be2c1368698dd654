"""More than two checkpoints: one line a measure over all of them, with its interval."""

import re
from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mechcot.view.pages.figure_data import SeriesLine
from mechcot.view.theme import PALETTE, Look, plain, titled, wrapped

_COLUMNS = 3
LOOK = Look(PALETTE[0], "circle", "solid")


def one_run(names: Sequence[str]) -> bool:
    """Return whether the later checkpoints are of one training run, as far as their names tell: only numbers differ."""
    later = {re.sub(r"\d+", "#", name) for name in names[1:]}
    return len(later) == 1


def series(lines: Sequence[SeriesLine]) -> go.Figure:
    """Draw one panel a measure, checkpoints in order from left to right; only those of one run are joined by a line."""
    columns = min(_COLUMNS, max(len(lines), 1))
    rows = max(-(-len(lines) // columns), 1)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        horizontal_spacing=0.08,
        vertical_spacing=0.32 / rows,
        subplot_titles=[
            f"{wrapped(line.title, width=30)} ({plain(line.unit, limit=22)})" for line in lines
        ],
    )
    for place, line in enumerate(lines):
        row, col = place // columns + 1, place % columns + 1
        for trace in _line(line):
            figure.add_trace(trace, row=row, col=col)
        figure.update_xaxes(
            tickvals=list(range(len(line.checkpoints))),
            range=[-0.3, len(line.checkpoints) - 0.7],
            ticktext=[wrapped(name, width=10) for name in line.checkpoints],
            showgrid=False,
            zeroline=False,
            row=row,
            col=col,
        )
    figure.update_yaxes(zeroline=False, rangemode="tozero", nticks=6)
    figure.update_annotations(font_size=12)
    counts = sorted({line.n for line in lines}) or [0]
    span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return titled(
        figure,
        "Checkpoint by checkpoint, in the order given",
        f"mean over n = {span} items; bands and whiskers: 95 % bootstrap intervals; unit above each panel",
        height=105 + 235 * rows,
        top=100,
    )


def _line(line: SeriesLine) -> list[go.Scatter]:
    places = list(range(len(line.checkpoints)))
    joined = one_run(line.checkpoints)
    shared = {
        "x": places,
        "mode": "lines",
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    band = [
        go.Scatter(y=line.low, name="low", **shared),
        go.Scatter(y=line.high, name="high", fill="tonexty", fillcolor=LOOK.tint(0.22), **shared),
    ]
    whiskers = {
        "type": "data",
        "symmetric": False,
        "array": [high - mean for high, mean in zip(line.high, line.mean, strict=True)],
        "arrayminus": [mean - low for low, mean in zip(line.low, line.mean, strict=True)],
        "thickness": 1.6,
        "width": 5,
    }
    means = go.Scatter(
        x=places,
        y=line.mean,
        mode="lines+markers" if joined else "markers",
        name=plain(line.title),
        showlegend=False,
        line={"color": LOOK.colour, "width": 2.2},
        marker={"color": LOOK.colour, "size": 7 if joined else 9},
        error_y=None if joined else whiskers,
        text=[plain(name) for name in line.checkpoints],
        customdata=line.verdicts,
        hovertemplate="%{text}: %{y:.3f} (%{customdata})<extra></extra>",
    )
    return [*band, means] if joined else [means]
