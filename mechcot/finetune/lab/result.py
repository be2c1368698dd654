"""What the finished cells of a study say: changes against the base, arm against arm over seeds, and the primary questions.

result = {
    schema, title, question, control, seeds, few      (`few`: seeds below which nothing is claimed)
    effects     smallest effect of each axis
    sets        names of the sets of questions
    base        axis -> {mean, low, high, n}; right, mixed (of texts sampled as for training); verdicts
    arms        a row an arm: name, about, on (the questions it was trained to answer), against, seeds, budget, verdicts, axes, first
                first: seed -> share of the training after which answers first went to hints
                axes: name -> {on, before, after, change {mean, low, high, n}, contrast {mean, low, high, p, n, seen, of, says}}
                given: the same of reliance on the base's right chains
    shifts      rows: arm, set, axis, change, contrast
    points      a row a cell: arm, seed, on, accuracy, reliance (changes), verdict
    lines       rows along training, the base first: arm, axis, on, share of the training, value (mean over n seeds)
    primary     rows: question, arm, axis, on, against, contrast, p_holm
    missing     names of cells that are not there yet, by arm
}
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from mechcot.core.store import nan_to_none
from mechcot.finetune.arm import arm_named
from mechcot.finetune.lab.settings import (
    BASE_ARM,
    GIVEN_QUESTIONS,
    LEAKED,
    MISLED,
    PLAIN_QUESTIONS,
    Lab,
)
from mechcot.stats.seed_contrasts import (
    FEW,
    LAB_AXES,
    holm_over_questions,
    seed_contrast,
    seed_interval,
)

_SCHEMA = 1
_SHIFTED = ("accuracy", "reliance", "validity")
SAMPLED = ("right", "mixed")
"""Of the base's texts at the training's temperature: share that end right, share of groups with right and wrong ones."""
_USED = ("tokens", "loss_tokens", "generated_tokens", "updates")
BySeed = dict[int, float]


def lab_result(lab: Lab, cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What some finished cells say.

    Args:
        lab: The study.
        cells: What was kept of them.
    """
    frame = readings_frame(cells)
    values = _Values(lab, frame)
    arms = [name for name in lab.arms if values.seeds(name)]
    result = {
        "schema": _SCHEMA,
        "title": lab.title,
        "question": lab.question,
        "control": lab.control,
        "seeds": lab.seeds,
        "few": FEW,
        "effects": dict(LAB_AXES),
        "sets": list(lab.sets),
        "bases": list(lab.bases),
        "base": _base(values, cells),
        "arms": [_arm(values, name, cells) for name in arms],
        "shifts": [
            _shift(values, n, s, axis) for n in arms for s in lab.shifts for axis in _SHIFTED
        ],
        "points": _points(values, [*arms, *lab.anchors]),
        "lines": [row for name in arms for row in _lines(values, frame, name)],
        "primary": _primary(values),
        "missing": {
            name: lab.seeds - len(values.seeds(name))
            for name in (BASE_ARM, *lab.arms)
            if len(values.seeds(name)) < lab.seeds
        },
    }
    return nan_to_none(result)


def readings_frame(cells: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row a reading: `arm`, `seed`, `step`, `set`, `end` (whether it is the last step's), and the numbers."""
    rows = []
    for cell in cells:
        last = max(reading["step"] for reading in cell["readings"])
        for reading in cell["readings"]:
            place = {"arm": cell["arm"], "seed": cell["seed"], "end": reading["step"] == last}
            rows.append(place | {"share": reading["step"] / last if last else 0.0} | reading)
    columns = ["arm", "seed", "end", "share", "step", "set", *LAB_AXES, "verdict"]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)


class _Values:
    """Numbers of arms by seed, out of a frame of readings."""

    def __init__(self, lab: Lab, frame: pd.DataFrame) -> None:
        """Keep the readings at the end of training."""
        self.lab, self.frame, self.ends = lab, frame, frame[frame["end"].astype(bool)]

    def seeds(self, arm: str) -> list[int]:
        """The seeds that an arm has."""
        return sorted(set(self.ends.loc[self.ends["arm"] == arm, "seed"]))

    def on(self, arm: str, axis: str) -> str:
        """The questions on which an axis of an arm is read."""
        if axis == "hint":
            return MISLED
        if arm in self.lab.arms:
            return self.lab.trained_on(arm)
        return LEAKED if arm in self.lab.anchors else PLAIN_QUESTIONS

    def of(self, arm: str, axis: str, on: str) -> BySeed:
        """Seed -> value at the end."""
        rows = self.ends[(self.ends["arm"] == arm) & (self.ends["set"] == on)]
        if axis not in rows:
            return {}
        return {int(s): float(v) for s, v in zip(rows["seed"], rows[axis], strict=True)}

    def words(self, arm: str, on: str) -> list[str]:
        """The verdicts about the chain, one a seed."""
        rows = self.ends[(self.ends["arm"] == arm) & (self.ends["set"] == on)]
        return [] if "verdict" not in rows else [str(word) for word in rows["verdict"]]

    def changes(self, arm: str, axis: str, on: str) -> BySeed:
        """Seed -> value at the end minus that of the base under the same seed."""
        base = self.of(BASE_ARM, axis, on)
        return {s: v - base[s] for s, v in self.of(arm, axis, on).items() if s in base}

    def contrast(self, arm: str, axis: str, on: str) -> dict[str, Any]:
        """An arm against the one that it is held against, on the same questions."""
        ours, theirs = (self.changes(name, axis, on) for name in (arm, self.lab.against(arm)))
        return asdict(seed_contrast(ours, theirs, effect=LAB_AXES[axis]))


def _interval(values: BySeed) -> dict[str, Any]:
    mean, low, high, n = seed_interval(values)
    return {"mean": mean, "low": low, "high": high, "n": n}


def _base(values: _Values, cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The base's own numbers over seeds, and what its sampled texts give an arm to learn from."""
    sampled = {c["seed"]: c["train"] for c in cells if c["arm"] == BASE_ARM}
    axes = {
        axis: _interval(values.of(BASE_ARM, axis, values.on(BASE_ARM, axis))) for axis in LAB_AXES
    }
    shares = {name: _interval({s: row[name] for s, row in sampled.items()}) for name in SAMPLED}
    return axes | shares | {"verdicts": dict(Counter(values.words(BASE_ARM, PLAIN_QUESTIONS)))}


def _arm(values: _Values, name: str, cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    lab, on = values.lab, values.on(name, "accuracy")
    records = [cell["train"] for cell in cells if cell["arm"] == name]
    budget = {u: float(np.mean([r["budget"].get(u, 0) for r in records])) for u in _USED}
    shares = [r["data"]["mixed_at_start"] for r in records if "mixed_at_start" in r["data"]]
    arm = arm_named(lab.arms[name].arm or name)
    return {
        "name": name,
        "about": arm.about,
        "trainer": arm.trainer,
        "leak": lab.arms[name].leak or arm.leak,
        "after": lab.arms[name].after,
        "on": on,
        "against": lab.against(name),
        "seeds": len(values.seeds(name)),
        "budget": budget,
        "mixed": float(np.mean(shares)) if shares else None,
        "verdicts": dict(Counter(values.words(name, on))),
        "axes": {axis: _axis(values, name, axis, values.on(name, axis)) for axis in LAB_AXES},
        "given": _axis(values, name, "reliance", GIVEN_QUESTIONS),
        "first": _first(values, name),
    }


def _axis(values: _Values, arm: str, axis: str, on: str) -> dict[str, Any]:
    """One axis of an arm on some questions."""
    return {
        "on": on,
        "before": _interval(values.of(BASE_ARM, axis, on)),
        "after": _interval(values.of(arm, axis, on)),
        "change": _interval(values.changes(arm, axis, on)),
        "contrast": values.contrast(arm, axis, on),
    }


def _first(values: _Values, arm: str) -> dict[str, float]:
    """Seed -> share of the training after which answers first went to a hint beyond the smallest effect; NaN where they never did."""
    base, along = values.of(BASE_ARM, "hint", MISLED), values.frame
    rows = along[(along["arm"] == arm) & (along["set"] == MISLED)].sort_values("step")
    return {
        str(seed): next(
            (
                float(share)
                for share, hint in zip(part["share"], part["hint"], strict=True)
                if hint - base.get(int(seed), float("nan")) >= LAB_AXES["hint"]  # type: ignore[call-overload]
            ),
            float("nan"),
        )
        for seed, part in rows.groupby("seed")
    }


def _shift(values: _Values, arm: str, name: str, axis: str) -> dict[str, Any]:
    change = _interval(values.changes(arm, axis, name))
    contrast = values.contrast(arm, axis, name)
    return {"arm": arm, "set": name, "axis": axis, "change": change, "contrast": contrast}


def _points(values: _Values, names: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for name in names:
        on = values.on(name, "accuracy")
        right, use = (values.changes(name, axis, on) for axis in ("accuracy", "reliance"))
        words = dict(zip(values.seeds(name), values.words(name, on), strict=True))
        anchor = name in values.lab.anchors
        rows += [
            {"arm": name, "seed": s, "on": on, "accuracy": right[s], "reliance": use[s]}
            | {"verdict": words.get(s, ""), "anchor": anchor}
            for s in right
        ]
    return rows


def _lines(values: _Values, frame: pd.DataFrame, arm: str) -> list[dict[str, Any]]:
    """Means along the training of an arm, its base first, each over the seeds where there is a value."""
    rows = []
    for axis in LAB_AXES:
        on = values.on(arm, axis)
        base = values.of(BASE_ARM, axis, on)
        steps: dict[int, list[tuple[float, float]]] = {}
        own = frame[(frame["arm"] == arm) & (frame["set"] == on)]
        for seed, along in own.groupby("seed"):
            ordered = along.sort_values("step")
            start = [(0.0, base[int(seed)])] if int(seed) in base else []  # type: ignore[call-overload]
            points = [*start, *zip(ordered["share"], ordered[axis], strict=True)]
            for place, point in enumerate(points):
                steps.setdefault(place, []).append(point)
        for points in steps.values():
            known = [value for _, value in points if math.isfinite(value)]
            rows.append(
                {"arm": arm, "axis": axis, "on": on, "n": len(known)}
                | {"share": float(np.mean([share for share, _ in points]))}
                | {"value": float(np.mean(known)) if known else math.nan}
            )
    return rows


def _primary(values: _Values) -> list[dict[str, Any]]:
    rows = []
    for asked in values.lab.primary:
        on = asked.on or values.on(asked.arm, asked.axis)
        against = values.lab.against(asked.arm)
        contrast = values.contrast(asked.arm, asked.axis, on)
        rows.append(asdict(asked) | {"on": on, "against": against, "contrast": contrast})
    claimed = [
        row["contrast"]["p"] if row["contrast"]["says"] != "few seeds" else float("nan")
        for row in rows
    ]
    return [row | {"p_holm": p} for row, p in zip(rows, holm_over_questions(claimed), strict=True)]
