"""Figures of results that have no page of their own: a vector, states by step, cards, features, a measurement's numbers.

Every function takes the result's tidy table and what the title says.
"""

import pandas as pd
import plotly.graph_objects as go

from mechcot.view.theme import LIGHT, PALETTE, SYMBOLS, plain, titled

STATUSES = {"passed": PALETTE[0], "provisional": PALETTE[4], "exploratory": LIGHT.muted}


def components(table: pd.DataFrame, *, name: str, note: str) -> go.Figure:
    """Draw the numbers of a vector, one bar a coordinate.

    Args:
        table: `coordinate` and `value`.
        name: Of the vector.
        note: Length and stability, in words.
    """
    figure = go.Figure(
        go.Bar(
            x=table["coordinate"],
            y=table["value"],
            marker={"color": PALETTE[0], "line": {"width": 0}},
            hovertemplate="coordinate %{x}: %{y:.3f}<extra></extra>",
        )
    )
    figure.update_xaxes(title="coordinate of the residual stream", showgrid=False)
    figure.update_yaxes(title="value, units of the state")
    figure.update_layout(bargap=0)
    return titled(figure, plain(name), plain(note, limit=140), height=340)


def step_norms(table: pd.DataFrame, *, trace: str, model: str) -> go.Figure:
    """Draw the length of the states of one trace, one line a site.

    Args:
        table: `step` (from 1; 0: the question), `kind`, `site` and `norm`.
        trace: Id of the trace.
        model: Name of the model.
    """
    figure = go.Figure()
    for place, (site, rows) in enumerate(table.groupby("site", sort=False)):
        figure.add_trace(
            go.Scatter(
                x=rows["step"],
                y=rows["norm"],
                name=plain(str(site)),
                mode="lines+markers",
                line={"color": PALETTE[place % len(PALETTE)], "width": 2},
                marker={"size": 6, "symbol": SYMBOLS[place % len(SYMBOLS)]},
                customdata=rows["kind"],
                hovertemplate="step %{x} (%{customdata}): %{y:.3g}<extra></extra>",
            )
        )
    figure.update_xaxes(title="step (0: the question)")
    figure.update_yaxes(title="norm of the state, units of the state", rangemode="tozero")
    figure.update_layout(showlegend=True)
    subtitle = f"trace {plain(trace)} read by {plain(model)}; n = 1 trace, no interval"
    return titled(figure, "Length of the states by step", subtitle, height=380, top=100)


def card_costs(table: pd.DataFrame, *, steps: int) -> go.Figure:
    """Draw what each measure costs, one bar each, coloured by its status.

    Args:
        table: `title`, `status`, `forwards` and `smallest_effect`.
        steps: Steps of the chain that `forwards` is about.
    """
    figure = go.Figure()
    for status, colour in STATUSES.items():
        rows = table[table["status"] == status]
        if len(rows):
            figure.add_trace(
                go.Bar(
                    x=rows["forwards"],
                    y=rows["title"],
                    name=status,
                    orientation="h",
                    marker={"color": colour},
                    customdata=rows["smallest_effect"],
                    hovertemplate="%{y}: about %{x:.0f} forwards, smallest effect %{customdata}<extra></extra>",
                )
            )
    figure.update_yaxes(
        autorange="reversed", categoryorder="array", categoryarray=list(table["title"])
    )
    figure.update_xaxes(title="forwards of a whole trace, logarithmic", type="log")
    return titled(
        figure,
        "What a measure costs",
        f"a trace of {steps} steps; colour: what the ruler said of the measure",
        height=150 + 24 * len(table),
        top=104,
    )


def feature_bars(
    table: pd.DataFrame, *, reader: str, kind: str, steps: tuple[int, int]
) -> go.Figure:
    """Draw how selective features are for one kind of step, one bar each, the most selective on top.

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


def named_numbers(table: pd.DataFrame, *, measure: str, note: str) -> go.Figure:
    """Draw the numbers of one measurement that has no arrays, one mark each.

    Args:
        table: `name` and `value`.
        measure: Name of the measure.
        note: Whose trace, read by whom, and the unit.
    """
    figure = go.Figure(
        go.Scatter(
            x=table["value"],
            y=table["name"],
            mode="markers",
            marker={
                "size": 10,
                "color": [PALETTE[0] if name == "value" else LIGHT.muted for name in table["name"]],
            },
            hovertemplate="%{y}: %{x:.4g}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title="value; nulls and further numbers in grey")
    height = 150 + 26 * len(table)
    return titled(
        figure, plain(measure.replace("_", " ")), plain(note, limit=140), height=height, top=80
    )
