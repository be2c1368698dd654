"""Kinds of finished and unfinished steps of the organisms' language."""

from random import Random

import pytest

from mechcot.core.problem import Problem
from mechcot.core.trace import StepKind
from mechcot.organisms.chain_writer import Manner, compose
from mechcot.organisms.ground_truth import parse
from mechcot.organisms.problems import problems, read_question
from mechcot.tasks import kinds_of

CHAIN = ["need h: c - k .", "so c= 3 .", "then k= 2 .", "h= 3 - 2 = 1 ."]
QUESTION = "careful : c: 3 , k: 2 , h: c - k ; find h ?"
K = StepKind


@pytest.fixture(scope="module")
def classify():
    return kinds_of(Problem("p", QUESTION, "1", {"task": "mod10"}))


@pytest.mark.parametrize("bare", [0.0, 0.5, 1.0])
def test_finished_chains_have_the_kinds_that_their_writer_meant(bare):
    for problem in problems(6, seed=3, style="random"):
        world = read_question(problem.question)
        draft = compose(world, rng=Random(problem.id), manner=Manner(unmarked=bare))
        classify = kinds_of(problem)
        told = classify([f" {step}" for step in draft.steps])
        assert told == [fact.kind for fact in parse(problem.question, draft.steps)]
        if bare == 0:
            assert told == list(draft.kinds)
        for n in range(len(draft.steps)):  # a kind never depends on later text
            assert classify(draft.steps[:n]) == told[:n]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("need", K.EXPLORATION),
        ("h:", K.EXPLORATION),
        ("let", K.VERIFICATION),
        ("let me", K.VERIFICATION),
        ("check h : 3 -", K.VERIFICATION),
        ("h :", K.VERIFICATION),
        ("no", K.BACKTRACKING),
        ("so", K.PROGRESSION),
        ("so far", K.SUMMARY),
        ("so finally h=", K.CONCLUSION),
        ("c= 3 ,", K.SUMMARY),
        ("c=", K.SUMMARY),  # said already, not asked for
        ("h= 3", K.CONCLUSION),  # said already, asked for
        ("h= 3 -", K.PROGRESSION),
        ("hmm", K.OTHER),
        ("3", K.OTHER),
    ],
)
def test_an_unfinished_step_has_the_kind_that_its_words_announce(classify, words, kind):
    assert classify([*CHAIN, words]) == [K.EXPLORATION, *[K.PROGRESSION] * 3, kind]


def test_a_value_behind_a_bad_check_mends(classify):
    wrong = [*CHAIN[:3], "h= 3 - 2 = 5 .", "check h : 3 - 2 = 1 bad ."]
    assert classify([*wrong, "h="])[-1] is K.BACKTRACKING
    assert classify([*wrong, "h= 1 .", "h="])[-1] is K.CONCLUSION


def test_other_tasks_have_no_law():
    assert kinds_of(Problem("p", "What is 2 + 2?", "4")) is None
    assert kinds_of(Problem("p", QUESTION, "1", {"task": "mod10"}))([]) == []
