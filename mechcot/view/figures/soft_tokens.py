"""Soft tokens against their controls: right answers, and what acts on them change behind an unchanged chain."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mechcot.view.theme import PALETTE, plain, titled, whiskers

SOFT_CONDITIONS = {
    "absent": "no soft tokens (base)",
    "own": "soft tokens",
    "another": "another question’s",
    "random": "random vectors",
    "constant": "learned constant",
    "trained": "other training",
}
"""What a condition is called."""


def soft_tokens_figure(result: Mapping[str, Any]) -> go.Figure:
    """Draw both panels.

    Args:
        result: What softcot.json holds.
    """
    rows, acts = result["conditions"][::-1], result["carried"][::-1]
    figure = make_subplots(
        rows=1,
        cols=2,
        subplot_titles=["right answers", "answer lost behind an unchanged chain"],
        horizontal_spacing=0.24,
    )
    names = [f"{SOFT_CONDITIONS[row['kind']]}<br><i>{plain(row['name'])}</i>" for row in rows]
    figure.add_trace(_points(names, [row["accuracy"] for row in rows], 0), row=1, col=1)
    lost = [row["lost"] for row in acts]
    figure.add_trace(_points([row["act"] for row in acts], lost, 1), row=1, col=2)
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%", row=1, col=1)
    figure.update_xaxes(title="probability", row=1, col=2)
    figure.update_annotations(font_size=12)
    return titled(
        figure,
        "What do soft tokens do?",
        f"{plain(result['models'][1])}, {result['soft']['places']} soft tokens, n = {result['n']} problems; 95 % intervals",
        height=190 + 46 * max(len(rows), len(acts)),
        top=110,
    )


def _points(names: Sequence[str], values: Sequence[Mapping[str, Any]], colour: int) -> go.Scatter:
    return go.Scatter(
        x=[value["mean"] for value in values],
        y=list(names),
        mode="markers",
        showlegend=False,
        marker={"color": PALETTE[colour], "size": 9},
        error_x=whiskers(
            *([value[end] for value in values] for end in ("mean", "low", "high")),
            thickness=1.4,
            width=4,
            color="#55524b",
        ),
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )
