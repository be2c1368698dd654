"""From the rows of every condition to shares, bits and what they say: a mechanism of the tuned model's own, or a trigger of one that the base has.

    trigger      at some budget vectors recover at least half of the gap, surely, and more than random vectors: told when, the base does it itself
    mechanism    tokens recover at least half, surely, and at no budget do vectors recover half beyond random ones, surely, though they take effect on
                 fitting texts held out; or the two disagree at the answer alone: the base has to be told what. Either on enough fitting texts
    open         anything else

Vectors are given while the answer has not come, tokens anywhere: a help that sees the tuned model's answer and may act at the answer could spell it
with as few as two vectors, or with one and its absence. *Surely* holds at all budgets together (Bonferroni). Any push at a disagreement leads away from the base's token, and where few answers are possible
that alone puts some right: hence *beyond random ones*. More vectors are not better ones: later ones can undo what the first gave, hence *some budget*.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from mechcot.core.pair import Pair
from mechcot.core.wording import count_of
from mechcot.hybrid.conditions import (
    BASE_ALONE,
    FORCED,
    TUNED_ALONE,
    VECTOR_CONTROLS,
    HybridCondition,
)
from mechcot.hybrid.fitting import Fitted
from mechcot.hybrid.settings import HybridSettings
from mechcot.hybrid.writing import HybridRow
from mechcot.model.reasoner import Reasoner
from mechcot.stats.bootstrap import LEVEL, Interval
from mechcot.stats.proportions import paired_interval, share_interval
from mechcot.stats.recovered_share import LEAST_GAP, accuracy_gap, divides, recovered_share
from mechcot.text.number_format import difference, estimate, percent

RECOVERS = 0.5
"""Share of the gap from which on something recovers it."""
SHOWN = 3
LEAST_TEXTS = 8
"""Fitting texts with a disagreement from which on the failure of vectors counts."""
LEAST_TAKEN = 0.5
"""Share of the disagreements held out at which vectors must bring the tuned model's token, for their failure to count."""
ChangeKind = Literal["trigger", "mechanism", "open", "no gap"]
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


def whose_mechanism(result: Mapping[str, Any]) -> ChangeKind:
    """The verdict."""
    if not result["divides"]:
        return "no gap"
    vectors = _named(result, "vectors")
    if any(row["surely"]["low"] >= RECOVERS and row["beyond_random"]["low"] > 0 for row in vectors):
        return "trigger"
    tried = result["settings"]["give"] == "vectors"
    return "mechanism" if tried and not why_open(result) else "open"


def why_open(result: Mapping[str, Any]) -> str:
    """What forbids to say mechanism where it is no trigger, and what to do about it; "" for nothing."""
    fit, asked = result["fit"], result["settings"]["fit"]
    vectors = _named(result, "vectors")
    alone = fit["disagreements"] and not fit["in_chain"]
    texts = fit["texts" if alone else "chains"]
    if not any(row["surely"]["low"] >= RECOVERS for row in _named(result, "tokens")):
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


def _named(result: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    return [row for row in result["conditions"] if row["name"] == name]


def _best(result: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """The row of the budget at which most is recovered, with the fewest bits."""
    rows = _named(result, name)
    return max(rows, key=lambda row: (row["recovered"]["mean"], -row["bits"]), default=None)


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
    tokens, vectors = (_best(result, name) for name in ("tokens", "vectors"))
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
    rows = [(base, _named(result, BASE_ALONE)[0]), (tuned, _named(result, TUNED_ALONE)[0])]
    rows += [(f"{base} with {name}", row) for name in helps if (row := _best(result, name))]
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
