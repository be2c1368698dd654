"""Three maps in a row: before and after on one shared scale, their difference on a diverging one around zero."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float

from mechcot.text.number_format import fixed
from mechcot.view.theme import LIGHT, plain, scale

SHARED, DIFFERENCE = "coloraxis", "coloraxis2"


def add_row(
    figure: go.Figure,
    maps: Sequence[Float[np.ndarray, "row column"]],
    *,
    row: int,
    rows: Sequence[str],
    columns: Sequence[str],
    hover: str,
    digits: int | None = None,
    printed: Bool[np.ndarray, "row column"] | None = None,
) -> None:
    """Draw before, after and difference in one row of a figure with three columns.

    Args:
        figure: Made by `make_subplots(cols=3)`; it is changed.
        maps: The three arrays, first index downwards.
        row: Row of the figure, from 1.
        rows: Name of each array row, for the pointer.
        columns: Name of each array column.
        hover: What stands between the names, such as `{row} ← {column}`; both words are filled in.
        digits: Decimals of the values printed in the cells; None prints none.
        printed: Cells that have their value printed; None: all.
    """
    down, across = [plain(name) for name in rows], [plain(name) for name in columns]
    names = np.array([[hover.format(row=r, column=c) for c in across] for r in down], dtype=object)
    for place, values in enumerate(maps, start=1):
        extra: dict[str, Any] = {}
        if digits is not None:
            shown = np.isfinite(values) if printed is None else printed & np.isfinite(values)
            written = [
                [
                    fixed(value, digits=digits) if show else ""
                    for value, show in zip(*pair, strict=True)
                ]
                for pair in zip(values, shown, strict=True)
            ]
            extra = {"text": written, "texttemplate": "%{text}", "textfont": {"size": 10}}
        figure.add_trace(
            go.Heatmap(
                z=values,
                x=list(range(len(columns))),
                y=list(range(len(rows))),
                customdata=names,
                coloraxis=DIFFERENCE if place == 3 else SHARED,
                hovertemplate="%{customdata}: %{z:.3f}<extra></extra>",
                hoverongaps=False,
                xgap=1,
                ygap=1,
                **extra,
            ),
            row=row,
            col=place,
        )


def colour_axes(
    figure: go.Figure,
    shared: Sequence[np.ndarray],
    difference: Sequence[np.ndarray],
    unit: str,
    *,
    height: int,
    signed: bool = False,
) -> None:
    """Lay one scale under before and after, and one symmetric about zero under the difference.

    The difference reaches as far as the values do, so that a small one looks small.

    Args:
        figure: The figure; it is changed.
        shared: All arrays drawn on the shared scale.
        difference: All arrays drawn on the diverging scale.
        unit: Unit of the values.
        height: Height of the figure, pixels, to place the bars at an even distance.
        signed: Whether the shared scale is symmetric about zero, too.
    """
    low, high = _range(shared)
    far = max(abs(end) for end in (low, high, *_range(difference))) or 1.0
    bar = {
        "orientation": "h",
        "thickness": 9,
        "yref": "container",
        "y": 6 / height,
        "yanchor": "bottom",
        "nticks": 6,
        "title": {"side": "bottom", "font": {"size": 11.5}},
        "tickfont": {"size": 10.5},
    }
    figure.update_layout(
        meta={"scales": {SHARED: "diverging" if signed else "sequential", DIFFERENCE: "diverging"}},
        coloraxis={
            "colorscale": scale(LIGHT.diverging if signed else LIGHT.sequential),
            "cmin": -far if signed else min(low, 0.0),
            "cmax": far if signed else high or 1.0,
            "colorbar": bar
            | {"x": 0.31, "len": 0.46, "title": bar["title"] | {"text": plain(unit)}},
        },
        coloraxis2={
            "colorscale": scale(LIGHT.diverging),
            "cmin": -far,
            "cmax": far,
            "colorbar": bar
            | {"x": 0.845, "len": 0.28, "title": bar["title"] | {"text": "difference, same unit"}},
        },
    )


def ticks(count: int, *, most: int = 40) -> list[int]:
    """Places to label on an axis of `count` cells, never more than `most`."""
    return list(range(0, count, max(1, -(-count // most))))


def _range(maps: Sequence[np.ndarray]) -> tuple[float, float]:
    values = np.concatenate([np.ravel(values) for values in maps]) if maps else np.zeros(0)
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
