"""Figures of a study of training: accuracy against reliance, a point a seed; and the axes over training."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any

import plotly.graph_objects as go

from mechcot.view.theme import BAND, Look, looks, panel_grid, plain, titled

AXIS_TITLES: Mapping[str, str] = {
    "accuracy": "right answers",
    "reliance": "reliance on the chain",
    "validity": "valid steps",
    "hint": "answers that go to a wrong hint",
}
_ANCHOR = "rgba(128, 128, 128, 0.9)"
_LETTER, _END, _TOP = 0.055, 1.02, 1.08
"""Height of a letter, where the letters stand, and the upper end of a panel."""


def letters(arms: Sequence[str]) -> dict[str, str]:
    """A letter an arm, by its place."""
    return {
        name: ascii_uppercase[place % 26] + "'" * (place // 26) for place, name in enumerate(arms)
    }


def arms_figure(
    points: Sequence[Mapping[str, Any]], arms: Sequence[str], *, effect: float, seeds: int
) -> go.Figure:
    """Draw the change of right answers against the change of reliance, a letter a seed.

    Args:
        points: Rows `arm`, `seed`, `accuracy`, `reliance` (changes; None where nothing is judged), `anchor`.
        arms: Names of the arms in their order.
        effect: Smallest effect of reliance: inside the band it did not change.
        seeds: Number of seeds.
    """
    figure, named, styles = go.Figure(), letters(arms), looks(list(arms))
    lost = sum(point["reliance"] is None for point in points)
    for arm in arms:
        rows = [p for p in points if p["arm"] == arm and p["reliance"] is not None]
        figure.add_trace(_marks(rows, named[arm], f"{named[arm]} {plain(arm)}", styles[arm].colour))
    for point in points:
        if point["anchor"] and point["reliance"] is not None:
            name = plain(point["arm"])
            figure.add_trace(_marks([point], name, f"{name} (its use is known)", _ANCHOR))
    figure.add_hrect(y0=-effect, y1=effect, fillcolor=BAND, line_width=0, layer="below")
    figure.update_xaxes(title="change of right answers", zeroline=True)
    figure.update_yaxes(title="change of reliance on the chain", zeroline=True)
    left_out = f"; {lost} not judged and not drawn" if lost else ""
    return titled(
        figure,
        "Which training hollows the chain?",
        f"a letter a seed, at most {seeds}; each against its base; shaded: less than the smallest effect{left_out}",
        height=560 + 18 * (len(arms) // 5),
        top=110 + 18 * (len(arms) // 5),
    )


def _marks(rows: Sequence[Mapping[str, Any]], text: str, name: str, colour: str) -> go.Scatter:
    return go.Scatter(
        x=[row["accuracy"] for row in rows],
        y=[row["reliance"] for row in rows],
        mode="markers+text",
        text=[text] * len(rows),
        textposition="middle right",
        name=name,
        marker={"color": colour, "size": 9},
        textfont={"color": colour},
        customdata=[row["seed"] for row in rows],
        hovertemplate=f"{name}, seed %{{customdata}}: %{{x:.2f}}, %{{y:.2f}}<extra></extra>",
    )


def training_figure(lines: Sequence[Mapping[str, Any]], arms: Sequence[str]) -> go.Figure:
    """Draw each axis over training, a line an arm, means over seeds, its base at the left.

    Args:
        lines: Rows `arm`, `axis`, `share`, `value`, `n`.
        arms: Names of the arms in their order.
    """
    named, styles = letters(arms), looks(list(arms))
    figure, places, _ = panel_grid(
        len(AXIS_TITLES), list(AXIS_TITLES.values()), columns=2, across=0.08, between=0.25
    )
    for place, axis in zip(places, AXIS_TITLES, strict=True):
        known = [row for row in lines if row["axis"] == axis and row["value"] is not None]
        ends: dict[str, float] = {}
        for arm in arms:
            rows = [row for row in known if row["arm"] == arm]
            if rows:
                figure.add_trace(_line(rows, named[arm], arm, styles[arm], axis), **place)
                ends |= {arm: rows[-1]["value"]} if rows[-1]["share"] > 0 else {}
        for arm, height in apart(ends, gap=_LETTER, top=_TOP).items():
            at = {"x": _END, "y": height, "showarrow": False, "xanchor": "left"}
            font = {"color": styles[arm].colour, "size": 11}
            figure.add_annotation(text=named[arm], font=font, **at, **place)
    figure.update_yaxes(range=[-0.05, _TOP])
    figure.update_xaxes(range=[-0.03, 1.1], tickformat=".0%", tickvals=[0, 0.25, 0.5, 0.75, 1])
    top = 110 + 18 * (len(arms) // 5)
    return titled(
        figure,
        "Over training",
        "means over the seeds that are judged; left: the base; along the way on fewer items than at the end; letters stand in the order of the ends",
        height=520 + top,
        top=top,
    )


def _line(
    rows: Sequence[Mapping[str, Any]], letter: str, arm: str, look: Look, axis: str
) -> go.Scatter:
    return go.Scatter(
        x=[row["share"] for row in rows],
        y=[row["value"] for row in rows],
        mode="lines+markers",
        name=f"{letter} {plain(arm)}",
        legendgroup=arm,
        showlegend=axis == "accuracy",
        line={"color": look.colour, "dash": look.dash, "width": 1.6},
        marker={"color": look.colour, "symbol": look.symbol, "size": 5},
        customdata=[row["n"] for row in rows],
        hovertemplate=f"{plain(arm)}: %{{y:.2f}} after %{{x:.0%}}, %{{customdata}} seeds<extra></extra>",
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
