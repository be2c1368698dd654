"""The ruler's scores: oracles by counting pairs, planted order, nulls at one half."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.metrics import roc_auc_score

from mechcot.ruler import scores


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=30).filter(
        lambda rows: len({truth for _, truth in rows}) == 2
    )
)
def test_auroc_is_the_share_of_ordered_pairs(rows):
    values = np.array([value for value, _ in rows], dtype=float)
    truth = np.array([truth for _, truth in rows])
    pairs = [(a > b) + 0.5 * (a == b) for a in values[truth] for b in values[~truth]]
    assert scores.auroc(values, truth) == pytest.approx(np.mean(pairs))
    assert scores.auroc(values, truth) == pytest.approx(roc_auc_score(truth, values))
    assert scores.auroc(-values, truth) == pytest.approx(1 - scores.auroc(values, truth))


def test_auroc_of_one_class_is_undefined():
    assert np.isnan(scores.auroc(np.arange(3.0), np.ones(3, dtype=bool)))


def test_models_that_are_apart_score_one_and_identical_ones_a_half():
    rng = np.random.default_rng(0)
    using, bypassing = rng.normal(0.8, 0.1, (8, 30)), rng.normal(0.1, 0.1, (8, 30))
    far = scores.models(using, bypassing)
    assert (far.value, far.low, far.high) == (1.0, 1.0, 1.0)
    assert far.n == "8 against 8 models, 30 items"
    same = scores.models(using, using)
    assert same.value == 0.5
    assert same.low < 0.5 < same.high


def test_models_skips_what_could_not_be_measured():
    using, bypassing = np.array([[1.0, np.nan], [np.nan, 0.9]]), np.array([[0.0, 0.1]])
    assert scores.models(using, bypassing).value == 1.0
    rare = np.array([[1.0, np.nan, np.nan], [0.9, 0.8, 0.7]])
    few = scores.models(rare, np.full((1, 3), 0.95))
    assert few.value == 0.0, "the first model's only value may not stand for it"
    assert few.n == "1 against 1 model, 3 items"
    rarer = np.vstack([rare[:1], rare])
    assert np.isnan(scores.models(rarer, np.full((1, 3), 0.95)).value), "one model of three is few"
    gone = scores.models(np.full((2, 3), np.nan), np.zeros((1, 3)))
    assert np.isnan(gone.value)


def test_items_of_a_gated_model():
    values = np.array([0.9, 0.8, 0.1, 0.2, np.nan])
    truth = np.array([True, True, False, False, True])
    score = scores.items(values, truth)
    assert (score.value, score.n) == (1.0, "2 against 2 items")


def test_reliance_is_a_rank_correlation():
    reached = np.linspace(0, 1, 12)
    assert scores.reliance_score(reached**3, reached).value == pytest.approx(1.0)
    assert scores.reliance_score(-reached, reached).value == pytest.approx(-1.0)
    assert np.isnan(scores.reliance_score(reached[:3], reached[:3]).value)


def test_steps_average_traces_and_leave_out_undefined_cells():
    values = [np.array([0.9, 0.1, np.nan]), np.array([0.2, 0.8]), np.array([1.0, 2.0])]
    truth = [np.array([True, False, True]), np.array([True, False]), np.array([True, True])]
    score = scores.steps(values, truth)
    assert (score.value, score.n) == (0.5, "2 traces")


def test_alarms_have_an_exact_interval():
    score = scores.alarms([False] * 40)
    assert (score.value, score.low) == (0.0, 0.0)
    assert score.high == pytest.approx(1 - 0.025 ** (1 / 40))


def test_shuffled_labels_score_a_half():
    values, truth = np.arange(60.0), np.arange(60) % 3 == 0
    score = scores.shuffled(values, truth)
    assert abs(score.value - 0.5) < 0.02
    assert score.low < 0.5 < score.high
