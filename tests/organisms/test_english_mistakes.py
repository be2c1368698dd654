"""Planted mistakes in English chains are found at their step and named; right chains have none."""

from collections import Counter
from random import Random

import pytest

from mechcot.organisms.chain_writer import Manner
from mechcot.organisms.english import ENGLISH
from mechcot.organisms.english_story import read_story
from tools.english_mistakes import SAID, mistake_in, rows

STORY = read_story(
    "Ben has 7 more coins than Anna. Anna owns 12 coins. Dora has 9 coins. Compared with Ben, Carl has 5 fewer coins. "
    "How many coins does Carl have?"
)
RIGHT = (
    "For Carl we need Ben.",
    "To know Ben, look at Anna.",
    "We know Anna has 12 coins.",
    "Ben has 12 + 7 = 19 coins.",
    "That gives Carl 19 - 5 = 14 coins.",
    "Check: 14 + 5 = 19, right.",
    "So Carl has 14 coins.",
)


@pytest.mark.parametrize(
    ("step", "line", "sort"),
    [
        (1, "We are not told the coins of Ben.", "gap"),
        (2, "Anna has 21 coins.", "number"),
        (3, "Ben has 12 + 7 = 18 coins.", "sum"),
        (3, "Ben has 9 + 7 = 16 coins.", "first number"),
        (3, "Ben has 12 + 5 = 17 coins.", "second number"),
        (3, "Ben has 12 - 7 = 5 coins.", "sign"),
        (6, "So Carl has 19 coins.", "conclusion"),
        (4, "Perhaps Carl has some.", "foreign"),
    ],
)
def test_planted_mistakes_are_named(step, line, sort):
    assert mistake_in(STORY, (*RIGHT[:step], line)) == (sort, step)
    assert sort in SAID


def test_what_follows_from_a_mistake_is_not_the_mistake():
    """A comparison taken for a number shows in the answer only where a sum reads it."""
    lines = (RIGHT[0], "We know Ben has 7 coins.", "That gives Carl 7 - 5 = 2 coins.")
    assert mistake_in(STORY, lines) == ("comparison", 1)
    unchecked = (*RIGHT[:4], "That gives Carl 19 - 5 = 13 coins.", "So Carl has 13 coins.")
    assert mistake_in(STORY, unchecked) == ("sum", 4)


def test_what_decides_nothing():
    assert mistake_in(STORY, RIGHT) is None
    slip = ("That gives Carl 19 - 5 = 13 coins.", "Check: 13 + 5 = 18, wrong.")
    mended = (*RIGHT[:4], *slip, "No, that gives Carl 19 - 5 = 14 coins.", RIGHT[6])
    assert mistake_in(STORY, mended) is None
    assert mistake_in(STORY, (*RIGHT[:4], "Dora has 5 coins.", *RIGHT[4:])) is None
    assert mistake_in(STORY, RIGHT[:4]) == ("stops", 4)


def test_written_chains_have_the_mistakes_that_were_written_into_them():
    """Without mistakes none is found; with them one is found where, and only where, the chain ends elsewhere."""
    for number, problem in enumerate(ENGLISH.problems(40, seed=3)):
        story = ENGLISH.read(problem.question)
        for mistakes in (0.0, 0.5):
            draft = ENGLISH.write(story, rng=Random(number), manner=Manner(mistakes=mistakes))
            wrong = draft.answer != story.answer
            assert (mistake_in(story, draft.steps) is not None) == wrong
            assert not (wrong and mistakes == 0.0)


def test_rows_add_up():
    found = {2: (3, Counter(sum=1)), 3: (1, Counter({"sum": 1, "gap": 2}))}
    assert rows(found) == [
        ["right", "3", "1", "4"],
        [SAID["sum"], "1", "1", "2"],
        [SAID["gap"], "0", "2", "2"],
    ]
