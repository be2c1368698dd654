"""STIM before against after: every token of the first wrong steps, and the mean change by source beside that on the null."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from mechcot.view.theme import PALETTE, THREAD, plain, span, titled, whiskers

_TITLES = {"stim": "STIM", "local": "local", "mid": "mid-range", "long": "long-range"}


def risen_tokens_figure(result: Mapping[str, Any]) -> go.Figure:
    """Draw every token that can be scored in both models; above the diagonal it follows the corpus more than before.

    Args:
        result: What `stim.json` holds.
    """
    before, after = result["models"]
    figure = go.Figure(
        go.Scatter(
            x=[-1, 1], y=[-1, 1], mode="lines", line={"color": THREAD, "dash": "dash"}, showlegend=False, hoverinfo="skip",
        )
    )  # fmt: skip
    known = [
        row
        for row in result["points"]
        if None not in (row["before_corpus_stim"], row["after_corpus_stim"])
    ]
    for move, name, colour, size in (
        (0, "other tokens", THREAD, 6),
        (-1, "fell", PALETTE[0], 9),
        (1, "rose", PALETTE[1], 9),
    ):
        rows = [row for row in known if row["moved"] == move]
        figure.add_scatter(
            x=[row["before_corpus_stim"] for row in rows],
            y=[row["after_corpus_stim"] for row in rows],
            mode="markers",
            name=f"{name} ({len(rows)})",
            marker={"color": colour, "size": size, "line": {"width": 0.5}},
            customdata=[
                [plain(str(row["item"])), row["step"], plain(row["token"]), plain(row["behind"])]
                for row in rows
            ],
            hovertemplate="%{customdata[0]}, step %{customdata[1]}<br>… %{customdata[3]} <b>%{customdata[2]}</b><br>%{x:.2f} → %{y:.2f}<extra></extra>",
        )
    columns = ("before_corpus_stim", "after_corpus_stim")
    least = min([0.0, *(row[column] for row in known for column in columns)]) - 0.05
    figure.update_xaxes(title=f"STIM in {plain(before)}", range=[least, 1.05])
    figure.update_yaxes(title=f"STIM in {plain(after)}", range=[least, 1.05])
    return titled(
        figure,
        "Which wrong tokens follow the corpus more than before?",
        f"n = {len(known)} tokens of {result['moved']['steps']['of']} first wrong steps; 1: ranked as the corpus counts them, as far as its counts differ",
        height=520,
        top=112,
    )


def stim_change_figure(result: Mapping[str, Any]) -> go.Figure:
    """Draw the mean change of each score on the corpus and on the null, with 95 % intervals.

    Args:
        result: What `stim.json` holds.
    """
    rows: Sequence[Mapping[str, Any]] = result["changes"]
    figure = go.Figure()
    for shift, key, name, colour in (
        (0.12, "change", "on the corpus", PALETTE[1]),
        (-0.12, "null", f"on {result['null']['name']}", PALETTE[0]),
    ):
        kept = [(place, row[key]) for place, row in enumerate(rows) if row[key]["mean"] is not None]
        means = [end["mean"] for _, end in kept]
        figure.add_scatter(
            x=means,
            y=[shift - place for place, _ in kept],
            mode="markers",
            name=plain(name),
            marker={"color": colour, "size": 9},
            error_x=whiskers(
                means,
                [_or(end["low"], end["mean"]) for _, end in kept],
                [_or(end["high"], end["mean"]) for _, end in kept],
                thickness=1.5,
            ),
            hovertemplate="%{x:.3f}<extra></extra>",
        )
    figure.update_xaxes(title="after minus before", zeroline=True)
    figure.update_yaxes(
        tickvals=[-place for place in range(len(rows))],
        ticktext=[_TITLES[row["score"]] for row in rows],
        range=[0.6 - len(rows), 0.6],
        showgrid=False,
        zeroline=False,
    )
    return titled(
        figure,
        "Change of the scores, by source",
        f"n = {span({row['change']['n'] for row in rows})} problems; bars: 95 % bootstrap interval",
        height=300,
        top=112,
    )


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
