"""The overall answer of a comparison: is the chain still used?

Only rows that were judged, of direction +1 and not `exploratory`, have a say. One measure, one voice; they differ in kind
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

import pandas as pd

Overall = Literal["less", "more", "no change", "mixed", "inconclusive", "not judged"]


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
        provisional: True when a measure with a say has not been scored against planted truth.
    """

    verdict: Overall
    gone: bool
    judged: int
    agree: tuple[str, ...]
    disagree: tuple[tuple[str, str], ...]
    undecided: tuple[str, ...]
    not_judged: tuple[tuple[str, str], ...]
    provisional: bool


def conclude(table: pd.DataFrame) -> Conclusion:
    """Combine the rows of one `contrast` table."""
    directional = table[(table["direction"] == 1) & (table["status"] != "exploratory")]
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
