"""The verdict rule: what may be said about one difference. Fixed here, the same for every measure.

    not judged     a gate is closed, or fewer pairs than min_items, or direction 0 (the number cannot judge)
    less / more    corrected p < .05, and the 95 % interval excludes 0, and |delta| >= smallest effect
    no change      corrected TOST p < .05 for the bound +-smallest effect
    inconclusive   neither: more items could still decide it

Difference and equivalence are two families, each corrected by Holm. Of one measure at most one of the two nulls
is true, so each kind of false statement is held at 5 % over the comparison.
"""

from typing import Literal

import numpy as np

from mechcot.stats.bootstrap import Interval
from mechcot.stats.equivalence import ALPHA

SMALLER = "a smaller one was found"
Verdict = Literal["less", "more", "no change", "inconclusive", "not judged"]
VERDICT_WORDS: tuple[Verdict, ...] = ("less", "more", "no change", "inconclusive", "not judged")


def judge_change(
    interval: Interval,
    *,
    p: float,
    p_equivalence: float,
    smallest_effect: float,
    min_items: int,
) -> tuple[Verdict, str]:
    """Verdict and its reason for one difference whose gates are open.

    Args:
        interval: Mean difference with its 95 % interval.
        p: p-value for "no difference", corrected where it is one of several.
        p_equivalence: TOST p-value, corrected likewise.
        smallest_effect: Smallest difference worth a verdict, and the equivalence bound.
        min_items: Fewest pairs for a verdict.
    """
    if interval.n < min_items:
        return "not judged", f"only {interval.n} complete pairs, {min_items} are needed"
    if interval.units < 2:
        return "not judged", "all items belong to one cluster, so nothing is known about the spread"
    clear = p < ALPHA and interval.excludes(0.0)
    large = abs(interval.mean) >= smallest_effect
    if clear and large:
        side: Verdict = "less" if interval.mean < 0 else "more"
        return side, f"the interval excludes 0 and the difference is at least {smallest_effect:g}"
    if np.isfinite(p_equivalence) and p_equivalence < ALPHA:
        text = f"the difference lies within ±{smallest_effect:g} (equivalence test)"
        return "no change", f"{text}; {SMALLER}" if clear else text
    return "inconclusive", _undecided(interval, p=p, smallest_effect=smallest_effect)


def _undecided(interval: Interval, *, p: float, smallest_effect: float) -> str:
    """Return why neither a change nor its absence is shown."""
    if interval.excludes(0.0) and p < ALPHA:
        return (
            f"a difference was found, but smaller than {smallest_effect:g}, "
            "and more items are needed to rule out a larger one"
        )
    if interval.excludes(0.0):
        return f"the interval excludes 0, but the test does not (p = {p:.2g}, corrected where it is one of several)"
    if max(abs(interval.low), abs(interval.high)) < smallest_effect:
        return (
            f"the interval lies within ±{smallest_effect:g}, but the equivalence test, which assumes nothing about the "
            f"differences, cannot rule out {smallest_effect:g} with {interval.n} items; more items can"
        )
    return "neither a change nor its absence is shown: the differences vary too much, or the items are too few"
