"""Plates: the figures of a page, numbered in the order of the page, each with caption and numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import plotly.graph_objects as go

from mechcot.view.figures.early_curves import early_curves
from mechcot.view.figures.forest import forest
from mechcot.view.figures.patch_map import patch_map
from mechcot.view.figures.series import series
from mechcot.view.figures.slope import slope
from mechcot.view.figures.step_heatmaps import step_heatmaps
from mechcot.view.pages import tables
from mechcot.view.pages.report_data import Comparison, ReportData
from mechcot.view.pages.tables import Table
from mechcot.view.theme import Look, looks


@dataclass(frozen=True)
class NumberedFigure:
    """A numbered figure.

    Attributes:
        number: Place on the page, from 1.
        figure: The figure.
        caption: How to read it, in plain sentences.
        numbers: The values behind it.
    """

    number: int
    figure: go.Figure
    caption: str
    numbers: Table


@dataclass(frozen=True)
class Plates:
    """All figures of a page by where they stand; lists run parallel to the comparisons."""

    forest: NumberedFigure
    series: NumberedFigure | None
    early: NumberedFigure | None
    slopes: tuple[NumberedFigure | None, ...]
    step_maps: tuple[tuple[NumberedFigure, ...], ...]
    patch_maps: tuple[NumberedFigure | None, ...]

    def ordered(self) -> tuple[NumberedFigure, ...]:
        """All plates in the order of their numbers."""
        several = (
            *self.slopes,
            *(plate for some in self.step_maps for plate in some),
            *self.patch_maps,
        )
        every = (self.forest, self.series, self.early, *several)
        return tuple(sorted((p for p in every if p is not None), key=lambda plate: plate.number))


_READ = {"same": "the same chains", "own": "its own chains"}


def numbered_figures(data: ReportData) -> Plates:
    """Make every figure of the page."""
    models = looks([model.name for model in data.models])
    numbers = count(1)
    first = _forest(data, models, numbers)
    run = _series(data, numbers)
    early = _early(data, models, numbers)
    return Plates(
        forest=first,
        series=run,
        early=early,
        slopes=tuple(_slope(c, models, numbers, chains=data.chains) for c in data.comparisons),
        step_maps=tuple(_step_maps(c, numbers) for c in data.comparisons),
        patch_maps=tuple(_patch_map(c, numbers) for c in data.comparisons),
    )


def _forest(data: ReportData, models: dict[str, Look], numbers: Iterator[int]) -> NumberedFigure:
    rows = {comparison.name: comparison.contrasts for comparison in data.comparisons}
    by_name = {comparison.name: models[comparison.after] for comparison in data.comparisons}
    return NumberedFigure(
        next(numbers),
        forest(rows, by_name, chains=_READ[data.chains]),
        "Each mark is the mean paired difference over items; the bar is its 95 % interval. “less” and “more” "
        "need a bar clear of zero and a mark outside the shaded band; “no change” needs an equivalence test for the band. "
        "To the left the chain carries less.",
        tables.compared(rows),
    )


def _series(data: ReportData, numbers: Iterator[int]) -> NumberedFigure | None:
    if not data.series or len(data.models) < 3:
        return None
    return NumberedFigure(
        next(numbers),
        series(data.series),
        "One panel a measure, checkpoints from left to right, the reference first, with the 95 % interval of the mean; a line joins those of "
        "one training run, whose names differ in a number only. "
        "A checkpoint is judged against the first behind the same gates as a pair; the correction is over all checkpoints, so that a verdict "
        "here can be weaker than in the comparison of two.",
        tables.series(data.series),
    )


def _early(
    data: ReportData, models: dict[str, Look], numbers: Iterator[int]
) -> NumberedFigure | None:
    curves = {c.name: c.early for c in data.comparisons if c.early is not None}
    if not curves:
        return None
    return NumberedFigure(
        next(numbers),
        early_curves(curves, models),
        "The chain is cut after each step and the reader is asked at once; the height is the probability of the answer that it gives "
        "behind the whole chain. A line that is high from the start: that answer comes without the chain. A line that stays low and climbs late: "
        "it comes only with the later part, the whole tinted area for a reader that needs all of it. Whether that is what the steps say, or only that a chain "
        "was finished before the question, this curve cannot tell: filler, adding mistakes and step patching change what is said and leave the chain finished.",
        tables.curves(curves),
    )


def _slope(
    comparison: Comparison, models: dict[str, Look], numbers: Iterator[int], *, chains: str
) -> NumberedFigure | None:
    if not comparison.items:
        return None
    return NumberedFigure(
        next(numbers),
        slope(comparison.items, before=comparison.before, after=comparison.after, looks=models),
        f"Every thin line is one item, read by both models from {_READ[chains]}.",
        tables.item_values(comparison.items),
    )


_STEP_MAP = {
    "step_attention": "How much a row attends to a column; attention is not use.",
    "suppression": "A column is hidden from all later steps: strong cells are steps that a later step depends on.",
}
_STEP_MAP_PLAIN = "A column acts on a row."


def _step_maps(comparison: Comparison, numbers: Iterator[int]) -> tuple[NumberedFigure, ...]:
    return tuple(
        NumberedFigure(
            next(numbers),
            step_heatmaps(maps, before=comparison.before, after=comparison.after),
            f"{_STEP_MAP.get(maps.measure, _STEP_MAP_PLAIN)} One trace, as an example"
            + (f": {maps.why}." if maps.why else "."),
            tables.step_map(maps),
        )
        for maps in comparison.step_maps
    )


def _patch_map(comparison: Comparison, numbers: Iterator[int]) -> NumberedFigure | None:
    if not comparison.patch_maps:
        return None
    return NumberedFigure(
        next(numbers),
        patch_map(comparison.patch_maps, before=comparison.before, after=comparison.after),
        "The state of a counterfactual run is written in where the chain states a value; a cell says how far what follows "
        "moves to what that value predicts. Place: where the step ends among the steps of its chain. Each readout has a row of its own.",
        tables.patch_maps(comparison.patch_maps),
    )
