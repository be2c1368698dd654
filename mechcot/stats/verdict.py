"""Verdicts, fixed here for every measure: what may be said about one difference, and about the chain from all measures together.

One difference (`judge_change`):

    not judged     a gate is closed, or fewer pairs than min_items, or direction 0 (the number cannot judge)
    less / more    corrected p < .05, and the 95 % interval excludes 0, and |delta| >= smallest effect
    no change      corrected TOST p < .05 for the bound +-smallest effect
    inconclusive   neither: more items could still decide it

Difference and equivalence are two families, each corrected by Holm. Of one measure at most one of the two nulls
is true, so each kind of false statement is held at 5 % over the comparison.

Is the chain still used (`conclude`)? Only rows that were judged, of direction +1 and not `exploratory`, have a say. One measure, one voice; they differ in kind
(text, attention, activations), so a disagreement is a finding and is named.

    less / more / no change   this verdict has at least half of the judged measures, and no measure says the opposite
                              (less against more)
    mixed                     some say less and others more, or two verdicts tie
    inconclusive              none of the decided verdicts has half
    not judged                no measure could be judged

"No longer used" instead of "used less" needs more: at least two measures with a say, and for every one of them, whatever its
verdict, the whole interval of the value after lies within one smallest effect of 0. A directional measure is 0 where the chain
does nothing, whatever its range; a signed one below 0 says that the chain misleads.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from mechcot.core.wording import count_of
from mechcot.stats.bootstrap import Interval
from mechcot.stats.equivalence import ALPHA

SMALLER = "a smaller one was found"
Verdict = Literal["less", "more", "no change", "inconclusive", "not judged"]
VERDICT_WORDS: tuple[Verdict, ...] = ("less", "more", "no change", "inconclusive", "not judged")
Overall = Literal["less", "more", "no change", "mixed", "inconclusive", "not judged"]


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
            f"differences, cannot rule out {smallest_effect:g} with {count_of(interval.n, 'item')}; more items can"
        )
    return "neither a change nor its absence is shown: the differences vary too much, or the items are too few"


@dataclass(frozen=True)
class Conclusion:
    """Joint conclusion of the judged measures.

    Attributes:
        verdict: The combined verdict.
        gone: True when the chain is "no longer used", not only less.
        judged: Number of measures with a say.
        agree: Titles of the measures that say so.
        disagree: Title and verdict of the measures that decided otherwise.
        undecided: Titles of the inconclusive ones.
        not_judged: Titles of the directional measures without verdict, with reason.
        provisional: True when a measure with a say has not been scored by the ruler on every family.
        exploratory: Titles of the directional measures that have no say, since the ruler did not pass them.
    """

    verdict: Overall
    gone: bool
    judged: int
    agree: tuple[str, ...]
    disagree: tuple[tuple[str, str], ...]
    undecided: tuple[str, ...]
    not_judged: tuple[tuple[str, str], ...]
    provisional: bool
    exploratory: tuple[str, ...] = ()


def conclude(table: pd.DataFrame) -> Conclusion:
    """Combine the rows of one `contrast` table."""
    directional = table[table["direction"] == 1]
    exploratory = directional.loc[directional["status"] == "exploratory", "title"]
    directional = directional[directional["status"] != "exploratory"]
    judged = directional[directional["verdict"] != "not judged"]
    silent = directional[directional["verdict"] == "not judged"]
    verdict = _combined(judged)
    decided = judged[judged["verdict"] != "inconclusive"]
    agree, against = decided[decided["verdict"] == verdict], decided[decided["verdict"] != verdict]
    return Conclusion(
        verdict=verdict,
        gone=verdict == "less" and len(judged) > 1 and bool(_at_nothing(judged).all()),
        judged=len(judged),
        agree=tuple(agree["title"]),
        disagree=tuple(zip(against["title"], against["verdict"], strict=True)),
        undecided=tuple(judged.loc[judged["verdict"] == "inconclusive", "title"]),
        not_judged=tuple(zip(silent["title"], silent["reason"], strict=True)),
        provisional=bool((judged["status"] == "provisional").any()),
        exploratory=tuple(exploratory),
    )


def _combined(judged: pd.DataFrame) -> Overall:
    if judged.empty:
        return "not judged"
    words: tuple[Overall, ...] = ("less", "more", "no change")
    counts: dict[Overall, int] = {word: int((judged["verdict"] == word).sum()) for word in words}
    if counts["less"] and counts["more"]:
        return "mixed"
    most = max(counts.values())
    leading: list[Overall] = [word for word, count in counts.items() if count == most]
    if 2 * most < len(judged):
        return "inconclusive"
    return "mixed" if len(leading) > 1 else leading[0]


def _at_nothing(rows: pd.DataFrame) -> pd.Series:
    """Rows whose value after, interval included, is within one smallest effect of 0."""
    bound = rows["smallest_effect"]
    return (rows["after_high"] <= bound) & (rows["after_low"] >= -bound)
