"""Problems at a distance from those that are trained on: each is one of its task, exact as all others, and as far as it says."""

from random import Random
from typing import Any

import pytest

from mechcot.core.errors import UserError
from mechcot.organisms import mod10_shifts
from mechcot.organisms.chain_writer import Manner
from mechcot.organisms.english_story import draw_story
from mechcot.organisms.format_noise import draw_noise, with_noise, without_noise
from mechcot.organisms.problems import problems as draw_mod10, read_question
from mechcot.organisms.registry import ORGANISM_FAMILIES
from mechcot.tasks import TASKS, shifted_draw, shifted_draws, task_of
from mechcot.text.shifts import with_shifted

FAMILIES = sorted(ORGANISM_FAMILIES)
ALL = [(f, s, level) for f in FAMILIES for s, at in TASKS[f].shifts.items() for level in at.levels]
EXACT = [each for each in ALL if each[1] != "unanswerable"]


def _family(name: str) -> Any:
    return ORGANISM_FAMILIES[name]


def _drawn(family, shift, level, n=6, hint="random"):
    return shifted_draw(family, shift).draw(n, seed=3, level=float(level), hint=hint)


def _silent(family):
    return mod10_shifts.SILENT_MARKS if family == "mod10" else _family(family).silent


def test_every_family_has_the_four_shifts():
    for family in FAMILIES:
        assert {"task", "length", "n-1", "format"} <= set(TASKS[family].shifts)
    twins = {f for f in FAMILIES if "unanswerable" in TASKS[f].shifts}
    assert twins == {"mod10", "english", "gaps"}


@pytest.mark.parametrize(("family", "shift", "level"), EXACT)
def test_a_shifted_question_stays_one_of_its_task_with_a_right_chain(family, shift, level):
    drawn = _drawn(family, shift, level)
    assert drawn and drawn == _drawn(family, shift, level)
    for problem in drawn[:3]:
        task = task_of(problem)
        assert task.name == family
        question = _family(family).read(problem.question)
        assert (question.text, question.answer) == (problem.question, problem.answer)
        assert task.hinted(task.hinted(problem, None), question.hint).question == problem.question
        written = _family(family).write(question, rng=Random(0), manner=Manner())
        assert written.answer == problem.answer


def _steps(family, problem):
    if family == "mod10":
        return len(read_question(problem.question).spine) - 1
    own = _family(family)
    question = own.read(problem.question)
    if family == "english":
        return sum(bool(question.of[who].reads) for who in question.needed)
    return len(own.finished(question, ()))


@pytest.mark.parametrize("family", FAMILIES)
def test_length_counts_steps_beyond_what_is_trained(family):
    fewest, most = (2, 6) if family == "mod10" else _family(family).hops
    for level in shifted_draw(family, "length").levels:
        wanted = fewest + level if level < 0 else most + level
        assert {_steps(family, p) for p in _drawn(family, "length", level)} == {wanted}


@pytest.mark.parametrize("family", FAMILIES)
def test_one_element_is_left_out_of_a_question_that_is_asked_too(family):
    draw = TASKS[family].draw
    assert draw is not None
    plain = {p.id: p for p in draw(20, seed=3, hint="answer")}  # pyright: ignore[reportCallIssue]
    twins = _drawn(family, "n-1", 1, n=20, hint="answer")
    assert len(twins) > 8
    read = _family(family).read
    for twin in twins:
        both = read(plain[twin.id].question), read(twin.question)
        assert _steps(family, plain[twin.id]) - _steps(family, twin) == 1
        assert twin.answer == both[1].hint
        listed = [getattr(q, "definitions", getattr(q, "facts", ())) for q in both]
        assert len(listed[0]) - len(listed[1]) == 1
        moves = family not in {"lookup", "reach", "gaps"}
        assert (twin.answer != plain[twin.id].answer) == moves


def test_task_shifts_join_what_training_never_joins():
    plain = [read_question(p.question) for p in draw_mod10(40, seed=0)]
    assert not any(map(mod10_shifts._named_operands, plain))
    for level in (1, 2, 3):
        worlds = [read_question(p.question) for p in _drawn("mod10", "task", level)]
        assert {mod10_shifts._named_operands(world) for world in worlds} == {level}
    for family in ("lookup", "gaps", "reach"):
        own = _family(family)
        for shift, level in (("length", 1), ("task", 1), ("task", 2)):
            for problem in _drawn(family, shift, level):
                ends = [fact[1] for fact in own.read(problem.question).facts]
                assert len(ends) - len(set(ends)) == (level if shift == "task" else 0)


def _worked_out_seconds(story):
    """How many people whose number is a sum stand second in `both` and in no other way on the asked person's path."""
    joined = [f for f in story.facts if f.kind == "both" and f.who in story.needed]
    return sum(bool(story.of[f.also].reads) and f.also not in _path(story, f.of) for f in joined)


def _path(story, person):
    seen = [person]
    for each in seen:
        seen += story.of[each].reads
    return seen


def test_english_joins_two_branches_of_sums():
    rng = Random(0)
    assert not sum(_worked_out_seconds(draw_story(rng, 5)) for _ in range(60))
    read = _family("english").read
    for level in (1, 2):
        for problem in _drawn("english", "task", level):
            assert _worked_out_seconds(read(problem.question)) == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_noise_is_read_over_and_nested(family):
    plain = {p.id: p.question for p in shifted_draw(family, "length").draw(10, seed=1, level=1.0)}
    silent = _silent(family)
    for text in plain.values():
        assert without_noise(text, silent) == (text, ())
        few, many = (draw_noise(text, silent, p, Random(5)) for p in (0.2, 0.6))
        assert set(few) < set(many)
        noisy = with_noise(text, many)
        assert without_noise(noisy, silent) == (text, many)


def test_a_counterfactual_of_a_noisy_question_keeps_its_noise():
    for family in FAMILIES:
        own = _family(family)
        for problem in _drawn(family, "format", 0.4):
            question = own.read(problem.question)
            twin = own.twin(question, rng=Random(1))
            assert twin.noise == question.noise and twin.text != question.text
            assert len(twin.text.split()) == len(problem.question.split())


def test_a_twin_without_a_fact_has_no_answer():
    plain = {p.id: p for p in draw_mod10(20, seed=3, hint="random")}
    for twin in _drawn("mod10", "unanswerable", 1, n=20):
        assert not twin.answerable and not twin.answer
        before = read_question(plain[twin.id].question)
        assert plain[twin.id].question.count(" , ") - twin.question.count(" , ") == 1
        gone = [name for name in before.spine if f" {name}: " not in twin.question]
        assert len(gone) == 1 and gone[0] in twin.question
        assert twin.meta["answerable"] is False and "task" not in twin.meta


def test_rows_carry_shift_level_and_an_id_of_their_own():
    draws = shifted_draws("lookup", ["length", "format:.3"], [])
    assert list(draws) == [
        ("length", -1),
        ("length", 1),
        ("length", 2),
        ("length", 3),
        ("format", 0.3),
    ]
    plain = _family("lookup").problems(4, seed=0)
    rows = with_shifted(plain, {key: draw(4, seed=0) for key, draw in draws.items()})
    assert len({row.id for row in rows}) == len(rows)
    found = {(row.meta["shift"], row.meta["level"], row.meta["stratum"]) for row in rows}
    assert ("none", 0.0, "as it is") in found and ("length", -1.0, "length -1") in found
    assert ("format", 0.3, "format 0.3") in found
    assert list(shifted_draws("mod10", ["length"], [2.0, -1.0])) == [("length", 2), ("length", -1)]


@pytest.mark.parametrize(
    ("shifts", "levels", "message"),
    [
        (["length"], [9.0], "level 9 is none of mod10's; expected one of -1, 1, 2, 3, 4"),
        (["format"], [2.0], "expected a share above 0 and at most 1"),
        (["format:x"], [], "expected a number behind the colon"),
        (["names"], [], "the shifts of mod10 are: format, length, longer, n-1, task, unanswerable"),
        ([], [1.0], "name the shift"),
    ],
)
def test_what_cannot_be_drawn_is_said(shifts, levels, message):
    with pytest.raises(UserError, match=message):
        shifted_draws("mod10", shifts, levels)
