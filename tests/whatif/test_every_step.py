"""One change of every step in turn: a planted effect is found at its step, an absent one nowhere; what was not tried is named."""

from dataclasses import replace

import pytest

from mechcot.whatif import every_step, known_trace
from mechcot.whatif.actions import state_counterfactual
from mechcot.whatif.every_step import (
    CHANGED,
    NOT_REACHED,
    EveryStep,
    StepEffect,
    TriedChange,
    each_step,
    ranges,
    stands_again,
    why_nowhere,
)
from mechcot.whatif.known_trace import KnownTrace
from mechcot.whatif.long_work import finished
from mechcot.whatif.variant import Prediction
from tests.whatif.work import work_off


def tried(session, change):
    return finished(each_step(session.known, session.lens, change, tell=lambda _: None))


def test_a_planted_effect_is_found_and_an_absent_one_is_not(session):
    """`base` copies its answer from the last digit of its chain; `bypass` answers without it."""
    session.read_by(0)
    work_off(session)
    found = tried(session, "counterfactual")
    top = found.effects[0]
    assert (top.step, top.turned, len(top.tries)) == (6, known_trace.VALUES, known_trace.VALUES)
    assert [effect.step for effect in found.effects if effect.turned] == [6]
    start = "The answer of base, 3, turns when one step states another value: step 7 (3 → "
    assert found.sentence.startswith(start)
    assert found.sentence.endswith("; 5 of 5 tried turn it, 9 possible).")
    session.read_by(1)
    work_off(session)
    absent = tried(session, "counterfactual")
    assert not any(effect.turned for effect in absent.effects)
    start = "No step turns the answer of bypass: it stays 3 whichever step states another value ("
    assert absent.sentence.startswith(start)
    tried_ = f"{len(absent.rows)} changes of {len(absent.effects)} steps tried"
    assert f"({tried_}, 54 possible; " in absent.sentence, "nine others at each of six places"


def test_numbers_are_those_of_the_same_change_alone(session):
    known = session.known
    rows = [row for row in tried(session, "counterfactual").rows if row.step == 6]
    for value, row in enumerate(rows):
        result = session.comparison(state_counterfactual(known, known.clean, 6, value))
        assert (row.moved, row.said, row.turned) == (result.moved, result.after.said, result.turned)
    assert len({row.label for row in rows}) == len(rows), "each value once"


def test_the_first_values_keep_their_numbers_when_more_are_drawn(session):
    known = session.known
    steps = [step for step in range(7) if step in known._values]
    before = [known.stated(step) for step in steps]
    list(known.draw_values())
    for step, pairs in zip(steps, before, strict=True):
        assert known.stated(step)[: len(pairs)] == pairs
        spans = [stated.tokens for _, stated in known.stated(step)]
        assert all(spans.count(span) == known_trace.VALUES for span in spans)


def test_every_step_is_tried_or_named_with_its_reason(session):
    for change in ("counterfactual", "hide", "paraphrase", "mistake"):
        result = tried(session, change)
        steps = [effect.step for effect in result.effects] + [step for step, _ in result.untried]
        assert sorted(steps) == list(range(7)), change
    reason = session.known.mistakes
    assert result.left_out == f"Not tried: steps 1–7 ({reason})."
    assert result.sentence == "Nothing was tried: no step goes wrong."


@pytest.fixture
def narrow():
    rows = (
        TriedChange(1, "step 2: deleted", 0.5, effect=True, said="4", turned=True),
        TriedChange(1, "step 2: deleted", 0.1, effect=True, said="3", turned=False),
        TriedChange(4, "step 5: deleted", 0.2, effect=True, said=None, turned=True),
        TriedChange(2, "step 3: deleted", 0.9, effect=True, said="3", turned=False),
    )
    return EveryStep("delete", "tiny", "3", rows, ())


def test_steps_are_ordered_by_how_often_they_turn_the_answer_then_by_the_mean(narrow):
    assert [effect.step for effect in narrow.effects] == [4, 1, 2]
    assert [effect.moved for effect in narrow.effects] == pytest.approx([0.2, 0.3, 0.9])
    assert (
        "step 5 (deleted makes it unread); step 2 (deleted makes it 4; 1 of 2 tried turn it)"
        in narrow.sentence
    )
    quiet = replace(
        narrow, rows=tuple(replace(row, turned=False, effect=False) for row in narrow.rows)
    )
    assert quiet.sentence.endswith("(4 changes of 3 steps tried; nothing moves it beyond noise).")


def test_no_conclusion_is_drawn_before_every_step_was_reached(narrow):
    waiting = tuple((step, NOT_REACHED) for step in range(5, 9))
    part = replace(narrow, untried=((0, "no words"), (3, "no words"), *waiting))
    start = "The answer of tiny, 3, turns when one step is deleted (so far, 5 of 9 steps): step 5"
    assert part.sentence.startswith(start)
    quiet = replace(part, rows=tuple(replace(row, turned=False) for row in part.rows))
    assert quiet.sentence.endswith("one step is deleted: none so far, 5 of 9 steps.")
    assert replace(quiet, untried=quiet.untried[:2]).sentence.startswith("No step turns")
    assert replace(part, rows=()).sentence == "Nothing was tried so far, 2 of 6 steps."
    values = replace(part, change="counterfactual")
    assert values.left_out.endswith("(not reached).")
    assert "filler try every step." in replace(values, untried=((0, "no words"),)).left_out
    whole = replace(values, untried=()).left_out
    assert whole.startswith("Of a step that sets a value only this value is changed")
    assert replace(part, untried=()).left_out == "", "what is deleted is all of a step"
    steps = {row.step for row in quiet.rows}
    some = replace(quiet, untried=(), possible={min(steps): 9})
    assert len(steps) > 1 and "9 possible in the 1 that set one" in some.sentence


def test_a_change_that_the_task_does_not_have_says_why(session):
    reasons = {change: why_nowhere(session.known, change) for change in CHANGED}
    assert [change for change, reason in reasons.items() if reason] == ["mistake"]
    assert reasons["mistake"] == session.known.mistakes


def test_a_step_that_only_repeats_a_value_is_tried_too_without_a_prediction(session):
    """Planted: no counterfactual calls what the recap says a statement. Its two values still differ there."""
    own = session.known
    bare = tuple(
        replace(twin, stated=tuple(stated for stated in twin.stated if stated.step != 5))
        for twin in own.twins
    )
    known = KnownTrace(own.reader, own.trace)
    known.__dict__["twins"] = bare
    assert known.repeats == {5}
    spans = {stated.tokens for _, stated in known.stated(5)}
    assert spans == {stated.tokens for _, stated in own.stated(5)}
    assert state_counterfactual(known, known.clean, 5, 0).prediction == Prediction()
    before = known.stated(5)
    list(known.draw_values())
    assert known.stated(5)[: len(before)] == before


def test_a_value_that_stands_again_is_named_with_its_step(session):
    """The chain: `so h= 7 .`, `then d= 7 + 2 = 9 .`, `then f= 9 + 4 = 3 .`, `recap d= 9 , f= 3 .`, `so finally f= 3 .`"""
    known = session.known
    label = f"step 5: {known.value(known.stated(4)[0][1])}"
    row = TriedChange(4, label, 0.9, effect=True, said="1", turned=True)
    assert stands_again(known, StepEffect(4, (row,))) == "its value 3 stands again in step 6"
    assert stands_again(known, StepEffect(4, (replace(row, turned=False),))) == ""
    last = TriedChange(6, f"step 7: {known.value(known.stated(6)[0][1])}", 0.9, True, "1", True)
    assert stands_again(known, StepEffect(6, (last,))) == ""


@pytest.mark.parametrize(
    ("text", "stands"), [("so 3 .", True), ("so 13 .", False), ("3.5", False), ("x=3, y", True), ("3.", True), ("1,3", False)]
)  # fmt: skip
def test_a_value_within_a_longer_number_is_another_one(text, stands):
    assert every_step._names(text, "3") is stands


@pytest.mark.parametrize(
    ("steps", "words"), [([0], "step 1"), ([4, 0, 1, 2], "steps 1–3, 5"), ([0, 2], "steps 1, 3")]
)
def test_steps_in_words(steps, words):
    assert ranges(steps) == words
