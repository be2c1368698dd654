"""Step x step maps of one trace: before, after, difference; a column acts, a row is acted on."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from mechcot.core.card import ArrayCard
from mechcot.view.figures.triptych import add_row, colour_axes, ticks
from mechcot.view.theme import MONO, panel_grid, plain, titled

_CELL = 19
NAMED = 30
MOST_DRAWN = 150
"""Steps that are drawn of a longer trace, the last ones, because every cell travels with the page."""


def step_map(frame: pd.DataFrame, array: ArrayCard, *, before: str, after: str) -> go.Figure:
    """Draw the three maps.

    Args:
        frame: One row per cell: `source`, `target` (steps, from 0), `source_text`, `target_text`, `before`, `after`
            (NaN cells stay empty), and `unit` and `item`, the same in all rows.
        array: Gives the title.
        before: Name of the reference model.
        after: Name of the later checkpoint.
    """
    last = int(frame["target"].max())
    cut = max(0, last + 1 - MOST_DRAWN)
    kept = frame[(frame["source"] >= cut) & (frame["target"] >= cut)]
    maps = [
        kept.pivot(index="target", columns="source", values=side).to_numpy(float)
        for side in ("before", "after")
    ]
    arrays = (*maps, maps[1] - maps[0])
    sources, targets = (_labels(kept, side) for side in ("source", "target"))
    named = [[f"{step + 1} {text}" for step, text in side.items()] for side in (targets, sources)]
    titles = [plain(before, limit=24), plain(after, limit=24), "after − before"]
    figure, _, _ = panel_grid(3, titles, columns=3, across=0.025, between=0.0, shared_yaxes=True)
    add_row(
        figure,
        arrays,
        row=1,
        rows=named[0],
        columns=named[1],
        hover="{column} → {row}",
    )
    across, down = ticks(len(sources), most=16), ticks(len(targets))
    figure.update_xaxes(
        tickvals=across,
        ticktext=[str(place + cut + 1) for place in across],
        range=[-0.5, len(sources) - 0.5],
        showgrid=False,
        zeroline=False,
        tickangle=0,
        tickfont={"size": 10.5},
    )
    figure.update_xaxes(title="step that acts", col=2)
    figure.update_yaxes(range=[len(targets) - 0.5, -0.5], showgrid=False, zeroline=False)
    names = [
        f"{plain(text, limit=28)} {step + 1:>2}" if len(targets) <= NAMED else str(step + 1)
        for step, text in targets.items()
    ]
    figure.update_yaxes(
        tickvals=down,
        ticktext=[names[place] for place in down],
        tickfont={"family": MONO, "size": 10.5},
        row=1,
        col=1,
    )
    figure.update_annotations(font_size=12)
    height = max(300, min(_CELL * len(targets), 700)) + 215
    unit, item = (str(frame[name].iloc[0]) for name in ("unit", "item"))
    colour_axes(figure, arrays[:2], arrays[2:], unit, height=height)
    rows = f"; the last {MOST_DRAWN} of {last + 1} rows" if cut else ""
    titled(
        figure,
        plain(array.figure, limit=90),
        f"one trace (item {plain(item, limit=24)}, n = 1, no interval); {plain(unit, limit=40)}; empty: not defined{rows}",
        height=height,
        top=86,
    )
    return figure.update_layout(margin={"b": 108})


def _labels(frame: pd.DataFrame, side: str) -> Mapping[int, str]:
    """Text of each step, in order."""
    steps = frame.drop_duplicates(side).sort_values(side)
    return dict(zip(map(int, steps[side]), map(str, steps[f"{side}_text"]), strict=True))
