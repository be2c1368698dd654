"""One figure for every type of result: `plot(value)`, which is what `value.plot()` calls.

Maps (step x step, layer x step, layer x head) are heat maps, lines over steps are lines, a contrast is a forest, a trace
shows where its tokens lie.
"""

from collections.abc import Mapping, Sequence
from functools import singledispatch
from typing import Any

import numpy as np
import pandas as pd
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
from mechcot.core.wording import count_of
from mechcot.stats.checkpoint_series import Series
from mechcot.stats.dose_tolerance import same_dose
from mechcot.stats.measurement_tables import rows_of
from mechcot.stats.pair_comparison import PairComparison
from mechcot.view.figures.checkpoint_series import series_figure
from mechcot.view.figures.dose_response import (
    DoseLine,
    DosePanel,
    Point,
    cost_frontier,
    dose_curves,
)
from mechcot.view.figures.forest import forest
from mechcot.view.figures.results import named_numbers
from mechcot.view.theme import LIGHT, PALETTE, looks, plain, scale, span, titled

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
    if value.results:
        return plot(next(iter(value.results.values())))
    if value.reason:
        raise UserError(
            f"{value.measure} on trace {value.trace} has nothing to draw ({value.reason}); take another trace"
        )
    note = f"trace {value.trace} read by {value.reader}; value in {value.unit}; n = 1 trace, no interval"
    return named_numbers(value.to_frame().dropna(subset="value"), measure=value.measure, note=note)


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
def _(value: PairComparison) -> go.Figure:
    chains = "each model's own chains" if value.author is None else "the same chains"
    name = f"{value.before} → {value.after}"
    return forest({name: value.table}, looks([name]), chains=chains)


@plot.register
def _(value: Series) -> go.Figure:
    return series_figure(value.table)


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
        f"tokens of each of {count_of(len(value.steps), 'step')}, coloured by kind; n = 1 trace",
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


def steered(tried: pd.DataFrame) -> go.Figure:
    """Length against accuracy, one mark an arm and dose, open where the dose that was asked for was not reached.

    Args:
        tried: What `mechcot.steering.dose_response.tried` gives.
    """
    points = [
        Point(
            name=row["arm"],
            label=row["arm"] + (f" at {_dose(row)}" if row["nats"] else ""),
            tokens=row["tokens"],
            accuracy=row["accuracy"],
            low=row["low"],
            high=row["high"],
            missed=not same_dose((row["nats"], row.get("kl", row["nats"]))),
        )
        for row in rows_of(tried)
    ]
    return cost_frontier(points, looks([point.name for point in points]), n=int(tried["n"].max()))


def _dose(row: Mapping[str, Any]) -> str:
    """The dose as it was measured, where it was."""
    return (
        f"{row['kl']:.3g} nats ({row['nats']:g} asked)" if "kl" in row else f"{row['nats']:g} nats"
    )


def feature_exchange_figure(curves: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Movement of the answer against the number of exchanged features, one panel a model.

    Args:
        curves: What `mechcot.sae.feature_patching.patched` gives, one entry a model.
    """
    names = {"effect": "the k features that differ most", "random": "k random ones that differ"}
    panels = [
        DosePanel(
            title=curve["model"],
            lines=tuple(_line(curve, key, name) for key, name in names.items()),
            reference=curve["whole"]["mean"],
        )
        for curve in curves
    ]
    counts = {curve["traces"] for curve in curves}
    figure = dose_curves(
        panels,
        looks(list(names.values())),
        title="How many features carry a stated value?",
        subtitle=f"mean over n = {span(counts)} chains; bars: 95 % bootstrap intervals; dotted: the whole state exchanged",
        axis="number of features exchanged, k",
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(range=[-0.05, 1.05], matches="y")
    return figure.update_yaxes(title="movement of the answer, probability", col=1)


def _line(curve: Mapping[str, Any], key: str, name: str) -> DoseLine:
    rows = curve[key]
    ends = {end: tuple(row[end] for row in rows) for end in ("mean", "low", "high")}
    return DoseLine(name, tuple(map(str, curve["counts"])), ends["mean"], ends["low"], ends["high"])
