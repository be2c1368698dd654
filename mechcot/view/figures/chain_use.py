"""The figure of `mechcot check`: how far a chain is followed, and how far it is needed, one mark a model."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from mechcot.stats.chain_use_change import AXES, deciding_loss
from mechcot.view.theme import BAND, PALETTE, SYMBOLS, THREAD, plain, span, titled, whiskers

ON_TOP = 0.03
"""Distance of two marks below which one hides the other."""


def chain_use_figure(
    models: Sequence[Mapping[str, Any]], *, effect: float, reference: str = ""
) -> go.Figure:
    """Draw followed against needed, with intervals.

    Args:
        models: Entries of `models` in `check.json`; those without numbers are left out.
        effect: The smallest effect: inside the band a question is answered no.
        reference: Name of a model from which an arrow leads to every other one; "" for none.
    """
    figure = go.Figure()
    shown = [model for model in models if model["followed"]["n"]]
    for place, model in enumerate(shown):
        x, y = model["followed"], _lost(model)
        color, symbol = PALETTE[place % len(PALETTE)], SYMBOLS[place % len(SYMBOLS)]
        if y is not model["needed"]:
            figure.add_trace(_lesser(model, color=color, symbol=symbol))
        figure.add_trace(
            go.Scatter(
                x=[x["mean"]],
                y=[y["mean"]],
                error_x=_bar(x),
                error_y=_bar(y),
                mode="markers",
                name=f"{plain(model['name'])}: {model['verdict']}{_named(model)}",
                marker={
                    "color": color,
                    "symbol": symbol,
                    "size": 10 + 7 * _covered(model, shown[place + 1 :]),
                },
            )
        )
    for tail, head in _arrows(shown, reference):
        figure.add_annotation(
            x=head["followed"]["mean"],
            y=_lost(head)["mean"],
            ax=tail["followed"]["mean"],
            ay=_lost(tail)["mean"],
            axref="x",
            ayref="y",
            text="",
            showarrow=True,
            arrowhead=2,
            arrowwidth=1.2,
            arrowcolor=THREAD,
            standoff=9,
            startstandoff=9,
        )
    figure.add_shape(
        type="rect",
        x0=-1,
        x1=effect,
        y0=-1,
        y1=effect,
        fillcolor=BAND,
        line={"width": 0},
        layer="below",
    )
    figure.update_xaxes(
        title="followed: the answer goes where another item's chain leads", range=[-0.25, 1.08]
    )
    figure.update_yaxes(title="needed: the answer is lost", range=[-0.25, 1.08])
    counts = {model["followed"]["n"] for model in shown}
    items = f"n = {span(counts)} items" if counts else "no items"
    hollow = "; hollow: the lesser loss, where the other decides" * any(map(deciding_loss, shown))
    return titled(
        figure,
        "Is the chain followed, and is it needed?",
        f"{items}; bars: 90 % intervals; shaded: neither{hollow}",
        height=520,
        top=88,
    )


def _covered(model: Mapping[str, Any], later: Sequence[Mapping[str, Any]]) -> int:
    """How many marks that are drawn later lie on this one: it is drawn larger, to be seen behind them."""
    return sum(
        all(
            abs(one["mean"] - other["mean"]) < ON_TOP
            for one, other in zip(_place(model), _place(hiding), strict=True)
        )
        for hiding in later
    )


def _place(model: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return model["followed"], _lost(model)


def _lost(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """The loss at which a model is drawn: the one that decides its verdict."""
    return model[deciding_loss(model) or "needed"]


def _named(model: Mapping[str, Any]) -> str:
    loss = deciding_loss(model)
    return f" ({AXES[loss]})" if loss else ""


def _lesser(model: Mapping[str, Any], *, color: str, symbol: str) -> go.Scatter:
    """The lesser loss as a hollow mark, tied to the one that decides."""
    losses = [model["needed"]["mean"], _lost(model)["mean"]]
    return go.Scatter(
        x=[model["followed"]["mean"]] * 2,
        y=losses,
        mode="lines+markers",
        name=f"{plain(model['name'])} ({AXES[model['needed']['by']]})",
        showlegend=False,
        line={"color": color, "width": 1.2, "dash": "dot"},
        marker={"color": color, "symbol": f"{symbol}-open", "size": [9, 0], "line": {"width": 1.5}},
    )


def _arrows(
    models: Sequence[Mapping[str, Any]], reference: str
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The reference with each other model; none where one of them has no numbers."""
    tails = [model for model in models if model["name"] == reference]
    return [(tail, model) for tail in tails for model in models if model["name"] != reference]


def _bar(estimate: Mapping[str, Any]) -> dict[str, Any]:
    return whiskers(*([estimate[end]] for end in ("mean", "low", "high")), thickness=1.5)
