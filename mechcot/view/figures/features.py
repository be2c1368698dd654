"""Figures of sparse features: along one trace, by kind of step, before against after."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mechcot.view.theme import LIGHT, PALETTE, plain, scale, titled


def along(shown: Mapping[str, Any], features: Sequence[int]) -> go.Figure:
    """Activation of some features at every token of one chain.

    Args:
        shown: `trace`, `tokens`, and `values` as [feature, token].
        features: Their numbers.
    """
    values = np.asarray(shown["values"], dtype=float)
    tokens = [plain(token, limit=12) or "·" for token in shown["tokens"]]
    figure = go.Figure(
        go.Heatmap(
            z=values,
            y=[f"f{number}" for number in features],
            x=list(range(len(tokens))),
            text=[tokens] * len(features),
            coloraxis="coloraxis",
            hovertemplate="%{y} at “%{text}”: %{z:.2f}<extra></extra>",
        )
    )
    figure.update_xaxes(
        tickvals=list(range(len(tokens))),
        ticktext=tokens,
        tickangle=-90,
        tickfont={"size": 8.5},
        showgrid=False,
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, tickfont={"size": 10.5})
    figure.update_layout(
        meta={"scales": {"coloraxis": "sequential"}},
        coloraxis={
            "colorscale": scale(LIGHT.sequential),
            "colorbar": {"thickness": 9, "title": {"text": "activation", "font": {"size": 11}}},
        },
    )
    return titled(
        figure,
        "Activation along one chain",
        f"{plain(shown['trace'])}, read by {plain(shown['model'])}",
        height=150 + 22 * len(features),
        top=70,
    )


def kinds(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> go.Figure:
    """Mean activation by kind of step, one panel a feature, before and after as bars.

    Args:
        rows: Entries of `top`.
        names: The two models.
    """
    columns = 3
    down = max(-(-len(rows) // columns), 1)
    figure = make_subplots(
        rows=down,
        cols=columns,
        shared_xaxes=True,
        horizontal_spacing=0.07,
        vertical_spacing=0.22 / down,
        subplot_titles=[f"feature {row['feature']}" for row in rows],
    )
    every = sorted({kind for row in rows for side in row["kinds"] for kind in side})
    for place, row in enumerate(rows):
        for side, name in enumerate(names):
            figure.add_trace(
                go.Bar(
                    x=every,
                    y=[row["kinds"][side].get(kind, {}).get("mean", 0.0) for kind in every],
                    name=plain(name),
                    legendgroup=name,
                    showlegend=place == 0,
                    marker={"color": PALETTE[side]},
                    hovertemplate="%{x}: %{y:.3f}<extra></extra>",
                ),
                row=place // columns + 1,
                col=place % columns + 1,
            )
    figure.update_yaxes(nticks=4, exponentformat="none", rangemode="tozero")
    figure.update_xaxes(tickangle=-40, tickfont={"size": 10})
    figure.update_annotations(font_size=11.5)
    figure.update_layout(barmode="group", bargap=0.25)
    return titled(
        figure,
        "Mean activation by kind of step",
        "over all tokens of the steps of a kind; each panel has its own scale",
        height=170 + 150 * down,
        top=112,
    )


def change(features: Sequence[Mapping[str, Any]], names: Sequence[str]) -> go.Figure:
    """Mean activation before against after, one mark a feature; those that changed stand out.

    Args:
        features: Entries with `change`.
        names: The two models.
    """
    figure = go.Figure()
    told = [each for each in features if each["change"]]
    for label, colour, rows in (
        (
            "no change shown",
            "rgba(128, 128, 128, 0.45)",
            [r for r in told if r["change"]["p_holm"] >= 0.05],
        ),
        ("changed (Holm, .05)", PALETTE[1], [r for r in told if r["change"]["p_holm"] < 0.05]),
    ):
        figure.add_trace(
            go.Scatter(
                x=[max(row["change"]["before"], 1e-5) for row in rows],
                y=[max(row["change"]["after"], 1e-5) for row in rows],
                mode="markers",
                name=f"{label}: {len(rows)}",
                marker={"color": colour, "size": 6},
                text=[f"feature {row['feature']}" for row in rows],
                hovertemplate="%{text}: %{x:.4f} → %{y:.4f}<extra></extra>",
            )
        )
    figure.update_xaxes(
        type="log", title=f"mean activation, {plain(names[0])}", dtick=1, exponentformat="power"
    )
    figure.update_yaxes(type="log", title=plain(names[1]), dtick=1, exponentformat="power")
    return titled(
        figure,
        "Before and after, on the same tokens",
        "one mark a feature: mean activation per chain token; values below 1e-5 are drawn there",
        height=430,
        top=104,
    )


ASKED = {
    "kind": "which kind of step",
    "used": "is its value read later",
    "again": "also behind the next step",
    "known": "is the answer known",
}
THIRDS = ("first", "second", "last")
WORDS_AT = -0.9


def probes(models: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Held-out balanced accuracy of probes: by block above, by third of the chain below; one column a target.

    Args:
        models: Entries of `models` in `probe.json`.
    """
    names = [name for name in ASKED if any(each["targets"][name] for each in models)]
    figure = make_subplots(
        rows=2,
        cols=len(names),
        shared_yaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=0.2,
        subplot_titles=[ASKED[name] for name in names],
    )
    shown: set[str] = set()
    for column, name in enumerate(names, start=1):
        for side, each in enumerate(models):
            target = each["targets"][name]
            if target is None:
                continue
            colour, label = PALETTE[side], plain(each["model"])
            for row, mark in _probe_marks(target, each["site"], colour=colour, label=label):
                mark.showlegend = row == 1 and mark.name not in shown
                shown |= {mark.name} if row == 1 else set()
                figure.add_trace(mark, row=row, col=column)
            if side == 0:
                for row in (1, 2):
                    figure.add_hline(
                        y=target["chance"],
                        line={"dash": "dot", "width": 1, "color": "rgba(128, 128, 128, 0.8)"},
                        row=row,
                        col=column,
                    )
        blocks = len(
            next(each["targets"][name] for each in models if each["targets"][name])["layers"]
        )
        figure.update_xaxes(
            title="after block",
            tickvals=[WORDS_AT, *range(blocks)],
            ticktext=["words", *range(blocks)],
            zeroline=False,
            row=1,
            col=column,
        )
        figure.update_xaxes(title="third of the chain", row=2, col=column)
    figure.update_yaxes(range=[0, 1.03], dtick=0.25)
    figure.update_yaxes(title="balanced accuracy", col=1)
    figure.update_annotations(font_size=12)
    return titled(
        figure,
        "What a linear probe reads at the end of a step",
        "held out by problem, with 95 % intervals over chains; dotted: chance; squares: from the words of the step alone",
        height=530,
        top=118,
    )


def _probe_marks(
    target: Mapping[str, Any], site: str, *, colour: str, label: str
) -> list[tuple[int, go.Scatter]]:
    """State by block and features at their block (row 1), both by thirds of the chain (row 2)."""
    found, layers = target["probes"], target["layers"]
    block = int(site.split(".")[1])

    def mark(
        row: int, x: Sequence[Any], rows: Sequence[Any], **kwargs: Any
    ) -> tuple[int, go.Scatter]:
        bars = {}
        if isinstance(rows[0], Mapping):
            up = [r["high"] - r["mean"] for r in rows]
            down = [r["mean"] - r["low"] for r in rows]
            bars = {"error_y": {"array": up, "arrayminus": down, "thickness": 1.2, "width": 0}}
            rows = [r["mean"] for r in rows]
        return row, go.Scatter(
            x=list(x), y=list(rows), hovertemplate="%{x}: %{y:.3f}<extra></extra>", **bars, **kwargs
        )

    state = {
        "mode": "lines+markers",
        "line": {"color": colour, "width": 1.6},
        "marker": {"size": 5},
    }
    sparse = {"mode": "markers", "marker": {"color": colour, "size": 10, "symbol": "diamond-open"}}
    words = {"mode": "markers", "marker": {"color": colour, "size": 8, "symbol": "square-open"}}
    return [
        mark(1, range(len(layers)), layers, name=f"{label}: state", **state),
        mark(1, [block + 0.12], [found["features"]], name=f"{label}: features", **sparse),
        mark(1, [WORDS_AT], [found["words"]], name=f"{label}: words", **words),
        mark(2, THIRDS, found["state"]["parts"], name=f"{label}: state", **state),
        mark(2, THIRDS, found["features"]["parts"], name=f"{label}: features", **sparse),
    ]
