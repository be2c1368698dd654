"""Figures say what they show and show what they were given."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.io as pio
import pytest

from mechcot.view.figures.chain_lines import chain_lines
from mechcot.view.figures.checkpoint_series import series_figure
from mechcot.view.figures.forest import forest
from mechcot.view.figures.place_map import place_map
from mechcot.view.figures.slope import slope
from mechcot.view.figures.step_map import step_map
from mechcot.view.pages import plain_tables
from mechcot.view.pages.numbered_figures import (
    LINE_AXES,
    PLACE_MAP_AXES,
    STEP_MAP_AXES,
    numbered_figures,
)
from mechcot.view.theme import looks
from tests.view.view_fixtures import CARDS, HIDDEN, bare, cells

LOOKS = looks(["base", "bypass", "control"])


def said(figure):
    """All text of a figure's layout."""
    layout = figure.layout
    parts = [
        layout.title.text,
        layout.title.subtitle.text,
        *(note.text for note in layout.annotations),
    ]
    for axis in [*figure.select_xaxes(), *figure.select_yaxes()]:
        parts += [axis.title.text or "", *(axis.ticktext or ())]
    return " | ".join(part for part in parts if part).replace("<br>", " ")


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


def arrays(comparison, axes):
    return [shown for shown in comparison.arrays if shown.array.axes == axes]


def test_every_figure_states_title_n_and_interval(made):
    assert len(made.ordered()) == 2 + 2 + 4 + 2
    for plate in made.ordered():
        layout = plate.figure.layout
        assert layout.title.text
        assert "n = " in layout.title.subtitle.text
        assert "interval" in layout.title.subtitle.text
        assert layout.height > 0


def test_figures_are_numbered_in_page_order(made, text):
    assert [plate.number for plate in made.ordered()] == list(range(1, len(made.ordered()) + 1))
    places = [text.index(f'id="figure-{plate.number}"') for plate in made.ordered()]
    assert places == sorted(places)


class TestForest:
    def tables(self, data):
        return {c.name: c.contrasts for c in data.comparisons}

    def looks(self, data):
        return {c.name: LOOKS[c.after] for c in data.comparisons}

    def test_marks_and_whiskers_equal_the_table(self, data):
        figure = forest(self.tables(data), self.looks(data))
        drawn = {}
        for trace in figure.data:
            for x, plus, minus, about in zip(
                trace.x,
                trace.error_x.array,
                trace.error_x.arrayminus,
                trace.customdata,
                strict=True,
            ):
                drawn[trace.name, about[0]] = (x, x + plus, x - minus)
        for name, table in self.tables(data).items():
            for row in table.to_dict("records"):
                assert drawn[name, row["title"]] == pytest.approx(
                    (row["delta"], row["high"], row["low"])
                )

    def test_units_verdicts_and_numbers_are_written(self, data):
        text = said(forest(self.tables(data), self.looks(data)))
        for unit in ("probability", "total variation", "share"):
            assert f"change in {unit}" in text
        assert "L less" in text and "= no change" in text and "× not judged" in text

    def test_one_band_per_measure_as_wide_as_the_smallest_effect(self, data):
        figure = forest(self.tables(data), self.looks(data))
        widths = sorted(shape.x1 - shape.x0 for shape in figure.layout.shapes)
        assert widths == pytest.approx([0.1, 0.2, 0.2, 0.2, 0.2])

    def test_bands_and_intervals_lie_inside_the_axes(self, data):
        figure = forest(self.tables(data), self.looks(data))
        for axis in figure.select_xaxes():
            assert axis.range[0] < -0.1 and axis.range[1] > 0.1

    def test_unlike_units_keep_their_own_axes(self, data):
        first = data.comparisons[0]
        table = first.contrasts.iloc[[0, 2]].copy()
        table.loc[table.index[1], ["unit", "delta", "low", "high"]] = ["nats", -9.0, -10.0, -8.0]
        ranges = [
            axis.range for axis in forest({first.name: table}, self.looks(data)).select_xaxes()
        ]
        assert ranges[0][0] > -1 and ranges[1][0] < -10

    @pytest.mark.parametrize(("high", "told"), [(0.09, True), (0.11, False)])
    def test_an_interval_inside_the_band_without_a_verdict_is_explained(self, data, high, told):
        first = data.comparisons[0]
        table = first.contrasts.iloc[[0]].assign(
            verdict="inconclusive", status="passed", low=-0.02, high=high, smallest_effect=0.1
        )
        text = said(forest({first.name: table}, self.looks(data)))
        assert ("inconclusive inside the band: more items are needed" in text) == told

    @pytest.mark.parametrize(("status", "hollow"), [("passed", 1), ("exploratory", 5)])
    def test_what_gives_no_verdict_is_hollow(self, data, status, hollow):
        first = data.comparisons[0]
        table = first.contrasts.assign(status=status)
        marks = forest({first.name: table}, self.looks(data)).data
        symbols = [s for trace in marks for s in trace.marker.symbol if s.endswith("-open")]
        assert len(symbols) == hollow

    def test_nothing_to_show(self):
        assert "n = 0" in said(forest({}, {}))


class TestSlope:
    def test_threads_are_the_items(self, data):
        first = data.comparisons[0]
        figure = slope(first.items, first.contrasts, LOOKS)
        threads = [trace for trace in figure.data if trace.name == "items"]
        for measure, thread in zip(first.contrasts["measure"], threads, strict=True):
            values = first.items[first.items["measure"] == measure]
            y = np.array(thread.y).reshape(-1, 3)
            np.testing.assert_array_equal(y[:, :2], values[["before", "after"]])
            assert np.isnan(y[:, 2]).all()

    def test_means_and_units(self, data):
        first = data.comparisons[0]
        figure = slope(first.items, first.contrasts, LOOKS)
        ends = [trace for trace in figure.data if trace.mode == "markers"]
        row = first.contrasts.iloc[0]
        assert (ends[0].y[0], ends[1].y[0]) == (row["before"], row["after"])
        assert ends[1].y[0] + ends[1].error_y.array[0] == pytest.approx(row["after_high"])
        assert [trace.name for trace in ends[:2]] == ["base", "bypass"]
        assert "(total variation)" in said(figure)
        assert "n = 39 to 40 paired items" in said(figure)


def test_chain_lines_equal_the_bands(data):
    shown = [arrays(c, LINE_AXES)[0] for c in data.comparisons]
    frame = pd.concat([each.frame for each in shown])
    figure = chain_lines(frame, shown[0].card, shown[0].array, LOOKS)
    drawn = [trace for trace in figure.data if trace.hovertemplate]
    bands = [band for _, band in frame.groupby(["comparison", "reader"], sort=False)]
    assert len(drawn) == len(bands) == 4
    lows = [trace for trace in figure.data if trace.name.endswith(": low")]
    areas = [trace for trace in figure.data if trace.name.endswith("area to the end")]
    assert [trace.fill for trace in areas] == ["tonexty"] * 4
    for line, low, area, band in zip(drawn, lows, areas, bands, strict=True):
        np.testing.assert_array_equal(line.y, band["mean"])
        np.testing.assert_array_equal(line.x, band["share"])
        np.testing.assert_array_equal(low.y, band["low"])
        assert set(area.y) == {band["mean"].iloc[-1]}
    assert "base: 0.65" in said(figure) and "probability" in said(figure)
    assert figure.layout.title.text == "When is the final answer already there?"
    assert [trace.name for trace in drawn if trace.showlegend] == ["base", "bypass", "control"]


class TestStepMaps:
    def test_values_are_the_matrices_source_across_target_down(self):
        before = np.array([[np.nan, 0.5, 0.25], [np.nan, np.nan, 1.0], [np.nan] * 3])
        after = 2 * before
        frame = cells(["a", "b", "so the answer is c"], before, after).sample(
            frac=1, random_state=0
        )
        figure = step_map(frame, HIDDEN, before="base", after="bypass")
        for trace, values in zip(figure.data, (before, after, after - before), strict=True):
            np.testing.assert_array_equal(trace.z, values.T)
        assert figure.data[0].customdata[1][0] == "1 a → 2 b"
        assert "nats" in said(figure) and "so the answer is c  3" in said(figure)
        rows = plain_tables.step_map_table(frame).rows
        assert [cell.text for cell in rows[2]] == [
            "3 so the answer is c", "0.25 → 0.50", "1.00 → 2.00", ""
        ]  # fmt: skip

    def test_before_and_after_share_a_scale_and_the_difference_is_centred(self, data):
        for comparison in data.comparisons:
            for shown in arrays(comparison, STEP_MAP_AXES):
                figure = step_map(shown.frame, shown.array, before="base", after="x")
                axes = [trace.coloraxis for trace in figure.data]
                assert axes == ["coloraxis", "coloraxis", "coloraxis2"]
                layout, most = figure.layout, shown.frame[["before", "after"]].max().max()
                assert layout.coloraxis.cmax == pytest.approx(most)
                assert layout.coloraxis2.cmin == -layout.coloraxis2.cmax
                assert layout.coloraxis2.cmax >= most, "a small difference must look small"

    def test_long_traces_keep_few_labels(self):
        values = np.zeros((200, 200))
        frame = cells([f"step {place}" for place in range(200)], values, values)
        figure = step_map(frame, HIDDEN, before="a", after="b")
        assert all(
            len(axis.tickvals) <= 40
            for axis in [*figure.select_xaxes(), *figure.select_yaxes()]
            if axis.tickvals
        )
        assert figure.layout.height < 1000
        assert figure.data[0].z.shape == (150, 150)
        assert figure.data[0].customdata[0][0] == "51 step 50 → 51 step 50"
        assert "the last 150 of 200 rows" in said(figure)


def test_a_place_map_has_a_row_a_readout(data):
    (shown,) = arrays(data.comparisons[0], PLACE_MAP_AXES)
    figure = place_map(shown.frame, CARDS["step_patching"], before="base", after="bypass")
    for at, (_, rows) in enumerate(shown.frame.groupby("readout", sort=False)):
        maps = [rows[side].to_numpy().reshape(4, 3) for side in ("before", "after")]
        drawn = figure.data[3 * at : 3 * at + 3]
        for trace, values in zip(drawn, (*maps, maps[1] - maps[0]), strict=True):
            np.testing.assert_array_equal(trace.z, values)
    assert "<b>next</b>" in said(figure) and "<b>answer</b>" in said(figure)
    assert figure.data[2].text[0][0].startswith(("−", "0", "+"))
    assert next(figure.select_xaxes()).ticktext[1].endswith("<br>n = 7")
    assert plain_tables.place_map_table(shown.frame).rows[0][2].remark == "n = 7"


def test_series_equal_the_lines(series_data):
    figure = series_figure(series_data.series)
    drawn = [trace for trace in figure.data if trace.hovertemplate]
    lines = [rows for _, rows in series_data.series.groupby("measure", sort=False)]
    verdicts = ["reference", "no change", "less", "not judged"]
    for trace, line in zip(drawn, lines, strict=True):
        np.testing.assert_array_equal(trace.y, line["value"])
        assert list(trace.customdata) == verdicts
    assert "(probability)" in said(figure)
    cells = plain_tables.series_table(series_data.series).rows[0][1:5]
    assert [cell.remark.rpartition(", ")[2] for cell in cells] == verdicts


def test_only_checkpoints_of_one_run_are_joined(series_data):
    first = series_data.series[series_data.series["measure"] == "filler"].iloc[:3]
    modes = {}
    for names in (("base", "run-100", "run-200"), ("base", "bypass", "control")):
        drawn = series_figure(first.assign(checkpoint=names)).data
        modes[names[1]] = (len(drawn), drawn[-1].mode)
    assert modes == {"run-100": (3, "lines+markers"), "bypass": (1, "markers")}


def test_series_stand_on_the_page_only_for_more_than_two_checkpoints(series_data):
    few = tuple(bare(comparison) for comparison in series_data.comparisons)
    run = replace(series_data, comparisons=few)
    assert len(numbered_figures(run).chain) == 2
    assert len(numbered_figures(replace(run, series=pd.DataFrame())).chain) == 1
    two = replace(run, models=run.models.iloc[:2], comparisons=few[:1])
    assert len(numbered_figures(two).chain) == 1


def test_no_model_text_becomes_markup_or_a_link(hostile):
    for plate in numbered_figures(hostile).ordered():
        for string in strings(json.loads(pio.to_json(plate.figure, validate=False, engine="json"))):
            assert (
                "<a" not in string
                and "<img" not in string
                and "</script" not in string
                and "$" not in string
            )
