"""Orders in which steps are kept under a budget: two closures and the baselines they must beat.

suppression      closure (mechcot.influence.critical_set) over what hiding a step does to later steps and the answer
attention        closure over attention mass corrected for place and length, mean over layers and heads
hidden alone     steps by what hiding each one does to the answer, no closure
answer attention steps by the attention of the token that predicts the answer, no closure
deletion         steps by what taking each one out of the text does to the answer; where asked for, and where neither of the above can be had
recent           latest first
early exit       from the first step on, no further than the first that states the right answer
random           a random order, the same for every model
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from mechcot.core.trace import Trace
from mechcot.influence.critical_set import StepInfluence, entries
from mechcot.stats.bootstrap import random_stream
from mechcot.tasks import first_right_step

CLOSURES = ("suppression", "attention")
ALONE = {"suppression": "hidden alone", "attention": "answer attention"}
"""The order by the last column of a closure's weights alone."""
CHOICES = (*CLOSURES, "deletion")
"""What can be asked for; the first that a model allows is the default."""
METHODS = (*CLOSURES, *ALONE.values(), "deletion", "recent", "early exit", "random")
Ranking = tuple[int, ...]


def by_closure(weights: StepInfluence) -> Ranking:
    """Steps by when they enter the critical set; of those that enter together, the nearest to the answer first."""
    level, links = entries(weights)
    return tuple(int(step) for step in np.lexsort((links, level)))


def by_value(values: Float[np.ndarray, " step"]) -> Ranking:
    """Steps by a number, the largest first; ties in the order of the text, undefined ones last."""
    filled = np.nan_to_num(values, nan=-np.inf)
    return tuple(int(step) for step in np.argsort(-filled, kind="stable"))


def rankings(
    trace: Trace,
    *,
    attention: StepInfluence | None,
    suppression: StepInfluence | None,
    deletion: Float[np.ndarray, " step"] | None = None,
    seed: int,
) -> dict[str, Ranking]:
    """Every method's order of the chain's steps, of those methods that the model allows.

    Args:
        trace: The trace.
        attention: Corrected mass; None where attention cannot be read.
        suppression: Divergence of later steps and, in the last column, movement of the answer; None where nothing can be hidden.
        deletion: Movement of the answer without each step's text; None where it was not asked for.
        seed: Seed of the random order.
    """
    n = len(trace.chain_steps)
    right = first_right_step(trace)
    influences = {"suppression": suppression, "attention": attention}
    known = {name: weights for name, weights in influences.items() if weights is not None}
    return {
        **{name: by_closure(weights) for name, weights in known.items()},
        **{ALONE[name]: by_value(weights[:, -1]) for name, weights in known.items()},
        **({} if deletion is None else {"deletion": by_value(deletion)}),
        "recent": tuple(range(n - 1, -1, -1)),
        "early exit": tuple(range(n if right is None else right + 1)),
        "random": tuple(int(s) for s in random_stream(seed, f"random {trace.id}").permutation(n)),
    }


def overlap(kept: Sequence[int] | frozenset[int], needed: frozenset[int]) -> Mapping[str, float]:
    """Precision and recall of a kept set; precision of an empty set is 0."""
    both = len(set(kept) & needed)
    return {"precision": both / max(len(kept), 1), "recall": both / max(len(needed), 1)}
