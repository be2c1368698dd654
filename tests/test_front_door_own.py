"""The front door on a model, problems and traces that are the user's own: what cannot be given is said, never a traceback."""

import math
import subprocess
import sys

import pytest

import mechcot as mc
from tests.compare.tiny_models import byte_tokenizer, chain_of, save_tiny, sum_of, write_rows
from tests.test_front_door import shows_itself


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    root = tmp_path_factory.mktemp("own")
    tokenizer = byte_tokenizer(merges=0)
    return mc.load_pair(
        *(
            save_tiny(root / name, tokenizer, seed=i, context=512)
            for i, name in enumerate(("one", "two"))
        )
    )


@pytest.fixture(scope="module")
def problems(tmp_path_factory):
    return write_rows(
        tmp_path_factory.mktemp("p") / "problems.jsonl", [sum_of(i) for i in range(2, 6)]
    )


@pytest.fixture(scope="module")
def traces(pair, tmp_path_factory):
    file = write_rows(
        tmp_path_factory.mktemp("t") / "chains.jsonl", [chain_of(i) for i in range(2, 6)]
    )
    return mc.read_traces(file, pair.before)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    rows = [
        {
            "id": f"q{i}",
            "positive": f"Be brief. What is {i} + 4?",
            "negative": f"Be careful. What is {i} + 4?",
        }
        for i in range(5)
    ]
    return mc.contrast_pairs(write_rows(tmp_path_factory.mktemp("c") / "pairs.jsonl", rows))


def test_traces_of_a_file_are_measured_contrasted_and_explored(pair, traces):
    assert [trace.answer.text for trace in traces] == ["6", "7", "8", "9"]
    shows_itself(traces[0])
    shows_itself(mc.measure("suppression", pair.before, traces[0]))
    shows_itself(mc.contrast(["filler", "suppression"], pair, traces))
    shows_itself(pair.before.activations(traces, at=["resid_post.0", "resid_post.1"]))
    assert "<iframe" in mc.explore(pair, traces[:1], measures=["early_answering"])._repr_html_()


def test_problems_of_a_file_are_written(pair, problems):
    asked = mc.problems(problems)
    assert [problem.question for problem in asked] == [f"What is {i} + 4?" for i in range(2, 6)]
    (trace,) = pair.before.write(asked[:1], max_tokens=24)
    assert trace.problem == asked[0]
    shows_itself(trace)


def test_what_the_task_cannot_give_is_named(pair, traces):
    one = mc.measure("paraphrase", pair.before, traces[0])
    assert math.isnan(one.value)
    assert one.reason
    with pytest.raises(mc.UserError, match="has nothing to draw"):
        one.plot()
    assert mc.task_of(traces[0].problem).step_graph is None


def test_arithmetic_of_the_users_chains_is_patched(pair, traces):
    maps = mc.patch_map(pair, traces)
    shows_itself(maps)
    assert set(maps.to_frame()["layer"]) == {0, 1}


def test_pairs_of_a_file_make_a_vector_whose_doses_are_tried(pair, problems, pairs):
    vector = mc.steering.mean_difference(pair.before, pairs, at="resid_post.0", read="prompt")
    shows_itself(vector)
    asked = mc.problems(problems, n=2)
    doses = mc.steering.dose_response(pair.before, vector, asked, nats=[0.05], max_tokens=16)
    shows_itself(doses)
    with pytest.raises(mc.UserError, match="extract one from this model"):
        mc.steering.dose_response(pair.after, vector, asked, nats=[0.05], max_tokens=16)


def test_pruning_knows_no_needed_steps(pair, traces):
    frontier = mc.pruning.frontier(pair.before, traces, shares=[0.5], answer_tokens=4)
    shows_itself(frontier)
    assert frontier.needed.empty
    assert frontier.n == len(traces)


def test_a_dictionary_of_ones_own(pair, traces):
    small = mc.sae.TrainingSettings(width=8, k=2, samples=1_024, batch=128)
    dictionary = mc.sae.train_on(pair, traces, at="resid_post.0", settings=small)
    kind = traces[0].chain_steps[0].kind
    if all(step.kind is kind for trace in traces for step in trace.chain_steps):
        with pytest.raises(mc.UserError, match=f"expected at least 2 {kind} steps and 2 others"):
            dictionary.top(pair.before, traces, kind=kind)
    else:
        shows_itself(dictionary.top(pair.before, traces, kind=kind))
    shows_itself(mc.sae.evaluate(dictionary, pair.before, traces))


def test_mistakes_of_a_user_are_answered(pair, traces, tmp_path):
    mistakes = {
        "expected a stream out of": lambda: pair.before.activations(traces, at="residual.1"),
        "supression": lambda: mc.measure("supression", pair.before, traces[0]),
        "one": lambda: mc.steering.mean_difference(pair.before, [], at="resid_post.0"),
        "expected": lambda: mc.load(str(tmp_path)),
        "expected cfg.json and sae_weights.safetensors": lambda: mc.sae.load(tmp_path),
        "pairs.jsonl": lambda: mc.contrast_pairs(tmp_path / "pairs.jsonl"),
        "chains.jsonl": lambda: mc.read_traces(tmp_path / "chains.jsonl", pair.before),
        "problems.jsonl": lambda: mc.problems(tmp_path / "problems.jsonl"),
        "expected traces to prune, got none": lambda: mc.pruning.frontier(pair.before, []),
        "no traces": lambda: mc.contrast("filler", pair, []),
    }
    for said, mistake in mistakes.items():
        with pytest.raises(mc.UserError) as error:
            mistake()
        assert said in str(error.value)


MISUSE = """
import mechcot as mc
reader = mc.load("organism:base")
pair, problems = mc.Pair(reader, reader), mc.problems("mod10", n=1)
traces = reader.write(problems)
for call in (
    lambda: mc.measure("all", reader, traces[0]),
    lambda: mc.measure("filler", reader, traces),
    lambda: mc.measure("filler", pair, traces[0]),
    lambda: mc.contrast("filler", reader, traces),
    lambda: mc.contrast("filler", pair, traces[0]),
    lambda: mc.explore(pair, traces[0]),
    lambda: mc.explore(pair),
    lambda: mc.explore(traces, pair),
    lambda: mc.pruning.frontier(reader, traces[0]),
    lambda: reader.write(problems[0]),
    lambda: reader.write("problems.jsonl"),
    lambda: reader.activations(traces[0], at="resid_post.0"),
    lambda: mc.steering.mean_difference(reader, problems, at="resid_post.0"),
    lambda: mc.steering.dose_response(reader, None, problems, nats=0.1),
):
    try:
        call()
    except mc.UserError as error:
        print(error)
"""
SAID = [
    "unknown measure 'all'; choose one of gates",
    "expected one trace, got a value of type list; take traces[0]",
    "expected one model, got a value of type Pair",
    "expected a pair of models, got a value of type Reasoner; mc.load_pair",
    "expected traces, got one value of type Trace; put one into a list: [trace]",
    "expected traces, got one value of type Trace",
    "expected traces to explore, got none",
    "expected models, got a value of type Trace",
    "expected traces, got one value of type Trace",
    "expected problems, got one value of type Problem",
    "expected problems, got one value of type str; mc.problems",
    "expected traces, got one value of type Trace",
    "expected contrast pairs, got a value of type Problem; mc.contrast_pairs",
    "expected a steering vector, got a value of type NoneType; mc.steering.mean_difference",
]


@pytest.mark.slow
def test_an_argument_of_another_kind_is_named_at_the_door():
    """In a process of its own: here a type checker would speak first."""
    command = [sys.executable, "-c", MISUSE]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line[: len(said)] for line, said in zip(lines, SAID, strict=True)] == SAID


def test_a_measure_that_borrows_a_chain_says_that_none_was_given(pair, traces):
    alone = mc.measure("chain_exchange", pair.before, traces[0])
    assert alone.reason.startswith("no other item was given that has another answer")


WRONG = """
import mechcot as mc
reader = mc.load("organism:base")
pair, problems = mc.Pair(reader, reader), mc.problems("mod10", n=1)
traces = reader.write(problems)
small = mc.sae.TrainingSettings(width=16, k=4, samples=1000, batch=128)
dictionary = mc.sae.train_on(pair, traces, at="resid_post.1", settings=small)
vector = mc.steering.mean_difference(reader, mc.contrast_pairs("mod10", n=4), at="resid_post.1")
RIGHT = (
    (mc.load, ("organism:base",), {}),
    (mc.load_pair, ("organism:base", "organism:bypass"), {}),
    (mc.problems, ("mod10",), {"n": 1, "seed": 0}),
    (mc.contrast_pairs, ("mod10",), {"n": 2}),
    (mc.task_of, (problems[0],), {}),
    (mc.read_traces, ("nowhere.jsonl", reader), {}),
    (mc.measure, ("gates", reader, traces[0]), {"others": traces, "against": reader}),
    (mc.contrast, ("gates", pair, traces), {}),
    (mc.series, ("gates", [reader, reader.scaled(2.0)], traces), {}),
    (mc.patch_map, (pair, traces), {}),
    (mc.explore, (pair, traces), {"measures": ["gates"]}),
    (mc.steering.mean_difference, (reader, mc.contrast_pairs("mod10", n=2)), {"at": "resid_post.1"}),
    (mc.steering.dose_response, (reader, vector, problems), {"nats": [0.05]}),
    (mc.pruning.frontier, (reader, traces), {"shares": [0.5], "by": ""}),
    (mc.sae.load, ("nowhere",), {}),
    (mc.sae.train_on, ([reader], traces), {"at": "resid_post.1", "settings": small}),
    (mc.sae.evaluate, (dictionary, reader, traces), {}),
    (mc.sae.exchange, (dictionary, [reader], traces), {}),
    (dictionary.top, (reader, traces), {"kind": "verification"}),
    (reader.write, (problems,), {"max_tokens": 8}),
    (reader.activations, (traces,), {"at": "resid_post.1"}),
)
for function, given, named in RIGHT:
    for place in (*range(len(given)), *named):
        for wrong in (object(), [object()], {1: 2}, pair.map(str)):
            args, kwargs = list(given), dict(named)
            (kwargs if isinstance(place, str) else args)[place] = wrong
            try:
                function(*args, **kwargs)
            except mc.UserError as error:
                assert "\\n" not in str(error)
            else:
                print(function, place, wrong)
"""


@pytest.mark.slow
def test_no_argument_of_another_kind_ends_in_a_traceback():
    """Of every function of the front door and each of its arguments; in a process of its own, without a type checker."""
    done = subprocess.run(
        [sys.executable, "-c", WRONG], capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr[-2000:]
    assert done.stdout == ""
