"""The critical set: the steps that the answer reaches through steps that matter to each other.

    K(rho) = closure from the answer under  K <- K + {j : S[j, i] >= tau_i(rho)},  i in K
    tau_i(rho) = the largest cut-off whose set still covers a share rho of step i's weight on earlier steps

K grows with rho, so one number per step says when it enters:

    level[j] = min over paths from the answer to j of the largest share, along the path, that stronger
               sources of the same target cover already;     K(rho) = {j : level[j] < rho}

Adjacent steps stay in: they are often the true parents. After Test-time Prompt Intervention (Yang et al. 2025,
arXiv 2508.02511), whose own recipe is not public. Cost: quadratic in the number of steps.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

StepInfluence = Float[np.ndarray, "source target"]
"""Weight of each step (row) on each later step; one more column, the last, for the answer."""


def covered(weights: StepInfluence) -> StepInfluence:
    """For each pair the share of the target's weight that strictly stronger sources cover; inf for no weight."""
    weights = np.maximum(np.nan_to_num(weights, nan=0.0), 0.0)
    shares = np.full(weights.shape, np.inf)
    for target in range(weights.shape[1]):
        column = weights[:, target].copy()
        column[target:] = 0.0
        total = column.sum()
        if total <= 0:
            continue
        ordered = np.sort(column)[::-1]
        before = np.concatenate([[0.0], np.cumsum(ordered)])
        stronger = np.searchsorted(-ordered, -column, side="left")
        shares[:, target] = np.where(column > 0, np.minimum(before[stronger] / total, 1.0), np.inf)
    return shares


def levels(weights: StepInfluence) -> Float[np.ndarray, " step"]:
    """Return when each step enters the critical set as rho grows from 0 to 1; inf: never.

    Args:
        weights: Undefined (NaN) and negative weights count as none.
    """
    return entries(weights)[0]


def entries(
    weights: StepInfluence,
) -> tuple[Float[np.ndarray, " step"], Float[np.ndarray, " step"]]:
    """The level of every step, and how many links lie between it and the answer on the path by which it enters.

    Steps that enter together are kept from the answer backwards, so that a small budget holds what the answer
    reads and not the far end of the path to it.
    """
    shares = covered(weights)
    n = shares.shape[0]
    level = shares[:, n].copy()
    links = np.where(np.isfinite(level), 1.0, np.inf)
    for step in range(n - 1, 0, -1):  # every path runs back in the text, so later steps are settled
        through = np.maximum(level[step], shares[:step, step])
        nearer = (through == level[:step]) & (links[step] + 1 < links[:step])
        better = (through < level[:step]) | (nearer & np.isfinite(through))
        level[:step] = np.where(better, through, level[:step])
        links[:step] = np.where(better, links[step] + 1, links[:step])
    return level, links


def within_budget(order: Sequence[int], sizes: Sequence[int], *, budget: float) -> frozenset[int]:
    """The steps kept under a budget: best first, each one that still fits.

    Args:
        order: Steps, best first; steps that are not named are never kept.
        sizes: Number of tokens of every step.
        budget: Most tokens kept.
    """
    kept, used = set(), 0
    for step in order:
        if used + sizes[step] <= budget + 1e-9:
            kept.add(int(step))
            used += sizes[step]
    return frozenset(kept)
