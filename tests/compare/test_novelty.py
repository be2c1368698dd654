"""The 2 x 2: a loss that follows novelty is found as one, no change is exactly 0, and few items give no verdict."""

import pytest

from mechcot.compare.novelty import novelty_change, novelty_frame, novelty_sentence
from mechcot.compare.tables import Tables
from mechcot.core.measurement import Measurement
from mechcot.core.problem import Problem
from mechcot.view.figures.novelty import novelty_cells
from mechcot.view.theme import looks

PROBLEMS = [
    Problem(f"{i}-{novel}-{length}", "Why?", "1", meta={"novel": novel, "length": length})
    for i in range(12)
    for novel in (True, False)
    for length in ("short", "long")
]


def _tables(right):
    """`right(name, problem)` says who is right."""
    return Tables.of(
        [
            Measurement(
                measure="gates",
                trace=f"{problem.id}/{name}",
                item=problem.id,
                author=name,
                reader=name,
                value=1.0,
                scalars={"own_correct": float(right(name, problem))},
            )
            for problem in PROBLEMS
            for name in ("a", "b")
        ],
        [],
    )


def _change(right, problems=PROBLEMS):
    return novelty_change(problems, _tables(right).scalars, "a", "b", seed=0)


@pytest.mark.parametrize(
    ("key", "value", "told", "unclear"),
    [
        ("novel", True, "lower on novel questions than on seen ones", "long questions and short"),
        (
            "length",
            "long",
            "lower on long questions than on short ones",
            "novel questions and seen",
        ),
    ],
)
def test_a_planted_loss_is_found_where_it_is_and_only_there(key, value, told, unclear):
    change = _change(lambda name, problem: name == "a" or problem.meta[key] != value)
    assert change is not None
    by = {"novel": change.by_novelty, "length": change.by_length}
    assert by.pop(key).high < 0
    (other,) = by.values()
    assert other.mean == 0 and not other.excludes(0.0)
    sentence = novelty_sentence(change)
    assert told in sentence and f"between {unclear} ones" in sentence


def test_the_same_models_are_exactly_0_and_swapping_negates():
    same = _change(lambda _, problem: problem.id < "6")
    assert {part.mean for part in same.cells.values()} == {0.0}
    right = lambda name, problem: name == "a" or not problem.meta["novel"]  # noqa: E731
    forth, tables = _change(right), _tables(right)
    back = novelty_change(PROBLEMS, tables.scalars, "b", "a", seed=0)
    assert back.by_novelty.mean == -forth.by_novelty.mean
    assert back.by_novelty.low == pytest.approx(-forth.by_novelty.high)


def test_few_items_are_shown_and_not_judged_and_nothing_is_made_up():
    few = _change(lambda name, _: name == "a", PROBLEMS[:12])
    assert few.by_novelty is None and set(few.cells) == {
        f"{new}, {length}" for new in ("seen", "novel") for length in ("short", "long")
    }
    assert "not judged: it takes 8 questions" in novelty_sentence(few)
    assert _change(lambda *_: True, [Problem("x", "Why?", "1")]) is None
    assert novelty_sentence(None) == ""


def test_the_figure_shows_what_the_frame_says():
    tables = _tables(lambda name, problem: name == "a" or not problem.meta["novel"])
    frame = novelty_frame(PROBLEMS, tables, (), ["a", "b"], author=None, seed=0)
    shares = frame.set_index(["model", "cell"])["mean"]
    assert shares["b"].to_dict() == {
        "seen, short": 1.0,
        "seen, long": 1.0,
        "novel, short": 0.0,
        "novel, long": 0.0,
    }
    lines = {trace.name: list(trace.y) for trace in novelty_cells(frame, looks(["a", "b"])).data}
    assert lines == {name: list(shares[name]) for name in ("a", "b")}
    assert novelty_frame(PROBLEMS[:1], tables, (), ["a"], author=None, seed=0).empty
