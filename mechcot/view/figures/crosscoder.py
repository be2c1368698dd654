"""Figures of a crosscoder: whose its latents are, what latent scaling says of those of one model, which carry the change, on which tokens they work."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mechcot.view.theme import BAND, LIGHT, PALETTE, plain, titled, whiskers

_BINS = 40
_REACH = 1.5
"""Latent scaling is drawn up to here; what lies beyond is drawn at the border."""


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


def scaling_figure(result: Mapping[str, Any]) -> go.Figure:
    """Latent scaling of the latents that one model's decoder claims: what the other model has of each.

    Args:
        result: See `relative_norm_figure`; `latents` have `nu_error` and `nu_reconstruction`, both believed below `believed_below`.
    """
    figure = go.Figure()
    for name, model, colour in zip(
        ("base only", "tuned only"), result["models"], PALETTE, strict=False
    ):
        rows = [row for row in result["latents"] if row["whose"] == name]
        known = [row for row in rows if None not in (row["nu_error"], row["nu_reconstruction"])]
        figure.add_trace(
            go.Scatter(
                x=[_within(row["nu_error"]) for row in known],
                y=[_within(row["nu_reconstruction"]) for row in known],
                mode="markers",
                name=f"claimed by {plain(model)}: {len(rows)}",
                marker={
                    "color": colour,
                    "size": 8,
                    "symbol": ["circle" if row["believed"] else "circle-open" for row in known],
                },
                text=[f"latent {row['latent']}" for row in known],
                hovertemplate="%{text}: %{x:.2f}, %{y:.2f}<extra></extra>",
            )
        )
    across, up = result["believed_below"]
    figure.add_shape(
        type="rect",
        x0=-across,
        x1=across,
        y0=-up,
        y1=up,
        layer="below",
        line={"width": 0},
        fillcolor=BAND,
    )
    figure.update_xaxes(title="left over in the other model’s error (ν)", range=[-1.6, 1.6])
    figure.update_yaxes(title="written by its other latents (ν)", range=[-1.6, 1.6])
    return titled(
        figure,
        "Is the other model without it?",
        "0: nothing of the latent is there, 1: as much as in its own model; filled and in the band: believed; beyond ±1.5: drawn there",
        height=430,
        top=104,
    )


def _within(value: float) -> float:
    return min(max(value, -_REACH), _REACH)


def work_figure(result: Mapping[str, Any]) -> go.Figure:
    """Share of all activation that is of each model's own latents, by kind of token."""
    figure, rows = go.Figure(), result["work"]
    for side, model, colour in zip(("base", "tuned"), result["models"], PALETTE, strict=False):
        figure.add_trace(
            go.Bar(
                x=[f"{row['kind']} ({row['tokens']})" for row in rows],
                y=[row[side] for row in rows],
                name=f"{plain(model)}’s own",
                marker={"color": colour},
                hovertemplate="%{x}: %{y:.1%}<extra></extra>",
            )
        )
    figure.update_yaxes(title="share of the activation", tickformat=".0%", rangemode="tozero")
    figure.update_layout(barmode="group", bargap=0.3)
    return titled(
        figure,
        "On which steps do they work?",
        "activation of believed latents over that of all, by the kind of a token’s step (its number in brackets)",
        height=380,
        top=104,
    )


def replacement_figure(result: Mapping[str, Any]) -> go.Figure:
    """How far the tuned model is from its own output when it goes on from the base's states and the change of some latents.

    Args:
        result: See `relative_norm_figure`; `replacement` as `mechcot.sae.latent_replacement.replacement` gives it.
    """
    figure, rows = go.Figure(), result["replacement"][::-1]
    names = [f"{row['set']} ({row['latents']})" for row in rows]
    for key, name, symbol, colour in (
        ("random_latents", "as many random latents", "x-thin-open", LIGHT.muted),
        ("random_directions", "random directions of the same length", "diamond-open", LIGHT.muted),
        ("kl", "these latents", "circle", PALETTE[1]),
    ):
        figure.add_trace(
            go.Scatter(
                x=[row.get(key) for row in rows],
                y=names,
                mode="markers",
                name=name,
                marker={"symbol": symbol, "color": colour, "size": 10},
                error_x=whiskers(
                    [row["kl"] for row in rows],
                    [row["low"] for row in rows],
                    [row["high"] for row in rows],
                )
                if key == "kl"
                else None,
                hovertemplate="%{y}: %{x:.3g} nats<extra></extra>",
            )
        )
    figure.update_xaxes(title="KL to the tuned model’s output, nats a token", rangemode="tozero")
    base, tuned = map(plain, result["models"])
    return titled(
        figure,
        "Which latents carry the change?",
        f"{tuned} goes on from {base}’s states and what these latents have changed",
        height=150 + 42 * len(rows),
        top=104,
    )
