"""`import mechcot as mc`: the names, what they give, and the examples that their documentation shows."""

import dataclasses
import doctest
import inspect
import subprocess
import sys

import pandas as pd
import plotly.graph_objects as go
import pytest

import mechcot as mc
from mechcot.core.display import ROWS, Displayed


@pytest.fixture(scope="module")
def pair():
    return mc.load_pair("organism:base", "organism:bypass")


@pytest.fixture(scope="module")
def traces(pair):
    return pair.before.write(mc.problems("mod10", n=3, seed=1))


def test_importing_loads_nothing_heavy():
    code = "import sys, mechcot; print([m for m in ('torch', 'pandas', 'plotly', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_is_there_and_told_by_dir():
    for name in mc.__all__:
        assert inspect.getdoc(getattr(mc, name)), name
    assert set(mc.__all__) <= set(dir(mc))
    with pytest.raises(AttributeError, match="No mechcot attribute nothing"):
        mc.nothing  # noqa: B018


NAMESPACES = ("steering", "pruning", "sae")
EXAMPLES = [
    *((mc, name) for name in mc.__all__ if name not in NAMESPACES),
    *((getattr(mc, space), name) for space in NAMESPACES for name in getattr(mc, space).__all__),
]
EXAMPLES = {f"{space.__name__}.{name}": getattr(space, name) for space, name in EXAMPLES}
EXAMPLES = {name: value for name, value in EXAMPLES.items() if not inspect.isclass(value)}


@pytest.fixture
def one_load(pair, monkeypatch):
    """Examples load the shipped models once for all of them; models are frozen."""
    loaded = {"organism:base": pair.before, "organism:bypass": pair.after}
    monkeypatch.setattr(mc, "load", lambda name: loaded[name])
    monkeypatch.setattr(mc, "load_pair", lambda *names: mc.Pair(*map(loaded.get, names)))


@pytest.mark.usefixtures("one_load")
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_a_function_runs(name):
    tests = doctest.DocTestFinder(recurse=False).find(EXAMPLES[name], name, globs={})
    assert any(test.examples for test in tests), f"{name} has no example"
    for test in tests:
        outcome = doctest.DocTestRunner(verbose=False).run(test)
        assert outcome.failed == 0


@pytest.mark.usefixtures("one_load")
def test_the_example_of_activations_runs():
    (test,) = doctest.DocTestFinder(recurse=False).find(mc.Reasoner.activations, globs={})
    assert doctest.DocTestRunner().run(test) == (0, len(test.examples))


@pytest.mark.parametrize("space", NAMESPACES)
def test_a_namespace_lists_what_it_holds(space):
    package = getattr(mc, space)
    assert set(package.__all__) <= set(dir(package))
    for name in package.__all__:
        assert inspect.getdoc(getattr(package, name)), name
        assert name in (inspect.getdoc(package) or "") or inspect.isclass(getattr(package, name))


def test_a_function_is_not_hidden_by_the_module_of_its_name():
    code = (
        "import mechcot.steering.dose_response, mechcot.pruning.frontier, mechcot as mc;"
        "print(callable(mc.steering.dose_response), callable(mc.pruning.frontier))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True True"


def shows_itself(value):
    assert isinstance(value, Displayed)
    assert str(value)
    assert isinstance(value.to_frame(), pd.DataFrame)
    assert isinstance(value.plot(), go.Figure)
    assert "<table" in value._repr_html_()


def test_one_measure_of_one_trace(pair, traces):
    one = mc.measure("suppression", pair.before, traces[0])
    shows_itself(one)
    shows_itself(one["kl"])
    assert one.unit == "probability"
    assert one.scalars["identity"] == 0.0
    n = len(traces[0].chain_steps)
    assert len(one["kl"].to_frame()) == n * n
    with pytest.raises(mc.UserError, match="no array 'attention' here; it has kl, answer"):
        one["attention"]


@pytest.mark.parametrize("name", list(mc.cards().to_frame()["name"]))
def test_every_array_of_every_measure_can_be_drawn(pair, traces, name):
    one = mc.measure(name, pair.after, traces[0], others=traces, against=pair.before, draws=2)
    assert one.reason or one.value == one.value
    for array in one.results.values():
        shows_itself(array)


def test_a_contrast_says_what_compare_would(pair, traces):
    change = mc.contrast(["filler", "early_answering"], pair, traces)
    shows_itself(change)
    frame = change.to_frame()
    assert list(frame["measure"]) == ["early_answering", "filler"]
    assert set(frame["verdict"]) == {"not judged"}  # three items are too few
    alone = [mc.measure("filler", pair.after, trace).value for trace in traces]
    after = frame.set_index("measure").loc["filler", "after"]
    assert after == pytest.approx(sum(alone) / len(alone), abs=1e-12)


def test_a_model_against_itself_has_not_moved(pair, traces):
    change = mc.contrast("filler", mc.Pair(pair.before, pair.before), traces)
    assert change.to_frame()["delta"].item() == 0.0


def test_a_contrast_wants_traces_of_one_author(pair, traces):
    others = pair.after.write(mc.problems("mod10", n=1))
    with pytest.raises(mc.UserError, match="expected traces of one author, got base, bypass"):
        mc.contrast("filler", pair, [*traces, *others])


def test_a_trace_reads_well_and_escapes_what_a_model_wrote(traces):
    trace = traces[0]
    shows_itself(trace)
    assert (
        str(trace).splitlines()[0].startswith(f"Trace {trace.id}: {len(trace.chain_steps)} steps")
    )
    assert "".join(trace.to_frame()["text"]) == trace.completion
    nasty = mc.Problem("q", "<script>alert(1)</script>\x1b[31m", "7")
    shown = dataclasses.replace(trace, problem=nasty)
    assert "<script>" not in shown._repr_html_()
    assert "\x1b" not in str(shown)


def test_a_long_table_is_cut_and_says_so(pair, traces):
    matrix = mc.measure("suppression", pair.before, traces[0])["kl"]
    rest = len(matrix.to_frame()) - ROWS
    assert f"{rest} more rows" in matrix._repr_html_()


def test_activations_lie_in_memory_or_on_disk(pair, traces, tmp_path):
    site = mc.Site("resid_post", 2)
    here = pair.before.activations(traces, at="resid_post.2")
    there = pair.before.activations(traces, at=[site], to_disk=tmp_path / "cache")
    assert here.read(site).equal(there.read(site))
    with pytest.raises(mc.UserError, match="under edits are kept in memory only"):
        hide = mc.AttentionKnockout(mc.Span(3, 4), queries=mc.Span(4, 5))
        pair.before.activations(traces, at=site, under=[hide], to_disk=tmp_path / "other")


def test_the_explorer_opens_models_and_folders(pair, traces, tmp_path):
    page = mc.explore(pair, traces[:1], measures=["early_answering"])
    assert [item.trace for item in page.data.items] == [traces[0].id]
    assert "<iframe" in page._repr_html_()
    with pytest.raises(mc.UserError, match="expected the folder of a finished"):
        mc.explore(tmp_path)


def test_problems_come_from_a_task_or_a_file(tmp_path):
    assert [p.id for p in mc.problems("mod10", n=2)] == [p.id for p in mc.problems("mod10", n=2)]
    file = tmp_path / "problems.jsonl"
    file.write_text('{"id": "a", "question": "Is ice cold?", "answer": "yes"}\n')
    (problem,) = mc.problems(file)
    assert mc.task_of(problem).name == "text"
    assert mc.task_of(problem).step_graph is None
    with pytest.raises(mc.UserError, match="at least 1 problem"):
        mc.problems("mod10", n=0)


def test_what_a_task_cannot_give_is_named():
    from mechcot.tasks import missing

    assert missing(mc.problems("mod10", n=1)) == {}
    named = missing([mc.Problem("a", "Is ice cold?", "yes")])
    assert named["paraphrases"] == "paraphrase is not measurable"
    assert set(missing([mc.Problem("a", "Is ice cold?", "yes")], ["kinds"])) == {"kinds"}
