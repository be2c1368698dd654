"""Scores of labels against scikit-learn, and the probe on kinds that are exact."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, confusion_matrix, f1_score

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.trace import StepKind
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.chain_writer import compose
from mechcot.organisms.ground_truth import with_exact_kinds
from mechcot.organisms.problems import problems, read_question
from mechcot.organisms.unused_steps import as_completion
from mechcot.probes.step_kind import step_states, train_probe
from mechcot.stats.label_agreement import gaps, score_labels
from mechcot.text.step_kinds import Classifier

ABC = ("a", "b", "c")


def drawn(seed: int, *, right: float, n: int = 300) -> tuple[list[str], list[str], list[str]]:
    rng = np.random.default_rng(seed)
    truth = rng.choice(ABC, n, p=(0.6, 0.3, 0.1))
    found = np.where(rng.random(n) < right, truth, rng.choice(ABC, n))
    return truth.tolist(), found.tolist(), [str(i // 30) for i in range(n)]


def test_scores_are_those_of_scikit_learn():
    truth, found, groups = drawn(0, right=0.6)
    got = score_labels(truth, found, groups=groups, labels=ABC, resamples=200)
    assert got.macro.mean == pytest.approx(f1_score(truth, found, average="macro"))
    assert got.kappa.mean == pytest.approx(cohen_kappa_score(truth, found))
    np.testing.assert_array_equal(got.confusion, confusion_matrix(truth, found, labels=ABC))
    assert got.macro.low < got.macro.mean < got.macro.high
    assert got.macro.units == 10


def test_agreement_is_one_and_chance_is_nothing():
    truth, _, groups = drawn(1, right=0.0)
    same = score_labels(truth, truth, groups=groups, labels=ABC, resamples=50)
    assert (same.macro.low, same.kappa.mean, same.accuracy) == (1.0, 1.0, 1.0)
    truth, found, groups = drawn(1, right=0.0, n=3000)
    none = score_labels(truth, found, groups=groups, labels=ABC, resamples=50)
    assert abs(none.kappa.mean) < 0.05


def test_the_gap_of_two_labellings_is_paired():
    truth, well, groups = drawn(2, right=0.8)
    _, badly, _ = drawn(3, right=0.0)
    first, second = (
        score_labels(truth, found, groups=groups, labels=ABC, resamples=300)
        for found in (well, badly)
    )
    macro, kappa = gaps(first, second, resamples=300)
    assert macro.mean == pytest.approx(first.macro.mean - second.macro.mean)
    assert kappa.mean == pytest.approx(first.kappa.mean - second.kappa.mean)
    assert macro.low > 0
    assert kappa.low > 0
    nothing, _ = gaps(first, first, resamples=300)
    assert (nothing.low, nothing.mean, nothing.high) == (0, 0, 0)
    with pytest.raises(UserError, match="two labellings of the same steps"):
        gaps(first, score_labels(well, truth, groups=groups, labels=ABC, resamples=20))


def test_whole_groups_are_drawn():
    """All steps of a group alike: with two groups the interval is the range of the groups."""
    truth = ["a", "b"] * 20
    found = ["a", "b"] * 10 + ["b", "a"] * 10
    groups = ["one"] * 20 + ["two"] * 20
    got = score_labels(truth, found, groups=groups, labels=ABC, resamples=200)
    assert (got.macro.low, got.macro.high) == (0.0, 1.0)
    assert np.isnan(got.f1[2])
    alone = score_labels(truth, found, groups=["x"] * 40, labels=ABC)
    assert np.isnan(alone.macro.low)


def test_wrong_labels_are_told():
    with pytest.raises(UserError, match="unknown label 'd'"):
        score_labels(["a"], ["d"], groups=["x"], labels=ABC)
    with pytest.raises(UserError, match="one group per step, got 1, 0, 1"):
        score_labels(["a"], [], groups=["x"], labels=ABC)


@pytest.fixture(scope="module")
def reader() -> Reasoner:
    return Reasoner.load("organism:base")


@pytest.fixture(scope="module")
def traces(reader):
    from random import Random

    drafts = (
        (p, compose(read_question(p.question), rng=Random(p.id))) for p in problems(12, seed=3)
    )
    return [with_exact_kinds(reader.read(as_completion(*each))) for each in drafts]


@pytest.fixture(scope="module")
def labels(traces):
    return [[step.kind for step in trace.chain_steps] for trace in traces]


@pytest.fixture(scope="module")
def probe(reader, traces, labels):
    return train_probe(reader, traces, labels, layer=1)


def test_kinds_are_read_off_the_organism_and_shuffled_labels_are_not(probe):
    assert probe.held_out.macro.low > 0.75
    assert probe.shuffled.macro.high < 0.4
    assert probe.shuffled.kappa.mean < 0.2


def test_the_probe_is_a_classifier_and_agrees_with_itself_on_a_trace(probe, traces):
    from dataclasses import replace

    assert isinstance(probe, Classifier)
    trace = traces[0]
    here = replace(probe, question=trace.problem.question)
    assert here([step.text for step in trace.chain_steps]) == probe.kinds(trace)
    assert probe([]) == []
    assert probe([" "]) == [StepKind.OTHER]


def test_states_are_means_over_the_tokens_of_a_step(reader, traces):
    from mechcot.model.internals.sites import Site

    trace = traces[0]
    whole = reader.states(trace.ids, [Site("resid_post", 1)])[Site("resid_post", 1)].numpy()
    got = step_states(reader, trace, layer=1)
    for step in trace.chain_steps:
        span = slice(step.tokens.start, step.tokens.stop)
        np.testing.assert_allclose(got[step.index], whole[span].mean(0), atol=1e-4)


def test_too_little_is_told(reader, traces, labels):
    with pytest.raises(NotMeasurable, match="at least 4 problems and two kinds, got 2"):
        train_probe(reader, traces[:2], labels[:2], layer=1)
    with pytest.raises(UserError, match="one per chain step, got 0"):
        train_probe(reader, traces[:1], [[]], layer=1)
    with pytest.raises(UserError, match="expected labels for 1 traces, got 0"):
        train_probe(reader, traces[:1], [], layer=1)
