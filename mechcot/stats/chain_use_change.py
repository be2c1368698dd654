"""Two models, each on its own chains: does the second use its chain as the first does? The texts differ, items are paired.

Each model has its verdict (`chain_use`). Where the verdicts differ, that is the change: each is wrong in at most 5 % of cases. Where both say the
same, the paired differences of followed, swapped and alone say whether it is as much:

    used as before        every difference lies within the smallest effect (equivalence tests)
    used, but less        a difference is clear and at least the smallest effect (`used, and more`)
    used before and after neither is shown

Where a verdict is unclear, the differences still say which way it went: `used → unclear, clearly less`. Which way is asked of those that tell what the
chain's content does, followed and swapped, and of the loss without any chain where they are open: a model that only comes to wait for some finished chain loses more
without any, and does not use what it says.

Two models that do not use their chain need no difference: `not used, as before`. The same weights are the same model: as before, whatever n.
The lengths of the chains are told and decide nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mechcot.stats.bootstrap import bootstrap_mean
from mechcot.stats.chain_use import BOUNDS, UseBounds, Word, items_for
from mechcot.stats.equivalence import equivalence
from mechcot.stats.permutation import holm, sign_flip_p
from mechcot.stats.verdict import Verdict, judge_change

AXES: Mapping[str, str] = {
    "followed": "followed",
    "swapped": "lost with another's chain",
    "alone": "lost without a chain",
}
"""The axes of an exchange of chains, with their titles."""
SPAN = 2.0
"""Largest difference of two differences of probabilities."""
Values = Mapping[str, Mapping[str, float]]
"""Axis -> item -> value."""
_CONTENT = ("followed", "swapped")
"""The axes that tell what a chain's content does; the loss without any chain also holds what any finished chain would give."""
_ORDER: Mapping[str, int] = {"not used": 0, "followed, not needed": 1, "used": 2}


@dataclass(frozen=True)
class AxisChange:
    """The paired difference of one axis.

    Attributes:
        mean: After minus before, in probability.
        low: Lower end of the 95 % interval.
        high: Upper end.
        n: Items with a value on both sides.
        spread: Standard deviation of the differences over items.
        verdict: `less`, `more`, `no change`, `inconclusive` or `not judged`.
    """

    mean: float
    low: float
    high: float
    n: int
    spread: float
    verdict: Verdict


@dataclass(frozen=True)
class UseChange:
    """What changed between two models on their own chains.

    Attributes:
        word: Such as `used → not used` or `used as before`.
        verdict: The same in the words of a comparison: `less`, `more`, `no change`, `inconclusive` or `not judged`.
        differences: By axis.
        decides: Number of items that would tell whether it is as much; None where nothing is open.
    """

    word: str
    verdict: Verdict
    differences: Mapping[str, AxisChange]
    decides: int | None = None


def deciding_loss(entry: Mapping[str, Any]) -> str:
    """The axis beside the lesser loss (`needed`) without which a verdict cannot be understood; "" where there is none.

    Needed is answered by the lesser of two losses. Where a verdict is unclear and the greater one is answered otherwise, that one decides.

    Args:
        entry: One of `models` in check.json.
    """
    lesser = entry["needed"]
    greater = "alone" if lesser["by"] == "swapped" else "swapped"
    decides = entry["verdict"] == "unclear" and entry[greater]["says"] != lesser["says"]
    return greater if decides else ""


def use_change(
    before: Word,
    after: Word,
    values: tuple[Values, Values],
    *,
    same_model: bool = False,
    seed: int = 0,
    bounds: UseBounds = BOUNDS,
) -> UseChange:
    """Compare two verdicts, and the values behind them item by item.

    Args:
        before: Verdict of the first model.
        after: Verdict of the second.
        values: Both models' values of each axis by item; an item without a value on both sides is left out.
        same_model: Whether both have the same weights and text rules.
        seed: Of the intervals.
        bounds: Gives the smallest effect.
    """
    differences = paired(values, seed=seed, bounds=bounds)
    if "not judged" in (before, after):
        return UseChange("not judged", "not judged", differences)
    within = all(one.verdict == "no change" for one in differences.values())
    if before == after and (same_model or before == "not used" or within):
        comma = "" if before == "used" else ","
        return UseChange(f"{before}{comma} as before", "no change", differences)
    if "unclear" in (before, after):
        return _unclear(before, after, differences)
    if before != after:
        way: Verdict = "less" if _ORDER[after] < _ORDER[before] else "more"
        return UseChange(f"{before} → {after}", way, differences)
    moved = _way(differences)
    if moved != "inconclusive":
        word = {"less": ", but less", "more": ", and more"}[moved]
        return UseChange(f"{before}{word}", moved, differences)
    return UseChange(
        f"{before} before and after", "inconclusive", differences, _deciding(differences, bounds)
    )


def paired(
    values: tuple[Values, Values], *, seed: int = 0, bounds: UseBounds = BOUNDS
) -> dict[str, AxisChange]:
    """The paired difference of each axis with its verdict; the three are one Holm family.

    Args:
        values: Both models' values of each axis by item.
        seed: Of the intervals.
        bounds: Gives the smallest effect and the fewest items.
    """
    moved = {name: _moved(values[0].get(name, {}), values[1].get(name, {})) for name in AXES}
    corrected = holm([sign_flip_p(moved[name], seed=seed, purpose=name) for name in AXES])
    return {
        name: _difference(moved[name], p=p, name=name, seed=seed, bounds=bounds)
        for name, p in zip(AXES, corrected, strict=True)
    }


def _moved(before: Mapping[str, float], after: Mapping[str, float]) -> np.ndarray:
    shared = sorted(before.keys() & after.keys())
    moved = np.array([after[item] - before[item] for item in shared], dtype=float)
    return moved[np.isfinite(moved)]


def _difference(
    moved: np.ndarray, *, p: float, name: str, seed: int, bounds: UseBounds
) -> AxisChange:
    draws = {"seed": seed, "purpose": f"change of {name}"}
    interval = bootstrap_mean(moved, **draws)
    same = equivalence(moved, bound=bounds.effect, span=SPAN, **draws)
    verdict, _ = judge_change(
        interval,
        p=p,
        p_equivalence=same.p,
        smallest_effect=bounds.effect,
        min_items=bounds.min_items,
    )
    spread = float(moved.std(ddof=1)) if len(moved) > 1 else math.nan
    return AxisChange(interval.mean, interval.low, interval.high, len(moved), spread, verdict)


def _unclear(before: Word, after: Word, differences: Mapping[str, AxisChange]) -> UseChange:
    """A change from or to an unclear verdict: the word says which way it went where the differences do."""
    word, way = before if before == after else f"{before} → {after}", _way(differences)
    return UseChange(word if way == "inconclusive" else f"{word}, clearly {way}", way, differences)


def _way(differences: Mapping[str, AxisChange]) -> Literal["less", "more", "inconclusive"]:
    """Which way the differences go: those that tell what the content does, the loss without any chain where they tell nothing."""
    sides = {differences[name].verdict for name in _CONTENT} & {"less", "more"}
    sides = sides or {differences["alone"].verdict} & {"less", "more"}
    return "inconclusive" if len(sides) != 1 else "less" if "less" in sides else "more"


def _deciding(differences: Mapping[str, AxisChange], bounds: UseBounds) -> int | None:
    """Items that would tell whether it is as much, from the spread that was seen, never from the mean."""
    undecided = [one for one in differences.values() if one.verdict == "inconclusive"]
    if not undecided:
        return None
    n = max(items_for(one.spread, span=SPAN, bounds=bounds) for one in undecided)
    seen = max(one.n for one in undecided)
    return n if n > seen else 4 * seen
