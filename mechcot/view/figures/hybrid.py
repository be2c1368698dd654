"""Recovered share of an accuracy gap against the share of the positions that were given something, and against the bits."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mechcot.core.wording import count_of
from mechcot.view.theme import PALETTE, SYMBOLS, Look, panel_grid, plain, titled, whiskers

_GREY = "#8a8780"
_DASHES = ("solid", "dash", "dot", "dashdot")
_EVERYWHERE = "bias alone"
"""Given at all positions, so that it has no place along their share."""
_LOOKS: Mapping[str, Look] = {
    "tokens": Look(PALETTE[0], SYMBOLS[0], "solid"),
    "vectors": Look(PALETTE[1], SYMBOLS[1], "solid"),
    "random vectors": Look(PALETTE[2], SYMBOLS[2], "dot"),
    "random categories": Look(PALETTE[3], SYMBOLS[3], "dot"),
    "random positions": Look(PALETTE[4], SYMBOLS[4], "dot"),
    "bias alone": Look(PALETTE[5], SYMBOLS[5], "dot"),
    "forced tokens, scattered": Look(_GREY, SYMBOLS[0], "dash"),
    "forced tokens, first": Look(_GREY, SYMBOLS[1], "dash"),
}


def recovered_figure(result: Mapping[str, Any]) -> go.Figure:
    """Draw one line a condition over budgets, left by positions, right by bits.

    Args:
        result: What hybrid.json holds.
    """
    base, tuned = result["models"]
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.05)
    for name, look in _LOOKS.items():
        rows = _rows(result, name)
        for col, along in enumerate(("share", "bits"), start=1):
            if rows and (name, along) != (_EVERYWHERE, "share"):
                figure.add_trace(_line(rows, name, look, along, legend=col == 2), row=1, col=col)
    name = "recovered" if result["divides"] else "accuracy"
    for level in (0, 1) if result["divides"] else ():
        for col in (1, 2):
            at: dict[str, Any] = {"row": 1, "col": col}
            figure.add_hline(y=level, line={"color": _GREY, "width": 1, "dash": "dot"}, **at)
    figure.update_yaxes(
        title="recovered share of the gap" if name == "recovered" else "accuracy", col=1
    )
    figure.update_xaxes(
        title="share of positions given", tickformat=".0%", rangemode="tozero", col=1
    )
    figure.update_xaxes(title="bits given a text", rangemode="tozero", col=2)
    figure.update_layout(legend={"itemwidth": 40})
    return titled(
        figure,
        f"How much of {plain(tuned)} does {plain(base)} need to be told?",
        f"n = {count_of(result['n'], 'problem')}; bars: 95 % intervals; 0: {plain(base)} alone, 1: {plain(tuned)}"
        if result["divides"]
        else f"n = {count_of(result['n'], 'problem')}; no gap to recover: accuracies",
        height=480,
        top=150,
    )


def recovered_by_arm(result: Mapping[str, Any]) -> go.Figure:
    """Draw one line an arm over budgets, left by positions, right by bits; dashes say how it was trained.

    Args:
        result: What arms.json holds.
    """
    arms = [arm for arm in result["arms"] if arm["divides"]]
    given = [name for name in ("vectors", "tokens") if any(_rows(arm, name) for arm in arms)]
    titles = [title for name in given for title in (f"given {name}", "")]
    figure, places, lines = panel_grid(
        2 * len(given), titles, columns=2, across=0.05, between=0.25, shared_yaxes=True
    )
    ways = dict(zip(dict.fromkeys(map(_way, arms)), cycle(_DASHES)))
    for number, arm in enumerate(arms):
        look = Look(PALETTE[number % len(PALETTE)], SYMBOLS[number % len(SYMBOLS)], ways[_way(arm)])
        name = arm["name"] + (f" ({_way(arm)})" if arm["trained"] else "")
        first = 2 * next((k for k, help_ in enumerate(given) if _rows(arm, help_)), 0)
        for panel, place in enumerate(places[: 2 * len(given)]):
            rows, along = _rows(arm, given[panel // 2]), ("share", "bits")[panel % 2]
            if rows:
                figure.add_trace(
                    _line(rows, plain(name), look, along, legend=panel == first), **place
                )
    for level in (0, 1) if given else ():
        figure.add_hline(y=level, line={"color": _GREY, "width": 1, "dash": "dot"})
    figure.update_xaxes(rangemode="tozero")
    for panel, place in enumerate(places[: 2 * len(given)]):
        title, form = (("share of positions given", ".0%"), ("bits given a text", None))[panel % 2]
        figure.update_xaxes(title=title, tickformat=form, **place)
        if panel % 2 == 0:
            figure.update_yaxes(title="recovered share of the gap", **place)
    without = len(result["arms"]) - len(arms)
    left = f"; {count_of(without, 'arm')} without a gap to recover" if without else ""
    return titled(
        figure,
        f"How much of each arm does {plain(result['base'])} need to be told?",
        f"n = {count_of(result['n'], 'problem')}; bars: 95 % intervals; 0: {plain(result['base'])} alone, 1: the arm{left}",
        height=160 + 300 * max(lines, 1),
        top=150,
    )


def _way(arm: Mapping[str, Any]) -> str:
    """How an arm was trained, without its own name: supervised, reinforced, ..."""
    return (arm["trained"] or "").rpartition(", ")[2]


def _rows(result: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [row for row in result["conditions"] if row["name"] == name]


def _line(
    rows: Sequence[Mapping[str, Any]], name: str, look: Look, along: str, *, legend: bool
) -> go.Scatter:
    shown = [r["recovered"] if r["recovered"]["mean"] is not None else r["accuracy"] for r in rows]
    return go.Scatter(
        x=[row[along] for row in rows],
        y=[value["mean"] for value in shown],
        mode="lines+markers",
        name=name,
        legendgroup=name,
        showlegend=legend,
        line={"color": look.colour, "dash": look.dash, "width": 2},
        marker={"color": look.colour, "symbol": look.symbol, "size": 8},
        error_y=whiskers(
            *([value[end] for value in shown] for end in ("mean", "low", "high")),
            color=look.colour,
            thickness=1.2,
            width=3,
        ),
        hovertemplate="%{x:.3g}: %{y:.2f}",
    )
