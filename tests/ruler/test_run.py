"""A small run of the ruler on shipped models, end to end, and again from what is on disk."""

import json

import pandas as pd
import pytest

from mechcot.organisms.recipes import RECIPES, SHIPPED
from mechcot.ruler.panel import FULL, QUICK, Panel, _subjects
from mechcot.ruler.run import run_ruler
from mechcot.runs.executor import executor_of
from tests.finished_items import finished_items
from tools.ruler_table import markdown

SMALL = Panel(
    subjects=_subjects(base=("base",), uses=("control",), bypasses=("bypass",)),
    items=4,
    tuning_items=4,
    fewer=(("filler", 2),),
)
MEASURES = ("early_answering", "filler", "suppression")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("ruler")
    run_ruler(SMALL, out=out, seed=0, executor=executor_of(2), measures=MEASURES)
    return out


def test_planted_truth_is_found(folder):
    result = json.loads((folder / "ruler.json").read_text())
    row = result["measures"]["early_answering"]
    assert row["scores"]["models"]["value"] == 1.0
    assert row["identity"] == 0.0
    assert result["measures"]["suppression"]["scores"]["step_to_answer"]["value"] > 0.8
    assert row["status"] == "exploratory", "a few models cannot earn verdicts"


def test_a_costly_measure_reads_fewer_chains_of_every_model(folder):
    table = pd.read_parquet(folder / "results" / "readings.parquet")
    counts = table.groupby(["measure", "author", "reader"]).size()
    assert set(counts["early_answering"]["base"]) == {4}
    assert set(counts["filler"].index.get_level_values("author")) == {"base"}
    assert counts["filler"]["base"].to_dict() == dict.fromkeys(
        counts["early_answering"]["base"].index, 2
    )


def test_a_second_run_reads_nothing_and_says_the_same(folder):
    before = (folder / "ruler.json").read_bytes()
    items = finished_items(folder / "readings")
    assert items
    run_ruler(SMALL, out=folder, seed=0, executor=executor_of(1), measures=MEASURES)
    assert (folder / "ruler.json").read_bytes() == before
    assert finished_items(folder / "readings") == items


def test_the_page_and_the_readme_table_are_written(folder):
    result = json.loads((folder / "ruler.json").read_text())
    assert "Early answering" in (folder / "index.html").read_text()
    assert "| Early answering | 1.00" in markdown(result)


def test_every_model_of_the_panels_has_a_recipe():
    for panel in (FULL, QUICK):
        assert all(subject.name.partition("@")[0] in RECIPES for subject in panel.subjects)
        assert len({subject.name for subject in panel.subjects}) == len(panel.subjects)
    assert len(FULL.names("base", "uses")) >= 8
    assert len(FULL.names("bypasses")) >= 8
    assert len(FULL.names("harmless")) >= 40
    assert set(QUICK.names("base", "uses", "bypasses", "gated", "mixture")) == set(SHIPPED)
