"""What a run of hybrids says: a mechanism of the tuned model's own, or a trigger of one that the base has.

    trigger      at some budget vectors recover at least half of the gap, surely, and more than random vectors: told when, the base does it itself
    mechanism    tokens recover at least half, surely, and at no budget do vectors recover half beyond random ones, surely, though they take effect on
                 fitting texts held out; or the two disagree at the answer alone: the base has to be told what. Either on enough fitting texts
    open         anything else

Vectors are given while the answer has not come, tokens anywhere: a help that sees the tuned model's answer and may act at the answer could spell it
with as few as two vectors, or with one and its absence. *Surely* holds at all budgets together (Bonferroni). Any push at a disagreement leads away from the base's token, and where few answers are possible
that alone puts some right: hence *beyond random ones*. More vectors are not better ones: later ones can undo what the first gave, hence *some budget*.
"""

from collections.abc import Mapping
from typing import Any, Literal

from mechcot.core.wording import count_of
from mechcot.text.number_format import percent

RECOVERS = 0.5
"""Share of the gap from which on something recovers it."""
LEAST_TEXTS = 8
"""Fitting texts with a disagreement from which on the failure of vectors counts."""
LEAST_TAKEN = 0.5
"""Share of the disagreements held out at which vectors must bring the tuned model's token, for their failure to count."""
ChangeKind = Literal["trigger", "mechanism", "open", "no gap"]


def whose_mechanism(result: Mapping[str, Any]) -> ChangeKind:
    """The verdict."""
    if not result["divides"]:
        return "no gap"
    vectors = rows_named(result, "vectors")
    if any(row["surely"]["low"] >= RECOVERS and row["beyond_random"]["low"] > 0 for row in vectors):
        return "trigger"
    tried = result["settings"]["give"] == "vectors"
    return "mechanism" if tried and not why_open(result) else "open"


def why_open(result: Mapping[str, Any]) -> str:
    """What forbids to say mechanism where it is no trigger, and what to do about it; "" for nothing."""
    fit, asked = result["fit"], result["settings"]["fit"]
    vectors = rows_named(result, "vectors")
    alone = fit["disagreements"] and not fit["in_chain"]
    texts = fit["texts" if alone else "chains"]
    if not any(row["surely"]["low"] >= RECOVERS for row in rows_named(result, "tokens")):
        return "not even tokens surely recover half of the gap; more problems (--n) or larger budgets (--budget) may tell"
    if texts < LEAST_TEXTS:
        return (
            f"{texts} of {count_of(asked, 'fitting text')} hold a disagreement{'' if alone else ' before the answer'}, and the failure of vectors from fewer than "
            f"{LEAST_TEXTS} may be one of the fit; raise --fit"
        )
    if alone:
        return ""
    if fit["held_out"] < LEAST_TAKEN:
        return (
            f"on fitting texts held out vectors bring the tuned model’s token at {percent(fit['held_out'])} of the disagreements, fewer than {percent(LEAST_TAKEN)}, so their "
            "failure may be one of the fit; raise --fit, or name another --site"
        )
    if any(row["beyond_random"]["high"] >= RECOVERS for row in vectors):
        return "vectors neither surely recover half of the gap nor surely less beyond random ones; more problems (--n) may tell"
    return ""


def rows_named(result: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The rows of one condition, by budget."""
    return [row for row in result["conditions"] if row["name"] == name]


def best_row(result: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """The row of the budget at which most is recovered, with the fewest bits."""
    rows = rows_named(result, name)
    return max(rows, key=lambda row: (row["recovered"]["mean"], -row["bits"]), default=None)
