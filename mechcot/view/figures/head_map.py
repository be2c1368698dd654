"""Layer x head maps: one model, or before, after and difference."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
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
    difference = [maps[1] - maps[0]] if len(maps) == 2 else []
    titles = [plain(name, limit=24) for name in models] + ["after − before"] * len(difference)
    figure = make_subplots(
        rows=1, cols=3, shared_yaxes=True, horizontal_spacing=0.025, subplot_titles=titles
    )
    layers, heads = maps[0].shape
    add_row(
        figure,
        [*maps, *difference],
        row=1,
        rows=[f"layer {layer}" for layer in range(layers)],
        columns=[f"head {head}" for head in range(heads)],
        hover="{row}, {column}",
        digits=2 if max(layers, heads) <= _PRINTED else None,
    )
    across, down = ticks(heads, most=16), ticks(layers, most=16)
    figure.update_xaxes(
        tickvals=across,
        ticktext=[str(place) for place in across],
        range=[-0.5, heads - 0.5],
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
    colour_axes(figure, maps, difference, UNIT, height=height)
    if not difference:
        figure.update_layout(coloraxis2={"showscale": False}, coloraxis={"colorbar": {"x": 0.15}})
    titled(
        figure,
        "Which heads listen to few steps?",
        f"{UNIT}; mean over n = {count_of(n, 'trace')}, the same steps for both models"
        if difference
        else f"{UNIT}; mean over n = {count_of(n, 'trace')}",
        height=height,
        top=86,
    )
    return figure.update_layout(margin={"b": 118})
