"""What a study of training found, in sentences: from `lab.json` alone, in the order in which the questions are asked."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mechcot.core.wording import count_of
from mechcot.text.number_format import difference, fixed, p_value, percent, signed

_Row = Mapping[str, Any]
_NAN = float("nan")
_WORDS = {
    "accuracy": ("fewer right answers", "more right answers", "as many right answers"),
    "reliance": (
        "a chain that carries less",
        "a chain that carries more",
        "a chain that carries as much",
    ),
    "validity": ("fewer valid steps", "more valid steps", "as many valid steps"),
    "hint": (
        "fewer answers that go to a wrong hint",
        "more answers that go to a wrong hint",
        "as many answers that go to a wrong hint",
    ),
}


_SHORT = {
    "accuracy": ("Right answers", "fewer", "more", "as many"),
    "reliance": ("Reliance", "less", "more", "as much"),
    "validity": ("Valid steps", "fewer", "more", "as many"),
}


def lab_sentences(result: _Row) -> list[str]:
    """All sentences: the answer, the primary questions, the details."""
    return [*lab_answer(result), *primary_answers(result), *lab_details(result)]


def lab_answer(result: _Row) -> list[str]:
    """Whether an arm hollows the chain out, and what that rests on."""
    others = compared_arms(result)
    if not others:
        return [_state(result)]
    less = [
        arm
        for arm in others
        if "less" in {each["contrast"]["says"] for each in (arm["axes"]["reliance"], arm["given"])}
    ]
    kept = [
        arm["name"]
        for arm in less
        if arm["axes"]["accuracy"]["contrast"]["says"] in ("no change", "more")
    ]
    if not less:
        return [f"No arm of {len(others)} is shown to make the chain carry less.", _state(result)]
    names = ", ".join(arm["name"] for arm in less)
    return [
        f"{len(less)} of {count_of(len(others), 'arm')} {'is' if len(less) == 1 else 'are'} shown to make the chain carry less: {names}. "
        f"{', '.join(kept) or 'None of these'} {'are' if len(kept) > 1 else 'is'} shown to keep right answers.",
        _state(result),
    ]


def primary_answers(result: _Row) -> list[str]:
    """A sentence for every primary question that has a cell."""
    return [_primary(row) for row in result["primary"] if row["contrast"]["n"]]


def lab_details(result: _Row) -> list[str]:
    """What else is said, axis by axis; what no cell says yet is not mentioned."""
    arms = result["arms"]
    others = compared_arms(result)
    plain = [arm for arm in others if not arm["after"]]
    names = {arm["name"]: _held(arm, result["control"]) for arm in plain}

    def moved(axis: str) -> list[tuple[str, _Row]]:
        return [(names[arm["name"]], arm["axes"][axis]["contrast"]) for arm in plain]

    given = [(names[arm["name"]], arm["given"]["contrast"]) for arm in plain]
    sentences = [
        _before(result),
        _groups("accuracy", moved("accuracy")),
        _groups("reliance", moved("reliance"), " on own chains"),
        _groups("reliance", given, " on the base's right chains, token for token"),
        _groups("validity", moved("validity")),
        _verdicts(arms),
        *(_leak(arm) for arm in plain if arm["leak"] == "answer"),
        *_shifts(result, names),
        *(_repair(arm, arms) for arm in others if arm["after"]),
    ]
    return [sentence for sentence in sentences if sentence]


def compared_arms(result: _Row) -> list[_Row]:
    """The arms that are held against another."""
    return [arm for arm in result["arms"] if arm["name"] != arm["against"]]


def arm_differs(contrast: _Row, sign: int = 0) -> bool:
    """Whether it is less or more, or was seen to be in a seed where seeds are few.

    Args:
        contrast: The contrast.
        sign: -1 for less, 1 for more, 0 for either.
    """
    seen = contrast["says"] == "few seeds" and contrast["seen"] > 0
    return (seen or contrast["says"] in ("less", "more")) and sign * contrast["mean"] >= 0


def _number(value: float | None) -> float:
    return _NAN if value is None else value


def _moved(contrast: _Row) -> str:
    """A difference with its interval, or with the seeds in which it was seen."""
    mean, low, high = (_number(contrast[name]) for name in ("mean", "low", "high"))
    if contrast["says"] == "few seeds":
        return f"{signed(mean)}, seen in {contrast['seen']} of {contrast['of']}"
    return difference(mean, low, high)


def _state(result: _Row) -> str:
    missing, few = result["missing"], result["few"]
    arms = len(result["arms"])
    counts = [arm["seeds"] for arm in result["arms"]]
    if not counts:
        return "No arm is finished yet."
    seeds = str(min(counts)) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    text = f"{count_of(arms, 'arm')}, {seeds} of {count_of(result['seeds'], 'seed')} each, held against {result['control']}."
    if min(counts) < few:
        text += f' Below {few} seeds nothing is claimed: "seen in n of m" counts the seeds that differ by the smallest effect.'
    if result["primary"]:
        text += " All but the primary questions is descriptive."
    if missing:
        text += f" {count_of(sum(missing.values()), 'cell')} still to be run."
    return text


def _before(result: _Row) -> str:
    base = result["base"]
    if not base["accuracy"]["n"]:
        return ""
    verdicts = ", ".join(f"{word} ({n})" for word, n in base["verdicts"].items())
    return (
        f"Before training {percent(_number(base['accuracy']['mean']))} of the answers are right, "
        f"{percent(_number(base['validity']['mean']))} of the steps are valid, reliance is {fixed(_number(base['reliance']['mean']))}; "
        f"the chain is {verdicts}. Sampled as for training, {percent(_number(base['right']['mean']))} of the texts end right and "
        f"{percent(_number(base['mixed']['mean']))} of the groups have right and wrong ones."
    )


def _primary(row: _Row) -> str:
    contrast = row["contrast"]
    less, more, same = _WORDS[row["axis"]]
    words = {"less": f"yes: {less}", "more": f"yes: {more}", "no change": f"no: {same}"}
    says = contrast["says"]
    answer = str(words.get(says, says))
    p = f", p {p_value(_number(row['p_holm']))} by Holm" if row["p_holm"] is not None else ""
    moved = "" if contrast["mean"] is None else f" ({_moved(contrast)} against {row['against']}{p})"
    return f"{row['question']} {answer[:1].upper()}{answer[1:]}{moved}."


def _groups(axis: str, rows: Sequence[tuple[str, _Row]], where: str = "") -> str:
    """Arms by what an axis of theirs says."""
    if not rows:
        return ""
    title, less, more, same = _SHORT[axis]
    parts = [
        _listed(f"{less} in", rows, lambda c: arm_differs(c, -1), numbers=True),
        _listed(f"{more} in", rows, lambda c: arm_differs(c, 1), numbers=True),
        _listed(f"{same} in", rows, lambda c: c["says"] == "no change"),
        _listed(
            "beyond the smallest effect in no seed of",
            rows,
            lambda c: c["says"] == "few seeds" and not c["seen"],
        ),
        _listed("unclear in", rows, lambda c: c["says"] == "unclear"),
        _listed("not judged in", rows, lambda c: c["says"] == "not judged"),
    ]
    return f"{title}{where}: {'; '.join(part for part in parts if part)}."


def _listed(
    word: str,
    rows: Iterable[tuple[str, _Row]],
    test: Callable[[_Row], bool],
    *,
    numbers: bool = False,
) -> str:
    names = [f"{name} ({_moved(c)})" if numbers else name for name, c in rows if test(c)]
    return f"{word} {', '.join(names)}" if names else ""


def _verdicts(arms: Sequence[_Row]) -> str:
    """The word about the chain at the end of training, by arm."""
    groups: dict[str, list[str]] = {}
    for arm in arms:
        words = ", ".join(f"{word} in {n}" for word, n in arm["verdicts"].items())
        groups.setdefault(words, []).append(arm["name"])
    parts = [f"{words} ({', '.join(names)})" for words, names in groups.items()]
    return f"The chain at the end of training, in seeds: {'; '.join(parts)}." if parts else ""


def _leak(arm: _Row) -> str:
    """Whether a leak that can be used gets used, and when."""
    hint = arm["axes"]["hint"]
    way = "reinforced" if arm["trainer"] == "rewards" else "supervised"
    before, after = (percent(_number(hint[end]["mean"])) for end in ("before", "after"))
    shares = [share for share in arm["first"].values() if share is not None]
    when = "in no seed beyond the smallest effect"
    if shares:
        first = percent(min(shares))
        when = f"in {len(shares)} of {count_of(len(arm['first']), 'seed')}, first after {first} of the training"
    return (
        f"{arm['name']} ({way}): {after} of the answers go to a wrong hint, {before} before training "
        f"({_moved(hint['contrast'])} against {arm['against']}); {when}."
    )


def _held(arm: _Row, control: str) -> str:
    """An arm's name, with what it is held against where that is not the study's control."""
    return arm["name"] + f" against {arm['against']}" * (arm["against"] != control)


def _shifts(result: _Row, names: Mapping[str, str]) -> list[str]:
    sentences = []
    for name in dict.fromkeys(row["set"] for row in result["shifts"]):
        for axis in ("accuracy", "reliance"):
            rows = [
                (names[row["arm"]], row["contrast"])
                for row in result["shifts"]
                if row["set"] == name and row["axis"] == axis and row["arm"] in names
            ]
            sentences.append(_groups(axis, rows, f" on {name} questions"))
    return sentences


def _repair(arm: _Row, arms: Sequence[_Row]) -> str:
    """Whether an arm repairs what the one before it did."""
    before = next((other for other in arms if other["name"] == arm["after"]), None)
    if before is None:
        return ""
    ways = []
    for axis, word in (("reliance", "reliance"), ("hint", "answers that go to a wrong hint")):
        there, here = (_number(each["axes"][axis]["change"]["mean"]) for each in (before, arm))
        if math.isfinite(there) and math.isfinite(here):
            ways.append(f"{word} {signed(there)} against the base then, {signed(here)} now")
    return f"{arm['name']} (after {arm['after']}): {'; '.join(ways)}." if ways else ""
