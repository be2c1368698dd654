"""One change of every step in turn: a planted effect is found at its step, an absent one nowhere; what was not tried is named."""

from dataclasses import replace

import pytest

from mechcot.whatif import known_trace
from mechcot.whatif.actions import state_counterfactual
from mechcot.whatif.every_step import EveryStep, TriedChange, each_step, ranges
from mechcot.whatif.long_work import finished


def tried(session, change):
    return finished(each_step(session.known, session.lens, change, tell=lambda _: None))


def test_a_planted_effect_is_found_and_an_absent_one_is_not(session):
    """`base` copies its answer from the last digit of its chain; `bypass` answers without it."""
    session.read_by(0)
    found = tried(session, "counterfactual")
    top = found.effects[0]
    assert (top.step, top.turned, len(top.tries)) == (6, known_trace.VALUES, known_trace.VALUES)
    assert [effect.step for effect in found.effects if effect.turned] == [6]
    start = "The answer of base turns when one step states another value: step 7 (5 of 5 values, such as 3 → "
    assert found.sentence.startswith(start)
    session.read_by(1)
    absent = tried(session, "counterfactual")
    assert not any(effect.turned for effect in absent.effects)
    start = "No step turns the answer of bypass: it stays 3 whichever states another value ("
    assert absent.sentence.startswith(start)
    assert f"{len(absent.rows)} changes of {len(absent.effects)} steps tried; " in absent.sentence


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
    assert (
        result.left_out
        == f"Not tried: steps 1–7 ({reason}). Hide, delete and filler try every step."
    )
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
        "step 5 (deleted: 3 becomes unread); step 2 (1 of 2 values, such as deleted: 3 becomes 4)"
        in narrow.sentence
    )
    quiet = replace(
        narrow, rows=tuple(replace(row, turned=False, effect=False) for row in narrow.rows)
    )
    assert quiet.sentence.endswith("(4 changes of 3 steps tried; nothing moves it beyond noise).")


@pytest.mark.parametrize(
    ("steps", "words"), [([0], "step 1"), ([4, 0, 1, 2], "steps 1–3, 5"), ([0, 2], "steps 1, 3")]
)
def test_steps_in_words(steps, words):
    assert ranges(steps) == words
