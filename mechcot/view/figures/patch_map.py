"""Layer x place maps of step patching: one row of maps a readout, before, after, difference."""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mechcot.view.figures.triptych import add_row, colour_axes, ticks
from mechcot.view.pages.figure_data import PatchMap
from mechcot.view.theme import plain, titled, wrapped

_PRINTED = 8


def patch_map(maps: Sequence[PatchMap], *, before: str, after: str) -> go.Figure:
    """Draw all readouts below each other on one scale.

    Args:
        maps: One entry per readout, all with the same unit.
        before: Name of the reference model.
        after: Name of the later checkpoint.
    """
    figure = make_subplots(
        rows=max(len(maps), 1),
        cols=3,
        shared_yaxes=True,
        shared_xaxes=True,
        horizontal_spacing=0.025,
        vertical_spacing=0.3 / max(len(maps), 1),
        column_titles=[plain(before, limit=24), plain(after, limit=24), "after − before"],
    )
    for row, one in enumerate(maps, start=1):
        small = len(one.places) <= _PRINTED and len(one.layers) <= 2 * _PRINTED
        add_row(
            figure,
            (one.before, one.after, one.difference),
            row=row,
            rows=[f"{one.readout}, layer {layer}" for layer in one.layers],
            columns=one.places,
            hover="{row}, {column}",
            digits=2 if small else None,
        )
        down, across = ticks(len(one.layers), most=16), ticks(len(one.places), most=16)
        figure.update_yaxes(
            tickvals=down,
            ticktext=[str(one.layers[place]) for place in down],
            showgrid=False,
            zeroline=False,
            range=[-0.5, len(one.layers) - 0.5],
            row=row,
        )
        figure.update_yaxes(
            title=f"<b>{wrapped(one.readout, width=18)}</b><br>layer", row=row, col=1
        )
        figure.update_xaxes(
            tickvals=across,
            ticktext=[
                f"{wrapped(one.places[place], width=9)}<br>n = {one.counts[place]}"
                for place in across
            ],
            showticklabels=True,
            showgrid=False,
            range=[-0.5, len(one.places) - 0.5],
            zeroline=False,
            tickangle=0,
            tickfont={"size": 10.5},
            row=row,
        )
    figure.update_annotations(font_size=12)
    deep = max((len(one.layers) for one in maps), default=1)
    height = len(maps) * max(180, min(26 * deep, 420)) + 225
    colour_axes(
        figure,
        [array for one in maps for array in (one.before, one.after)],
        [one.difference for one in maps],
        maps[0].unit if maps else "",
        height=height,
    )
    titled(
        figure,
        "Where a counterfactual value takes hold: layer by place in the chain",
        f"{plain(maps[0].unit, limit=60) if maps else ''}; mean over the items that have a value there (n = ... below), no intervals; empty: none has",
        height=height,
        top=86,
    )
    return figure.update_layout(margin={"b": 118})
