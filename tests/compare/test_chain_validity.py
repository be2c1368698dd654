"""Whether own chains became more or less right: planted mistakes move it, the same chains do not, and words part where the axes do."""

import pytest

from mechcot.compare.chain_validity import (
    ChainValidity,
    hardly_checkable,
    parted,
    validity_sentence,
)
from mechcot.core.problem import Completion, Problem
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.problems import problems


def written(reader: Reasoner, author: str, *, wrong: float, n: int = 40):
    """Chains of two sums; so many of them have a wrong second one."""
    traces = []
    for i in range(n):
        problem = Problem(f"p{i}", f"What is {i} + 2 + 3?", str(i + 5))
        off = i < wrong * n
        text = f"{i} + 2 = {i + 2} . {i + 2} + 3 = {i + 5 + off} . </think> Answer: {i + 5}"
        done = Completion(problem, reader.render(problem), text, author)
        traces.append(reader.read(done))
    return traces


@pytest.fixture(scope="module")
def reader(models):
    return Reasoner.load(models[0])


def test_planted_mistakes_move_the_share_of_valid_steps_and_nothing_else(reader):
    chains = ChainValidity.of(
        [
            *written(reader, "a", wrong=0),
            *written(reader, "b", wrong=0.5),
            *written(reader, "c", wrong=0),
        ]
    )
    worse, same = chains.change("a", "b", seed=0), chains.change("a", "c", seed=0)
    assert (worse.before, worse.after, worse.verdict, worse.lost) == (1.0, 0.75, "less", 20)
    assert (same.delta, same.lost, same.gained, same.verdict) == (0.0, 0, 0, "no change")
    told = validity_sentence(worse)
    assert told.startswith("Own chains: The share of valid steps fell: 100 % valid before, 75 %")
    table = chains.frame(["a", "b"], seed=0)
    shares = table.set_index(["model", "condition"])["mean"]
    assert shares["b", "chains without an invalid step"] == 0.5
    assert shares["b", "steps that can be checked"] == 1.0
    steps = chains.table()
    bad = steps[(steps.name == "valid") & (steps.value == 0)]
    assert set(bad.author) == {"b"} and set(bad.step) == {1.0} and len(bad) == 20


def test_chains_without_arithmetic_are_not_judged(reader):
    problem = Problem("p", "Who came?", "Ann")
    done = Completion(problem, reader.render(problem), "It was Ann . </think> Answer: Ann", "a")
    chains = ChainValidity.of([reader.read(done)])
    assert chains.change("a", "a", seed=0) is None
    assert chains.frame(["a"], seed=0).empty
    assert chains.change("a", "nobody", seed=0) is None
    assert "steps of 1 chain hold no arithmetic" in chains.unchecked
    assert ChainValidity().unchecked == ""
    assert ChainValidity.of(written(reader, "a", wrong=1, n=2)).unchecked == ""


def test_questions_whose_chains_will_hardly_be_checkable_are_said_before_the_run():
    bare = [Problem(str(i), "Which of them is taller?", "Ann") for i in range(3)]
    sums = [
        Problem("a", "Ann has 3 pens and buys twice as many.", "9"),
        Problem("b", "Seven and half of it?", "10.5"),
    ]
    assert hardly_checkable([*sums, *problems(3, seed=0)]) == ""
    said = hardly_checkable([*bare, *sums, *problems(3, seed=0)])
    assert "3 of 8 questions name fewer than two numbers" in said


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        (("more", "less", "less"), "more right, less valid, less used"),
        (("no change", "no change", "less"), "as right, as valid, less used"),
        (("less", "less", "less"), ""),
        (("more", "inconclusive", "less"), ""),
        (("more", "less", "not judged"), ""),
    ],
)
def test_what_moved_apart_is_said_only_where_all_three_are_known(verdicts, words):
    assert parted(*verdicts) == words
