"""Figures say what they show and show what they were given."""

import json
from dataclasses import replace

import numpy as np
import plotly.io as pio
import pytest

from mechcot.view.figures.early_curves import early_curves
from mechcot.view.figures.forest import forest
from mechcot.view.figures.patch_map import patch_map
from mechcot.view.figures.series import series
from mechcot.view.figures.slope import slope
from mechcot.view.figures.step_heatmaps import step_heatmaps
from mechcot.view.pages import tables
from mechcot.view.pages.numbered_figures import numbered_figures
from mechcot.view.theme import looks
from tests.view.view_fixtures import bare

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


def test_every_figure_states_title_n_and_interval(made):
    assert len(made.ordered()) == 2 + 2 + 4 + 2
    for plate in made.ordered():
        layout = plate.figure.layout
        assert layout.title.text
        assert "n = " in layout.title.subtitle.text
        assert "interval" in layout.title.subtitle.text
        assert layout.height > 0


def test_plates_are_numbered_in_page_order(made, text):
    assert [plate.number for plate in made.ordered()] == list(range(1, len(made.ordered()) + 1))
    places = [text.index(f'id="figure-{plate.number}"') for plate in made.ordered()]
    assert places == sorted(places)


class TestForest:
    def rows(self, data):
        return {c.name: c.contrasts for c in data.comparisons}

    def looks(self, data):
        return {c.name: LOOKS[c.after] for c in data.comparisons}

    def test_marks_and_whiskers_equal_the_table(self, data):
        figure = forest(self.rows(data), self.looks(data))
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
        for name, rows in self.rows(data).items():
            for row in rows:
                assert drawn[name, row.title] == pytest.approx((row.delta, row.high, row.low))

    def test_units_verdicts_and_numbers_are_written(self, data):
        text = said(forest(self.rows(data), self.looks(data)))
        for unit in ("probability", "total variation", "share"):
            assert f"change in {unit}" in text
        assert "L less" in text and "= no change" in text and "× not judged" in text

    def test_one_band_per_measure_as_wide_as_the_smallest_effect(self, data):
        figure = forest(self.rows(data), self.looks(data))
        widths = sorted(shape.x1 - shape.x0 for shape in figure.layout.shapes)
        assert widths == pytest.approx([0.1, 0.2, 0.2, 0.2, 0.2])

    def test_bands_and_intervals_lie_inside_the_axes(self, data):
        figure = forest(self.rows(data), self.looks(data))
        for axis in figure.select_xaxes():
            assert axis.range[0] < -0.1 and axis.range[1] > 0.1

    def test_unlike_units_keep_their_own_axes(self, data):
        first = data.comparisons[0]
        rows = (
            first.contrasts[0],
            replace(first.contrasts[2], unit="nats", delta=-9.0, low=-10.0, high=-8.0),
        )
        ranges = [
            axis.range for axis in forest({first.name: rows}, self.looks(data)).select_xaxes()
        ]
        assert ranges[0][0] > -1 and ranges[1][0] < -10

    def test_not_judged_is_hollow(self, data):
        figure = forest(self.rows(data), self.looks(data))
        hollow = [s for trace in figure.data for s in trace.marker.symbol if s.endswith("-open")]
        assert len(hollow) == 2

    def test_nothing_to_show(self):
        assert "n = 0" in said(forest({}, {}))


class TestSlope:
    def test_threads_are_the_items(self, data):
        first = data.comparisons[0]
        figure = slope(first.items, before="base", after="bypass", looks=LOOKS)
        threads = [trace for trace in figure.data if trace.name == "items"]
        for value, thread in zip(first.items, threads, strict=True):
            y = np.array(thread.y).reshape(-1, 3)
            np.testing.assert_array_equal(y[:, 0], value.before)
            np.testing.assert_array_equal(y[:, 1], value.after)
            assert np.isnan(y[:, 2]).all()

    def test_means_and_units(self, data):
        first = data.comparisons[0]
        figure = slope(first.items, before="base", after="bypass", looks=LOOKS)
        ends = [trace for trace in figure.data if trace.mode == "markers"]
        assert ends[0].y[0] == first.items[0].mean_before
        assert ends[1].y[0] == first.items[0].mean_after
        assert ends[1].y[0] + ends[1].error_y.array[0] == pytest.approx(first.items[0].high_after)
        assert "(total variation)" in said(figure)
        assert "n = 39 to 40 paired items" in said(figure)


def test_early_curves_equal_the_bands(data):
    curves = {c.name: c.early for c in data.comparisons}
    figure = early_curves(curves, LOOKS)
    lines = [trace for trace in figure.data if trace.hovertemplate]
    bands = [band for pair in curves.values() for band in (pair.before, pair.after)]
    for line, band in zip(lines, bands, strict=True):
        np.testing.assert_array_equal(line.y, band.mean)
        np.testing.assert_array_equal(line.x, band.x)
    lows = [trace for trace in figure.data if trace.name.endswith(": low")]
    np.testing.assert_array_equal(lows[0].y, bands[0].low)
    areas = [trace for trace in figure.data if trace.name.endswith("area to the end")]
    assert [trace.fill for trace in areas] == ["tonexty"] * 4
    for area, band in zip(areas, bands, strict=True):
        assert set(area.y) == {band.mean[-1]}
    assert "base: 0.65" in said(figure) and "probability" in said(figure)
    assert [trace.name for trace in lines if trace.showlegend] == ["base", "bypass", "control"]


class TestHeatmaps:
    def test_values_are_the_matrices_source_across_target_down(self, data):
        maps = data.comparisons[0].step_maps[0]
        figure = step_heatmaps(maps, before="base", after="bypass")
        for trace, values in zip(
            figure.data, (maps.before, maps.after, maps.difference), strict=True
        ):
            np.testing.assert_array_equal(trace.z, values.T)
        assert "nats" in said(figure) and "so the answer is" in said(figure)

    def test_before_and_after_share_a_scale_and_the_difference_is_centred(self, data):
        for comparison in data.comparisons:
            for maps in comparison.step_maps:
                figure = step_heatmaps(maps, before="base", after="x")
                assert [trace.coloraxis for trace in figure.data] == [
                    "coloraxis",
                    "coloraxis",
                    "coloraxis2",
                ]
                layout = figure.layout
                most = max(np.nanmax(maps.before), np.nanmax(maps.after))
                assert layout.coloraxis.cmax == pytest.approx(most)
                assert layout.coloraxis2.cmin == -layout.coloraxis2.cmax
                assert layout.coloraxis2.cmax >= most, "a small difference must look small"

    def test_long_traces_keep_few_labels(self):
        from mechcot.view.pages.report_data import StepMaps

        values = np.zeros((600, 600))
        names = tuple(f"step {place}" for place in range(600))
        maps = StepMaps("m", "T", "nats", "i", names, names, values, values, values)
        figure = step_heatmaps(maps, before="a", after="b")
        assert all(
            len(axis.tickvals) <= 40
            for axis in [*figure.select_xaxes(), *figure.select_yaxes()]
            if axis.tickvals
        )
        assert figure.layout.height < 1000
        assert figure.data[0].z.shape == (150, 150)
        assert "the last 150 of 600 rows" in said(figure)

    def test_question_and_answer_are_marked(self, data):
        figure = step_heatmaps(data.comparisons[0].step_maps[0], before="base", after="bypass")
        assert next(figure.select_xaxes()).ticktext[:3] == ("Q", "1", "2")
        assert next(figure.select_yaxes()).ticktext[-1].endswith(" A")

    def test_a_label_with_its_number_is_not_numbered_twice(self, data):
        maps = data.comparisons[0].step_maps[0]
        names = tuple(f"{place + 1} step" for place in range(len(maps.targets)))
        figure = step_heatmaps(
            replace(maps, sources=names, targets=names), before="base", after="x"
        )
        assert next(figure.select_yaxes()).ticktext[:2] == ("step  1", "step  2")
        assert figure.data[0].customdata[0][1] == "2 step → 1 step"


def test_patch_map_has_a_row_a_readout(data):
    maps = data.comparisons[0].patch_maps
    figure = patch_map(maps, before="base", after="bypass")
    given = [values for one in maps for values in (one.before, one.after, one.difference)]
    for trace, values in zip(figure.data, given, strict=True):
        np.testing.assert_array_equal(trace.z, values)
    assert "<b>next</b>" in said(figure) and "<b>answer</b>" in said(figure)
    assert figure.data[2].text[0][0].startswith(("−", "0", "+"))
    assert next(figure.select_xaxes()).ticktext[2].endswith("<br>n = 7")
    assert [cell.text for cell in tables.patch_maps(maps).rows[0]][4] == "7"


def test_series_equal_the_lines(series_data):
    figure = series(series_data.series)
    lines = [trace for trace in figure.data if trace.hovertemplate]
    for drawn, line in zip(lines, series_data.series, strict=True):
        np.testing.assert_array_equal(drawn.y, line.mean)
        assert tuple(drawn.customdata) == line.verdicts
    assert "(probability)" in said(figure)
    cells = tables.series(series_data.series).rows[0][1:5]
    verdicts = [cell.remark.rpartition(", ")[2] for cell in cells]
    assert verdicts == ["reference", "no change", "less", "not judged"]


def test_only_checkpoints_of_one_run_are_joined(series_data):
    line = series_data.series[0]
    modes = {}
    for names in (("base", "run-100", "run-200"), ("base", "bypass", "control")):
        few = {k: getattr(line, k)[:3] for k in ("mean", "low", "high", "verdicts")}
        drawn = series([replace(line, checkpoints=names, **few)]).data
        modes[names[1]] = (len(drawn), drawn[-1].mode)
    assert modes == {"run-100": (3, "lines+markers"), "bypass": (1, "markers")}


def test_series_stand_on_the_page_only_for_more_than_two_checkpoints(series_data):
    few = tuple(bare(comparison) for comparison in series_data.comparisons)
    run = replace(series_data, comparisons=few)
    assert numbered_figures(run).series is not None
    assert numbered_figures(replace(run, series=())).series is None
    assert numbered_figures(replace(run, models=run.models[:2], comparisons=few[:1])).series is None


def test_no_model_text_becomes_markup_or_a_link(hostile):
    for plate in numbered_figures(hostile).ordered():
        for string in strings(json.loads(pio.to_json(plate.figure, validate=False, engine="json"))):
            assert (
                "<a" not in string
                and "<img" not in string
                and "</script" not in string
                and "$" not in string
            )
