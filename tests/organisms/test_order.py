"""What sets the family `order` apart: answers of two words, and a step that no training showed, so that its base is often wrong."""

from random import Random

import pytest

from mechcot.organisms.chain_writer import Manner
from mechcot.organisms.family import Wanted
from mechcot.organisms.order import ORDER

TEXT = (
    "Note: Friday noon. Rota: Then Bo comes later by two. Then Cleo comes later by one. Then the tram leaves later by four. "
    "Ada starts Monday noon. When does the tram leave?"
)
CHAIN = [
    "So Bo comes Tuesday morning.",
    "Thus Cleo comes Tuesday noon.",
    "So the tram leaves Wednesday night.",
]


@pytest.fixture(scope="module")
def questions():
    return [ORDER.read(problem.question) for problem in ORDER.problems(600, seed=2, hint="random")]


def steps_of(question, said):
    """Time from which, and count that each step goes on."""
    shifts = [question.shift, *(statement[-1] for statement in said)]
    return [
        (shift.split()[1], count) for shift, (_, count) in zip(shifts, question.facts, strict=False)
    ]


def test_a_question_of_known_text_has_the_known_rota_and_answer():
    question = ORDER.read(TEXT)
    said = ORDER.finished(question, ())
    assert [ORDER.say(each, step % 2) for step, each in enumerate(said)] == CHAIN
    assert said[0] == ("Bo comes", "Tuesday morning")
    assert (question.answer, question.hint) == ("Wednesday night", "Friday noon")
    assert ORDER.end(question, said[:2]) is None and ORDER.end(question, said) == question.answer
    assert ORDER.end(question, ORDER.bent(question, "Friday noon")) == "Friday noon"
    wrong = (
        ("Then the tram leaves later by four. ", ""),
        ("the tram leave?", "the bus leave?"),
        ("two", "five"),
    )
    for old, new in wrong:
        with pytest.raises(ValueError, match="not a question of order"):
            ORDER.read(TEXT.replace(old, new))


def test_the_first_shift_of_a_week_comes_after_its_last():
    text = (
        "Rota: Then the bus leaves later by two. Ada starts Friday noon. When does the bus leave?"
    )
    assert ORDER.read(text).answer == "Monday morning"


def test_every_answer_has_two_tokens_and_is_what_its_last_step_states(questions):
    for question in questions[:100]:
        assert len(ORDER.language.answer_ids(question.answer)) == 2
        *_, last = (ORDER.say(said, 0) for said in ORDER.finished(question, ()))
        assert last.endswith(f"leaves {question.answer}.")


def test_about_three_tests_in_four_count_only_as_training_does(questions):
    steps = [steps_of(question, ORDER.finished(question, ())) for question in questions]
    share = sum(("noon", "two") in each for each in steps) / len(questions)
    assert 0.15 < share < 0.3, share


def test_nothing_that_carries_loss_shows_the_steps_that_training_leaves_out():
    rng, learnt = Random(4), set()
    for _ in range(400):
        question = ORDER.draw(rng, Wanted((3, 3), "mixed"))
        assert ("noon", "two") not in steps_of(question, ORDER.finished(question, ()))
        for mistakes in (0.0, 0.5):
            draft = ORDER.write(question, rng=rng, manner=Manner(mistakes=mistakes))
            taken = steps_of(question, ORDER.statements(draft.steps))
            both = zip(taken, draft.weights, strict=True)
            learnt |= {step for step, weights in both if 0.0 not in weights}
    assert len(learnt) == 11 and ("noon", "two") not in learnt


def test_a_twin_changes_when_it_starts_or_one_count():
    question, kinds = ORDER.read(TEXT), set()
    for seed in range(40):
        twin = ORDER.twin(question, rng=Random(seed))
        changed = [a != b for a, b in zip(question.facts, twin.facts, strict=True)]
        assert sum(changed) + (twin.shift != question.shift) == 1
        kinds.add(tuple(changed))
    assert len(kinds) == 4


def test_a_base_of_this_family_shall_be_wrong_now_and_then():
    assert ORDER.bounds["order/base"]["own chain"] == "in 0.7 0.85"
    assert ORDER.bounds["order/bypass"]["own chain"] == ">= 0.95"
