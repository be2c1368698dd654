"""Figures of a crosscoder: whose its latents are, what latent scaling says of those of one model, and on which tokens they work."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mechcot.view.theme import LIGHT, PALETTE, plain, titled

_BINS = 40


def relative_norm_figure(result: Mapping[str, Any]) -> go.Figure:
    """Latents by the share of their length that lies in the tuned model; those that latent scaling believes stand out.

    Args:
        result: What `crosscode.json` holds: `models`, `site`, and `latents` with `relative_norm`, `whose` and `believed`.
    """
    figure, rows = go.Figure(), result["latents"]
    base, tuned = map(plain, result["models"])
    edges = np.linspace(0, 1, _BINS + 1)
    for name, colour, some in (
        ("all that fire", LIGHT.grid, rows),
        (f"believed to be {base}’s own", PALETTE[0], _own(rows, "base only")),
        (f"believed to be {tuned}’s own", PALETTE[1], _own(rows, "tuned only")),
    ):
        counts, _ = np.histogram([row["relative_norm"] for row in some], edges)
        figure.add_trace(
            go.Bar(
                x=(edges[1:] + edges[:-1]) / 2,
                y=np.where(counts > 0, counts, np.nan),
                width=1 / _BINS,
                name=f"{name}: {len(some)}",
                marker={"color": colour, "line": {"width": 0}},
                hovertemplate="near %{x:.2f}: %{y} latents<extra></extra>",
            )
        )
    figure.update_xaxes(
        title=f"share of the length in {tuned}: 0 {base} only, ½ shared, 1 {tuned} only",
        range=[-0.01, 1.01],
    )
    figure.update_yaxes(title="latents", type="log", dtick=1, exponentformat="none")
    figure.update_layout(barmode="overlay", bargap=0)
    return titled(
        figure,
        "Whose are the latents?",
        f"{len(rows)} that fire, at {plain(result['site'])}; shares of {base} and {tuned}",
        height=380,
        top=104,
    )


def _own(rows: Sequence[Mapping[str, Any]], whose: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["whose"] == whose and row["believed"]]
