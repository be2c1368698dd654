"""A run of hybrids in sentences."""

from collections.abc import Mapping
from typing import Any

from mechcot.core.wording import count_of
from mechcot.hybrid.conditions import BASE_ALONE, FORCED, TUNED_ALONE
from mechcot.hybrid.verdict import best_row, rows_named, why_open
from mechcot.text.number_format import difference, estimate, percent


def hybrid_sentences(result: Mapping[str, Any]) -> list[str]:
    """One sentence a claim."""
    base, tuned = result["models"]
    fitted, said = result["fit"], [_accuracies_told(result), _gap_told(result)]
    if not fitted["disagreements"]:
        said.append(
            f"{base} and {tuned} never disagree on {count_of(fitted['positions'], 'position')} of {tuned}’s own texts: there is nothing to give."
        )
    if not result["divides"]:
        return said
    tokens, vectors = (best_row(result, name) for name in ("tokens", "vectors"))
    for row, what in ((tokens, f"{tuned}’s tokens"), (vectors, "vectors")):
        if row is not None:
            said.append(
                f"With {what} at {percent(row['share'])} of the positions {base} recovers {_told(row['recovered'])} of the gap, for {row['bits']:.1f} bits a text."
            )
    if vectors is not None and vectors["beyond_random"] is not None:
        said.append(
            f"Beyond random vectors of the same lengths that is {_told(vectors['beyond_random'])} (an interval for all budgets together)."
        )
    for row in result["conditions"]:
        if row["name"] == FORCED[0] and vectors and row["budget"] == vectors["budget"]:
            said.append(
                f"{tuned}’s tokens at positions drawn at random ({row['given']:.1f} a text, where vectors were given at {vectors['given']:.1f}) recover "
                f"{_told(row['recovered'])} for {row['bits']:.1f} bits."
            )
    if tokens and fitted["disagreements"] and not fitted["in_chain"]:
        said.append(f"{base} and {tuned} disagree at the answer alone, where no vector is given.")
    if result["settings"]["give"] == "vectors":
        verdict = _VERDICTS[result["verdict"]]
        said.insert(0, verdict.format(base=base, tuned=tuned, why=why_open(result)))
    return said


def _accuracies_told(result: Mapping[str, Any]) -> str:
    """How often each model is right alone, and the base with help at the budget where most is recovered."""
    base, tuned = result["models"]
    helps = ("vectors", "tokens") if result["divides"] else ()
    rows = [(base, rows_named(result, BASE_ALONE)[0]), (tuned, rows_named(result, TUNED_ALONE)[0])]
    rows += [(f"{base} with {name}", row) for name in helps if (row := best_row(result, name))]
    right = ", ".join(f"{who} {percent(row['accuracy']['mean'])}" for who, row in rows)
    return f"Right answers: {right}."


def _gap_told(result: Mapping[str, Any]) -> str:
    """Which of the two is right more often, and why no share is recovered where that is so."""
    (base, tuned), gap = result["models"], result["gap"]
    signed = [gap["mean"], gap["low"], gap["high"]]
    if None in signed:
        return (
            f"No gap can be told from {count_of(result['n'], 'problem')}, so no share is recovered."
        )
    of_all, none = (
        f"of all answers (n = {result['n']})",
        "there is nothing to recover, so no share is recovered",
    )
    if result["divides"]:
        return f"{tuned} is right more often than {base}, by {estimate(*signed)} {of_all}."
    if gap["mean"] < 0:
        less = estimate(-gap["mean"], -gap["high"], -gap["low"])
        return (
            f"{tuned} is right less often than {base}, by {less} {of_all}: {none}. The models may be named the other way round: `mechcot hybrid TUNED BASE`, with "
            f"{tuned} as the one that writes."
        )
    return (
        f"{tuned} is not surely right more often than {base} by {result['least_gap']:g} or more (difference {difference(*signed)} {of_all}): {none}; give more or harder "
        "problems, on which the two differ."
    )


_VERDICTS: Mapping[str, str] = {
    "trigger": "A trigger: {base} can do itself what {tuned} does, and is told when.",
    "mechanism": "A mechanism of {tuned}’s own: {base} has to be told what, not when.",
    "open": "Open whose it is: {why}.",
}


def _told(share: Mapping[str, float | None]) -> str:
    return estimate(share["mean"], share["low"], share["high"])  # type: ignore[arg-type]
