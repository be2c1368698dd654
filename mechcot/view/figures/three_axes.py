"""Right, valid, used: three shares of each model's own chains, an arrow a comparison."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from mechcot.stats.measurement_tables import rows_of
from mechcot.text.number_format import difference
from mechcot.view.theme import THREAD, Look, panel_grid, plain, span, titled, whiskers, wrapped

_ROW = 46


def three_axes(axes: Mapping[str, pd.DataFrame], looks: Mapping[str, Look]) -> go.Figure:
    """Draw one panel an axis, one row a comparison: before as a ring, after as a dot with the 95 % interval of the change.

    Args:
        axes: Name of a comparison -> its rows: `title`, `before`, `after`, `delta`, `low`, `high`, `n`.
        looks: Name of a comparison -> how its later model is drawn.
    """
    titles = list(dict.fromkeys(str(t) for frame in axes.values() for t in frame["title"]))
    figure, places, _ = panel_grid(
        len(titles),
        [wrapped(title, width=34) for title in titles],
        columns=max(len(titles), 1),
        across=0.05,
        between=0.3,
        shared_yaxes=True,
    )
    heights = {name: -float(place) for place, name in enumerate(axes)}
    for name, frame in axes.items():
        for row in rows_of(frame):
            for trace in _traces(name, row, heights[name], looks[name].colour):
                figure.add_trace(trace, **places[titles.index(row["title"])])
    figure.update_xaxes(range=[-0.06, 1.08], zeroline=False)
    figure.update_yaxes(
        tickvals=list(heights.values()),
        ticktext=[wrapped(name, width=26) for name in heights],
        range=[-len(heights) + 0.4, 0.75],
        showgrid=False,
        zeroline=False,
    )
    counts = {int(n) for frame in axes.values() for n in frame["n"]}
    return titled(
        figure,
        "Right, valid, used: before → after, each model on its own chains",
        f"n = {span(counts or {0})} items; ring: before; dot: after; bars: 95 % interval of the change",
        height=150 + _ROW * max(len(heights), 1) + 30,
        top=112,
    )


def _traces(name: str, row: Mapping[str, Any], y: float, colour: str) -> Iterator[go.Scatter]:
    """The way from before to after, both marks, and the change in numbers above them."""
    common = {"y": [y], "showlegend": False, "mode": "markers"}
    before, after = row["before"], row["after"]
    yield go.Scatter(
        x=[before, after], y=[y, y], mode="lines", line={"color": THREAD}, showlegend=False
    )
    hover = f"{plain(name)}<br>%{{x:.2f}}<extra></extra>"
    ends = [[min(max(before + row[end], 0.0), 1.0)] for end in ("low", "high")]
    bar = whiskers([after], *ends, thickness=1.5)
    open_mark = {"color": colour, "size": 14, "symbol": "circle-open", "line": {"width": 1.8}}
    yield go.Scatter(x=[before], marker=open_mark, hovertemplate=hover, **common)
    mark = {"color": colour, "size": 8}
    yield go.Scatter(x=[after], marker=mark, error_x=bar, hovertemplate=hover, **common)
    text = difference(row["delta"], row["low"], row["high"])
    yield go.Scatter(
        x=[0.5], y=[y + 0.36], mode="text", text=[text], showlegend=False, hoverinfo="skip"
    )
