"""Verdicts of the 2 x 2 of vectors and models, against random vectors of the same dose at the same places.

    old         the base's own vector moves the base, and so does the tuned model's: the mechanism was there, and so was its direction
    trigger     the tuned model's vector moves the base, surely more than the base's own, which does not: the direction that calls it is new
    mechanism   the tuned model's vector moves the tuned model, surely more than the base, which it does not move: what answers to it is new
    lost        the base's vector moves the base, surely more than the tuned model, which neither vector moves
    nothing     every change is surely smaller than `SMALLEST_MOVE`
    open        a model is moved, and none of these holds;   not shown: no model is surely moved, nor is a smaller change excluded
    not judged  more texts are cut at their limit than `GateBounds.finished` allows: what was cut off cannot change, so no verdict that needs *not moved* stands

Absence needs `GateBounds.min_items` problems, and differences that are not all one: these have no spread, so their interval excludes nothing. All alike they are a move
where a sign test says so.

*Moves*: the interval of the change, widened for all cells of the run, lies on one side of 0, and the change is no further draw of random vectors on that model: a t test of one new
value against several (df one less than these), corrected alike. Random vectors are exchangeable with these, so at most 5 % of runs that hold nothing but random vectors say
that one moves. Of tokens a vector may lead either way, but all that move must go one way; elsewhere only a rise counts, and a vector that does damage moves nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from scipy.special import ndtri, stdtr

from mechcot.stats.gate_bounds import GateBounds
from mechcot.text.number_format import percent

CELLS = 4
EVER_MOVES = 0.05
"""Share of runs with random vectors alone that may say of some cell that it moves."""
SMALLEST_MOVE = 0.1
"""The smallest change that counts, as a share of what the model's clean texts have, and at least .1 (of a step, or 10 points of the right answers)."""
_BOUNDS = GateBounds()
_SIDES = "base", "tuned"
_Place = tuple[str, str]


@dataclass(frozen=True)
class Judged:
    """What is said of one behaviour.

    Attributes:
        verdict: See the module's text.
        needed: Of `not shown`: with how many problems like these every change would be surely there or surely smaller than `SMALLEST_MOVE`; None where more random vectors
            would decide, or a change has no interval.
        why: Where that is not what would decide: what is missing and what to do about it.
    """

    verdict: str
    needed: int | None = None
    why: str = ""


def smallest_change(clean: float | None) -> float:
    """The smallest change that counts, in the readout's unit; `clean` is its mean over the model's clean texts."""
    return SMALLEST_MOVE * max(abs(clean or 0.0), 1.0)


def beyond_chance_p(change: float, chance: Sequence[float]) -> float:
    """The p value, two-sided, that a change is one more draw of what random vectors change; 1 of fewer than two."""
    if len(chance) < 2:
        return 1.0
    apart = abs(change - fmean(chance))
    spread = stdev(chance) * math.sqrt(1 + 1 / len(chance))
    if spread == 0:
        return float(apart == 0)
    return float(2 * stdtr(len(chance) - 1, -apart / spread))


def judge_crossed(
    cells: Sequence[Mapping[str, Any]],
    contrasts: Sequence[Mapping[str, Any]],
    *,
    behaviours: int = 1,
    either_way: bool = False,
) -> Judged:
    """Judge one behaviour.

    Args:
        cells: `source`, `model`, `mean`, `low`, `high` (95 %) and `n` of each change, `chance` (mean changes by random vectors on that model), `smallest` and
            `cut`, the share of texts that their limit cut, with or without the vector (the larger). None of a model that has no vector, which moves nothing.
        contrasts: The first five of each contrast, with `what`.
        behaviours: How many the run tries.
        either_way: Whether a vector may move the readout down as well.
    """
    said = _judged(cells, contrasts, EVER_MOVES / (CELLS * behaviours), either_way=either_way)
    cut = max(cell["cut"] for cell in cells)
    if 1 - cut < _BOUNDS.finished and said.verdict not in ("old", "open"):
        return Judged(
            "not judged",
            why=f"up to {percent(cut)} of the texts of a model are cut at their limit, where nothing can change; raise --max-tokens",
        )
    return said


def _judged(
    cells: Sequence[Mapping[str, Any]],
    contrasts: Sequence[Mapping[str, Any]],
    level: float,
    *,
    either_way: bool,
) -> Judged:
    """The verdict on texts that came to their end."""
    ways = {(source, model): 0 for source in _SIDES for model in _SIDES}
    ways |= {(cell["source"], cell["model"]): _moved(cell, level) for cell in cells}
    if not either_way:
        ways = {place: max(way, 0) for place, way in ways.items()}
    moved = {way for way in ways.values() if way}
    if moved:
        way = moved.pop()
        return Judged("open" if moved else _told(ways, way, contrasts, level))
    if all(_small(cell, either_way=either_way) for cell in cells):
        fewest = min(cell["n"] for cell in cells)
        if fewest >= _BOUNDS.min_items:
            return Judged("nothing")
        n = max(cell["n"] for cell in cells)
        return Judged("not shown", math.ceil(n * _BOUNDS.min_items / fewest))
    if any(map(_constant, cells)):
        return Judged(
            "not shown",
            why="a change is the same on every problem, so that its interval excludes nothing; other problems, more of them (--n) or another dose (--nats) may tell",
        )
    needed = _needed(cells, level, either_way=either_way)
    like = [cell for cell in cells if _chance_does_as_much(cell, level, either_way=either_way)]
    why = ""
    if needed and like:
        drawn = min(len(cell["chance"]) for cell in like)
        why = f"--n {needed} and more random vectors than {drawn} (--chance) may decide it; a change as large is not beyond these"
    return Judged("not shown", needed, why)


def _told(
    ways: Mapping[_Place, int], way: int, contrasts: Sequence[Mapping[str, Any]], level: float
) -> str:
    """The verdict where some are moved, all of them one way."""
    own, brought = ways["base", "base"], ways["tuned", "base"]
    if own and brought:
        return "old"

    def surely(what: str, side: str, value: str) -> int:
        rows = [row for row in contrasts if row["what"] == what and row[side] == value]
        return way * sum(_way(row, level) for row in rows)

    if brought:
        return "trigger" if surely("sources", "model", "base") < 0 else "open"
    if own and not (ways["base", "tuned"] or ways["tuned", "tuned"]):
        return "lost" if surely("models", "source", "base") > 0 else "open"
    apart = surely("models", "source", "tuned") < 0
    return "mechanism" if ways["tuned", "tuned"] and apart else "open"


def _moved(cell: Mapping[str, Any], level: float) -> int:
    """Which way a change surely goes, beyond what random vectors do; 0 where it does not."""
    way = _way(cell, level)
    return way if way and beyond_chance_p(cell["mean"], cell["chance"]) <= level else 0


def _way(interval: Mapping[str, Any], level: float) -> int:
    """The sign of a 95 % interval widened to 1 - level; 0 where it holds 0 or there is none."""
    mean, low, high = (interval[name] for name in ("mean", "low", "high"))
    if low is None or high is None:
        return 0
    if _constant(interval):  # no spread: each problem is one draw of a fair sign
        return (mean > 0) - (mean < 0) if 2.0 ** (1 - interval["n"]) <= level else 0
    wider = _wider(level)
    return (mean - wider * (mean - low) > 0) - (mean + wider * (high - mean) < 0)


def _wider(level: float) -> float:
    """How much longer an interval of 1 - level is than one of 95 %."""
    return float(ndtri(level / 2) / ndtri(0.025))


def _constant(interval: Mapping[str, Any]) -> bool:
    """Whether all differences are one number."""
    return interval["low"] is not None and interval["low"] == interval["high"]


def _small(cell: Mapping[str, Any], *, either_way: bool) -> bool:
    """Whether the 95 % interval excludes a change that counts; all four must, so none is corrected."""
    if cell["low"] is None or cell["high"] is None or _constant(cell):
        return False
    return cell["high"] < cell["smallest"] and (not either_way or -cell["smallest"] < cell["low"])


def _chance_does_as_much(cell: Mapping[str, Any], level: float, *, either_way: bool) -> bool:
    """Whether more problems would show a change that counts, which random vectors make as well."""
    if cell["mean"] is None:
        return False
    mean = abs(cell["mean"]) if either_way else cell["mean"]
    return mean > cell["smallest"] and beyond_chance_p(cell["mean"], cell["chance"]) > level


def _needed(cells: Sequence[Mapping[str, Any]], level: float, *, either_way: bool) -> int | None:
    """With how many problems every interval would be narrow enough; None where these are enough, or nothing is known of a cell."""
    if any(cell["low"] is None or cell["high"] is None for cell in cells):
        return None
    factors = [1.0]
    for cell in cells:
        mean = abs(cell["mean"]) if either_way else cell["mean"]
        half = max(cell["high"] - cell["mean"], cell["mean"] - cell["low"])
        room = max(cell["smallest"] - mean, mean / _wider(level))
        factors.append((half / room) ** 2)
    n = max(cell["n"] for cell in cells)
    needed = math.ceil(n * max(factors))
    return needed if needed > n else None
