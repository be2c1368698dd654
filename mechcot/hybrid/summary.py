"""From the rows of every condition to shares, bits, contrasts, a verdict (`mechcot.hybrid.verdict`) and sentences (`mechcot.hybrid.sentences`)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from mechcot.core.pair import Pair
from mechcot.hybrid.conditions import (
    BASE_ALONE,
    FORCED,
    TUNED_ALONE,
    VECTOR_CONTROLS,
    HybridCondition,
)
from mechcot.hybrid.fitting import Fitted
from mechcot.hybrid.sentences import hybrid_sentences
from mechcot.hybrid.settings import HybridSettings
from mechcot.hybrid.verdict import RECOVERS, whose_mechanism
from mechcot.hybrid.writing import HybridRow
from mechcot.model.reasoner import Reasoner
from mechcot.stats.bootstrap import LEVEL, Interval
from mechcot.stats.proportions import paired_interval, share_interval
from mechcot.stats.recovered_share import LEAST_GAP, accuracy_gap, divides, recovered_share

SHOWN = 3
_Rows = Sequence[HybridRow]


def hybrid_summary(
    models: Pair[Reasoner],
    every: Sequence[HybridCondition],
    rows: Mapping[str, _Rows],
    fitted: Fitted,
    settings: HybridSettings,
) -> dict[str, Any]:
    """Sum a run up.

    Returns:
        JSON-able: `models`, `n`, `settings`, `fit`, `gap`, `conditions` (accuracy, recovered share, share of positions, bits an item),
        `contrasts` of accuracies at equal budgets, `verdict`, `sentences`, `shown` texts.
    """
    right = {key: np.array([row["right"] for row in some], float) for key, some in rows.items()}
    base, tuned, seed = right[BASE_ALONE], right[TUNED_ALONE], settings.seed
    lines = [_line(c, rows, right, settings) for c in every]
    result: dict[str, Any] = {
        "models": [model.name for model in models],
        "n": len(base),
        "settings": asdict(settings),
        "fit": {k: v for k, v in fitted.items() if k not in ("vectors", "bias", "read")},
        "gap": _interval(accuracy_gap(base, tuned, seed=seed)),
        "least_gap": LEAST_GAP,
        "recovers": RECOVERS,
        "divides": divides(accuracy_gap(base, tuned, seed=seed)),
        "conditions": lines,
        "contrasts": _contrasts(every, right, seed=seed),
        "shown": _shown(models.before, every, rows),
    }
    result["verdict"] = whose_mechanism(result)
    result["sentences"] = hybrid_sentences(result)
    return result


def _line(
    condition: HybridCondition,
    every: Mapping[str, _Rows],
    right: Mapping[str, Float[np.ndarray, " item"]],
    settings: HybridSettings,
) -> dict[str, Any]:
    """What one condition comes to; `surely` and `beyond_random` hold at all budgets together."""
    rows, own, seed = every[condition.key], right[condition.key], settings.seed
    base, tuned = right[BASE_ALONE], right[TUNED_ALONE]
    positions = max(sum(row["positions"] for row in rows), 1)
    where = float(np.mean([row["position_bits"] for row in rows]))
    which = float(np.mean([row["choice_bits"] for row in rows]))
    level = 1 - (1 - LEVEL) / len(settings.budgets)
    random = right.get(replace(condition, name="random vectors").key)
    return {
        "key": condition.key,
        "name": condition.name,
        "budget": condition.budget,
        "accuracy": _interval(share_interval(own, seed=seed, purpose="hybrid")),
        "unread": float(np.mean([r["finished"] and r["answer"] is None for r in rows])),
        "cut": float(np.mean([not r["finished"] for r in rows])),
        "recovered": _interval(recovered_share(base, own, tuned, seed=seed)),
        "surely": _interval(recovered_share(base, own, tuned, level=level, seed=seed)),
        "beyond_random": None
        if condition.name != "vectors" or random is None
        else _interval(recovered_share(base, own, tuned, beyond=random, level=level, seed=seed)),
        "gain": _interval(paired_interval(base, own, seed=seed, purpose="gain")),
        "given": float(np.mean([len(row["given"]) for row in rows])),
        "share": sum(len(row["given"]) for row in rows) / positions,
        "disagreed": sum(row["disagreed"] for row in rows) / positions,
        "position_bits": where,
        "choice_bits": which,
        "bits": where + which,
    }


def _interval(interval: Interval) -> dict[str, float | None]:
    return {
        "mean": _finite(interval.mean),
        "low": _finite(interval.low),
        "high": _finite(interval.high),
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _contrasts(
    every: Sequence[HybridCondition],
    right: Mapping[str, Float[np.ndarray, " item"]],
    *,
    seed: int,
) -> list[dict[str, Any]]:
    """Accuracy of what is tried less that of each control of the same budget (or of none)."""
    tried = [c for c in every if c.name in ("tokens", "vectors")]
    contrasts = []
    for condition in tried:
        others = VECTOR_CONTROLS if condition.name == "vectors" else ()
        for other in every:
            if other.name in (*others, *FORCED) and other.budget in (None, condition.budget):
                interval = paired_interval(
                    right[other.key], right[condition.key], seed=seed, purpose="contrast"
                )
                named = {
                    "name": condition.name,
                    "budget": condition.budget,
                    "against": other.name,
                }
                contrasts.append(named | _interval(interval))
    return contrasts


def _shown(
    base: Reasoner, every: Sequence[HybridCondition], rows: Mapping[str, _Rows]
) -> list[dict[str, Any]]:
    """Texts of the largest budget that the base got wrong and the hybrid right, with what was given marked."""
    tried = [c for c in every if c.name in ("vectors", "tokens") and c.budget is not None]
    shown = []
    for name in ("tokens", "vectors"):
        most = max((c for c in tried if c.name == name), key=lambda c: c.budget or 0, default=None)
        if most is None:
            continue
        helped = [
            row
            for row, alone in zip(rows[most.key], rows[BASE_ALONE], strict=True)
            if row["given"] and row["right"] > alone["right"]
        ]
        for row in helped[:SHOWN]:
            words = [base.decode([token]) for token in row["ids"]]
            at = set(row["given"])
            given = [float(index in at) for index in range(len(words))]
            shown.append({"name": name, "trace": row["id"], "tokens": words, "values": given})
    return shown
