"""Figures of a steering experiment: dose curves, the frontier of length against answers, a sweep of sites."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mechcot.core.wording import count_of
from mechcot.view.theme import Look, panel_grid, plain, titled, whiskers, wrapped

_COLUMNS = 2


@dataclass(frozen=True)
class DoseLine:
    """One curve with its interval; NaN where there is none.

    Attributes:
        name: What it stands for; lines of one name share a look and a place in the legend.
        x: Doses, or names of sites.
        mean: Means.
        low: Lower ends.
        high: Upper ends.
        spread: Lower and upper end of each x; empty: none is shown.
        missed: Which points did not get what was asked for; they are drawn open. Empty: none.
        notes: Said of each point under the pointer; empty: nothing.
    """

    name: str
    x: tuple[float | str, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    spread: tuple[tuple[float, float], ...] = ()
    missed: tuple[bool, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class DosePanel:
    """Curves of one number.

    Attributes:
        title: The number.
        lines: Its curves.
        reference: Value without any steering; NaN for none.
    """

    title: str
    lines: tuple[DoseLine, ...]
    reference: float


@dataclass(frozen=True)
class Point:
    """One arm on the frontier; drawn open where it `missed` the dose that was asked for."""

    name: str
    label: str
    tokens: float
    accuracy: float
    low: float
    high: float
    missed: bool = False


@dataclass(frozen=True)
class Difference:
    """One comparison of two arms, with an interval for each of several numbers; NaN where there is none."""

    label: str
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def differences(
    rows: Sequence[Difference],
    titles: Sequence[str],
    colours: Sequence[str],
    *,
    title: str,
    subtitle: str,
) -> go.Figure:
    """One line a comparison, one panel a number; an interval that leaves out the dotted zero is a difference.

    Args:
        rows: The comparisons, from the top; each has one value per title.
        titles: One per panel.
        colours: One per row.
        title: Of the figure.
        subtitle: Of the figure; cut at 140 characters.
    """
    figure = make_subplots(
        rows=1,
        cols=len(titles),
        shared_yaxes=True,
        horizontal_spacing=0.03,
        subplot_titles=[wrapped(title, width=30) for title in titles],
    )
    for place, _ in enumerate(titles):
        figure.add_trace(
            go.Scatter(
                x=[row.mean[place] for row in rows],
                y=[plain(row.label, limit=90) for row in rows],
                mode="markers",
                showlegend=False,
                marker={"color": list(colours), "size": 7},
                error_x=whiskers(
                    *(
                        [getattr(row, end)[place] for row in rows]
                        for end in ("mean", "low", "high")
                    ),
                    thickness=1.2,
                    width=3,
                ),
                hovertemplate="%{y}: %{x:.3f}<extra></extra>",
            ),
            row=1,
            col=place + 1,
        )
        at: dict[str, Any] = {"row": 1, "col": place + 1}
        figure.add_vline(x=0, line={"dash": "dot", "width": 1.2}, **at)
    figure.update_xaxes(nticks=5, zeroline=False)
    figure.update_yaxes(autorange="reversed", automargin=True, zeroline=False)
    figure.update_annotations(font_size=12)
    height = 190 + 24 * len(rows)
    return titled(figure, plain(title), plain(subtitle, limit=140), height=height, top=104)


def dose_curves(
    panels: Sequence[DosePanel], looks: dict[str, Look], *, title: str, subtitle: str, axis: str
) -> go.Figure:
    """One panel a number, one curve an arm with its interval; the dotted line is the unsteered model.

    Args:
        panels: Laid out two in a row.
        looks: Name of a line to its look; every line needs one.
        title: Of the figure.
        subtitle: Of the figure; cut at 140 characters.
        axis: What x is, with its unit.
    """
    titles = [wrapped(panel.title, width=44) for panel in panels]
    figure, places, rows = panel_grid(
        len(panels), titles, columns=_COLUMNS, across=0.1, between=0.3
    )
    shown: set[str] = set()
    for place, panel in zip(places, panels, strict=True):
        for line in panel.lines:
            figure.add_trace(_curve(line, looks[line.name], first=line.name not in shown), **place)
            shown.add(line.name)
        if panel.reference == panel.reference:
            figure.add_hline(y=panel.reference, line={"dash": "dot", "width": 1.2}, **place)
    figure.update_xaxes(title=plain(axis), row=rows, zeroline=False)
    figure.update_yaxes(nticks=6, zeroline=False)
    figure.update_annotations(font_size=12)
    lines = 20 * (max(len(shown) - 1, 0) // 3)  # more room for a longer legend
    return titled(
        figure,
        plain(title),
        plain(subtitle, limit=140),
        height=150 + lines + 250 * rows,
        top=116 + lines,
    )


def _curve(line: DoseLine, look: Look, *, first: bool) -> go.Scatter:
    return go.Scatter(
        x=list(line.x),
        y=list(line.mean),
        mode="lines+markers",
        name=plain(line.name),
        legendgroup=line.name,
        showlegend=first,
        line={"color": look.colour, "dash": look.dash, "width": 2},
        marker={
            "color": look.colour,
            "symbol": _symbols(look, line.missed or (False,) * len(line.x)),
            "size": 7,
        },
        error_y=whiskers(line.mean, line.low, line.high, thickness=1.2, width=3),
        error_x=_sideways(line),
        text=[plain(note) for note in line.notes] or None,
        hovertemplate=f"{plain(line.name)}: %{{x}}, %{{y:.3f}}{'<br>%{text}' * bool(line.notes)}<extra></extra>",
    )


def _symbols(look: Look, missed: Sequence[bool]) -> list[str]:
    return [f"{look.symbol}-open" if off else look.symbol for off in missed]


def _sideways(line: DoseLine) -> dict[str, object] | None:
    """Bars along x; none where there is no spread."""
    if not line.spread:
        return None
    return whiskers(map(float, line.x), *zip(*line.spread, strict=True), thickness=0.8, width=2)


def cost_frontier(
    points: Sequence[Point],
    looks: dict[str, Look],
    *,
    n: int,
    marks: Mapping[str, float] = MappingProxyType({}),
) -> go.Figure:
    """Chain length against accuracy: up and to the left is better; `marks` are lengths to compare with.

    Args:
        points: One per arm and dose; those of one name are joined, by tokens.
        looks: Name of a point to its look.
        n: Number of items behind each point.
        marks: Name to tokens.
    """
    figure = go.Figure()
    for name in dict.fromkeys(point.name for point in points):
        here = sorted((p for p in points if p.name == name), key=lambda p: p.tokens)
        look = looks[name]
        figure.add_trace(
            go.Scatter(
                x=[p.tokens for p in here],
                y=[p.accuracy for p in here],
                mode="lines+markers" if len(here) > 1 else "markers",
                name=plain(name),
                line={"color": look.colour, "dash": look.dash, "width": 1.4},
                marker={
                    "color": look.colour,
                    "symbol": _symbols(look, [p.missed for p in here]),
                    "size": 9,
                },
                error_y=whiskers(
                    *([getattr(p, end) for p in here] for end in ("accuracy", "low", "high")),
                    thickness=1,
                    width=3,
                ),
                text=[plain(p.label) for p in here],
                hovertemplate="%{text}: %{x:.1f} tokens, %{y:.3f}<extra></extra>",
            )
        )
    for name, tokens in marks.items():
        figure.add_vline(x=tokens, line={"dash": "dot", "width": 1.2})
        figure.add_annotation(
            x=tokens,
            y=0.4,
            text=plain(name),
            textangle=-90,
            showarrow=False,
            xshift=-9,
            font_size=11,
        )
    figure.update_xaxes(title="tokens of the chain, mean over items", zeroline=False)
    figure.update_yaxes(title="accuracy", range=[-0.04, 1.06], zeroline=False)
    return titled(
        figure,
        "What a shorter chain costs",
        f"one mark a dose, mean over n = {count_of(n, 'item')}; bars: 95 % intervals; up and to the left is better",
        height=470,
        top=104,
    )
