"""The answer probe finds what was planted on held-out items, and nothing under permuted labels."""

import numpy as np
import pytest

from benchmarks.answer_probe import _states, accuracy, answer_probe, permuted
from mechcot.core.errors import NotMeasurable
from mechcot.organisms import problems
from tests.measures.conftest import chain_of
from tests.measures.slow import inputs_of_blocks


def test_a_planted_direction_is_read_on_held_out_items_only():
    rng = np.random.default_rng(0)
    y = np.array(["a", "b"])[rng.integers(2, size=80)]
    items = np.array([f"item {i}" for i in range(80)])
    x = rng.normal(size=(80, 24))
    assert abs(accuracy(x, y, items, folds=4) - 0.5) < 0.2
    x[:, 3] += 4.0 * (y == "a")
    assert accuracy(x, y, items, folds=4) > 0.9
    assert abs(accuracy(x, permuted(y, items, rng=rng), items, folds=4) - 0.5) < 0.2


def test_traces_of_one_item_stand_in_one_fold():
    # four traces an item, known only by who the item is: a fold that splits items would read it
    rng = np.random.default_rng(1)
    items = np.repeat([f"item {i}" for i in range(24)], 4)
    y = np.repeat(np.array(["a", "b"])[rng.integers(2, size=24)], 4)
    x = np.repeat(rng.normal(size=(24, 64)), 4, axis=0) + 0.01 * rng.normal(size=(96, 64))
    assert accuracy(x, y, items, folds=4) < 0.75
    alone = np.array([f"trace {i}" for i in range(96)])
    assert accuracy(x, y, alone, folds=4) > 0.9


def test_permuted_labels_keep_items_whole():
    items = np.repeat(["p", "q", "r"], 2)
    given = permuted(np.array(["1", "1", "2", "2", "3", "3"]), items, rng=np.random.default_rng(0))
    assert all(len(set(given[items == item])) == 1 for item in "pqr")
    assert sorted(given) == ["1", "1", "2", "2", "3", "3"]


def test_base_holds_the_answer_at_the_end_of_its_chain_and_not_before_it(base):
    asked = problems.problems(64, seed=9, hops=(2, 2), hint="answer", style="brief")
    traces = [chain_of(base, problem, seed=i) for i, problem in enumerate(asked)]
    found = answer_probe(base, traces, points=2, answer_tokens=2)
    plain = inputs_of_blocks(base, [*traces[0].ids[: traces[0].cuts()[-1]], *base.cue_ids])
    ours = _states(base, traces[0], (0.0, 1.0))[:-1, 1]
    np.testing.assert_allclose(ours, [state[-1] for state in plain[1:]], atol=1e-4)
    np.testing.assert_array_equal(_states(base, traces[0], (0.0, 1.0))[:-1, 1], ours)
    assert found.accuracy.shape == (4, 2)
    assert found.accuracy[1:, 1].min() > 0.6
    assert found.accuracy[0, 1] < 0.35  # the first block has not brought it yet
    assert found.shuffled.max() < 0.35
    assert found.accuracy[:, 0].max() < 0.45
    assert found.items + found.dropped == 64
    frame = found.to_frame()
    assert len(frame) == 8
    assert set(frame["share"]) == {0.0, 1.0}


def test_one_answer_is_nothing_to_read(base):
    problem = problems.problems(1, seed=9, hops=(2, 2), hint="answer", style="brief")[0]
    trace = chain_of(base, problem, seed=0)
    with pytest.raises(NotMeasurable, match="two answers that occur in at least 4 items"):
        answer_probe(base, [trace], answer_tokens=2)
