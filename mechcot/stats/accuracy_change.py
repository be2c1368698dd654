"""Did accuracy change? Paired over items: exact McNemar test beside a score interval of the difference.

    b = items right before and wrong after,  c = items wrong before and right after
    p = P(Binomial(b + c, 1/2) at least as lopsided as b : c), two-sided

The same as the exact sign-flip test on 0/1 differences; that test and a bootstrap replace both when several chains
per item make an item's accuracy a fraction. It is one planned question and takes no part in Holm's family.
Source: McNemar 1947 (Psychometrika 12:153); the interval: `mechcot.stats.proportions`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.contingency_tables import mcnemar

from mechcot.stats.bootstrap import RESAMPLES, cluster_numbers
from mechcot.stats.equivalence import equivalence
from mechcot.stats.gate_bounds import GateBounds
from mechcot.stats.gates import GATE_MEASURE
from mechcot.stats.measurement_tables import pair_values, scalar_rows
from mechcot.stats.permutation import sign_flip_p
from mechcot.stats.proportions import binary, paired_interval
from mechcot.stats.verdict import Verdict, judge_change

ACCURACY, OWN_ACCURACY = (GATE_MEASURE, "acc_with"), (GATE_MEASURE, "own_correct")
"""The answer asked for behind a chain, and the one that its author gave."""


@dataclass(frozen=True)
class AccuracyChange:
    """Accuracy before and after on the same items.

    Attributes:
        before: Accuracy before.
        after: Accuracy after.
        delta: After minus before.
        low: Lower end of the 95 % interval of delta.
        high: Upper end.
        n: Items with both answers.
        dropped: Items without.
        lost: Items right before and wrong after (fully or, with several chains, on average).
        gained: Items wrong before and right after.
        p: Exact McNemar p (or sign-flip p).
        test: Which of the two.
        p_equivalence: TOST p for a change smaller than the bound.
        bound: That bound.
        verdict: less, more, no change, inconclusive or not judged.
        reason: One plain sentence.
        unread_before: Share of the first model's answers that could not be read; they count as not right.
        unread_after: The same of the second model.
    """

    before: float
    after: float
    delta: float
    low: float
    high: float
    n: int
    dropped: int
    lost: int
    gained: int
    p: float
    test: str
    p_equivalence: float
    bound: float
    verdict: Verdict
    reason: str
    unread_before: float = 0.0
    unread_after: float = 0.0


def mcnemar_p(*, lost: int, gained: int) -> float:
    """Exact two-sided McNemar p-value from the discordant counts."""
    result: Any = mcnemar(np.array([[0, lost], [gained, 0]]), exact=True)
    return float(result.pvalue)


def accuracy_change(
    scalars: pd.DataFrame,
    *,
    before: str,
    after: str,
    author: str | None,
    share: tuple[str, str] = ACCURACY,
    bounds: GateBounds | None = None,
    clusters: Mapping[str, str] | None = None,
    items: Collection[str] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> AccuracyChange:
    """Compare the accuracy of two models.

    Args:
        scalars: Tidy scalars table.
        before: First model.
        after: Second model.
        author: Whose chains; None for each model's own (with `OWN_ACCURACY`: what it answers in practice).
        share: Measure and scalar to compare, a share of something that is right.
        bounds: Gives `accuracy_effect` and `min_items`.
        clusters: Cluster of each item; a clustered test replaces McNemar's.
        items: When given, only these items.
        seed: Seed of the study.
        resamples: Number of resamples.
    """
    bounds = bounds or GateBounds()
    measure, name = share
    rows = scalar_rows(scalars, measure=measure, name=name)
    pairs = pair_values(rows, before=before, after=after, author=author, items=items)
    moved, numbers = pairs.differences, cluster_numbers(pairs.items, clusters)
    lost, gained = int(np.sum(moved < 0)), int(np.sum(moved > 0))
    draws = {"clusters": numbers, "seed": seed, "purpose": f"accuracy/{name}"}
    interval = paired_interval(pairs.before, pairs.after, resamples=resamples, **draws)
    exact = numbers is None and binary(pairs.before) and binary(pairs.after)
    p = (
        mcnemar_p(lost=lost, gained=gained)
        if exact
        else sign_flip_p(moved, flips=resamples, **draws)
    )
    same = equivalence(moved, bound=bounds.accuracy_effect, span=1.0, resamples=resamples, **draws)
    # the test is one at 90 %; nothing is ruled out that the 95 % interval beside it still holds
    within = max(abs(interval.low), abs(interval.high)) <= bounds.accuracy_effect
    verdict, reason = judge_change(
        interval,
        p=p,
        p_equivalence=same.p if within else float("nan"),
        smallest_effect=bounds.accuracy_effect,
        min_items=bounds.min_items,
    )
    return AccuracyChange(
        before=float(pairs.before.mean()) if interval.n else float("nan"),
        after=float(pairs.after.mean()) if interval.n else float("nan"),
        delta=interval.mean,
        low=interval.low,
        high=interval.high,
        n=interval.n,
        dropped=pairs.dropped,
        lost=lost,
        gained=gained,
        p=p,
        test="exact McNemar" if exact else "sign flip",
        p_equivalence=same.p,
        bound=bounds.accuracy_effect,
        verdict=verdict,
        reason=reason,
        **_unread(scalars, name, before=before, after=after, author=author, items=items),
    )


_READ = {"acc_with": "parsed", "own_correct": "author_parsed"}
"""Which scalar of the gates says that the answer behind an accuracy was read."""


def _unread(scalars: pd.DataFrame, name: str, **pair: Any) -> dict[str, float]:
    """Share of answers that could not be read, on the same items; 0 where nobody counted."""
    rows = scalar_rows(scalars, measure=GATE_MEASURE, name=_READ.get(name, ""))
    read = pair_values(rows, **pair)
    sides = {"unread_before": read.before, "unread_after": read.after}
    return {key: float(1 - side.mean()) if len(side) else 0.0 for key, side in sides.items()}
