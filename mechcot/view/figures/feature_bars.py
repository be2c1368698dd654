"""How selective features are for one kind of step, a bar each."""

import pandas as pd
import plotly.graph_objects as go

from mechcot.view.theme import PALETTE, plain, titled


def feature_bars(
    table: pd.DataFrame, *, reader: str, kind: str, steps: tuple[int, int]
) -> go.Figure:
    """Draw one bar a feature, the most selective on top.

    Args:
        table: `feature`, `selectivity`, `inside`, `outside` and `text`, the most selective first.
        reader: Name of the model.
        kind: The kind of step.
        steps: How many steps are of the kind, and how many are not.
    """
    figure = go.Figure(
        go.Bar(
            x=table["selectivity"],
            y=[f"feature {number}" for number in table["feature"]],
            orientation="h",
            marker={"color": PALETTE[0]},
            customdata=[
                (row.inside, row.outside, plain(str(row.text)))
                for row in table.itertuples(index=False)
            ],
            hovertemplate="%{y}: %{x:.2f}<br>mean activation %{customdata[0]:.3f} inside, %{customdata[1]:.3f} outside"
            "<br>most active at “%{customdata[2]}”<extra></extra>",
        )
    )
    figure.update_xaxes(title="selectivity, standard deviations (Cohen's d)")
    figure.update_yaxes(autorange="reversed")
    return titled(
        figure,
        f"Features that fire on {plain(kind)} steps",
        f"read by {plain(reader)}; {steps[0]} steps of this kind against {steps[1]} others, no interval",
        height=150 + 24 * len(table),
        top=80,
    )
