"""What holds under a shift: one row of panels a shift, one panel a quantity, one line a model."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from mechcot.view.theme import Look, panel_grid, plain, span, titled, whiskers, wrapped

_DISTANCES = {
    "length": "steps beyond those trained",
    "format": "probability of noise, per word",
    "n-1": "elements left out",
    "task": "known steps joined as never trained",
}
"""What the level of a shift counts."""
_MOST_TICKS = 6


def model_marks(
    part: pd.DataFrame,
    x: Sequence[float] | pd.Series,
    name: str,
    looks: Mapping[str, Look],
    *,
    at: str = "",
    first: bool,
) -> go.Scatter:
    """Means of a model with their intervals, as marks.

    Args:
        part: One row a mark: `mean`, `low`, `high`, `n`.
        x: Where each stands.
        name: The model.
        looks: Model -> how it is drawn.
        at: What the pointer says before the mean.
        first: Whether the legend names it here.
    """
    look = looks[name]
    return go.Scatter(
        x=x,
        y=part["mean"],
        mode="markers",
        name=plain(name),
        legendgroup=name,
        showlegend=first,
        marker={"color": look.colour, "symbol": look.symbol, "size": 8},
        error_y=whiskers(part["mean"], part["low"], part["high"], thickness=1, width=0),
        customdata=part["n"],
        hovertemplate=f"{plain(name)}<br>{at}%{{y:.2f}}, %{{customdata}} items<extra></extra>",
    )


def shift_lines(rows: pd.DataFrame, looks: Mapping[str, Look]) -> go.Figure:
    """Draw every quantity against the distance of each shift.

    Args:
        rows: One row a shift, level, quantity and model: `shift`, `level`, `quantity`, `model`, `mean`, `low`, `high`, `n`.
        looks: Model -> how it is drawn.
    """
    shifts, quantities = (list(dict.fromkeys(rows[name])) for name in ("shift", "quantity"))
    titles = [f"{plain(s)}<br>{wrapped(q, width=30)}" for s in shifts for q in quantities]
    figure, places, lines = panel_grid(
        len(titles), titles, columns=len(quantities), across=0.07, between=0.42
    )
    at = {(s, q): places[i] for i, (s, q) in enumerate((s, q) for s in shifts for q in quantities)}
    shown = set()
    for (shift, quantity, model), part in rows.groupby(["shift", "quantity", "model"], sort=False):
        mark = model_marks(
            part, part["level"], str(model), looks, at="level %{x}: ", first=model not in shown
        )
        look = looks[str(model)]
        mark.update(
            mode="lines+markers", line={"color": look.colour, "dash": look.dash, "width": 1.5}
        )
        figure.add_trace(mark, **at[str(shift), str(quantity)])
        shown.add(model)
    for (shift, _), place in at.items():
        levels = sorted(set(rows.loc[rows["shift"] == shift, "level"]))
        edge = 0.07 * max(levels[-1] - levels[0], 1e-9)
        ticks = {"tickvals": levels} if len(levels) <= _MOST_TICKS else {"nticks": _MOST_TICKS}
        figure.update_xaxes(
            range=[levels[0] - edge, levels[-1] + edge],
            zeroline=False,
            title=_DISTANCES.get(shift, "distance"),
            **ticks,
            **place,
        )
    figure.update_yaxes(range=[-0.05, 1.08], nticks=6)
    figure.update_annotations(font_size=12, yanchor="bottom")
    return titled(
        figure,
        "How far does it hold?",
        f"n = {span({int(n) for n in rows['n']})} items a point; 0: not shifted; bars: 95 % intervals",
        height=130 + 300 * lines,
        top=132,
    )
