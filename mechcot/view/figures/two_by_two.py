"""The 2 x 2 of vectors and models: one panel a behaviour, four changes with their intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mechcot.core.wording import count_of
from mechcot.view.theme import LIGHT, PALETTE, SYMBOLS, plain, titled, whiskers

_ORDER = (("tuned", "tuned"), ("base", "tuned"), ("tuned", "base"), ("base", "base"))
"""Source and model, from the bottom."""
_PANELS = 3
MOST_PANELS = 9
"""Most vectors that have a panel each; of more, each is a line."""
MOST_LINES = 40
_UNDECIDED = ("nothing", "not shown", "not judged", "doses differ")


def lines_drawn(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The vectors that are drawn where all would not fit: those of which something is said, then the first of the others; in their order."""
    said = [row for row in rows if row["verdict"] not in _UNDECIDED]
    rest = [row for row in rows if row["verdict"] in _UNDECIDED]
    names = {row["name"] for row in (said + rest)[:MOST_LINES]}
    return [row for row in rows if row["name"] in names]


def two_by_two_figure(result: Mapping[str, Any]) -> go.Figure:
    """Draw the changes; colours say whose vector it is.

    Args:
        result: What two_by_two.json holds.
    """
    rows = result["rows"]
    if len(rows) > MOST_PANELS:
        return _one_line_each(result)
    columns = min(_PANELS, len(rows))
    down = -(-len(rows) // columns)
    titles = [f"<b>{plain(row['name'])}</b>: {row['verdict']}" for row in rows]
    figure = make_subplots(
        rows=down,
        cols=columns,
        subplot_titles=titles,
        shared_yaxes=True,
        horizontal_spacing=0.05,
        vertical_spacing=0.42 / down,
    )
    for index, row in enumerate(rows):
        at: dict[str, Any] = {"row": index // columns + 1, "col": index % columns + 1}
        figure.add_trace(_chance(row, legend=index == 0), **at)
        for number, source in enumerate(("base", "tuned")):
            figure.add_trace(_changes(row, source, PALETTE[number], legend=index == 0), **at)
        figure.update_xaxes(title=readout_name(row["readout"]), title_font_size=12, **at)
        zero: dict[str, Any] = {"line": {"color": "#8a8780", "width": 1, "dash": "dot"}} | at
        figure.add_vline(x=0, **zero)
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=[_label(*place) for place in _ORDER],
        range=[-0.5, len(_ORDER) - 0.5],  # all four, also where a model has no such vector
    )
    return _titled(figure, result, height=150 + 250 * down)


def _one_line_each(result: Mapping[str, Any]) -> go.Figure:
    """Draw one column a place of the 2 x 2, and one line a vector; a row of panels for each readout."""
    shown = lines_drawn(result["rows"])
    readouts = list(dict.fromkeys(row["readout"] for row in shown))
    of = {name: [row for row in shown if row["readout"] == name][::-1] for name in readouts}
    places = _ORDER[::-1]
    figure = make_subplots(
        rows=len(readouts),
        cols=len(places),
        subplot_titles=[_label(*place) for place in places],
        shared_yaxes=True,
        horizontal_spacing=0.02,
        vertical_spacing=0.12 / len(readouts),
        row_heights=[len(of[name]) + 2 for name in readouts],
    )
    for line, name in enumerate(readouts, start=1):
        for col, (source, model) in enumerate(places, start=1):
            at: dict[str, Any] = {"row": line, "col": col}
            for row in of[name]:
                label = f"{plain(row['name'])}: {row['verdict']}"
                cells = [c for c in row["cells"] if (c["source"], c["model"]) == (source, model)]
                legend = (line, row is of[name][0]) == (1, True)
                one = {"cells": cells}
                colour = PALETTE[source == "tuned"]
                drawn = _chance(one, legend=legend and col == 1)
                moved = _changes(one, source, colour, legend=legend and col < 3)
                for trace in (drawn, moved):
                    figure.add_trace(trace.update(y=[label for _ in trace["x"] or ()]), **at)
            first = (line - 1) * len(places) + 1
            matched = {} if col == 1 else {"matches": f"x{first if line > 1 else ''}"}
            figure.update_xaxes(title=readout_name(name), title_font_size=12, **matched, **at)
            figure.add_vline(x=0, line={"color": "#8a8780", "width": 1, "dash": "dot"}, **at)
    return _titled(figure, result, height=190 + 90 * len(readouts) + 20 * len(shown))


def _titled(figure: go.Figure, result: Mapping[str, Any], *, height: int) -> go.Figure:
    figure.update_annotations(font_size=12)
    base, tuned = map(plain, result["models"])
    rows, shown = result["rows"], lines_drawn(result["rows"])
    part = f"; {len(shown)} of {len(rows)} vectors" if len(shown) < len(rows) else ""
    return titled(
        figure,
        "Whose vector moves whom?",
        f"base: {base}, tuned: {tuned}; change from the model's clean texts at {result['nats']:g} nats, n = {count_of(result['n'], 'problem')}; 95 % intervals{part}",
        height=height,
        top=130,
    )


def readout_name(readout: str) -> str:
    """What a readout counts, as the label of an axis."""
    names = {"tokens": "tokens a text", "correct": "share of right answers"}
    return names.get(readout, f"steps of {readout} a text")


def _label(source: str, model: str) -> str:
    return f"{source}’s on {model}"


def _changes(row: Mapping[str, Any], source: str, colour: str, *, legend: bool) -> go.Scatter:
    cells = [c for c in row["cells"] if c["source"] == source and c["mean"] is not None]
    return go.Scatter(
        x=[cell["mean"] for cell in cells],
        y=[_label(cell["source"], cell["model"]) for cell in cells],
        mode="markers",
        name=f"the vector of {source}",
        legendgroup=source,
        showlegend=legend,
        marker={"color": colour, "symbol": SYMBOLS[0], "size": 9},
        error_x=whiskers(
            *([cell[end] for cell in cells] for end in ("mean", "low", "high")),
            thickness=1.4,
            width=4,
            color="#55524b",
        ),
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )


def _chance(row: Mapping[str, Any], *, legend: bool) -> go.Scatter:
    """What random vectors change on the model of each cell."""
    drawn = [(cell, change) for cell in row["cells"] for change in cell["chance"]]
    return go.Scatter(
        x=[change for _, change in drawn],
        y=[_label(cell["source"], cell["model"]) for cell, _ in drawn],
        mode="markers",
        name="random vectors of the same dose",
        legendgroup="chance",
        showlegend=legend,
        marker={"color": LIGHT.muted, "symbol": "line-ns-open", "size": 9},
        hovertemplate="a random vector: %{x:.3f}<extra></extra>",
    )
