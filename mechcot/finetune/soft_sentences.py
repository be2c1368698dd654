"""What is found of soft tokens, in sentences."""

from collections.abc import Mapping
from typing import Any

from mechcot.text.number_format import difference, estimate, percent

_Row = Mapping[str, Any]


def softcot_sentences(result: Mapping[str, Any]) -> list[str]:
    """What is found, in sentences.

    Args:
        result: What softcot.json holds, see `mechcot.finetune.soft_eval`.
    """
    rows = result["conditions"]
    own = next(row for row in rows if row["kind"] == "own")
    constants = [row for row in rows if row["kind"] == "constant"]
    said = [_decisive(own, row) for row in constants] or [
        "Whether soft tokens say anything of their question is not told: no learned constant prompt was given (mechcot tune --arm soft-prompt, then --against)."
    ]
    named = {
        "another": "with another question's soft tokens",
        "random": "with random vectors",
        "absent": "without soft tokens, which is the base",
        "trained": "after other training",
    }
    for row in rows:
        if row["kind"] in named:
            said.append(_less(row, named[row["kind"]]))
    said.append(
        f"The written chain is {own['entry']['verdict']} with soft tokens, and {rows[0]['entry']['verdict']} by the base."
    )
    said += [*_carried(result["carried"]), *_forgotten(result["others"])]
    return [*said, *_left_out(result)]


def _left_out(result: Mapping[str, Any]) -> list[str]:
    """What has no row, and which problems are in none."""
    said = [
        f"No row with another question's soft tokens: {row['reason']}."
        for row in result.get("without", ())
    ]
    for of, words in (("problems", "problems"), ("others", "other problems")):
        some = [row for row in result.get("left_out", ()) if row["of"] == of]
        if some:
            asked, (first, *more) = result["asked"][of], some
            rest = ", and so on" if more else ""
            said.append(
                f"{len(some)} of {asked} {words} left out of every row: {first['id']}, {first['reason']}{rest}."
            )
    return said


def _span(value: _Row) -> str:
    return difference(value["mean"], value["low"], value["high"])


def _compared(value: _Row) -> str:
    """Whether a difference is told from none."""
    if value["mean"] is None or value["low"] is None:
        return "not told"
    return "more" if value["low"] > 0 else "fewer" if value["high"] < 0 else "not shown to be more"


def _decisive(own: _Row, constant: _Row) -> str:
    less = constant["less"]["accuracy"]
    shares = f"{percent(own['accuracy']['mean'])} right, {percent(constant['accuracy']['mean'])} with learned constant vectors ({constant['name']})"
    words = {
        "more": "Soft tokens say something of their question",
        "fewer": "Soft tokens do less than a constant prompt",
        "not shown to be more": "Soft tokens are not shown to do more than a constant prompt",
        "not told": "Too few problems tell soft tokens from a constant prompt",
    }
    told = "" if less["mean"] is None else f"; difference {_span(less)}"
    return f"{words[_compared(less)]}: {shares}{told}."


def _less(row: _Row, words: str) -> str:
    less = row["less"]["accuracy"]
    told = "" if less["mean"] is None else f"; soft tokens give {_span(less)} on that"
    name = f" ({row['name']})" if row["kind"] == "trained" else ""
    return f"Right {words}{name}: {percent(row['accuracy']['mean'])}{told}."


def _carried(rows: list[_Row]) -> list[str]:
    by_act = {row["act"]: row for row in rows}
    said = []
    for act in ("exchanged", "hidden"):
        if act in by_act and by_act[act]["lost"]["mean"] is not None:
            lost, moved = (by_act[act][axis] for axis in ("lost", "moved"))
            said.append(
                f"Behind an unchanged chain, soft tokens {act} take {_of(lost)} of the answer's probability, and add {_of(moved)} to the other question's answer."
            )
    return said


def _of(value: _Row) -> str:
    if value["low"] is None:
        return f"{value['mean']:.2f}"
    return estimate(value["mean"], value["low"], value["high"])


def _forgotten(rows: list[_Row]) -> list[str]:
    if not rows:
        return []
    parts = [
        f"{row['name']} {percent(row['accuracy']['mean'])}"
        + (
            ""
            if row["kind"] == "absent" or row["less"]["mean"] is None
            else f" ({_span(row['less'])})"
        )
        for row in rows
    ]
    return [
        f"Right on other problems: {', '.join(parts)}. Without soft tokens the model is its base exactly."
    ]
