"""The figures that notebooks 05 and 06 end in, from the tables that one call gives."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from mechcot.stats.doses import same_dose
from mechcot.stats.tables import rows_of
from mechcot.view.figures.dose_response import DoseLine, DosePanel, Point, curves, frontier
from mechcot.view.theme import looks


def steered(tried: pd.DataFrame) -> go.Figure:
    """Length against accuracy, one mark an arm and dose, open where the dose that was asked for was not reached.

    Args:
        tried: What `mechcot.steering.dose_response.tried` gives.
    """
    points = [
        Point(
            name=row["arm"],
            label=row["arm"] + (f" at {_dose(row)}" if row["nats"] else ""),
            tokens=row["tokens"],
            accuracy=row["accuracy"],
            low=row["low"],
            high=row["high"],
            missed=not same_dose((row["nats"], row.get("kl", row["nats"]))),
        )
        for row in rows_of(tried)
    ]
    return frontier(points, looks([point.name for point in points]), n=int(tried["n"].max()))


def _dose(row: Mapping[str, Any]) -> str:
    """The dose as it was measured, where it was."""
    return (
        f"{row['kl']:.3g} nats ({row['nats']:g} asked)" if "kl" in row else f"{row['nats']:g} nats"
    )


def exchanged(found: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Movement of the answer against the number of exchanged features, one panel a model.

    Args:
        found: What `mechcot.sae.feature_patching.patched` gives, one entry a model.
    """
    names = {"effect": "the k features that differ most", "random": "k random ones that differ"}
    panels = [
        DosePanel(
            title=each["model"],
            lines=tuple(_line(each, key, name) for key, name in names.items()),
            reference=each["whole"]["mean"],
        )
        for each in found
    ]
    counts = sorted({each["traces"] for each in found})
    span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    figure = curves(
        panels,
        looks(list(names.values())),
        title="How many features carry a stated value?",
        subtitle=f"mean over n = {span} chains; bars: 95 % bootstrap intervals; dotted: the whole state exchanged",
        axis="number of features exchanged, k",
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(range=[-0.05, 1.05], matches="y")
    return figure.update_yaxes(title="movement of the answer, probability", col=1)


def _line(each: Mapping[str, Any], key: str, name: str) -> DoseLine:
    rows = each[key]
    ends = {end: tuple(row[end] for row in rows) for end in ("mean", "low", "high")}
    return DoseLine(name, tuple(map(str, each["counts"])), ends["mean"], ends["low"], ends["high"])
