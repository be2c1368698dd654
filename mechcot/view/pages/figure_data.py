"""The values behind each figure, finished: a figure only draws them."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

_NAN = math.nan


@dataclass(frozen=True, eq=False)
class ItemValues:
    """One measure item by item, for the slope plot; NaN where an item was not measurable.

    Attributes:
        measure: Name of the measure.
        title: Its title.
        unit: Unit of all values.
        items: Problem ids, in the order of the arrays.
        before: Values of the reference model.
        after: Values of the later checkpoint.
        mean_before: Mean before, with `low_before`, `high_before` its 95 % interval.
        mean_after: Mean after, with `low_after`, `high_after`.
    """

    measure: str
    title: str
    unit: str
    items: tuple[str, ...]
    before: Float[np.ndarray, " item"]
    after: Float[np.ndarray, " item"]
    mean_before: float
    mean_after: float
    low_before: float = _NAN
    high_before: float = _NAN
    low_after: float = _NAN
    high_after: float = _NAN


@dataclass(frozen=True, eq=False)
class Band:
    """A mean line with its pointwise 95 % band.

    Attributes:
        model: Whose line it is.
        x: Positions, such as the share of the chain given (0 to 1).
        mean: Mean over items.
        low: Lower end of the band.
        high: Upper end.
        n: Number of items.
        area: The area that the card defines, such as the area between a curve and its end; NaN when none.
    """

    model: str
    x: Float[np.ndarray, " point"]
    mean: Float[np.ndarray, " point"]
    low: Float[np.ndarray, " point"]
    high: Float[np.ndarray, " point"]
    n: int
    area: float = _NAN


@dataclass(frozen=True)
class EarlyCurves:
    """Early answering, before and after.

    Attributes:
        before: The reference model's line.
        after: The later checkpoint's line.
        y_title: What the height means, with its unit.
        area_name: Name of the area printed in the legend.
    """

    before: Band
    after: Band
    y_title: str = "probability of the reader's final answer"
    area_name: str = "area to the end"


@dataclass(frozen=True, eq=False)
class StepMaps:
    """One step x step matrix of one trace, before and after; source acts, target is acted on.

    Attributes:
        measure: Name of the measure.
        title: What the matrix shows.
        unit: Unit of the values.
        item: Problem id of the trace.
        sources: Label of each source, in order: `question` (marked Q), then the step texts.
        targets: Label of each target, in order: the step texts, then `answer` (marked A).
        before: Values for the reference model; NaN where not defined (the future, structural zeros).
        after: Values for the later checkpoint.
        difference: after - before.
        why: Why this trace was chosen to be shown.

    A figure draws the last 150 steps of a longer trace, because every cell travels with the page.
    """

    measure: str
    title: str
    unit: str
    item: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    before: Float[np.ndarray, "source target"]
    after: Float[np.ndarray, "source target"]
    difference: Float[np.ndarray, "source target"]
    why: str = ""


@dataclass(frozen=True, eq=False)
class PatchMap:
    """One readout of step patching as layer x place, mean over items.

    Attributes:
        readout: `next` (the dependent step) or `answer` (the tail written anew).
        unit: Unit of the values.
        layers: Layer of each row.
        places: Label of each column, such as a step role or a relative position.
        before: Values for the reference model.
        after: Values for the later checkpoint.
        difference: after - before.
        n: Items behind the map.
        counts: Items that have a value in each column.
        whole_before: Mean over items of each item's mean over all its values, by layer.
        whole_after: The same for the later checkpoint.
    """

    readout: str
    unit: str
    layers: tuple[int, ...]
    places: tuple[str, ...]
    before: Float[np.ndarray, "layer place"]
    after: Float[np.ndarray, "layer place"]
    difference: Float[np.ndarray, "layer place"]
    n: int
    counts: Int[np.ndarray, " place"]
    whole_before: Float[np.ndarray, " layer"]
    whole_after: Float[np.ndarray, " layer"]


@dataclass(frozen=True, eq=False)
class SeriesLine:
    """One measure over all checkpoints of a training run, the reference first.

    Attributes:
        measure: Name of the measure.
        title: Its title.
        unit: Its unit.
        checkpoints: Names, in order.
        mean: Mean at each checkpoint.
        low: Lower end of the 95 % interval.
        high: Upper end.
        n: Number of items.
        verdicts: Verdict at each checkpoint against the first; the first one's says `reference`.
    """

    measure: str
    title: str
    unit: str
    checkpoints: tuple[str, ...]
    mean: Float[np.ndarray, " checkpoint"]
    low: Float[np.ndarray, " checkpoint"]
    high: Float[np.ndarray, " checkpoint"]
    n: int
    verdicts: tuple[str, ...]
