"""From the items of every arm to means with intervals, paired with the clean arm of the same model."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from mechcot.stats.bootstrap import bootstrap_mean
from mechcot.steer.spec import Experiment

READOUTS = ("tokens", "steps", "correct", "finished", "nats_per_token")
THOUGHTS = ("thoughts", "tokens_per_thought", "any_correct_thought", "underthinking")


def summary(experiment: Experiment, cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Summarise an experiment.

    Args:
        experiment: The experiment.
        cells: Its finished arms.

    Returns:
        JSON-able: `experiment`, and one entry an arm with `mean`, and `change` against the clean arm.
    """
    clean = {c["arm"]["model"]: c for c in cells if c["arm"]["role"] == "clean"}
    names = list(dict.fromkeys((*READOUTS, experiment.readout)))
    if experiment.penalty:
        names += ["verification", *THOUGHTS]
    found = []
    for cell in cells:
        base = clean[cell["arm"]["model"]]
        entry: dict[str, Any] = dict(cell["arm"])
        for key in ("dose", "vector", "changed", "shown", "seconds"):
            entry[key] = cell.get(key)
        entry["n"] = len(cell["rows"])
        entry["values"] = {n: _mean(cell, n, experiment.seed) for n in dict.fromkeys(names)}
        entry["change"] = {
            n: _change(base, cell, n, experiment.seed)
            for n in dict.fromkeys(("tokens", "correct", experiment.readout))
        }
        entry["saved"] = _saved(base, cell)
        found.append(entry)
    return {"experiment": asdict(experiment), "arms": found}


def _column(cell: Mapping[str, Any], name: str) -> np.ndarray:
    return np.array(
        [np.nan if row.get(name) is None else float(row[name]) for row in cell["rows"]], dtype=float
    )


def _mean(cell: Mapping[str, Any], name: str, seed: int) -> dict[str, float | None]:
    values = _column(cell, name)
    return _interval(values[np.isfinite(values)], seed, name)


def _change(
    base: Mapping[str, Any], cell: Mapping[str, Any], name: str, seed: int
) -> dict[str, float | None]:
    difference = _column(cell, name) - _column(base, name)
    return _interval(difference[np.isfinite(difference)], seed, f"change of {name}")


def _interval(values: np.ndarray, seed: int, purpose: str) -> dict[str, float | None]:
    if not len(values):
        return {"mean": None, "low": None, "high": None, "n": 0}
    told = bootstrap_mean(values, seed=seed, purpose=purpose, resamples=2000)
    ends = {"low": told.low, "high": told.high}
    return {"mean": told.mean, "n": told.n} | {k: v if v == v else None for k, v in ends.items()}


def _saved(base: Mapping[str, Any], cell: Mapping[str, Any]) -> float:
    """Share of the clean arm's chain tokens that were not written; negative when there are more."""
    before = _column(base, "tokens").mean()
    return float(1 - _column(cell, "tokens").mean() / before) if before else 0.0
