"""One look for every figure: the colours of Okabe and Ito (safe for colour-blind readers), one type, light and dark.

A figure is built on the light paper and names no ink of its own: what is drawn in ink comes from the
template, so that `papers()` can swap light for dark (a page does it with one relayout). Models have a
colour *and* a symbol. Source of the palette: Okabe and Ito, "Color Universal Design" (2008).
"""

import html
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SANS = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif"
MONO = "'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
THREAD = "rgba(128, 128, 128, 0.3)"
BAND = "rgba(0, 158, 115, 0.17)"


@dataclass(frozen=True)
class Paper:
    """Inks and colour scales for one background; colours as CSS text."""

    background: str
    ink: str
    muted: str
    grid: str
    sequential: tuple[str, ...]
    diverging: tuple[str, ...]


LIGHT = Paper(
    background="#fffefb",
    ink="#22211f",
    muted="#6b6862",
    grid="#e6e3dc",
    sequential=("#f1f1ee", "#c9dcea", "#8db9d8", "#4a8fbf", "#0b5c96", "#053259"),
    diverging=("#8f3a00", "#d55e00", "#f3b98d", "#f1f1ee", "#94c3e0", "#0072b2", "#033f6b"),
)
DARK = Paper(
    background="#16171a",
    ink="#e9e6df",
    muted="#a09c94",
    grid="#33353a",
    sequential=("#23262b", "#1d3f5a", "#20618f", "#3d8cc2", "#86bfe6", "#dceefb"),
    diverging=("#ffc999", "#f08a3c", "#8a4413", "#23262b", "#1c5480", "#4aa3dc", "#bfe1f7"),
)


@dataclass(frozen=True)
class Look:
    """Colour and marks of one model in all figures."""

    colour: str
    symbol: str
    dash: str

    def tint(self, alpha: float) -> str:
        """The colour, see-through."""
        red, green, blue = (int(self.colour[at : at + 2], 16) for at in (1, 3, 5))
        return f"rgba({red}, {green}, {blue}, {alpha})"


def looks(models: Sequence[str]) -> dict[str, Look]:
    """Give each model a look by its place in the study, the reference first."""
    return {
        name: Look(
            PALETTE[place % len(PALETTE)],
            SYMBOLS[(place + place // len(PALETTE)) % len(SYMBOLS)],
            DASHES[place // len(PALETTE) % len(DASHES)],
        )
        for place, name in enumerate(dict.fromkeys(models))
    }


def scale(colours: Sequence[str]) -> list[list[float | str]]:
    """A plotly colour scale of equally spaced colours."""
    return [[place / (len(colours) - 1), colour] for place, colour in enumerate(colours)]


@cache
def template(paper: Paper) -> go.layout.Template:
    """The template of one paper."""
    axis = {
        "gridcolor": paper.grid,
        "linecolor": paper.muted,
        "tickcolor": paper.muted,
        "zerolinecolor": paper.muted,
        "zerolinewidth": 1,
        "showline": True,
        "ticks": "outside",
        "ticklen": 4,
        "automargin": True,
        "title": {"standoff": 8},
    }
    bar = {"outlinewidth": 0, "ticks": "outside", "ticklen": 3, "tickcolor": paper.muted}
    return go.layout.Template(
        layout={
            "font": {"family": SANS, "size": 12, "color": paper.ink},
            "title": {
                "x": 0,
                "xref": "container",
                "xanchor": "left",
                "y": 1,
                "yref": "container",
                "yanchor": "top",
                "pad": {"t": 8},
                "font": {"size": 15, "weight": 600},
                "subtitle": {"font": {"size": 12, "color": paper.muted}},
            },
            "paper_bgcolor": "rgba(0, 0, 0, 0)",
            "plot_bgcolor": "rgba(0, 0, 0, 0)",
            "xaxis": axis,
            "yaxis": axis,
            "coloraxis": {"colorbar": bar},
            "legend": {"orientation": "h", "x": 0, "xref": "container", "xanchor": "left"},
            "hoverlabel": {
                "bgcolor": paper.background,
                "bordercolor": paper.muted,
                "font": {"family": SANS, "size": 12, "color": paper.ink},
            },
            "modebar": {
                "bgcolor": "rgba(0, 0, 0, 0)",
                "color": paper.muted,
                "activecolor": paper.ink,
            },
        }
    )


def papers() -> Mapping[str, Any]:
    """Return what a page needs to change a drawn figure from one paper to the other, as JSON-able data."""
    return {
        name: {
            "template": template(paper).to_plotly_json(),
            "sequential": scale(paper.sequential),
            "diverging": scale(paper.diverging),
        }
        for name, paper in (("light", LIGHT), ("dark", DARK))
    }


def plain(text: str, *, limit: int = 60) -> str:
    """Make any text safe to stand in a figure: no tags, links, mathematics or line breaks; shortened.

    Plotly reads a subset of HTML in its labels, so a model's `<a href>` would become a link.
    """
    flat = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    short = flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"
    return html.escape(short, quote=False).replace("$", "&#36;")


def wrapped(text: str, *, width: int) -> str:
    """`plain` text broken into at most three lines of about `width` characters."""
    lines = textwrap.wrap(" ".join(text.split()), width, max_lines=3, placeholder=" …") or [""]
    return "<br>".join(plain(line, limit=max(width, 60)) for line in lines)


def span(counts: Collection[int]) -> str:
    """A number that may differ between panels: `12`, or `9 to 12`."""
    least, most = min(counts), max(counts)
    return str(least) if least == most else f"{least} to {most}"


def whiskers(
    mean: Iterable[float],
    low: Iterable[float | None],
    high: Iterable[float | None],
    **style: Any,
) -> dict[str, Any]:
    """Bars from `low` to `high` around each mean, as Plotly takes them; no bar to an end that is None."""
    rows = list(zip(mean, low, high, strict=True))
    ends = {
        "array": [0.0 if h is None else h - m for m, _, h in rows],
        "arrayminus": [0.0 if lo is None else m - lo for m, lo, _ in rows],
    }
    return {"type": "data", "symmetric": False} | ends | style


def panel_grid(
    count: int,
    titles: Sequence[str] | None,
    *,
    columns: int,
    across: float,
    between: float,
    **shared: Any,
) -> tuple[go.Figure, list[dict[str, Any]], int]:
    """Panels in rows: the figure, the place of each panel, and the number of rows.

    Args:
        count: Number of panels.
        titles: One a panel, already `plain`; None: none.
        columns: Panels in a row.
        across: Space between neighbours, as a share of the width.
        between: Space between rows, as a share of the height of a row.
        shared: Further arguments of `make_subplots`.
    """
    rows = max(-(-count // columns), 1)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        horizontal_spacing=across,
        vertical_spacing=between / rows,
        subplot_titles=titles,
        **shared,
    )
    figure.update_annotations(font_size=12)
    places = [{"row": n // columns + 1, "col": n % columns + 1} for n in range(count)]
    return figure, places, rows


def titled(
    figure: go.Figure, title: str, subtitle: str, *, height: int, top: int = 78
) -> go.Figure:
    """Put the title, what the reader must know (units, n, interval) and the light paper on a figure.

    Args:
        figure: The figure; it is changed and given back.
        title: Title, already `plain`.
        subtitle: Units, n and interval, already `plain`.
        height: Height in pixels.
        top: Top margin in pixels.
    """
    return figure.update_layout(
        template=template(LIGHT),
        title={"text": title, "subtitle": {"text": subtitle}},
        legend={"yref": "container", "y": 1 - 52 / height, "yanchor": "top"},
        height=height,
        margin={"l": 10, "r": 10, "t": top, "b": 10},
    )
