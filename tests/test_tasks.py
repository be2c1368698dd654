"""The first step that states the right answer, where the answer is words."""

import pytest

from mechcot.tasks import first_right_step
from tests.influence.words import trace_of


@pytest.mark.parametrize(
    ("answer", "steps", "first"),
    [
        ("dark blue", ["Omar is Ivo's son.", "Ivo likes dark blue.", "So Omar likes dark blue."], 1),
        ("blue", ["The hat is blue and red.", "Hence: blue!"], 1),
        ("Yes", ["No, wait.", "So it is yes"], 1),
        ("B", ["It could be B.", "The plan is B."], None),  # a letter must be stated as an answer
        ("dark blue", ["It is darkblue.", "dark blue, or red"], None),
        ("7", ["Take 3 and 4.", "So 3 + 4 = 7."], 1),
    ],
)  # fmt: skip
def test_words_count_where_a_step_ends_with_them(answer, steps, first):
    assert first_right_step(trace_of(steps, answer)) == first
