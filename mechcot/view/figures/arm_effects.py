"""Every arm of a study against the one that it is held against, with its interval: a row an arm, a panel an axis."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from mechcot.view.theme import BAND, PALETTE, panel_grid, plain, titled, whiskers, wrapped

READINGS: Mapping[str, str] = {
    "accuracy": "right answers",
    "reliance": "reliance on own chains",
    "given": "reliance on the base's chains",
    "validity": "valid steps",
    "hint": "answers that go to a wrong hint",
}
_MARKS = {
    "less": (PALETTE[1], "triangle-left"),
    "more": (PALETTE[0], "triangle-right"),
    "no change": (PALETTE[2], "square"),
    "unclear": (PALETTE[4], "circle-open"),
    "few seeds": ("#808080", "diamond-open"),
}
_ROW, _TOP, _BOTTOM = 23, 132, 60
_EDGE = 0.03


def contrast_of(arm: Mapping[str, Any], reading: str) -> Mapping[str, Any]:
    """The contrast of an arm on one of `READINGS`."""
    return (arm["given"] if reading == "given" else arm["axes"][reading])["contrast"]


def effects_figure(
    arms: Sequence[Mapping[str, Any]], *, effects: Mapping[str, float], control: str
) -> go.Figure:
    """Draw the differences.

    Args:
        arms: Those of `lab.json` that are held against another.
        effects: Smallest effect of each axis.
        control: What arms are held against where their row names nothing else.
    """
    titles = [wrapped(title, width=16) for title in READINGS.values()]
    figure, places, _ = panel_grid(
        len(READINGS), titles, columns=len(READINGS), across=0.02, between=0.0, shared_yaxes=True
    )
    shown: set[str] = set()
    for place, reading in zip(places, READINGS, strict=True):
        rows = [contrast_of(arm, reading) for arm in arms]
        for says in _MARKS:
            heights = [height for height, row in enumerate(rows) if row["says"] == says]
            if heights:
                figure.add_trace(
                    _marks(says, heights, rows, arms, first=says not in shown), **place
                )
                shown.add(says)
        bound = effects["reliance" if reading == "given" else reading]
        figure.add_vrect(x0=-bound, x1=bound, fillcolor=BAND, line_width=0, layer="below", **place)
    names = [
        plain(arm["name"] + f" vs {arm['against']}" * (arm["against"] != control)) for arm in arms
    ]
    figure.update_yaxes(
        tickvals=list(range(len(arms))),
        ticktext=names,
        range=[len(arms) - 0.5, -0.5],
        ticks="",
        zeroline=False,
    )
    figure.update_xaxes(title="difference", range=_span(arms, effects))
    return titled(
        figure,
        f"Each arm against {plain(control)}, or against the arm that is named",
        "difference of two changes, from −1 to 1; bars: 95 % intervals over seeds;<br>"
        "shaded: less than the smallest effect; no mark: not judged",
        height=_TOP + _BOTTOM + _ROW * len(arms),
        top=_TOP,
    ).update_layout(legend={"y": 1 - 62 / (_TOP + _BOTTOM + _ROW * len(arms))})


def _marks(
    says: str,
    heights: Sequence[int],
    rows: Sequence[Mapping[str, Any]],
    arms: Sequence[Mapping[str, Any]],
    *,
    first: bool,
) -> go.Scatter:
    """The rows of one verdict; of few seeds no interval is claimed, so that none is drawn."""
    colour, symbol = _MARKS[says]
    mine = [rows[height] for height in heights]
    values = ([row[end] for row in mine] for end in ("mean", "low", "high"))
    bars = {} if says == "few seeds" else whiskers(*values, color=colour, thickness=1.6, width=3)
    return go.Scatter(
        x=[row["mean"] for row in mine],
        y=heights,
        error_x=bars,
        mode="markers",
        marker={
            "color": colour,
            "symbol": symbol,
            "size": 7,
            "line": {"width": 1.6, "color": colour},
        },
        name=f"{says}: no interval" if says == "few seeds" else says,
        legendgroup=says,
        legendrank=list(_MARKS).index(says),
        showlegend=first,
        customdata=[
            [plain(arms[h]["name"]), row["n"]] for h, row in zip(heights, mine, strict=True)
        ],
        hovertemplate=f"%{{customdata[0]}}: %{{x:.3f}}, {says}, %{{customdata[1]}} seeds<extra></extra>",
    )


def _span(arms: Sequence[Mapping[str, Any]], effects: Mapping[str, float]) -> list[float]:
    """One range for all panels: every mean, every interval that is drawn, every band."""
    rows = [contrast_of(arm, reading) for arm in arms for reading in READINGS]
    ends = [row["mean"] for row in rows]
    ends += [row[end] for row in rows if row["says"] != "few seeds" for end in ("low", "high")]
    known = [*(end for end in ends if end is not None), *effects.values()]
    low, high = min(*known, -max(effects.values())), max(known)
    return [low - _EDGE * (high - low), high + _EDGE * (high - low)]
