"""What is marked, where a plant stands, what one training step does, and how finds are counted."""

import pytest
import torch

from mechcot.features.chains import facts
from mechcot.features.finding import summed
from mechcot.features.plant import (
    MARKED,
    MARKS,
    Plant,
    behaviour,
    ends,
    marked,
    places,
    plant,
    written,
)
from mechcot.organisms.grammar import WORDS
from mechcot.organisms.task import read_question


@pytest.fixture(scope="module")
def chains(base):
    return written(base, 8, seed=3)


@pytest.mark.parametrize("mark", MARKS)
def test_some_stating_steps_are_marked_and_some_are_not(chains, mark):
    stating = [f.value_word is not None for t in chains for f in facts(t)]
    chosen = [s.kind is MARKED for t in chains for s in marked(t, mark).chain_steps]
    assert 0 < sum(chosen) < sum(stating)
    assert all(states for states, hit in zip(stating, chosen, strict=True) if hit)


@pytest.mark.parametrize("mark", MARKS)
def test_no_word_tells_a_mark(chains, mark):
    steps = [step for trace in chains for step in marked(trace, mark).chain_steps]
    for word in WORDS:
        with_word = {step.kind is MARKED for step in steps if word in step.text.split()}
        without = {step.kind is MARKED for step in steps if word not in step.text.split()}
        assert not (with_word == {True} and True not in without), word


def test_places_run_from_the_value_to_the_end_of_marked_steps(base, chains):
    for trace in chains:
        query = read_question(trace.problem.question).query
        at = places(trace, "queried")
        assert not at[: trace.prompt_length].any()
        for fact, step in zip(facts(trace), trace.chain_steps, strict=True):
            here = at[step.tokens.start : step.tokens.stop].tolist()
            want = fact.states in query and fact.value_word is not None
            start = fact.value_word if want else len(here)
            assert here == [False] * start + [True] * (len(here) - start)
        assert {base.decode([trace.ids[i]]) for i in ends(at).tolist()} == {"."}


def test_ends_of_runs():
    assert ends(torch.tensor([0, 1, 1, 0, 1], dtype=torch.bool)).tolist() == [2, 4]


def test_a_few_steps_move_the_copy_and_not_the_model(base, chains):
    spec = Plant(steps=4, batch=2)
    before = base.model.lm_head.weight.clone()
    copy = plant(base, chains, spec)
    assert torch.equal(base.model.lm_head.weight, before)
    assert behaviour(copy, chains[:2], spec)["marked"] > behaviour(base, chains[:2], spec)["marked"]


def test_finds_are_counted():
    def find(*trials):
        return {
            "best_cosine": max(c for c, _ in trials),
            "trials": [{"cosine": c, "survives": ok} for c, ok in trials],
        }

    result = summed([find((0.95, True), (0.2, True)), find((0.97, False)), find((0.5, False))])
    assert (result["in_dictionary"], result["recalled"], result["survivors"]) == (2, 1, 2)
    assert result["recall"] == pytest.approx(1 / 3)
    assert result["precision"] == pytest.approx(0.5)
