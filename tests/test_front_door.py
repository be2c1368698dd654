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
from mechcot.view.theme import SANS


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
MADE = (
    "DoseResponse",
    "Frontier",
    "Evaluation",
    "FeatureExchange",
    "FeatureTable",
    "LatentChanges",
    "CausalCheck",
)
"""Results whose example is that of the function which makes them."""
EXAMPLES = {
    name: value for name, value in EXAMPLES.items() if name.rsplit(".", maxsplit=1)[-1] not in MADE
}


@pytest.fixture
def one_load(pair, monkeypatch):
    """Examples load the shipped models once for all of them; models are frozen."""
    loaded = {"organism:base": pair.before, "organism:bypass": pair.after}
    others = ("organism:order/base", "organism:order/bypass")
    loaded |= dict(zip(others, mc.load_pair(*others), strict=True))
    monkeypatch.setattr(mc, "load", lambda name: loaded[name])
    monkeypatch.setattr(mc, "load_pair", lambda *names: mc.Pair(*map(loaded.get, names)))


@pytest.mark.usefixtures("one_load")
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_a_name_runs(name):
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
    assert 0 < len(repr(value)) < 4000, "short enough for a terminal"
    assert "object at 0x" not in repr(value)
    assert isinstance(value.to_frame(), pd.DataFrame)
    figure = value.plot()
    assert isinstance(figure, go.Figure)
    assert figure.data
    assert figure.layout.title.text, "a figure says what it shows"
    assert figure.layout.template.layout.font.family == SANS, "in the project's theme"
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
    if one.reason and not one.results:
        with pytest.raises(mc.UserError, match="has nothing to draw"):
            one.plot()
    else:
        shows_itself(one)


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


def test_a_series_judges_every_checkpoint_against_the_first(pair, traces):
    run = mc.series("filler", [pair.before, pair.before.scaled(1.5), pair.after], traces)
    shows_itself(run)
    frame = run.to_frame()
    assert list(frame["checkpoint"]) == ["base", "base@logits=1.5", "bypass"]
    change = mc.contrast("filler", pair, traces).to_frame()
    assert frame["delta"].iloc[2] == change["delta"].item()
    assert list(run.plot().data[0].customdata) == ["reference", "not judged", "not judged"]
    with pytest.raises(mc.UserError, match="checkpoints or more with names of their own, got base"):
        mc.series("filler", [pair.before, pair.before], traces)


def test_cards_are_a_list_and_a_table():
    cards = mc.cards()
    shows_itself(cards)
    assert cards["filler"].smallest_effect == 0.15
    assert list(cards.to_frame()["name"]) == [card.name for card in cards]
    with pytest.raises(mc.UserError, match="no measure 'fuller'; there are gates"):
        cards["fuller"]


def test_a_vector_and_what_its_doses_do(pair):
    vector = mc.steering.mean_difference(
        pair.before, mc.contrast_pairs("mod10", n=6), at="resid_post.1", read="prompt"
    )
    shows_itself(vector)
    assert repr(vector).startswith(
        "SteeringVector: mean difference at resid_post.1 of base, 128 wide"
    )
    frame = vector.to_frame()
    assert (frame["value"] ** 2).sum() ** 0.5 == pytest.approx(vector.norm)
    doses = mc.steering.dose_response(pair.before, vector, mc.problems("mod10", n=2), nats=[0.1])
    shows_itself(doses)
    assert "unsteered" in repr(doses)
    assert len(doses.plot().data) == 3  # nothing, vector, random
    with pytest.raises(mc.UserError, match="got 0 problems and 1 dose"):
        mc.steering.dose_response(pair.before, vector, [], nats=[0.1])
    with pytest.raises(mc.UserError, match="expected at least one pair, got an empty list"):
        mc.steering.mean_difference(pair.before, [], at="resid_post.1")


def test_a_frontier_begins_with_nothing_and_ends_with_the_whole_chain(pair, traces):
    result = mc.pruning.frontier(pair.before, traces[:2], shares=[0.5])
    shows_itself(result)
    frame = result.to_frame()
    whole = frame[frame["share"] == 1.0]
    whole = whole[whole["method"] != "early exit"]  # it stops at the first right step
    assert (whole["kept"] == 1).all()
    assert (whole["same"] == 1).all()
    assert (frame[frame["share"] == 0.0]["kept"] == 0).all()
    assert set(result.needed["method"]) == set(frame["method"])
    with pytest.raises(mc.UserError, match=r"shares of the chain from 0 to 1, got 30\.0"):
        mc.pruning.frontier(pair.before, traces, shares=[30.0])


def test_the_features_of_a_dictionary_that_mechcot_trained(pair, traces, dictionary_folder):
    dictionary = mc.sae.load(dictionary_folder)
    assert repr(dictionary).endswith("32 features of the states at resid_post.2, 128 wide")
    table = dictionary.top(pair.before, traces, kind="verification", count=5)
    shows_itself(table)
    frame = table.to_frame()
    assert len(frame) == 5
    assert frame["selectivity"].is_monotonic_decreasing
    assert (frame["inside"] >= frame["outside"])[frame["selectivity"] > 0].all()
    assert sum(table.steps) == sum(len(trace.chain_steps) for trace in traces)
    with pytest.raises(mc.UserError, match="expected a kind of step out of progression"):
        dictionary.top(pair.before, traces, kind="verifying")
    with pytest.raises(mc.UserError, match="expected at least 2 backtracking steps"):
        dictionary.top(pair.before, traces[:1], kind="backtracking")
    fit = mc.sae.evaluate(dictionary, pair.before, traces)
    shows_itself(fit)
    shows_itself(mc.sae.exchange(dictionary, pair, traces))


def test_where_a_stated_value_acts(pair, traces):
    maps = mc.patch_map(pair, traces[:1])
    shows_itself(maps)
    first = maps.to_frame().query("layer == 0 and readout != 'next'")
    assert first["before"].max() > 0.3 > first["after"].max()
    with pytest.raises(mc.UserError, match="no trace has step_patching in both models"):
        mc.patch_map(pair, [])


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
    shows_itself(here)
    first = here.norms()
    assert len(first) == len(traces[0].steps) + 1
    state = here.read(site, trace=traces[0].id, step=3)
    assert first.query("step == 4")["norm"].item() == pytest.approx(float(state.norm()), rel=1e-6)
    assert here.to_frame()["rows"].sum() == len(here.read(site))
    there = pair.before.activations(traces, at=[site], to_disk=tmp_path / "cache")
    assert here.read(site).equal(there.read(site))
    with pytest.raises(mc.UserError, match="under edits are kept in memory only"):
        hide = mc.AttentionKnockout(mc.Span(3, 4), queries=mc.Span(4, 5))
        pair.before.activations(traces, at=site, under=[hide], to_disk=tmp_path / "other")


def test_the_explorer_opens_models_and_folders(pair, traces, tmp_path):
    page = mc.explore(pair, traces[:1], measures=["early_answering"])
    assert [item.trace for item in page.data.items] == [traces[0].id]
    assert "<iframe" in page._repr_html_()
    assert list(page.to_frame()["reader"]) == ["base", "bypass"]
    assert repr(page).startswith("Explorer: 1 trace read by base and bypass")
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
    assert named["paraphrases"] == (
        "paraphrase is not measurable; --paraphrases FILE gives steps in other words"
    )
    assert set(missing([mc.Problem("a", "Is ice cold?", "yes")], ["kinds"])) == {"kinds"}
