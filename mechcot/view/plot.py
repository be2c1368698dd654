"""One figure for every type of result: `plot(value)`, which is what `value.plot()` calls.

Maps (step x step, layer x step, layer x head) are heat maps, lines over steps are lines, a contrast is a forest, a trace
shows where its tokens lie.
"""

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mechcot.core.errors import UserError
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import (
    Curve,
    HeadSteps,
    LayerFeatures,
    LayerSteps,
    LayerVector,
    Result,
    StepMatrix,
    StepVector,
    TokenVector,
)
from mechcot.core.trace import StepKind, Trace
from mechcot.stats.claim import Claim
from mechcot.view.figures.forest import forest
from mechcot.view.theme import LIGHT, PALETTE, looks, plain, scale, titled

_CELL = 22
_NAMES = {
    "after": "after this many steps",
    "source": "step that acts",
    "target": "step that is acted on",
    "step": "step",
    "layer": "layer",
    "head": "head",
    "token": "position in the trace",
    "feature": "coordinate of the residual stream",
}
"""What an axis is called; steps are numbered from 1, as on every page."""
FROM_ONE = frozenset({"source", "target", "step"})


@singledispatch
def plot(value: Any) -> go.Figure:
    """A figure of one result.

    Raises:
        UserError: The value is no result, or nothing in it can be drawn.
    """
    raise UserError(f"expected a result of mechcot, got {type(value).__name__}")


@plot.register
def _(value: Measurement) -> go.Figure:
    if not value.results:
        why = value.reason or "this measure gives numbers only: see to_frame()"
        raise UserError(f"{value.measure} on trace {value.trace} has no arrays to draw ({why})")
    return plot(next(iter(value.results.values())))


@plot.register(StepMatrix)
@plot.register(LayerSteps)
@plot.register(LayerFeatures)
def _(value: Result) -> go.Figure:
    down, across = value.axes if value.axes[0] == "layer" else reversed(value.axes)
    values = value.values if down == value.axes[0] else value.values.T
    return _map(value, values, down=down, across=across)


@plot.register
def _(value: HeadSteps) -> go.Figure:
    known = np.isfinite(value.values)
    count = np.maximum(known.sum(axis=2), 1)
    mean = np.where(
        known.any(axis=2), np.where(known, value.values, 0.0).sum(axis=2) / count, np.nan
    )
    return _map(value, mean, down="layer", across="head", note="mean over steps")


@plot.register(Curve)
@plot.register(TokenVector)
@plot.register(StepVector)
@plot.register(LayerVector)
def _(value: Result) -> go.Figure:
    (axis,) = value.axes
    places = [place + (axis in FROM_ONE) for place in value.labels[axis]]
    figure = go.Figure(
        go.Scatter(
            x=places,
            y=value.values,
            mode="lines+markers" if len(places) <= 200 else "lines",
            line={"color": PALETTE[0], "width": 2},
            marker={"size": 6},
            hovertemplate=f"{axis} %{{x:g}}: %{{y:.3f}}<extra></extra>",
        )
    )
    figure.update_xaxes(title=_NAMES[axis])
    figure.update_yaxes(title=plain(value.unit))
    return _titled(figure, value, height=360)


@plot.register
def _(value: Claim) -> go.Figure:
    chains = "each model's own chains" if value.author is None else "the same chains"
    name = f"{value.before} → {value.after}"
    return forest({name: value.table}, looks([name]), chains=chains)


@plot.register
def _(value: Trace) -> go.Figure:
    figure = go.Figure()
    kinds = [kind for kind in StepKind if any(step.kind is kind for step in value.steps)]
    order = list(StepKind)
    for kind in kinds:
        steps = [step for step in value.steps if step.kind is kind]
        figure.add_trace(
            go.Bar(
                x=[step.index + 1 for step in steps],
                y=[len(step.tokens) for step in steps],
                name=kind.value,
                marker={"color": (*PALETTE, LIGHT.muted)[order.index(kind)]},
                customdata=[plain(step.text) for step in steps],
                hovertemplate="step %{x}: %{y} tokens<br>%{customdata}<extra></extra>",
            )
        )
    figure.update_xaxes(title=_NAMES["step"])
    figure.update_yaxes(title="tokens")
    figure.update_layout(bargap=0.15)
    return titled(
        figure,
        f"Trace {plain(value.id)}",
        f"tokens of each of {len(value.steps)} steps, coloured by kind; n = 1 trace",
        height=360,
        top=110,
    )


def _map(value: Result, values: np.ndarray, *, down: str, across: str, note: str = "") -> go.Figure:
    rows, columns = (
        [place + (axis in FROM_ONE) for place in value.labels[axis]] for axis in (down, across)
    )
    known = values[np.isfinite(values)]
    far = float(np.abs(known).max()) if known.size else 1.0
    signed = bool(known.size and known.min() < 0)
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=columns,
            y=rows,
            colorscale=scale(LIGHT.diverging if signed else LIGHT.sequential),
            zmin=-far if signed else 0.0,
            zmax=far or 1.0,
            hoverongaps=False,
            xgap=1,
            ygap=1,
            colorbar={"title": {"text": plain(value.unit), "side": "right"}, "thickness": 10},
            hovertemplate=f"{down} %{{y:g}}, {across} %{{x:g}}: %{{z:.3f}}<extra></extra>",
        )
    )
    figure.update_xaxes(title=_NAMES[across], showgrid=False, zeroline=False)
    figure.update_yaxes(title=_NAMES[down], showgrid=False, zeroline=False)
    figure.update_yaxes(autorange="reversed" if down == "target" else True)
    return _titled(figure, value, height=max(300, min(_CELL * len(rows), 640) + 150), note=note)


def _titled(figure: go.Figure, value: Result, *, height: int, note: str = "") -> go.Figure:
    parts: Sequence[str] = (
        f"trace {plain(value.trace, limit=32)} read by {plain(value.reader, limit=32)}",
        plain(value.unit),
        note,
        "n = 1 trace, no interval",
    )
    name = f"{value.measure}: {value.name}".replace("_", " ")
    return titled(
        figure, plain(name), "; ".join(part for part in parts if part), height=height, top=70
    )
