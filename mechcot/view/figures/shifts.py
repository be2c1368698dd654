"""What holds under a shift: one row of panels a shift, one panel a quantity, one line a model."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from mechcot.view.theme import Look, panel_grid, plain, span, titled, whiskers, wrapped


def shift_lines(rows: pd.DataFrame, looks: Mapping[str, Look]) -> go.Figure:
    """Draw every quantity against the distance of each shift.

    Args:
        rows: One row a shift, level, quantity and model: `shift`, `level`, `quantity`, `model`, `mean`, `low`, `high`, `n`.
        looks: Model -> how it is drawn.
    """
    shifts, quantities = (list(dict.fromkeys(rows[name])) for name in ("shift", "quantity"))
    titles = [f"{plain(s)}<br>{wrapped(q, width=30)}" for s in shifts for q in quantities]
    figure, places, lines = panel_grid(
        len(titles), titles, columns=len(quantities), across=0.07, between=0.3
    )
    at = {(s, q): places[i] for i, (s, q) in enumerate((s, q) for s in shifts for q in quantities)}
    shown = set()
    for (shift, quantity, model), part in rows.groupby(["shift", "quantity", "model"], sort=False):
        look, name = looks[str(model)], str(model)
        figure.add_trace(
            go.Scatter(
                x=part["level"],
                y=part["mean"],
                mode="lines+markers",
                name=plain(name),
                legendgroup=name,
                showlegend=name not in shown,
                line={"color": look.colour, "dash": look.dash, "width": 1.5},
                marker={"color": look.colour, "symbol": look.symbol, "size": 8},
                error_y=whiskers(part["mean"], part["low"], part["high"], thickness=1, width=0),
                customdata=part["n"],
                hovertemplate=f"{plain(name)}<br>level %{{x}}: %{{y:.2f}}, %{{customdata}} items<extra></extra>",
            ),
            **at[str(shift), str(quantity)],
        )
        shown.add(name)
    far = float(rows["level"].max())
    figure.update_xaxes(range=[-0.07 * far, 1.07 * far], zeroline=False, nticks=5, title="distance")
    figure.update_yaxes(range=[-0.05, 1.08], nticks=6)
    figure.update_annotations(font_size=12, yanchor="bottom")
    return titled(
        figure,
        "How far does it hold?",
        f"n = {span({int(n) for n in rows['n']})} items a point; 0: not shifted; bars: 95 % intervals",
        height=150 + 260 * lines,
        top=132,
    )
