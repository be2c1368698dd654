"""Step x step maps of one trace: before, after, difference; a column acts, a row is acted on."""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mechcot.view.figures.triptych import add_row, colour_axes, ticks
from mechcot.view.pages.figure_data import StepMaps
from mechcot.view.theme import MONO, plain, titled

_CELL = 19
NAMED = 30
_MOST = 150


def step_heatmaps(maps: StepMaps, *, before: str, after: str) -> go.Figure:
    """Draw the three maps.

    Args:
        maps: The matrices; NaN cells stay empty.
        before: Name of the reference model.
        after: Name of the later checkpoint.
    """
    left, top = (max(0, len(labels) - _MOST) for labels in (maps.sources, maps.targets))
    sources, targets = _marks(maps.sources)[left:], _marks(maps.targets)[top:]
    figure = make_subplots(
        rows=1,
        cols=3,
        shared_yaxes=True,
        horizontal_spacing=0.025,
        subplot_titles=[plain(before, limit=24), plain(after, limit=24), "after − before"],
    )
    arrays = tuple(array[left:, top:].T for array in (maps.before, maps.after, maps.difference))
    add_row(
        figure,
        arrays,
        row=1,
        rows=_named(targets, maps.targets[top:]),
        columns=_named(sources, maps.sources[left:]),
        hover="{column} → {row}",
    )
    across, down = ticks(len(sources), most=16), ticks(len(targets))
    figure.update_xaxes(
        tickvals=across,
        ticktext=[sources[place] for place in across],
        range=[-0.5, len(sources) - 0.5],
        showgrid=False,
        zeroline=False,
        tickangle=0,
        tickfont={"size": 10.5},
    )
    figure.update_xaxes(title="step that acts", col=2)
    figure.update_yaxes(range=[len(targets) - 0.5, -0.5], showgrid=False, zeroline=False)
    figure.update_yaxes(
        tickvals=down,
        ticktext=[_row(targets, maps.targets[top:], place) for place in down],
        tickfont={"family": MONO, "size": 10.5},
        row=1,
        col=1,
    )
    figure.update_annotations(font_size=12)
    height = max(300, min(_CELL * len(targets), 700)) + 215
    colour_axes(figure, arrays[:2], arrays[2:], maps.unit, height=height)
    cut = f"; the last {_MOST} of {len(maps.targets)} rows" if top else ""
    titled(
        figure,
        plain(maps.title, limit=90),
        f"one trace (item {plain(maps.item, limit=24)}, n = 1, no interval); {plain(maps.unit, limit=40)}; empty: not defined{cut}",
        height=height,
        top=86,
    )
    return figure.update_layout(margin={"b": 108})


def _marks(labels: Sequence[str]) -> list[str]:
    """Short names: step numbers from 1, Q for a leading question, A for a closing answer."""
    asked = bool(labels) and labels[0].lower() == "question"
    marks = [str(place + (0 if asked else 1)) for place in range(len(labels))]
    if asked:
        marks[0] = "Q"
    if labels and labels[-1].lower() == "answer":
        marks[-1] = "A"
    return marks


def _row(marks: Sequence[str], labels: Sequence[str], place: int) -> str:
    if len(labels) > NAMED:
        return marks[place]
    text = labels[place].removeprefix(f"{marks[place]} ")
    return f"{plain(text, limit=28)} {marks[place]:>2}"


def _named(marks: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Number and text; a label that begins with its number is not numbered twice."""
    return [
        label if label.startswith(f"{mark} ") else f"{mark} {label}"
        for mark, label in zip(marks, labels, strict=True)
    ]
