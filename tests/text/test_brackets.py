"""What closes an answer, and what a text keeps for a cue that closes a bracket."""

import pytest

from mechcot.text.brackets import closed_at, opened_for, pair_of
from mechcot.text.stated_value import said_after


@pytest.mark.parametrize(
    ("text", "cue", "kept"),
    [
        ('{"steps": [3, 7', '], "answer": ', '{"steps": ['),
        ('{"steps": [[1, 2], [3', ']], "answer": ', '{"steps": [[1, 2], ['),
        ('{"why": "It is 7', '", "answer": ', '{"why": "'),
        ('{"why": "It is 7"', ', "answer": ', ""),
        ('{"why": "It is 7"', '", "answer": ', ""),
        ("We add (3", ") so", "We add ("),
        ("We add (3)", ") so", ""),
        ("We add [3, 7]. ", "</think> The answer is", ""),
        ("", '], "answer": ', ""),
        ("a [b", "", ""),
    ],
)
def test_a_cue_that_closes_a_bracket_needs_what_opened_it(text, cue, kept):
    assert opened_for(text, cue) == kept


@pytest.mark.parametrize(
    ("text", "mark", "value"),
    [
        ("3 + 4, so \\boxed{7}. Done.", "so \\boxed{", "7"),
        ("so \\boxed{\\frac{1}{2}}. Done.", "so \\boxed{", "\\frac{1}{2}"),
        ("所以\\boxed{丙寅}。此答已核。", "所以\\boxed{", "丙寅"),
        ("所以\\boxed{丙寅}。此答已核。", "所以\\boxed{{answer}}。此答", "丙寅"),
        ("It is Tim. I say that he goes.", "It is {answer} that", "Tim"),
        ("It is **Tim** who goes.", "It is **", "Tim"),
    ],
)
def test_a_written_answer_ends_where_its_bracket_closes(text, mark, value):
    said = said_after(text, mark)
    assert said is not None
    assert said.text == value


def test_a_bracket_that_never_closes_ends_nowhere():
    assert closed_at("7 and more", 0, pair_of("\\boxed{")) == -1
    assert closed_at("7}", 0, pair_of("Answer:")) == -1
