"""A measure that no other file has heard of: one file is enough for the run, its report and the explorer."""

import html
import importlib
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

import mechcot.measures
from mechcot.compare.run import run
from mechcot.compare.settings import Study
from mechcot.explorer.build import explore_run
from mechcot.measures import registry
from tests.compare.tiny_models import byte_tokenizer, chain_of, save_tiny, write_rows

MODULE = '''
"""A made-up measure: nothing of a model is read."""
import numpy as np
from mechcot.core.card import ArrayCard, MeasureCard
from mechcot.core.step_arrays import Curve, LayerSteps, StepMatrix, StepVector
from mechcot.core.store import tokens_digest
from mechcot.measures.inputs import Timer

CARD = MeasureCard(
    name="made_up", title="Made-up pull", question="Does anything pull?", formula="the last step", unit="pulls",
    low=0.0, high=9.0, direction=1, source="none", deviations="none", confounds="all", cost="nothing",
    own_chains=True, min_items=3, yardsticks=(("top", "the most there is"),),
    arrays=(
        ArrayCard("weight", title="pulled", meaning="how far it pulls", carries=True),
        ArrayCard("line", ("after",), title="rise", figure="How the pull rises", caption="Up is more.", settled="line"),
        ArrayCard("square", ("source", "target"), picture="Who pulls whom", figure="Pull of a step on another"),
        ArrayCard("depth", ("layer", "step"), picture="Pull by layer", figure="deep pull"),
    ),
)

def measure(reader, trace, inputs):
    timer = Timer.start(measure=CARD.name, trace=trace, reader=reader.name)
    n = len(trace.chain_steps)
    about = {"measure": CARD.name, "trace": trace.id, "reader": reader.name, "unit": CARD.unit, "tokens": tokens_digest(trace.ids)}
    steps = np.arange(n) / n
    return timer.measurement(
        value=float(steps[-1]),
        scalars={"top": 9.0},
        results={
            "weight": StepVector(values=steps, name="weight", **about),
            "line": Curve(values=np.arange(n + 1) / n, name="line", **about),
            "square": StepMatrix(values=np.outer(steps, steps), name="square", **about),
            "depth": LayerSteps(values=np.stack([steps, steps]), name="depth", **about),
        },
    )
'''


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "made_up_measure.py").write_text(MODULE)
    monkeypatch.setattr(mechcot.measures, "__path__", [*mechcot.measures.__path__, str(folder)])
    module = importlib.import_module("mechcot.measures.made_up_measure")
    assert module in list(registry._modules())
    measure = registry.Measure(module.CARD, module.measure)
    monkeypatch.setitem(registry.MEASURES, "made_up", measure)


def words(page: str) -> str:
    page = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def study_of(folder: Path, *, n: int) -> Study:
    """Two tiny models and as many chains, read by the made-up measure alone."""
    tokenizer = byte_tokenizer(merges=40)
    models = tuple(save_tiny(folder / str(i), tokenizer, seed=i) for i in range(2))
    traces = write_rows(folder / "chains.jsonl", [chain_of(i) for i in range(n)])
    return Study(models=models, out=folder / "out", traces=traces, measures=("made_up",))


@pytest.mark.usefixtures("made_up")
def test_fewer_items_than_a_measure_needs_claim_nothing_and_draw_no_map(tmp_path):
    study = study_of(tmp_path, n=2)
    run(study, console=Console(file=io.StringIO()))
    page = (study.out / "report.html").read_text()
    assert "Made-up pull: layer by place" not in page
    text = words(page)
    assert "the stated value moves" not in text
    assert "the single most important step" not in text
    few = "Made-up pull has values of 2 items; 3 are needed to say which steps carry the answer."
    assert text.count(few) == 1


@pytest.mark.usefixtures("made_up")
def test_compare_report_and_explorer_show_a_measure_they_have_never_heard_of(tmp_path):
    study = study_of(tmp_path, n=3)
    said = io.StringIO()
    summary = run(study, console=Console(file=said, width=200))
    assert "made_up" in said.getvalue(), "the cost table"
    (row,) = summary["comparisons"][0]["same_chains"]["measures"]
    assert (row["title"], row["delta"], row["verdict"]) == ("Made-up pull", 0.0, "not judged")
    page = (study.out / "report.html").read_text()
    for title in (
        "How the pull rises",
        "Pull of a step on another",
        "Made-up pull: layer by place",
    ):
        assert title in page, title
    text = words(page)
    for told in (
        "Up is more.",
        "the most there is Made-up pull",
        "acting on the single most important step moves the answer by 0.67 (pulls",
        "Made-up pull, readout deep pull: in 0 the stated value moves",
        "Does anything pull?",
    ):
        assert told in text, told
    item = explore_run(study.out).data.items[0]
    assert [values.key for values in item.values] == ["made_up/weight", "made_up/line"]
    assert [grid.title for grid in item.grids] == ["Who pulls whom", "Pull by layer"]
    assert item.carrier == {"0": 2, "1": 2}
    assert item.sentences["0"].startswith("Step 3 carries the answer: pulled, 0.67 (pulls).")
    assert set(item.lines) == {"0", "1"}
