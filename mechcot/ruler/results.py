"""Results of one run of the ruler, as the plain data of `ruler.json`; numbers that do not exist are None."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from mechcot.core.card import MeasureCard
from mechcot.core.measurement import Measurement
from mechcot.measures.registry import MEASURES
from mechcot.ruler.measurements import BASE
from mechcot.ruler.panel import Panel
from mechcot.ruler.table import (
    BY_DEFINITION,
    SCORE_BOUNDS,
    SCORE_COLUMNS,
    Row,
    agreement,
    grid,
    model_means,
)

_SCHEMA = 1
_LENGTHS: Mapping[str, tuple[str, str]] = {
    "raw kurtosis of receiver heads": ("receiver_heads", "kurtosis"),
    "its rank at equal length": ("receiver_heads", ""),
    "InfoGain as published": ("info_gain", "paper"),
    "InfoGain in probability": ("info_gain", ""),
}
"""Name to (measure, scalar; the headline value when empty): what is shown against the chain's length."""


def ruler_outcome(
    found: Sequence[Row],
    measurements: Sequence[Measurement],
    cards: Sequence[MeasureCard],
    *,
    panel: Panel,
    items: int,
    reached: Mapping[str, Mapping[str, float]],
    axes: Mapping[str, Mapping[str, float]],
    seed: int,
) -> dict[str, Any]:
    """Put everything that the page and the README show in one place.

    Args:
        found: The scored measures.
        measurements: All measurements.
        cards: The measures' cards.
        panel: The models.
        items: How many chains of the base were read.
        reached: Mixture to its reached reliance.
        axes: Subject to its accuracy, validity and calibration.
        seed: Seed of the run.
    """
    means = pd.concat(
        [
            model_means(grid([r for r in measurements if r.measure == card.name])).rename(card.name)
            for card in cards
        ],
        axis=1,
    )
    models = [
        {
            "name": s.name,
            "group": s.group,
            "reached": reached.get(s.name),
            "axes": axes.get(s.name),
            "means": _line(means.T[s.name]) if s.name in means.index else {},
        }
        for s in panel.subjects
    ]
    return {
        "schema": _SCHEMA,
        "seed": seed,
        "items": items,
        "bounds": SCORE_BOUNDS,
        "measures": {row.card.name: as_json(row) for row in found},
        "models": models,
        "lengths": _lengths(measurements),
        "agreement": _agreement(models),
    }


def added_to(earlier: Mapping[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """The result of a run with the measures that an earlier run of the same models and chains took besides.

    Args:
        earlier: What its `ruler.json` held.
        result: What was found now; it stands where both have a measure.

    Returns:
        The result alone where the earlier run read other models or chains.
    """
    if any(_read(earlier, key) != _read(result, key) for key in _SAME):
        return result
    kept = {name: row for name, row in earlier["measures"].items() if name in MEASURES}
    before = {model["name"]: model["means"] for model in earlier["models"]}
    models = [
        model
        | {"means": {n: v for n, v in before[model["name"]].items() if n in kept} | model["means"]}
        for model in result["models"]
    ]
    return result | {
        "measures": dict(sorted((kept | result["measures"]).items())),
        "models": models,
        "lengths": earlier["lengths"] | result["lengths"],
        "agreement": _agreement(models),
    }


_SAME = ("schema", "seed", "items", "bounds", "models")


def _read(result: Mapping[str, Any], key: str) -> Any:
    value = result.get(key)
    return [(m["name"], m["group"]) for m in value or ()] if key == "models" else value


def _agreement(models: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    means = pd.DataFrame({m["name"]: m["means"] for m in models}, dtype=float).T
    lines = agreement(means[sorted(means.columns)]).iterrows()
    return {str(left): _line(line) for left, line in lines}


def as_json(row: Row) -> dict[str, Any]:
    """One measure."""
    return {
        "title": row.card.title,
        "unit": row.card.unit,
        "direction": row.card.direction,
        "status": "passed" if row.earned else "exploratory",
        "scaled": row.scaled,
        "identity": finite(row.identity),
        "seconds": finite(row.seconds),
        "missing": finite(row.missing),
        "scores": {
            column: {key: finite(value) for key, value in asdict(row.scores[column]).items()}
            | {"by_definition": (row.card.name, column) in BY_DEFINITION}
            for column in SCORE_COLUMNS
        },
    }


def _lengths(measurements: Sequence[Measurement]) -> dict[str, dict[str, Any]]:
    """Return what follows the length of the chain although the reader and its use of the chain are the same.

    Returns:
        Name to steps and values of the base's measurements of its own chains, and their Spearman correlation.
    """
    own = [r for r in measurements if r.reader == BASE and r.author == BASE]
    steps = {r.trace: r.scalars["n_steps"] for r in own if r.measure == "gates"}
    found = {}
    for name, (measure, scalar) in _LENGTHS.items():
        pairs = [
            (steps[r.trace], r.scalars[scalar] if scalar else r.value)
            for r in own
            if r.measure == measure and r.trace in steps and not r.reason
        ]
        if len(pairs) >= 4:
            x, y = np.array(pairs).T
            found[name] = {
                "steps": x.tolist(),
                "values": y.tolist(),
                "spearman": finite(float(spearmanr(x, y).statistic)),
            }
    return found


def finite(value: Any) -> Any:
    """The value; None for a number that is not finite."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _line(line: pd.Series) -> dict[str, float | None]:
    return {str(name): finite(float(value)) for name, value in line.items()}
