"""The pruning frontier: accuracy against the share of the chain that is kept, one line a method."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mechcot.core.wording import count_of
from mechcot.view.theme import PALETTE, SYMBOLS, THREAD, Look, plain, titled, whiskers

_TITLES: Mapping[str, str] = {
    "repack": "repack: the text of the dropped steps is gone",
    "mask": "mask: the dropped steps are hidden from attention",
}
GREY = "#8a8780"
LOOKS: Mapping[str, Look] = {
    "suppression": Look(PALETTE[0], SYMBOLS[0], "solid"),
    "attention": Look(PALETTE[1], SYMBOLS[1], "solid"),
    "hidden alone": Look(PALETTE[5], SYMBOLS[2], "dash"),
    "answer attention": Look(PALETTE[4], SYMBOLS[3], "dash"),
    "deletion": Look(PALETTE[0], SYMBOLS[2], "solid"),
    "recent": Look(PALETTE[2], SYMBOLS[4], "dot"),
    "early exit": Look(PALETTE[3], SYMBOLS[5], "dot"),
    "random": Look(GREY, SYMBOLS[0], "dot"),
}
METHOD_NAMES: Mapping[str, str] = {
    "suppression": "closure over suppression",
    "attention": "closure over attention",
    "hidden alone": "suppression of each step alone",
    "answer attention": "the answer's attention alone",
    "deletion": "deletion of each step alone",
    "recent": "most recent steps",
    "early exit": "early exit at the first right statement",
    "random": "random steps",
}


def pruning_frontier(rows: Sequence[Mapping[str, Any]], *, n: int) -> go.Figure:
    """Draw one panel an executor; the band is drawn for the first method only, the others' intervals stand in the table.

    Args:
        rows: `executor`, `method`, `share`, `kept`, `accuracy`, `low`, `high`.
        n: Number of problems.
    """
    executors = [name for name in _TITLES if any(row["executor"] == name for row in rows)]
    figure = make_subplots(
        rows=1,
        cols=len(executors),
        shared_yaxes=True,
        horizontal_spacing=0.04,
        subplot_titles=[_TITLES[name] for name in executors],
    )
    for col, executor in enumerate(executors, start=1):
        for method, look in LOOKS.items():
            if not any(row["method"] == method for row in rows):
                continue
            line = [r for r in rows if r["executor"] == executor and r["method"] == method]
            line.sort(key=lambda row: row["share"])
            for trace in _line(line, method, look, legend=col == 1):
                figure.add_trace(trace, row=1, col=col)
    figure.update_annotations(font_size=12)
    figure.update_xaxes(
        range=[-0.02, 1.02],
        zeroline=False,
        tickformat=".0%",
        title="share of the chain's tokens kept",
    )
    figure.update_yaxes(range=[-0.02, 1.04], zeroline=False)
    figure.update_yaxes(title="accuracy of the answer", col=1)
    figure.update_layout(legend={"itemwidth": 40})
    return titled(
        figure,
        "How much of the chain can go before the answer does?",
        f"mean over n = {count_of(n, 'problem')}; bands: pointwise 95 % intervals of the two closures",
        height=500,
        top=135,
    )


def _line(
    line: Sequence[Mapping[str, Any]], method: str, look: Look, *, legend: bool
) -> list[go.Scatter]:
    x = [row["kept"] for row in line]
    shared = {"x": x, "legendgroup": method}
    traces = []
    if method in ("suppression", "attention"):
        edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        traces = [
            go.Scatter(y=[row["low"] for row in line], name="low", **shared, **edge),
            go.Scatter(
                y=[row["high"] for row in line],
                name="high",
                fill="tonexty",
                fillcolor=look.tint(0.16),
                **shared,
                **edge,
            ),
        ]
    wide = 2.4 if traces else 1.6
    return [
        *traces,
        go.Scatter(
            y=[row["accuracy"] for row in line],
            mode="lines+markers",
            name=plain(METHOD_NAMES[method]),
            showlegend=legend,
            line={"color": look.colour, "width": wide, "dash": look.dash},
            marker={"color": look.colour, "symbol": look.symbol, "size": 7 if traces else 6},
            hovertemplate="%{x:.0%} kept: %{y:.3f}",
            **shared,
        ),
    ]


def recovered(rows: Sequence[Mapping[str, Any]], *, n: int) -> go.Figure:
    """Draw precision and recall of every method against the known set of needed steps.

    Args:
        rows: `method`, `precision`, `recall` and their `_low` and `_high`.
        n: Number of problems.
    """
    figure = make_subplots(
        rows=1,
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.04,
        subplot_titles=["precision", "recall"],
    )
    shown = list(rows)[::-1]
    for col, name in enumerate(("precision", "recall"), start=1):
        for row in shown:
            look = LOOKS[row["method"]]
            figure.add_trace(
                go.Scatter(
                    x=[row[name]],
                    y=[METHOD_NAMES[row["method"]]],
                    mode="markers",
                    showlegend=False,
                    marker={"color": look.colour, "symbol": look.symbol, "size": 10},
                    error_x=whiskers(
                        *([row[end]] for end in (name, f"{name}_low", f"{name}_high")),
                        color=look.colour,
                        thickness=1.6,
                        width=4,
                    ),
                    hovertemplate="%{y}: %{x:.3f}<extra></extra>",
                ),
                row=1,
                col=col,
            )
        at: dict[str, Any] = {"row": 1, "col": col}
        figure.add_vline(x=0.9, line={"color": THREAD, "width": 1.5, "dash": "dash"}, **at)
    ends = [
        row[name] if row[f"{name}_low"] is None else row[f"{name}_low"]
        for row in rows
        for name in ("precision", "recall")
    ]
    lowest = min(ends, default=0.0)
    figure.update_xaxes(
        range=[min(0.45, lowest - 0.03), 1.02], zeroline=False, title="share of steps"
    )
    figure.update_annotations(font_size=12)
    return titled(
        figure,
        "Are the kept steps the ones the answer needs?",
        f"as many tokens kept as the needed steps have; mean over n = {count_of(n, 'problem')}, 95 % bootstrap intervals; dashes: 0.90",
        height=360,
        top=90,
    )
