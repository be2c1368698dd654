"""Figures of a study of training: accuracy against reliance, a mark a seed; and the axes over training."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from mechcot.view.theme import BAND, Look, looks, panel_grid, plain, titled

AXIS_TITLES: Mapping[str, str] = {
    "accuracy": "right answers",
    "reliance": "reliance on the chain",
    "validity": "valid steps",
    "hint": "answers that go to a wrong hint",
}
_GREY = Look("#808080", "circle", "solid")
_FAINT = 0.4
_LABEL, _END, _TOP = 0.065, 1.03, 1.08
"""Height of a label, where the labels stand, and the upper end of a panel."""


def arm_looks(arms: Sequence[str], told: Mapping[str, Collection[str]]) -> dict[str, Look]:
    """A look of its own for every arm that is told of on some axis; all others are grey.

    Args:
        arms: Names of the arms in their order.
        told: Axis -> the arms that are told of.
    """
    named = {arm for of_axis in told.values() for arm in of_axis}
    return dict.fromkeys(arms, _GREY) | looks([arm for arm in arms if arm in named])


def arms_figure(
    points: Sequence[Mapping[str, Any]], styles: Mapping[str, Look], *, effect: float, seeds: int
) -> go.Figure:
    """Draw the change of right answers against the change of reliance, a mark a seed.

    Args:
        points: Rows `arm`, `seed`, `accuracy`, `reliance` (changes; None where nothing is judged), `anchor`.
        styles: What `arm_looks` gives.
        effect: Smallest effect of reliance: inside the band it did not change.
        seeds: Number of seeds.
    """
    figure = go.Figure()
    drawn = [point for point in points if point["reliance"] is not None]
    lost = len(points) - len(drawn)
    others = [p for p in drawn if styles.get(p["arm"]) == _GREY]
    if others:
        figure.add_trace(_marks(others, "other arms", _GREY))
    for arm in (arm for arm, look in styles.items() if look != _GREY):
        rows = [point for point in drawn if point["arm"] == arm]
        if rows:
            figure.add_trace(_marks(rows, plain(arm), styles[arm]))
    for point in (point for point in drawn if point["anchor"]):
        name = f"{plain(point['arm'])} (its use is known)"
        mark = _marks([point], name, Look(_GREY.colour, "star", "solid"))
        figure.add_trace(mark.update(marker={"size": 13, "opacity": 1}))
    figure.add_hrect(y0=-effect, y1=effect, fillcolor=BAND, line_width=0, layer="below")
    figure.update_xaxes(title="change of the share of right answers", zeroline=True)
    figure.update_yaxes(title="change of reliance on the chain", zeroline=True)
    left_out = f"; {lost} not judged and not drawn" if lost else ""
    return titled(
        figure,
        "Right answers against reliance on the chain",
        f"a mark a seed, at most {seeds}; each against its base; shaded: less than the smallest effect{left_out}",
        height=470,
        top=120,
    )


def _marks(rows: Sequence[Mapping[str, Any]], name: str, look: Look) -> go.Scatter:
    return go.Scatter(
        x=[row["accuracy"] for row in rows],
        y=[row["reliance"] for row in rows],
        mode="markers",
        name=name,
        showlegend=True,
        marker={
            "color": look.colour,
            "symbol": look.symbol,
            "size": 9,
            "opacity": _FAINT if look == _GREY else 1,
        },
        customdata=[[plain(row["arm"]), row["seed"]] for row in rows],
        hovertemplate="%{customdata[0]}, seed %{customdata[1]}: %{x:.2f}, %{y:.2f}<extra></extra>",
    )


def training_figure(
    lines: Sequence[Mapping[str, Any]],
    styles: Mapping[str, Look],
    told: Mapping[str, Collection[str]],
) -> go.Figure:
    """Draw each axis over training, a line an arm, means over seeds, its base at the left.

    Args:
        lines: Rows `arm`, `axis`, `share`, `value`, `n`.
        styles: What `arm_looks` gives.
        told: Axis -> the arms whose lines are named there; the others are grey.
    """
    figure, places, _ = panel_grid(
        len(AXIS_TITLES), list(AXIS_TITLES.values()), columns=2, across=0.06, between=0.2
    )
    for place, axis in zip(places, AXIS_TITLES, strict=True):
        ends: dict[str, float] = {}
        for arm in sorted(styles, key=lambda arm: arm in told[axis]):
            named = arm in told[axis]
            rows = [row for row in lines if row["arm"] == arm and row["axis"] == axis]
            rows = [row for row in rows if row["value"] is not None]
            if rows:
                figure.add_trace(_line(rows, styles[arm] if named else _GREY), **place)
                ends |= {arm: rows[-1]["value"]} if named and rows[-1]["share"] > 0 else {}
        for arm, height in apart(ends, gap=_LABEL, top=_TOP).items():
            at = {"x": _END, "y": height, "showarrow": False, "xanchor": "left"}
            font = {"color": styles[arm].colour, "size": 11}
            figure.add_annotation(text=plain(arm), font=font, **at, **place)
    figure.update_yaxes(range=[-0.05, _TOP])
    figure.update_xaxes(range=[-0.03, 1.4], tickformat=".0%", tickvals=[0, 0.25, 0.5, 0.75, 1])
    figure.update_xaxes(title="share of the training", row=2)
    return titled(
        figure,
        "Over training",
        "means over the seeds that are judged; left: the base; along the way on fewer items than at the end;<br>"
        "named: the control and arms that differ there; grey: all others; names stand in the order of the ends",
        height=680,
        top=92,
    )


def _line(rows: Sequence[Mapping[str, Any]], look: Look) -> go.Scatter:
    colour = look.tint(_FAINT) if look == _GREY else look.colour
    return go.Scatter(
        x=[row["share"] for row in rows],
        y=[row["value"] for row in rows],
        mode="lines" if look == _GREY else "lines+markers",
        showlegend=False,
        line={"color": colour, "dash": look.dash, "width": 1.2 if look == _GREY else 1.8},
        marker={"color": colour, "symbol": look.symbol, "size": 6},
        customdata=[[plain(row["arm"]), row["n"]] for row in rows],
        hovertemplate="%{customdata[0]}: %{y:.2f} after %{x:.0%}, %{customdata[1]} seeds<extra></extra>",
    )


def apart(ends: Mapping[str, float], *, gap: float, top: float) -> dict[str, float]:
    """Heights for labels of lines that end close together, in the order of their ends and at least a gap apart.

    Args:
        ends: Name -> where its line ends.
        gap: Height of a label.
        top: The highest place; lower labels give way to it.
    """
    names = sorted(ends, key=lambda name: ends[name])
    heights: list[float] = []
    for name in names:
        heights.append(max(ends[name], heights[-1] + gap) if heights else ends[name])
    ceiling = top - gap
    for place in reversed(range(len(heights))):
        heights[place] = min(heights[place], ceiling)
        ceiling = heights[place] - gap
    return dict(zip(names, heights, strict=True))
