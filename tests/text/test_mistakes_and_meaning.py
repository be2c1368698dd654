"""Mistakes and meaning of plain text."""

import pytest
from hypothesis import given, strategies as st

from mechcot.text.arithmetic.mistakes import NumberMistake, stated
from mechcot.text.arithmetic.similarity import TokenOverlap

WRONG, SAME = NumberMistake(), TokenOverlap()


@pytest.mark.parametrize(
    ("step", "kept"),
    [
        ("So 3 + 4 = 7 apples.", "So 3 + 4 = {} apples."),
        ("2. He pays 15 dollars.", "2. He pays {} dollars."),
        ("The sum is 1,250.", "The sum is {}."),
        ("x = 0.5", "x = {}"),
        ("Step 3: it costs $12 each.", "Step 3: it costs ${} each."),
    ],
)
def test_the_stated_number_changes_and_nothing_else(step, kept):
    head, tail = kept.split("{}")
    for seed in range(20):
        new = WRONG("", [step], seed=seed)
        assert new != step
        assert new.startswith(head)
        assert new.endswith(tail)
        old, changed = (
            step[len(head) : len(step) - len(tail)],
            new[len(head) : len(new) - len(tail)],
        )
        assert [c.isdigit() for c in old] == [c.isdigit() for c in changed]
    assert WRONG("", [step], seed=3) == WRONG("", [step], seed=3)


@pytest.mark.parametrize("step", ["Let me think about this.", "2.", "Step 3:", ""])
def test_a_step_that_states_no_number_takes_no_mistake(step):
    assert WRONG("", [step], seed=0) is None


@given(st.text(max_size=60), st.integers(0, 2**32))
def test_a_mistake_is_another_text_of_the_same_length(step, seed):
    new = WRONG("", [step], seed=seed)
    assert new is None or (new != step and len(new) == len(step))


@pytest.mark.parametrize(
    ("step", "other", "same"),
    [
        ("So he has 7 apples left.", "he has 7 apples left, so.", True),
        ("So he has 7 apples left.", "So he has 8 apples left.", False),
        ("It costs 1,250 dollars.", "it costs 1250 dollars", True),
        ("Wait, is that right?", "The answer must be even.", False),
        ("7", "7", True),
    ],
)
def test_meaning_by_words_and_numbers(step, other, same):
    assert SAME("", [], step, other) is same
    assert SAME("", [], other, step) is same


def test_a_time_of_day_names_a_moment_and_is_no_value():
    assert stated("At 5:30 he left") == []
    assert [token.text for token in stated("At 5:30 he had 12 = 12 apples")] == ["12", "12"]
