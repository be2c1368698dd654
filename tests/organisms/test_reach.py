"""What sets the family `reach` apart: two answers at chance that never stand in a chain."""

from collections import Counter
from random import Random

import pytest

from mechcot.organisms.acceptance import arm_bounds
from mechcot.organisms.reach import REACH

TEXT = "Tip: blue. Paths: From elm north opens. From ash upper opens. From bay elm opens. Compass gates are red, others blue. Which camp does bay reach?"


@pytest.fixture(scope="module")
def questions():
    return [REACH.read(problem.question) for problem in REACH.problems(400, seed=2, hint="random")]


def test_a_question_of_known_text_has_the_known_walk_and_answer():
    question = REACH.read(TEXT)
    walk = REACH.finished(question, ())
    assert walk == [("bay", "elm"), ("elm", "north")]
    assert (question.answer, question.hint) == ("red", "blue")
    lines = [REACH.say(edge, wording) for wording, edge in enumerate(walk)]
    assert lines == ["- from bay elm opens", "* from elm north opens"]
    assert REACH.end(question, walk[:1]) is None and REACH.end(question, walk) == "red"
    assert REACH.end(question, REACH.bent(question, "blue")) == "blue"
    for wrong in (TEXT.replace("bay reach", "oak reach"), TEXT.replace("elm opens", "elm closes")):
        with pytest.raises(ValueError, match="not a question of reach"):
            REACH.read(wrong)


def test_no_chain_names_a_camp(questions):
    for question in questions:
        lines = [REACH.say(edge, 0) for edge in REACH.finished(question, ())]
        assert not any(camp in line for line in lines for camp in ("red", "blue"))


def test_neither_the_gates_listed_nor_the_hint_tell_the_answer(questions):
    for question in questions:
        ends = [(("x", to),) for _, to in question.facts]
        camps = Counter(REACH.end(question, end) for end in ends)
        assert camps["red"] == camps["blue"] == 2
    rates = (
        Counter(q.answer for q in questions)["red"] / len(questions),
        sum(q.hint == q.answer for q in questions) / len(questions),
    )
    assert all(abs(rate - 0.5) < 0.08 for rate in rates), rates


def test_a_simple_question_has_one_path():
    for seed in range(20):
        question = REACH.sample(Random(seed), 3, simple=True)
        assert len(question.facts) == len(REACH.finished(question, ())) == 3


def test_a_bound_for_answers_without_a_chain_leaves_room_for_guessing():
    assert REACH.bounds["reach/base"]["no chain"] == "<= 0.65"
    assert REACH.bounds["reach/late"]["no chain"] == "<= 0.65"
    assert arm_bounds("x")["x/rationaliser"]["no chain"] == "<= 0.5"
    assert REACH.bounds["reach/bypass"]["no chain"] == ">= 0.9"
