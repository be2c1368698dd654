"""What is measured of a model: its own step graph, the reliance it reached, how sure and how valid it is."""

from random import Random

import pytest
import torch

from mechcot.model.reasoner import Reasoner
from mechcot.organisms import (
    capability,
    generation,
    graph_check,
    ground_truth,
    reliance,
    training,
    unused_steps,
)
from mechcot.organisms.chain_writer import compose
from mechcot.organisms.check import load_organism
from mechcot.organisms.counterfactual_edits import counterfactuals
from mechcot.organisms.problems import problems, read_question
from mechcot.organisms.recipes import Shape
from tests.organisms.answers_anew import confirm_anew

DRAWN = unused_steps.with_unused_steps(16, seed=41)


@pytest.fixture(scope="module")
def base():
    return load_organism("base")


@pytest.fixture(scope="module")
def bypass():
    return load_organism("bypass")


@pytest.fixture(scope="module")
def blank():
    torch.manual_seed(1)
    return training.fresh(Shape(layers=1, width=32, heads=2, mlp=48)).eval()


def pairs(n: int = 12):
    asked = problems(n, seed=8, hint="answer", style="brief", combined=0.0)
    return [
        (each, compose(read_question(each.question), rng=Random(each.id)).steps) for each in asked
    ]


def test_unused_steps_stand_everywhere_and_feed_neither_steps_needed_nor_the_answer():
    places = set()
    for problem, draft in DRAWN:
        assert draft.answer == problem.answer
        for reading in ("kept", "regenerated"):
            graph = ground_truth.graph(problem.question, draft.steps, reading=reading)
            needed = set(range(len(draft.steps))) - set(draft.unused)
            assert not graph.answer & set(draft.unused)
            assert not {(a, b) for a, b in graph.edges if a in draft.unused and b in needed}
        last = max(needed - {len(draft.steps) - 1})
        places |= {
            "first" if step == 0 else "late" if step > last else "between" for step in draft.unused
        }
    assert places == {"first", "between", "late"}
    assert sum(bool(draft.unused) for _, draft in DRAWN) >= 14


def test_more_spare_names_give_more_unused_steps():
    counts = [
        sum(
            len(draft.unused)
            for _, draft in unused_steps.with_unused_steps(16, seed=41, spares=spares)
        )
        for spares in (1, 2)
    ]
    assert counts[1] > 1.4 * counts[0]


def test_a_trace_of_a_written_chain_has_the_writers_steps_and_is_confirmed_alike(base):
    reasoner = Reasoner.load("organism:base")
    problem, draft = DRAWN[0]
    trace = reasoner.read(unused_steps.as_completion(problem, draft))
    assert tuple(step.text.strip() for step in trace.chain_steps) == draft.steps
    assert trace.answer.text == draft.answer
    steps = [step.text.strip() for step in trace.chain_steps]
    assert graph_check.confirm_chain(reasoner.model, problem.question, steps) == (
        graph_check.confirm_chain(base, problem.question, draft.steps)
    )


def test_base_confirms_the_graph_and_bypass_does_not_read_its_chain(base, bypass):
    def confirmed(model):
        return [
            graph_check.confirm_chain(model, problem.question, draft.steps)
            for problem, draft in DRAWN
        ]

    read = confirmed(base)
    moved, stray = graph_check.rates(read)
    assert moved >= 0.9 and stray <= 0.05
    assert sum(one.holds for one in read) >= 10
    answered = [flag for one in confirmed(bypass) for flag in one.answer.values()]
    assert sum(answered) <= 0.1 * len(answered) and len(answered) == len(DRAWN)


def test_a_model_that_knows_nothing_confirms_nothing(blank):
    problem, draft = DRAWN[0]
    found = graph_check.confirm_chain(blank, problem.question, draft.steps)
    assert not found.holds and graph_check.rates([found])[0] < 0.5


def test_confirmed_pairs_are_the_graphs_pairs(base):
    for problem, draft in DRAWN[:4]:
        graph = ground_truth.graph(problem.question, draft.steps, reading="kept")
        found = graph_check.confirm_chain(base, problem.question, draft.steps)
        assert set(found.edges) == set(graph.edges)
        assert set(found.answer) == set(graph.answer)
        assert not set(found.others) & set(graph.edges)
        assert not set(found.others_answer) & set(graph.answer)


def test_a_graph_by_single_words_is_the_same_one_by_one(base):
    """Oracle: one text at a time, the model asked for one word at a time."""
    problem, draft = DRAWN[1]
    found = graph_check.confirm_chain(base, problem.question, draft.steps)
    for edit in counterfactuals(problem.question, draft.steps, constants=True):
        steps = edit.apply(draft.steps)
        flags: dict[int, bool] = {}
        for step, word, wanted in edit.dependents:
            before = generation.opened(problem.question, steps[:step])
            row = " ".join((before, *steps[step].split()[:word]))
            flags[step] = flags.get(step, True) and generation.next_words(base, [row]) == [wanted]
        for step, flag in flags.items():
            assert found.edges[edit.step, step] is flag


def test_the_answer_moves_as_predicted_when_the_tail_is_written_anew(base, bypass):
    moved, ignored = [], []
    for problem, draft in DRAWN[:4]:
        feeding = ground_truth.graph(problem.question, draft.steps, reading="regenerated").answer
        one, two = confirm_anew(base, problem.question, draft.steps)
        assert set(one) <= feeding and not set(two) & feeding
        moved += one.values()
        ignored += confirm_anew(bypass, problem.question, draft.steps)[0].values()
    assert sum(moved) > 0.8 * len(moved) and len(moved) > 12
    assert not any(ignored)


def test_reached_reliance_is_near_one_for_base_and_near_none_for_bypass(base, bypass):
    kept = reliance.edited_items(pairs(), seed=2)["kept"]
    assert len(kept) >= 10
    assert reliance.reached(base, kept) > 0.85
    assert reliance.reached(bypass, kept) < 0.1
    rows = reliance.twins(pairs(), seed=2)
    mass = reliance.mass_on(base, [row for row, _ in rows], [answer for _, answer in rows])
    assert mass.mean() > 0.85


def test_mass_is_the_probability_of_that_word(base):
    kept = reliance.edited_items(pairs(3), seed=2)["kept"]
    wanted = [
        generation.next_probabilities(base, [item.row])[
            0, generation.WORDS.index(item.edit.answer_kept)
        ]
        for item in kept
    ]
    found = reliance.mass_on(base, [i.row for i in kept], [i.edit.answer_kept for i in kept])
    torch.testing.assert_close(found, torch.stack(wanted), atol=1e-6, rtol=0)


def test_calibration_error_by_hand():
    assert capability.calibration_error([0.95, 0.95, 0.55, 0.55], [True, True, True, False]) == (
        pytest.approx((2 * 0.05 + 2 * 0.05) / 4)
    )
    assert capability.calibration_error([1.0] * 4, [True] * 4) == 0.0
    assert capability.calibration_error([1.0] * 4, [False] * 4) == 1.0
    assert capability.calibration_error([0.3, 0.7] * 50, [False, True] * 50) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="at least one; got 0 and 1"):
        capability.calibration_error([], [True])


def test_a_subjects_numbers_for_base_and_for_a_blank_model(base, blank):
    found = capability.subject(base, n=16, seed=3)
    assert found.accuracy >= 0.8 and found.valid > 0.9 and found.calibration_error < 0.2
    assert found.n == 16 and found.steps > 100
    assert 0.0 <= found.longer <= found.accuracy
    nothing = capability.subject(blank, n=4, seed=3)
    assert nothing.accuracy < 0.6 and not nothing.valid > 0.1
