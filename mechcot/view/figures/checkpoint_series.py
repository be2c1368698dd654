"""More than two checkpoints: one line a measure over all of them, with its interval."""

import re
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mechcot.view.theme import PALETTE, Look, plain, titled, wrapped

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
    columns = min(_COLUMNS, max(len(lines), 1))
    rows = max(-(-len(lines) // columns), 1)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        horizontal_spacing=0.08,
        vertical_spacing=0.32 / rows,
        subplot_titles=[
            f"{wrapped(line['title'].iloc[0], width=30)} ({plain(line['unit'].iloc[0], limit=22)})"
            for line in lines
        ],
    )
    for place, line in enumerate(lines):
        row, col = place // columns + 1, place % columns + 1
        for trace in _line(line):
            figure.add_trace(trace, row=row, col=col)
        figure.update_xaxes(
            tickvals=list(range(len(names))),
            range=[-0.3, len(names) - 0.7],
            ticktext=[wrapped(name, width=10) for name in names],
            showgrid=False,
            zeroline=False,
            row=row,
            col=col,
        )
    figure.update_yaxes(zeroline=False, rangemode="tozero", nticks=6)
    figure.update_annotations(font_size=12)
    counts = sorted({int(line["n"].max()) for line in lines})
    span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return titled(
        figure,
        "Checkpoint by checkpoint, in the order given",
        f"mean over n = {span} items; bands and whiskers: 95 % bootstrap intervals; unit above each panel",
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
    whiskers = {
        "type": "data",
        "symmetric": False,
        "array": list(high - mean),
        "arrayminus": list(mean - low),
        "thickness": 1.6,
        "width": 5,
    }
    means = go.Scatter(
        x=places,
        y=mean,
        mode="lines+markers" if joined else "markers",
        name=plain(line["title"].iloc[0]),
        showlegend=False,
        line={"color": LOOK.colour, "width": 2.2},
        marker={"color": LOOK.colour, "size": 7 if joined else 9},
        error_y=None if joined else whiskers,
        text=[plain(name) for name in names],
        customdata=["reference", *verdicts[1:]],
        hovertemplate="%{text}: %{y:.3f} (%{customdata})<extra></extra>",
    )
    return [*band, means] if joined else [means]
