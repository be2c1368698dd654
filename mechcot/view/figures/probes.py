"""The figure of probes: what a linear probe reads at the end of a step."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mechcot.view.theme import PALETTE, plain, titled

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
    names = [name for name in ASKED if any(model["targets"][name] for model in models)]
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
        for side, model in enumerate(models):
            target = model["targets"][name]
            if target is None:
                continue
            colour, label = PALETTE[side], plain(model["model"])
            for row, mark in _probe_marks(target, model["site"], colour=colour, label=label):
                mark.showlegend = row == 1 and mark.name not in shown
                shown |= {str(mark.name)} if row == 1 else set()
                figure.add_trace(mark, row=row, col=column)
            if side == 0:
                for row in (1, 2):
                    at: dict[str, Any] = {"row": row, "col": column}
                    pen = {"dash": "dot", "width": 1, "color": "rgba(128, 128, 128, 0.8)"}
                    figure.add_hline(y=target["chance"], line=pen, **at)
        blocks = len(
            next(model["targets"][name] for model in models if model["targets"][name])["layers"]
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
    """State by block and features at their block (row 1), both by thirds of the chain (row 2); what was not held is left out."""
    held, layers = target["probes"], target["layers"]
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
    marks = [
        mark(1, range(len(layers)), layers, name=f"{label}: state", **state),
        mark(2, THIRDS, held["state"]["parts"], name=f"{label}: state", **state),
    ]
    if "features" in held:
        name = f"{label}: features"
        marks.append(mark(1, [block + 0.12], [held["features"]], name=name, **sparse))
        marks.append(mark(2, THIRDS, held["features"]["parts"], name=name, **sparse))
    if "words" in held:
        marks.append(mark(1, [WORDS_AT], [held["words"]], name=f"{label}: words", **words))
    return marks
