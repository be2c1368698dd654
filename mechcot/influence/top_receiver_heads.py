"""Receiver heads: which heads listen to few steps, at equal numbers of steps, before and after.

    r[l, h, j]     = received attention of step j, corrected for place and length (mechcot.influence.run)
    score[l, h]    = mean over traces of the rank of the excess kurtosis of r over j, among content-free vectors of the same length

The raw kurtosis follows the number of steps; the rank (mechcot.measures.receiver_heads) does not, and both models read the same
steps. Steps count that have at least four later steps; the first step is left out with the sink. A score of 0.5 is chance. The strongest heads of
the first model are picked on every second trace and scored on the others, so that being picked does not flatter them.
Source: Bogdan et al. 2025 (Thought Anchors, arXiv 2506.19143).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import kurtosis

from mechcot.measures.receiver_heads import APART, FEWEST_STEPS, rank
from mechcot.stats.bootstrap import bootstrap_mean

PICKED = 5

Scores = Float[np.ndarray, "trace layer head"]


def head_scores(
    received: Float[np.ndarray, "layer head step"],
) -> Float[np.ndarray, "layer head"] | None:
    """The score of every head on one trace; None when fewer than four steps count."""
    values = received[:, :, 1 : received.shape[-1] - APART]
    values = values[:, :, np.isfinite(values).all((0, 1))]
    n = values.shape[-1]
    if n < FEWEST_STEPS:
        return None
    flat = np.ptp(values, axis=-1) == 0
    raw = np.asarray(kurtosis(np.where(flat[..., None], np.arange(n), values), axis=-1))
    return np.where(flat, 0.5, rank(raw, n=n))


def receivers(
    scores: Mapping[str, Scores], *, models: Sequence[str], seed: int
) -> dict[str, Any] | None:
    """Mean scores of all heads, and the first model's strongest ones on traces that did not pick them.

    Args:
        scores: Per model one score for each trace, layer and head; the same traces in the same order.
        models: One name, or before and after.
        seed: Seed of the resampling.

    Returns:
        `n` traces, `means` (model -> layer x head), `picked`: rows with `layer`, `head`, `model` (or `change`), `mean`, `low`, `high`, `n`. None
        without traces; nothing is picked from a single trace.
    """
    first = scores[models[0]]
    if not len(first):
        return None
    pick, judge = first[::2].mean(0), slice(1, None, 2)
    strongest = np.argsort(-pick, axis=None, kind="stable")[:PICKED]
    places = [divmod(int(place), pick.shape[1]) for place in strongest]
    return {
        "n": len(first),
        "means": {name: scores[name].mean(0).tolist() for name in models},
        "picked": [
            row
            for place in (places if len(first) > 1 else [])
            for row in _rows(scores, place, judge, models=models, seed=seed)
        ],
    }


def _rows(
    scores: Mapping[str, Scores],
    place: tuple[int, int],
    judge: slice,
    *,
    models: Sequence[str],
    seed: int,
) -> list[dict[str, Any]]:
    layer, head = place
    columns = {name: scores[name][judge, layer, head] for name in models}
    if len(models) == 2:
        columns["change"] = columns[models[1]] - columns[models[0]]
    rows = []
    for name, values in columns.items():
        interval = bootstrap_mean(values, seed=seed, purpose="receivers")
        rows.append(
            {"layer": layer, "head": head, "model": name, "n": interval.n}
            | {"mean": interval.mean, "low": interval.low, "high": interval.high}
        )
    return rows
