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


def lab_sentences(result: _Row) -> list[str]:
    """The sentences, an answer a question; what no cell says yet is not mentioned."""
    arms = result["arms"]
    others = [arm for arm in arms if arm["name"] != arm["against"]]
    sentences = [_state(result), _before(result)]
    sentences += [_primary(row) for row in result["primary"] if row["contrast"]["n"]]
    plain = [arm for arm in others if not arm["after"]]
    names = {arm["name"]: _held(arm, result["control"]) for arm in plain}
    for axis in ("accuracy", "reliance", "validity"):
        rows = [(names[arm["name"]], arm["axes"][axis]["contrast"]) for arm in plain]
        sentences.append(_groups(axis, rows))
        if axis == "reliance":
            given = [(names[arm["name"]], arm["given"]["contrast"]) for arm in plain]
            sentences.append(_groups(axis, given, "On the base's right chains, token for token: "))
    sentences.append(_verdicts(arms))
    sentences += [_leak(arm) for arm in plain if arm["leak"] == "answer"]
    sentences += _shifts(result, names)
    sentences += [_repair(arm, arms) for arm in others if arm["after"]]
    return [sentence for sentence in sentences if sentence]


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
    p = f", p {p_value(_number(row['p_holm']))} (Holm)" if row["p_holm"] is not None else ""
    moved = "" if contrast["mean"] is None else f" ({_moved(contrast)} against {row['against']}{p})"
    return f"{row['question']} {answer[:1].upper()}{answer[1:]}{moved}."


def _groups(axis: str, rows: Sequence[tuple[str, _Row]], what: str = "") -> str:
    """Arms by what an axis of theirs says."""
    if not rows:
        return ""
    less, more, same = _WORDS[axis]
    parts = [
        _listed(less, rows, lambda c: c["says"] == "less" or _seen(c, -1)),
        _listed(more, rows, lambda c: c["says"] == "more" or _seen(c, 1)),
        _listed(same, rows, lambda c: c["says"] == "no change", numbers=False),
        _listed(
            "no difference beyond the smallest effect in any seed",
            rows,
            lambda c: c["says"] == "few seeds" and not c["seen"],
            numbers=False,
        ),
        _listed("unclear", rows, lambda c: c["says"] == "unclear", numbers=False),
        _listed("not judged", rows, lambda c: c["says"] == "not judged", numbers=False),
    ]
    text = "; ".join(part for part in parts if part)
    return f"{what}{text[:1].upper() if not what else text[:1]}{text[1:]}."


def _seen(contrast: _Row, sign: int) -> bool:
    return contrast["says"] == "few seeds" and contrast["seen"] > 0 and sign * contrast["mean"] > 0


def _listed(
    word: str,
    rows: Iterable[tuple[str, _Row]],
    test: Callable[[_Row], bool],
    *,
    numbers: bool = True,
) -> str:
    names = [f"{name} ({_moved(c)})" if numbers else name for name, c in rows if test(c)]
    return f"{word}: {', '.join(names)}" if names else ""


def _verdicts(arms: Sequence[_Row]) -> str:
    """The word about the chain at the end of training, by arm."""
    parts = [
        f"{arm['name']} {', '.join(f'{word} in {n}' for word, n in arm['verdicts'].items())}"
        for arm in arms
    ]
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
            sentences.append(_groups(axis, rows, f"On {name}: "))
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
