"""How sure is each model of the answers that it gives after its own chains, or given ones, and is it right as often? From what the gates measured."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from mechcot.core.store import nan_to_none
from mechcot.core.wording import count_of
from mechcot.stats.accuracy_change import ACCURACY
from mechcot.stats.calibration import (
    CalibrationChange,
    calibration,
    calibration_change,
    reliability,
)
from mechcot.stats.gates import GATE_MEASURE
from mechcot.stats.measurement_tables import scalar_rows
from mechcot.stats.sentences import p_text
from mechcot.text.number_format import fixed, percent, signed

SPAN: Mapping[str, tuple[str, str]] = {
    "confidence": (GATE_MEASURE, "confidence"),
    "right": ACCURACY,
}
"""Where confidence and outcome of an item stand in the scalars."""
DECIMALS = 9
"""Of a summary's numbers: a probability is known to about 1e-6, and what lies below follows from which chains were run side by side."""
_HEADS = {
    "less": "Calibration got worse",
    "more": "Calibration got better",
    "no change": "Calibration did not change",
    "inconclusive": "It is not clear whether calibration changed",
    "not judged": "Whether calibration changed is not judged: too few items",
}


def confidences(
    scalars: pd.DataFrame,
    name: str,
    *,
    author: str | None = None,
    columns: Mapping[str, tuple[str, str]] = SPAN,
) -> pd.DataFrame:
    """Confidence and outcome of one model by item, means over the chains whose answer was read: columns `confidence` and `right`.

    Args:
        scalars: Tidy scalars of a study.
        name: The model.
        author: Who wrote the chains; None for the model itself.
        columns: Where `confidence` and `right` stand.
    """
    own = scalars[(scalars["reader"] == name) & (scalars["author"] == (author or name))]
    by_trace = pd.DataFrame(
        {
            column: scalar_rows(own, measure=measure, name=scalar).set_index(["item", "trace"])[
                "value"
            ]
            for column, (measure, scalar) in columns.items()
        },
        dtype=float,
    ).dropna()
    return by_trace.groupby(level="item").mean()


def confidence_change(
    before: pd.DataFrame, after: pd.DataFrame, *, seed: int
) -> CalibrationChange | None:
    """The change of calibration on the same items; None where no item has an answer of both.

    Args:
        before: `confidences` of the first model.
        after: Of the second model.
        seed: Of the study.
    """
    items = before.index.intersection(after.index)
    if not len(items):
        return None
    return calibration_change(_arrays(before.loc[items]), _arrays(after.loc[items]), seed=seed)


def confidence_frame(tables: Mapping[str, pd.DataFrame], *, seed: int) -> pd.DataFrame:
    """One row a model: the fields of `mechcot.stats.calibration.Calibration`.

    Args:
        tables: Model to its `confidences`.
        seed: Of the study.
    """
    return pd.DataFrame(
        [
            {"model": name} | asdict(calibration(*_arrays(table), seed=seed))
            for name, table in tables.items()
            if len(table)
        ]
    )


def reliability_frame(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a model and bin: `model`, `confidence`, `accuracy`, `low`, `high`, `n`.

    Args:
        tables: Model to its `confidences`.
    """
    parts = [
        reliability(*_arrays(table)).assign(model=name)
        for name, table in tables.items()
        if len(table)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _arrays(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return table["confidence"].to_numpy(float), table["right"].to_numpy(float)


def confidence_sentence(change: CalibrationChange, *, of: str = "Own", samples: int = 0) -> str:
    """Whether a model is still as sure as it is right.

    Args:
        change: What was found.
        of: Whose chains: `Own`, `Given`, or `The same` of a null, which reads those of the first model.
        samples: Texts whose agreement the confidence is; 0 where it is the probability of the answer.
    """
    sure = "agreement" if samples else "sure"
    whose = f"Agreement of {samples} further texts" if samples else f"{of} chains"
    sides = ", ".join(
        f"{percent(side.confidence)} {sure} and {percent(side.accuracy)} right {when}"
        for when, side in (("before", change.before), ("after", change.after))
    )
    moved = f"{signed(change.delta, digits=3)} [{signed(change.low, digits=3)}, {signed(change.high, digits=3)}]"
    errors = f"{fixed(change.before.error)} before, {fixed(change.after.error)} after"
    return (
        f"{whose}: {_HEADS[change.verdict]}: {sides}; calibration error {errors} (change of its square {moved}, "
        f"{p_text(change.p)}), {count_of(change.n, 'item')}."
    )


def confidence_summary(
    change: CalibrationChange | None, *, of: str = "Own", samples: int = 0
) -> dict[str, Any] | None:
    """JSON-able data, numbers to `DECIMALS`; None where no item has an answer of both models."""
    if change is None:
        return None
    sentence = confidence_sentence(change, of=of, samples=samples)
    return nan_to_none(_rounded(asdict(change)) | {"sentence": sentence})


def _rounded(numbers: dict[str, Any]) -> dict[str, Any]:
    """The same with its numbers rounded, in parts of it, too."""
    return {
        name: _rounded(value)
        if isinstance(value, dict)
        else round(value, DECIMALS) + 0.0
        if isinstance(value, float)
        else value
        for name, value in numbers.items()
    }
