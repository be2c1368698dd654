"""Layer x head maps: one model, or before, after and difference."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float
from plotly.subplots import make_subplots

from mechcot.core.wording import count_of
from mechcot.view.figures.triptych import add_row, colour_axes, ticks
from mechcot.view.theme import plain, titled

UNIT = "rank of the peak (0.5: chance)"
_PRINTED = 8


def head_map(
    means: Mapping[str, Float[np.ndarray, "layer head"]], *, models: Sequence[str], n: int
) -> go.Figure:
    """Draw how peaked each head's received attention is.

    Args:
        means: Per model one number for each layer and head.
        models: One name, or before and after.
        n: Number of traces.
    """
    maps = [np.asarray(means[name], dtype=float) for name in models]
    layers, heads = maps[0].shape
    same = ", the same steps for both models" if len(models) == 2 else ""
    return layer_maps(
        maps,
        models=models,
        printed=np.full((layers, heads), max(layers, heads) <= _PRINTED),
        columns=[f"head {head}" for head in range(heads)],
        unit=UNIT,
        title="Which heads listen to few steps?",
        note=f"{UNIT}; mean over n = {count_of(n, 'trace')}{same}",
    )


def layer_maps(
    maps: Sequence[Float[np.ndarray, "layer column"]],
    *,
    models: Sequence[str],
    printed: Bool[np.ndarray, "layer column"],
    columns: Sequence[str],
    unit: str,
    title: str,
    note: str,
    signed: bool = False,
) -> go.Figure:
    """Draw one number for each layer and column.

    Args:
        maps: Of one model, or of before and after.
        models: Their names.
        printed: Which cells have their number written in.
        columns: What stands in each column; those named `head N` are labelled by their number.
        unit: Unit of the values.
        title: Title.
        note: Subtitle.
        signed: Whether values lie on both sides of zero.
    """
    difference = [maps[1] - maps[0]] if len(maps) == 2 else []
    titles = [plain(name, limit=24) for name in models] + ["after − before"] * len(difference)
    figure = make_subplots(
        rows=1, cols=3, shared_yaxes=True, horizontal_spacing=0.025, subplot_titles=titles
    )
    layers = len(maps[0])
    add_row(
        figure,
        [*maps, *difference],
        row=1,
        rows=[f"layer {layer}" for layer in range(layers)],
        columns=columns,
        hover="{row}, {column}",
        digits=2,
        printed=printed,
    )
    heads = [name for name in columns if name.startswith("head ")]
    whole = range(len(heads), len(columns))
    across, down = [*ticks(len(heads), most=16), *whole], ticks(layers, most=16)
    figure.update_xaxes(
        tickvals=across,
        ticktext=[columns[place].removeprefix("head ") for place in across],
        range=[-0.5, len(columns) - 0.5],
        showgrid=False,
        zeroline=False,
        title="head",
    )
    figure.update_yaxes(range=[layers - 0.5, -0.5], showgrid=False, zeroline=False)
    figure.update_yaxes(
        tickvals=down, ticktext=[str(place) for place in down], title="layer", row=1, col=1
    )
    figure.update_annotations(font_size=12)
    for empty in range(len(maps) + len(difference) + 1, 4):
        figure.update_xaxes(visible=False, col=empty)
        figure.update_yaxes(visible=False, col=empty)
    height = max(160, min(34 * layers, 520)) + 215
    colour_axes(figure, maps, difference, unit, height=height, signed=signed)
    if not difference:
        figure.update_layout(coloraxis2={"showscale": False}, coloraxis={"colorbar": {"x": 0.15}})
    titled(figure, title, note, height=height, top=86)
    return figure.update_layout(margin={"b": 118})
