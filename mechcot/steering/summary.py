"""From the items of every arm to means with intervals, paired with the clean arm of the same model."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from mechcot.stats.bootstrap import (
    Interval,
    bootstrap_mean,
    expanded_level,
    order_bounds,
    random_stream,
)
from mechcot.stats.dose_tolerance import DOSE_FACTOR
from mechcot.stats.proportions import paired_interval, share_interval
from mechcot.steering.condition_contrasts import column, contrasts
from mechcot.steering.experiment import Experiment

_READOUTS = ("tokens", "steps", "correct", "unread", "finished", "nats_per_token")
_SHARES = ("correct", "unread", "finished", "any_correct_thought")
"""Readouts that are 0 or 1 on every item."""
THOUGHTS = ("thoughts", "tokens_per_thought", "any_correct_thought", "underthinking")


def summary(experiment: Experiment, cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Summarise an experiment.

    Returns:
        JSON-able: `experiment`; `arms` with `values`, and `change` against the clean arm; `contrasts` between arms, of which those with
        unequal measured doses are not `judged`; `apart`, the largest factor between doses that count as equal.
    """
    clean = {c["arm"]["model"]: c for c in cells if c["arm"]["role"] == "clean"}
    names = list(dict.fromkeys((*_READOUTS, experiment.readout)))
    if experiment.penalty:
        names += ["verification", *THOUGHTS]
    entries = []
    for cell in cells:
        base = clean[cell["arm"]["model"]]
        entry: dict[str, Any] = dict(cell["arm"])
        for key in ("dose", "vector", "changed", "shown", "seconds"):
            entry[key] = cell.get(key)
        entry["n"] = len(cell["rows"])
        entry["values"] = {n: _mean(cell, n, experiment.seed) for n in dict.fromkeys(names)}
        entry["change"] = {
            n: _change(base, cell, n, experiment.seed)
            for n in dict.fromkeys(("tokens", "steps", "correct", experiment.readout))
        }
        entry["saved"] = _saved(base, cell, experiment.seed)
        entries.append(entry)
    changed = tuple(dict.fromkeys(("tokens", "correct", experiment.readout)))
    return {
        "experiment": asdict(experiment),
        "arms": entries,
        "apart": DOSE_FACTOR,
        "contrasts": _contrasts(experiment, cells, changed),
    }


def _contrasts(
    experiment: Experiment, cells: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Every contrast once, with an interval a readout."""
    entries: list[dict[str, Any]] = []
    for name in names:
        for index, (comparison, rows) in enumerate(contrasts(experiment, cells, name)):
            if index == len(entries):
                entries.append(comparison | {"values": {}})
            told = _interval(rows[np.isfinite(rows)], experiment.seed, f"contrast of {name}")
            entries[index]["values"][name] = told
    return entries


def _mean(cell: Mapping[str, Any], name: str, seed: int) -> dict[str, float | None]:
    values = column(cell, name)
    values = values[np.isfinite(values)]
    if name in _SHARES:
        return _told(share_interval(values, seed=seed, purpose=name))
    return _interval(values, seed, name)


def _change(
    base: Mapping[str, Any], cell: Mapping[str, Any], name: str, seed: int
) -> dict[str, float | None]:
    before, after = column(base, name), column(cell, name)
    difference = after - before
    if name in _SHARES and cell is not base:
        both = np.isfinite(difference)
        draws = {"seed": seed, "purpose": f"change of {name}"}
        return _told(paired_interval(before[both], after[both], **draws))
    return _interval(difference[np.isfinite(difference)], seed, f"change of {name}")


def _interval(values: np.ndarray, seed: int, purpose: str) -> dict[str, float | None]:
    return _told(bootstrap_mean(values, seed=seed, purpose=purpose, resamples=2000))


def _told(interval: Interval) -> dict[str, float | None]:
    """An interval as JSON-able data; None for what there is not."""
    numbers = {"mean": interval.mean, "low": interval.low, "high": interval.high}
    return {key: number if number == number else None for key, number in numbers.items()} | {
        "n": interval.n
    }


def _saved(base: Mapping[str, Any], cell: Mapping[str, Any], seed: int) -> dict[str, float | None]:
    """Share of the clean arm's chain tokens that were not written, with the interval of the ratio of means."""
    clean, cost = column(base, "tokens"), column(base, "tokens") - column(cell, "tokens")
    if not clean.sum():
        return {"mean": None, "low": None, "high": None}
    drawn = random_stream(seed, "saved").integers(0, len(clean), size=(2000, len(clean)))
    shares = cost[drawn].sum(axis=1) / clean[drawn].sum(axis=1)
    low, high = (
        order_bounds(shares, tail=expanded_level(len(clean))) if len(clean) > 1 else (None, None)
    )
    return {"mean": float(cost.sum() / clean.sum()), "low": low, "high": high}
