"""The figures of a page, numbered in the order of the page, each with caption and numbers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

import pandas as pd
import plotly.graph_objects as go

from mechcot.view.figures.chain_lines import chain_lines
from mechcot.view.figures.chain_use import chain_use_figure
from mechcot.view.figures.checkpoint_series import series_figure
from mechcot.view.figures.forest import forest
from mechcot.view.figures.novelty import novelty_cells
from mechcot.view.figures.place_map import place_map
from mechcot.view.figures.reliability import reliability_figure
from mechcot.view.figures.shifts import shift_lines
from mechcot.view.figures.slope import slope
from mechcot.view.figures.step_map import step_map
from mechcot.view.figures.three_axes import three_axes
from mechcot.view.pages import plain_tables
from mechcot.view.pages.plain_tables import Table, novelty_table, reliability_table, shift_table
from mechcot.view.pages.report_data import ArrayFrame, Comparison, ReportData
from mechcot.view.pages.use_tables import change_table, use_table
from mechcot.view.theme import looks


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


LINE_AXES, STEP_MAP_AXES, PLACE_MAP_AXES = ("after",), ("source", "target"), ("layer", "step")
"""Axes of the arrays that have a figure."""
_READ = {"same": "the same chains", "own": "its own chains"}
_PLAIN = {
    LINE_AXES: "The chain is cut after each step.",
    STEP_MAP_AXES: "A column acts on a row.",
    PLACE_MAP_AXES: "",
}
Figures = tuple[NumberedFigure, ...]


@dataclass(frozen=True)
class PageFigures:
    """All figures of a report by where they stand; lists run parallel to the comparisons."""

    chain: Figures
    axes: Figures
    calibration: Figures
    agreement: Figures
    shifts: Figures
    novelty: Figures
    slopes: tuple[Figures, ...]
    step_maps: tuple[Figures, ...]
    place_maps: tuple[Figures, ...]

    def ordered(self) -> Figures:
        """All figures in the order of their numbers."""
        every = [*self.chain, *self.axes, *self.calibration, *self.agreement]
        every += [*self.shifts, *self.novelty]
        for several in (self.slopes, self.step_maps, self.place_maps):
            every += [figure for some in several for figure in some]
        return tuple(sorted(every, key=lambda figure: figure.number))


def numbered_figures(data: ReportData) -> PageFigures:
    """Make every figure of the page."""
    numbers = count(1)
    first, *others = (draw for draw in _leading(data))
    lead, axes = first(data, numbers), _three_axes(data, numbers)
    calibration, agreement = _reliability(data, numbers), _agreement(data, numbers)
    shifts = _shifts(data, numbers)
    novelty = _novelty(data, numbers)
    leading = (lead, *(draw(data, numbers) for draw in others))
    return PageFigures(
        chain=(*leading, *_series(data, numbers), *_lines(data, numbers)),
        axes=axes,
        calibration=calibration,
        agreement=agreement,
        shifts=shifts,
        novelty=novelty,
        slopes=tuple(_slope(c, data, numbers) for c in data.comparisons),
        step_maps=tuple(_maps(c, STEP_MAP_AXES, numbers) for c in data.comparisons),
        place_maps=tuple(_maps(c, PLACE_MAP_AXES, numbers) for c in data.comparisons),
    )


def _leading(data: ReportData) -> tuple[Callable[..., NumberedFigure], ...]:
    """What draws the changes on the same chains, and each model on its own: first what most pairs can be judged by."""
    if not data.uses:
        return (_forest,)
    own = sum(comparison.leads == "own" for comparison in data.comparisons)
    return (_uses, _forest) if 2 * own > len(data.comparisons) else (_forest, _uses)


def _three_axes(data: ReportData, numbers: Iterator[int]) -> Figures:
    shown = {c.name: c for c in data.comparisons if not c.axes.empty}
    if not shown:
        return ()
    models = looks(list(data.models["name"]))
    parts = [c.axes.assign(comparison=name) for name, c in shown.items()]
    figure = three_axes(
        {name: c.axes for name, c in shown.items()},
        {name: models[c.after] for name, c in shown.items()},
    )
    caption = "A model can get more right while its chain gets worse; a chain can be valid and unused, or used and invalid. Items are paired, texts are not."
    table = change_table(pd.concat(parts, ignore_index=True))
    return (NumberedFigure(next(numbers), figure, caption, table),)


def _reliability(data: ReportData, numbers: Iterator[int]) -> Figures:
    if data.reliability.empty:
        return ()
    figure = reliability_figure(
        data.reliability, looks(list(data.models["name"])), given=bool(data.given)
    )
    caption = "Below the line a model is surer than it is right. Each mark is a tenth of the items or at least ten, by confidence."
    return (NumberedFigure(next(numbers), figure, caption, reliability_table(data.reliability)),)


def _agreement(data: ReportData, numbers: Iterator[int]) -> Figures:
    if data.agreement_bins.empty:
        return ()
    figure = reliability_figure(
        data.agreement_bins, looks(list(data.models["name"])), samples=data.samples
    )
    caption = "The same with the agreement of further texts for confidence. Few texts make it coarse, and chance in it looks like overconfidence."
    return (NumberedFigure(next(numbers), figure, caption, reliability_table(data.agreement_bins)),)


def _shifts(data: ReportData, numbers: Iterator[int]) -> Figures:
    if data.shifts.empty:
        return ()
    figure = shift_lines(data.shifts, looks(list(data.models["name"])))
    caption = "Answers and steps are those of each model’s own chains; the use of the chain is read on the chains of the comparison."
    return (NumberedFigure(next(numbers), figure, caption, shift_table(data.shifts)),)


def _novelty(data: ReportData, numbers: Iterator[int]) -> Figures:
    if data.novelty.empty:
        return ()
    figure = novelty_cells(data.novelty, looks(list(data.models["name"])))
    caption = "Novel and long are what the file says of a question, else its shift; without a length, questions are parted at the median of their words."
    return (NumberedFigure(next(numbers), figure, caption, novelty_table(data.novelty)),)


def _uses(data: ReportData, numbers: Iterator[int]) -> NumberedFigure:
    return NumberedFigure(
        next(numbers),
        chain_use_figure(data.uses, effect=data.use_effect, reference=data.uses[0]["name"]),
        f"Each model on the chains that it wrote itself. Top right a chain is used, bottom left it is not; bottom right either route suffices. The bound is {data.use_effect:g} on both axes.",
        use_table(data.uses),
    )


def _forest(data: ReportData, numbers: Iterator[int]) -> NumberedFigure:
    models = looks(list(data.models["name"]))
    by_name = {c.name: c.contrasts for c in data.comparisons}
    several = len(by_name) > 1
    parts = [t.assign(comparison=name) if several else t for name, t in by_name.items()]
    return NumberedFigure(
        next(numbers),
        forest(
            by_name, {c.name: models[c.after] for c in data.comparisons}, chains=_READ[data.chains]
        ),
        "Each mark is the mean paired difference over items; the bar is its 95 % interval. “less” and “more” "
        "need a bar clear of zero and a mark outside the shaded band; “no change” needs an equivalence test for the band. "
        "To the left the chain carries less.",
        plain_tables.contrast_table(pd.concat(parts, ignore_index=True)),
    )


def _series(data: ReportData, numbers: Iterator[int]) -> Figures:
    if data.series.empty or len(data.models) < 3:
        return ()
    caption = (
        "One panel a measure, checkpoints from left to right, the reference first, with the 95 % interval of the mean; a line joins those of "
        "one training run, whose names differ in a number only. "
        "A checkpoint is judged against the first behind the same gates as a pair; the correction is over all checkpoints, so that a verdict "
        "here can be weaker than in the comparison of two."
    )
    numbered = NumberedFigure(
        next(numbers), series_figure(data.series), caption, plain_tables.series_table(data.series)
    )
    return (numbered,)


def _lines(data: ReportData, numbers: Iterator[int]) -> Figures:
    """One figure per array that is a line along the chain, all comparisons in it."""
    models = looks(list(data.models["name"]))
    groups: dict[tuple[str, str], list[ArrayFrame]] = {}
    for comparison in data.comparisons:
        for shown in comparison.arrays:
            if shown.array.axes == LINE_AXES:
                groups.setdefault((shown.card.name, shown.array.name), []).append(shown)
    made = []
    for (first, *_), frame in ((g, pd.concat([s.frame for s in g])) for g in groups.values()):
        figure = chain_lines(frame, first.card, first.array, models)
        caption = first.array.caption or _PLAIN[LINE_AXES]
        made.append(NumberedFigure(next(numbers), figure, caption, plain_tables.line_table(frame)))
    return tuple(made)


def _slope(comparison: Comparison, data: ReportData, numbers: Iterator[int]) -> Figures:
    if comparison.items.empty:
        return ()
    figure = slope(comparison.items, comparison.contrasts, looks(list(data.models["name"])))
    numbered = NumberedFigure(
        next(numbers),
        figure,
        f"Every thin line is one item, read by both models from {_READ[data.chains]}.",
        plain_tables.item_table(comparison.items, comparison.contrasts),
    )
    return (numbered,)


_MAPS: Mapping[
    tuple[str, ...], tuple[Callable[..., go.Figure], Callable[[pd.DataFrame], Table]]
] = {
    STEP_MAP_AXES: (
        lambda shown, **names: step_map(shown.frame, shown.array, **names),
        plain_tables.step_map_table,
    ),
    PLACE_MAP_AXES: (
        lambda shown, **names: place_map(shown.frame, shown.card, **names),
        plain_tables.place_map_table,
    ),
}


def _maps(comparison: Comparison, axes: tuple[str, ...], numbers: Iterator[int]) -> Figures:
    draw, numbers_of = _MAPS[axes]
    return tuple(
        NumberedFigure(
            next(numbers),
            draw(shown, before=comparison.before, after=comparison.after),
            " ".join(filter(None, (shown.array.caption or _PLAIN[axes], shown.note))),
            numbers_of(shown.frame),
        )
        for shown in comparison.arrays
        if shown.array.axes == axes
    )
