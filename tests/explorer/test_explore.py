"""The explorer of a run folder and of readings in memory: what it names, what it passes over, what it refuses."""

import numpy as np
import pandas as pd
import pytest

from mechcot.core.errors import UserError
from mechcot.core.measurement import Measurement
from mechcot.core.problem import Problem
from mechcot.core.step_arrays import Curve, LayerSteps, StepMatrix, StepVector
from mechcot.core.store import write_json, write_traces
from mechcot.core.trace import Answer, Phase, Span, Step, StepKind, Trace
from mechcot.explorer.build import _misfit, explore_run, explorer

WORDS = ("a ", "bb ", "ccc ", "end")


@pytest.fixture
def trace() -> Trace:
    starts = np.cumsum([0, *map(len, WORDS)])
    steps = tuple(
        Step(
            index=i,
            text=text,
            chars=Span(int(starts[i]), int(starts[i + 1])),
            tokens=Span(4 + i, 5 + i),
            kind=StepKind.PROGRESSION,
            phase=Phase.CHAIN if i < 3 else Phase.ANSWER,
        )
        for i, text in enumerate(WORDS)
    )
    problem = Problem(id="p", question="?", answer="7")
    return Trace("p/one", problem, "one", "q", "".join(WORDS), tuple(range(8)), 4, steps, Answer("7", "word"))  # fmt: skip


def measurement(measure: str, results=(), *, reader="one", trace="p/one", **more) -> Measurement:
    return Measurement(measure=measure, trace=trace, item="p", author="one", reader=reader, value=0.5,
                   results={r.name: r for r in results}, **more)  # fmt: skip


def array(kind, name, values, *, measure="m", reader="one", labels=None):
    return kind(values=np.array(values, float), measure=measure, name=name, unit="probability",
                trace="p/one", reader=reader, tokens="t", labels=labels or {})  # fmt: skip


def hidden(values, reader="one"):
    found = array(StepVector, "answer", values, reader=reader)
    return measurement("suppression", [found], reader=reader, scalars={"null_random": 0.01})


def patched(values, steps=(0.0, 2.0), reader="one"):
    found = array(LayerSteps, "answer", values, reader=reader, labels={"step": steps})
    return measurement("step_patching", [found], reader=reader)


def only(found):
    return found.data.items[0]


def test_the_first_intervention_that_reaches_its_bound_names_the_step(trace):
    view = only(explorer([trace], [hidden([0.0, 0.4, 0.2]), patched([[0.9, 0.1]])], readers=["one"]))  # fmt: skip
    assert view.carrier == {"one": 1}
    assert view.lead == "strongest"
    np.testing.assert_array_equal(view.values[0].by_reader["one"], [0.9, 0.4, 0.2])
    assert view.sentences["one"] == (
        "Step 2 carries the answer: hidden from attention, 0.40 (probability). "
        "Other steps that move it: 1, 3."
    )
    weak = only(explorer([trace], [hidden([0.0, 0.09, 0.0]), patched([[0.1, 0.9], [0.95, 0.0]])], readers=["one"]))  # fmt: skip
    assert weak.carrier == {"one": 2}, "the first layer's input names the step, not a later layer"
    assert weak.values[0].title == "hidden or changed, the larger"


def test_the_first_numbers_shown_have_a_value_for_every_step(trace):
    stated = measurement("adding_mistakes", [array(StepVector, "kept", [np.nan, 0.6, 0.05])])
    view = only(explorer([trace], [hidden([0.0, 0.02, 0.07]), stated], readers=["one"]))
    assert view.carrier == {"one": 1}
    assert view.lead == view.values[0].key == "strongest"
    np.testing.assert_array_equal(view.values[0].by_reader["one"], [0.0, 0.6, 0.07])
    assert [values.key for values in view.values[1:]] == ["suppression/answer", "adding_mistakes/kept"]  # fmt: skip
    alone = only(explorer([trace], [hidden([0.0, 0.02, 0.07])], readers=["one"]))
    assert [values.key for values in alone.values] == ["suppression/answer"]


def test_what_a_step_says_names_it_before_where_it_stands(trace):
    stated = measurement("adding_mistakes", [array(StepVector, "kept", [np.nan, 0.9, 0.2])])
    view = only(explorer([trace], [hidden([0.0, 0.0, 0.98]), stated], readers=["one"]))
    assert view.carrier == {"one": 1}
    assert view.sentences["one"] == (
        "Step 2 carries the answer: wrong value stated, 0.90 (probability). Hidden from attention alone it moves the answer by 0 only. "
        "Other steps that move it: 3."
    )


def test_a_weak_misstatement_gives_way_to_hiding_a_step_that_none_was_stated_in(trace):
    def named(stated, hide):
        wrong = measurement("adding_mistakes", [array(StepVector, "kept", stated)])
        return only(explorer([trace], [hidden(hide), wrong], readers=["one"])).carrier["one"]

    assert named([0.0, 0.2, np.nan], [0.0, 0.0, 0.7]) == 2
    assert named([0.0, 0.6, np.nan], [0.0, 0.0, 0.7]) == 1, "half of the probability is enough"
    assert named([0.0, 0.2, 0.0], [0.0, 0.0, 0.7]) == 1, "what step 3 says moves nothing"
    assert named([0.0, 0.2, np.nan], [0.0, 0.0, 0.15]) == 1, "the larger one"
    assert named([0.0, 0.0, 0.0], [0.0, 0.0, 0.7]) == 2, "hiding, where nothing else names one"
    assert named([0.0, 0.0, 0.0], [0.0, 0.0, 0.05]) is None


def test_no_step_is_named_below_the_bounds(trace):
    view = only(explorer([trace], [hidden([0.0, 0.09, 0.0]), patched([[0.1, np.nan]])], readers=["one"]))  # fmt: skip
    assert view.carrier == {"one": None}
    assert view.sentences["one"] == (
        "No step carries the answer: hidden from attention, largest 0.09 at step 2 (bound 0.1); "
        "state changed (answer), largest 0.10 at step 1 (bound 0.15)."
    )
    none = only(explorer([trace], [measurement("filler")], readers=["one"]))
    assert none.sentences["one"] == (
        "No intervention on steps was read on this chain, so no step can be named; those are read on the chains that are compared."
    )


def test_the_answer_is_fixed_where_it_stays(trace):
    def line(hard):
        curves = [array(Curve, "soft", [0.1, 0.2, 0.3, 0.9]), array(Curve, "hard", hard)]
        return only(
            explorer([trace], [measurement("early_answering", curves)], readers=["one"])
        ).lines

    assert line([1, 0, 1, 1])["one"].fixed == 2
    assert line([1, 1, 1, 1])["one"].fixed == 0
    assert line([0, 0, 0, 1])["one"].fixed == 3
    view = line([0, 0, 0, 1])["one"]
    np.testing.assert_array_equal(view.soft, [0.1, 0.2, 0.3, 0.9])


def test_values_stand_at_their_steps_and_readers(trace):
    matrix = array(StepMatrix, "kl", np.full((3, 3), 0.5))
    two = measurement("suppression", [array(StepVector, "answer", [0, 0, 0.7], reader="two")], reader="two")  # fmt: skip
    one = measurement("suppression", [array(StepVector, "answer", [0.3, 0, 0]), matrix])
    view = only(explorer([trace], [one, two, patched([[0.2, 0.6]])], readers=["one", "two"]))
    by_key = {values.key: values for values in view.values}
    np.testing.assert_array_equal(by_key["suppression/answer"].by_reader["two"], [0, 0, 0.7])
    np.testing.assert_array_equal(by_key["step_patching/answer"].by_reader["one"], [0.2, np.nan, 0.6])  # fmt: skip
    assert [grid.kind for grid in view.grids] == ["steps", "layers"]
    assert view.grids[1].columns == (0, 2)
    assert [card.kind for card in view.steps] == ["progression"] * 3 + ["answer"]
    assert view.steps[1].tokens == (5, 6) and view.n_chain == 3


def test_other_readers_and_traces_are_passed_over_and_nothing_is_an_error(trace):
    strange = [hidden([1, 1, 1], reader="three"), measurement("filler", trace="other")]
    with pytest.raises(UserError, match="no measurement of 1 trace by one; run `mechcot compare`"):  # fmt: skip
        explorer([trace], strange, readers=["one"])


@pytest.fixture
def folder(trace, tmp_path):
    """A run's folder, in which an earlier run left a reading of its own."""
    write_json(
        tmp_path / "summary.json",
        {"author": "one", "models": [{"name": "one", "spec": "s", "weights": "w"}]},
    )
    write_traces(tmp_path / "traces.jsonl", [trace])
    for name, values in (("a", [0.5, 0, 0]), ("b", [0, 0, 0.5]), ("c", [0, 0.5, 0])):
        hidden(values).save(tmp_path / "readings" / "one" / "suppression" / f"{name}.safetensors")
    (tmp_path / "results").mkdir()
    table = pd.DataFrame({"file": ["readings/one/suppression/b.safetensors", ""]})
    table.to_parquet(tmp_path / "results" / "readings.parquet")
    return tmp_path


def test_only_the_readings_of_the_last_run_are_shown(folder):
    assert only(explore_run(folder, items=["p"])).carrier == {"one": 2}


def test_a_folder_that_is_no_run_and_an_unknown_item_are_refused(folder):
    with pytest.raises(UserError, match="expected the folder of a finished `mechcot compare`"):
        explore_run(folder / "results")
    with pytest.raises(UserError, match="unknown item 'q'; this run has p"):
        explore_run(folder, items=["q"])


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("summary.json", '{"author": "o', "summary of a run, the file is damaged"),
        ("summary.json", "[]", "summary of a run, got a list"),
        ("summary.json", '{"hello": 1}', "a run .missing ..author., .models."),
        ("manifest.json", "", "manifest of a run, the file is damaged"),
        ("traces.jsonl", '{"schema": 1, "id"', "traces.jsonl:1: not a trace as mechcot writes it"),
        ("traces.jsonl", '{"question": "?"}', "traces.jsonl:1: not a trace as mechcot writes it"),
        ("results/readings.parquet", "no table", "expected the readings of a run"),
        ("readings/one/suppression/b.safetensors", "x", "the file is damaged"),
        ("readings/one/suppression/b.safetensors", None, "b.safetensors is missing; run"),
    ],
)
def test_a_damaged_folder_is_one_sentence(folder, name, text, words):
    (folder / name).unlink(missing_ok=True)
    if text is not None:
        (folder / name).write_text(text)
    with pytest.raises(UserError, match=words):
        explore_run(folder)


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (array(Curve, "from", np.zeros(9), labels={"after": tuple(map(float, range(0, 41, 5)))}), ""),
        (array(Curve, "from", np.zeros(41)), ""),
        (array(Curve, "from", np.zeros(9)), "is of shape (9,), the chain has 40 steps"),
        (array(Curve, "from", np.zeros(2), labels={"after": (0.0, 41.0)}), "steps that the chain"),
        (array(StepMatrix, "nats", np.zeros((40, 40))), ""),
        (array(StepMatrix, "nats", np.zeros((40, 39))), "is of shape (40, 39)"),
        (array(LayerSteps, "answer", np.zeros((2, 2)), labels={"step": (0.0, 39.0)}), ""),
        (array(LayerSteps, "answer", np.zeros((2, 2)), labels={"step": (0.0, 40.0)}), "steps that"),
    ],
)  # fmt: skip
def test_an_array_is_about_steps_of_its_chain_all_or_those_that_its_labels_name(found, fault):
    said = _misfit(measurement("m", [found]), 40)
    assert fault in said
    assert bool(said) == bool(fault)
