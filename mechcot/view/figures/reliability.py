"""Reliability: how often answers of equal confidence are right, one line a model."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from mechcot.view.theme import THREAD, Look, plain, span, titled, whiskers


def reliability_figure(
    bins: pd.DataFrame, looks: Mapping[str, Look], *, given: bool = False, samples: int = 0
) -> go.Figure:
    """Draw the share of right answers against confidence; on the diagonal a model is as sure as it is right.

    Args:
        bins: One row a model and bin: `model`, `confidence`, `accuracy`, `low`, `high`, `n`.
        looks: Model -> how it is drawn.
        given: Whether the chains were given, instead of written by each model.
        samples: Texts whose agreement with the answer the confidence is; 0 for its probability.
    """
    figure = go.Figure(
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            mode="lines",
            line={"color": THREAD, "dash": "dash"},
            showlegend=False,
            hoverinfo="skip",
        )
    )
    for name, rows in bins.groupby("model", sort=False):
        look = looks[str(name)]
        figure.add_scatter(
            x=rows["confidence"],
            y=rows["accuracy"],
            mode="lines+markers",
            name=plain(str(name)),
            line={"color": look.colour, "dash": look.dash, "width": 1.5},
            marker={"color": look.colour, "symbol": look.symbol, "size": 9},
            error_y=whiskers(rows["accuracy"], rows["low"], rows["high"], thickness=1, width=0),
            customdata=rows["n"],
            hovertemplate=f"{plain(str(name))}<br>confidence %{{x:.2f}}<br>right %{{y:.2f}} of %{{customdata}}<extra></extra>",
        )
    sure = float(bins["confidence"].min())
    room = 0.06 * max(1 - sure, 0.002)
    least = min(sure, float(bins["low"].min()))
    figure.update_xaxes(
        title=f"share of {samples} further texts with the answer given"
        if samples
        else "mean confidence in the answer given",
        range=[sure - room, 1 + room],
    )
    figure.update_yaxes(title="share that is right", range=[least - 0.05, 1.05])
    counts = {int(n) for n in bins.groupby("model")["n"].sum()}
    return titled(
        figure,
        "Do further texts agree as often as the answer is right?"
        if samples
        else f"Is it as sure as it is right? Each model on {'given' if given else 'its own'} chains",
        f"n = {span(counts)} items in bins of equal size; bars: 95 % score interval; dashed: as sure as right",
        height=420,
        top=112,
    )
