"""Accuracy against the share of the chain that is kept, with intervals over problems: several chains of one problem are one item."""

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


def points_of(items: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The answers of all traces, with the problem of each.

    Args:
        items: What `mechcot.pruning.run.item` gives for each trace.
    """
    rows = [[*row, entry["pruned"]["id"]] for entry in items for row in entry["points"]]
    return pd.DataFrame(rows, columns=[*POINT_COLUMNS, "problem"])


def agreements_of(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The agreements of all traces with what is known, with the problem of each; as `points_of`."""
    return [
        {**row, "problem": entry["pruned"]["id"]} for entry in items for row in entry["agreements"]
    ]


def accuracy_by_share(points: pd.DataFrame, *, reference: str, seed: int) -> pd.DataFrame:
    """One row per method, executor and share of the budget.

    Args:
        points: One row per trace, method, executor and share, as `points_of` gives them; `right`, `same` and `read` are 0 or 1.
        reference: The method that the others are compared with, problem by problem.
        seed: Seed of the resampling.

    Returns:
        Means over problems: `accuracy` with `low` and `high` (95 % score interval, or a bootstrap where a problem has several chains), `kept` (share of
        the chain's tokens that was in fact kept), `same` (share with the unpruned answer), `unread` (share of answers that could not be read, which are
        not right), `n` (problems), `answers` and how many are `right`, and `lead` with `lead_low`, `lead_high`: accuracy of the reference minus this
        method's (95 % bootstrap over problems).
    """
    rows = []
    points = points.assign(kept=points["kept_tokens"] / points["tokens"])
    for (executor, share), here in points.groupby(["executor", "share"], sort=True):
        means = here.groupby(["method", "problem"])[["right", "same", "read", "kept"]].mean()
        wide = means["right"].unstack("method")
        for method in (name for name in METHODS if name in wide):
            part, answers = means.loc[method], here.loc[here["method"] == method, "right"]
            right = share_interval(part["right"].to_numpy(float), seed=seed, purpose="frontier")
            lead = _mean((wide[reference] - wide[method]).dropna().to_numpy(float), seed=seed)
            rows.append(
                {"executor": executor, "share": share, "method": method}
                | {"accuracy": right.mean, "low": right.low, "high": right.high}
                | dict(zip(("lead", "lead_low", "lead_high"), lead, strict=True))
                | {
                    "kept": float(part["kept"].mean()),
                    "same": float(part["same"].mean()),
                    "unread": float(1 - part["read"].mean()),
                    "n": len(part),
                    "answers": len(answers),
                    "right": int(answers.sum()),
                }
            )
    return pd.DataFrame(rows)


def truth_rows(agreements: Sequence[Mapping[str, Any]], *, seed: int) -> list[dict[str, Any]]:
    """Mean precision and recall per method with intervals; empty when no truth is known.

    Args:
        agreements: One entry per trace and method, as `agreements_of` gives them: `method`, `precision`, `recall`, `problem`.
        seed: Seed of the resampling.
    """
    rows = []
    if not agreements:
        return rows
    table = pd.DataFrame(agreements).groupby(["method", "problem"])[["precision", "recall"]].mean()
    for method in (name for name in METHODS if name in table.index.get_level_values("method")):
        mine = table.loc[method]
        row: dict[str, Any] = {"method": method, "n": len(mine)}
        for name in ("precision", "recall"):
            values = mine[name].to_numpy(float)
            row |= dict(
                zip((name, f"{name}_low", f"{name}_high"), _mean(values, seed=seed), strict=True)
            )
        rows.append(row)
    return rows


def _mean(values: np.ndarray, *, seed: int) -> tuple[float, float, float]:
    """Mean with its interval; the same resamples for every method, so that curves compare."""
    interval = bootstrap_mean(values, seed=seed, purpose="frontier")
    return interval.mean, interval.low, interval.high
