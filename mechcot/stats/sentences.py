"""Plain sentences for the numbers: every claim of the report is written here, and its text is tested.

A sentence says what was found, the numbers behind it and how sure it is, in words a reader without statistics follows.
Nothing is claimed that the verdict does not carry: "did not change" only after the equivalence test, and
"not clear" is not "no change".
"""

import math
from collections.abc import Collection, Mapping, Sequence

from mechcot.core.wording import count_of
from mechcot.stats.accuracy_change import AccuracyChange
from mechcot.stats.verdict import SMALLER, Conclusion

_MINUS = "\N{MINUS SIGN}"
PROVISIONAL = "provisional: the ruler has not scored this measure on every family yet"


def rounded(value: float, *, decimals: int = 2) -> str:
    """A rounded number with a true minus sign; never "-0.00", and "-" when there is none."""
    if not math.isfinite(value):
        return "-"
    text = f"{abs(value):.{decimals}f}"
    return f"{_MINUS}{text}" if value < 0 and float(text) != 0 else text


def with_sign(value: float, *, decimals: int = 2) -> str:
    """A rounded difference with its sign; zero has none."""
    text = rounded(value, decimals=decimals)
    return text if text.startswith((_MINUS, "-")) or float(text) == 0 else f"+{text}"


def whole_percent(share: float) -> str:
    """A share as a whole percentage; 100 % and 0 % only when exact."""
    if not math.isfinite(share):
        return "-"
    if 0.995 <= share < 1:
        return "over 99 %"
    return "under 1 %" if 0 < share < 0.005 else f"{share * 100:.0f} %"


def p_text(p: float) -> str:
    """`p = 0.03`, `p < 0.001`, or `no p` when there is none."""
    if not math.isfinite(p):
        return "no p"
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def decimals_for(width: float) -> int:
    """Decimals that show an interval of this width: two, more for narrow ones, at most four."""
    if not math.isfinite(width) or width <= 0:
        return 2
    return min(4, max(2, 1 - math.floor(math.log10(width))))


def shown(verdict: str, status: str) -> str:
    """The verdict as a page shows it: a measure that did not pass the ruler gives none and is `exploratory`."""
    judged = verdict not in ("", "not judged")
    return "exploratory" if judged and status == "exploratory" else verdict


def silent_sentences(
    rows: Sequence[Mapping[str, object]], *, told: Collection[str] = ()
) -> list[str]:
    """Why measures have no verdict: one sentence per reason, with the measures that it covers.

    Args:
        rows: Rows of contrast tables.
        told: Reasons that were given before; they are not given again.
    """
    by_reason: dict[str, dict[str, None]] = {}
    for row in rows:
        if row["verdict"] == "not judged" and row["reason"] not in told:
            by_reason.setdefault(str(row["reason"]), {})[str(row["title"])] = None
    return [
        f"Not judged: {listed(list(titles))}: {reason}." for reason, titles in by_reason.items()
    ]


def left_out_sentences(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Items that measures without a verdict left out: one sentence per set of reasons, with their counts.

    Args:
        rows: Rows of contrast tables; of judged ones `row_sentence` says it.
    """
    titles: dict[str, list[str]] = {}
    for row in rows:
        if row["dropped"] and row["verdict"] == "not judged":
            titles.setdefault(_left_out(row), []).append(str(row["title"]))
    return [f"Left out of {listed(names)}: {what}." for what, names in titles.items()]


def _left_out(row: Mapping[str, object]) -> str:
    because = f": {row['dropped_because']}" if row["dropped_because"] else ""
    return f"{count_of(int(str(row['dropped'])), 'item')}{because}"


def row_sentence(row: Mapping[str, object], *, told: Collection[str] = ()) -> str:
    """One row of the contrast table as a sentence or two.

    Args:
        row: The row.
        told: Reasons that were given before; they are not said again.
    """
    title, verdict = row["title"], str(row["verdict"])
    reason = "the reason above" if row["reason"] in told else row["reason"]
    if not row["n"]:
        return f"{title}: not judged: {reason}."
    delta, low, high = (float(str(row[name])) for name in ("delta", "low", "high"))
    places = decimals_for(high - low)
    before, after = (
        rounded(float(str(row[name])), decimals=places) for name in ("before", "after")
    )
    numbers = (
        f"{before} before, {after} after ({row['unit']}), difference {with_sign(delta, decimals=places)}"
        f"{_interval(low, high, decimals=places)}, {count_of(int(str(row['n'])), 'item')}"
    )
    head = {
        "less": "the chain carries less",
        "more": "the chain carries more",
        "no change": "no change",
        "inconclusive": "not clear",
        "not judged": "not judged",
    }[verdict]
    if row["status"] == "exploratory" and verdict in ("less", "more", "no change"):
        head = f"{_word(verdict)}, which by itself says nothing about the use of the chain"
    sentence = f"{title}: {head}. {numbers}{_evidence(row)}."
    if verdict in {"inconclusive", "not judged"}:
        sentence += f" Why: {reason}."
    if row["dropped"]:
        sentence += f" Left out: {_left_out(row)}."
    if row["status"] == "provisional" and verdict != "not judged":
        sentence += f" ({PROVISIONAL[0].upper()}{PROVISIONAL[1:]}.)"
    return sentence


def _evidence(row: Mapping[str, object]) -> str:
    if row["verdict"] in {"less", "more"}:
        return f", Holm-corrected {p_text(float(str(row['p_holm'])))}"
    if row["verdict"] == "no change":
        p = p_text(float(str(row["p_equivalence_holm"])))
        smaller = f"; {SMALLER}" if str(row["reason"]).endswith(SMALLER) else ""
        return f"; a difference of {rounded(float(str(row['smallest_effect'])))} or more is ruled out ({p}){smaller}"
    return ""


def _interval(low: float, high: float, *, decimals: int) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f" (95 % interval {with_sign(low, decimals=decimals)} to {with_sign(high, decimals=decimals)})"


def _points(share: float) -> str:
    return with_sign(share * 100, decimals=0)


def accuracy_sentence(
    change: AccuracyChange, *, what: str = "accuracy", right: str = "right"
) -> str:
    """Did accuracy change, in one sentence or two.

    Args:
        change: The numbers.
        what: What the share is called.
        right: What its items are.
    """
    if not change.n:
        return f"Whether {what} changed is not judged: no item has an answer from both models."
    head = {
        "less": f"{what.capitalize()} fell",
        "more": f"{what.capitalize()} rose",
        "no change": f"{what.capitalize()} did not change",
        "inconclusive": f"It is not clear whether {what} changed",
        "not judged": f"Whether {what} changed is not judged",
    }[change.verdict]
    interval = (
        f" (95 % interval {_points(change.low)} to {_points(change.high)})"
        if math.isfinite(change.low)
        else ""
    )
    text = (
        f"{head}: {whole_percent(change.before)} {right} before, {whole_percent(change.after)} after, "
        f"difference {_points(change.delta)} points{interval}, {count_of(change.n, 'item')}, "
        f"{change.lost} lost and {change.gained} gained, {change.test} {p_text(change.p)}."
    )
    if change.unread_before or change.unread_after:
        shares = (whole_percent(change.unread_before), whole_percent(change.unread_after))
        text += f" Answers that could not be read count as not right: {shares[0]} before, {shares[1]} after."
    if change.verdict == "no change":
        text += f" A change of {change.bound * 100:.0f} points or more is ruled out ({p_text(change.p_equivalence)})."
    if change.verdict in {"inconclusive", "not judged"}:
        text += f" Why: {change.reason}."
    return text


def conclusion_sentence(conclusion: Conclusion) -> str:
    """The overall answer about the chain, with the count and every measure that disagrees."""
    head = {
        "less": "The chain is no longer used" if conclusion.gone else "The chain is used less",
        "more": "The chain is used more",
        "no change": "The chain is used as before",
        "mixed": "The measures disagree about the chain",
        "inconclusive": "It is not clear whether the use of the chain changed",
        "not judged": "Whether the chain is still used is not judged",
    }[conclusion.verdict]
    text = f"{head}: {_voices(conclusion)}."
    if conclusion.disagree:
        voices = (f"{title} ({_word(verdict)})" for title, verdict in conclusion.disagree)
        label = "They say" if conclusion.verdict in {"mixed", "inconclusive"} else "Against it"
        text += f" {label}: {listed(list(voices))}."
    if conclusion.undecided:
        text += f" Undecided: {listed(conclusion.undecided)}."
    if conclusion.not_judged:
        text += f" Not judged: {listed([title for title, _ in conclusion.not_judged])}."
    if conclusion.provisional and conclusion.judged:
        text += " This is provisional: the ruler has not scored some of these measures on every family yet."
    return text


def _voices(conclusion: Conclusion) -> str:
    if conclusion.verdict == "not judged":
        reasons = dict.fromkeys(reason for _, reason in conclusion.not_judged)
        return "; ".join(reasons) or _none_that_tells(conclusion.exploratory)
    total = count_of(conclusion.judged, "judged measure")
    if conclusion.verdict in {"mixed", "inconclusive"}:
        decided = len(conclusion.disagree)
        return f"{decided} of {total} decided" if decided else f"none of {total} decided"
    word = {"less": "fell", "more": "rose", "no change": "stayed within their smallest effects"}[
        conclusion.verdict
    ]
    text = f"{len(conclusion.agree)} of {total} {word} ({listed(conclusion.agree)})"
    return f"{text}, to less than their smallest effects" if conclusion.gone else text


def _none_that_tells(exploratory: Sequence[str]) -> str:
    if not exploratory:
        return "no measure that can tell was run"
    are = "is" if len(exploratory) == 1 else "are"
    return f"no measure that passed the ruler was run, and {listed(exploratory)} {are} exploratory"


def _word(verdict: str) -> str:
    return {"less": "fell", "more": "rose"}.get(verdict, verdict)


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
