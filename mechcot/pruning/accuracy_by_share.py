"""Accuracy against the share of the chain that is kept, with intervals over items."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mechcot.pruning.rankings import METHODS
from mechcot.stats.bootstrap import bootstrap_mean
from mechcot.stats.proportions import share_interval

POINT_COLUMNS = (
    "item",
    "method",
    "executor",
    "share",
    "kept_tokens",
    "tokens",
    "right",
    "same",
    "read",
)


def accuracy_by_share(points: pd.DataFrame, *, reference: str, seed: int) -> pd.DataFrame:
    """One row per method, executor and share of the budget.

    Args:
        points: One row per item, method, executor and share; columns `POINT_COLUMNS`; `right`, `same` and `read` are 0 or 1.
        reference: The method that the others are compared with, item by item.
        seed: Seed of the resampling.

    Returns:
        `accuracy` with `low` and `high` (95 % score interval), `kept` (mean share of the chain's tokens that
        was in fact kept), `same` (share with the unpruned answer), `unread` (share of answers that could not be read, which are not right), `n`, and `lead` with `lead_low`, `lead_high`: accuracy of the reference
        minus this method's (95 % bootstrap over items).
    """
    rows = []
    for (executor, share), here in points.groupby(["executor", "share"], sort=True):
        wide = here.pivot_table(index="item", columns="method", values="right")
        for method in (name for name in METHODS if name in wide):
            part = here[here["method"] == method]
            right = share_interval(part["right"].to_numpy(float), seed=seed, purpose="frontier")
            lead = _mean((wide[reference] - wide[method]).dropna().to_numpy(float), seed=seed)
            rows.append(
                {"executor": executor, "share": share, "method": method}
                | {"accuracy": right.mean, "low": right.low, "high": right.high}
                | dict(zip(("lead", "lead_low", "lead_high"), lead, strict=True))
                | {
                    "kept": float((part["kept_tokens"] / part["tokens"]).mean()),
                    "same": float(part["same"].mean()),
                    "unread": float(1 - part["read"].mean()),
                    "n": len(part),
                }
            )
    return pd.DataFrame(rows)


def truth_rows(agreements: Sequence[Mapping[str, Any]], *, seed: int) -> list[dict[str, Any]]:
    """Mean precision and recall per method with intervals; empty when no truth is known.

    Args:
        agreements: One entry per item and method: `method`, `precision`, `recall`.
        seed: Seed of the resampling.
    """
    rows = []
    for method in METHODS:
        mine = [row for row in agreements if row["method"] == method]
        if not mine:
            continue
        row: dict[str, Any] = {"method": method, "n": len(mine)}
        for name in ("precision", "recall"):
            values = np.array([row[name] for row in mine], dtype=float)
            row |= dict(
                zip((name, f"{name}_low", f"{name}_high"), _mean(values, seed=seed), strict=True)
            )
        rows.append(row)
    return rows


def _mean(values: np.ndarray, *, seed: int) -> tuple[float, float, float]:
    """Mean with its interval; the same resamples for every method, so that curves compare."""
    interval = bootstrap_mean(values, seed=seed, purpose="frontier")
    return interval.mean, interval.low, interval.high
