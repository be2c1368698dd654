"""Novel and long are told by the file, else by the shift; against a corpus by shared runs, held against counting by hand."""

import random

import pytest

from mechcot.core.problem import Problem
from mechcot.text.novelty import RUN, folded_words, novelty_told, question_cells, with_novelty


def _asked(name, question="How many apples are left?", **meta):
    return Problem(name, question, "1", meta=meta)


@pytest.mark.parametrize(
    ("meta", "novel"),
    [
        ({"novel": True}, True),
        ({"novel": "false"}, False),
        ({"novel": 0}, False),
        ({"shift": "task"}, True),
        ({"shift": "n-1"}, True),
        ({"shift": "longer"}, False),
        ({"shift": "none"}, False),
        ({"novel": True, "shift": "none"}, True),
        ({"shift": "format"}, None),
        ({"novel": "perhaps"}, None),
        ({}, None),
    ],
)
def test_the_file_tells_before_the_shift(meta, novel):
    assert novelty_told(_asked("a", **meta)) is novel


def test_length_is_said_or_counted_or_read():
    said = [
        _asked(f"{novel}{length}", novel=novel, length=length)
        for novel in (0, 1)
        for length in ("short", "long")
    ]
    assert question_cells(said) == {
        (False, False): ["0short"],
        (False, True): ["0long"],
        (True, False): ["1short"],
        (True, True): ["1long"],
    }
    counted = [_asked(str(i), novel=i % 2, length=i) for i in range(8)]
    assert question_cells(counted)[True, True] == ["5", "7"]
    read = [_asked(str(i), "и так далее " * (i + 1), novel=i % 2) for i in range(8)]
    assert question_cells(read) == question_cells(counted)


def test_nothing_is_parted_where_all_is_new_or_nobody_says():
    assert question_cells([_asked("a", novel=True), _asked("b", novel=True)]) == {}
    assert question_cells([_asked("a"), _asked("b")]) == {}


def test_the_shift_parts_what_no_length_does():
    rows = [_asked("a", shift="none"), _asked("b", shift="longer"), _asked("c", shift="task")]
    assert question_cells(rows) == {
        (False, False): ["a"],
        (False, True): ["b"],
        (True, False): ["c"],
    }


def test_fewer_steps_than_trained_are_not_long():
    rows = [_asked(n, shift="length", level=at) for n, at in (("a", -1.0), ("b", 1.0))]
    cells = question_cells([*rows, _asked("c", shift="task", level=1.0)])
    assert cells == {(False, False): ["a"], (False, True): ["b"], (True, False): ["c"]}


def test_a_question_is_seen_where_half_of_its_runs_are():
    rng = random.Random(0)
    vocabulary = [f"w{i}" for i in range(40)]
    texts = [" ".join(rng.choices(vocabulary, k=60)) for _ in range(20)]
    asked = []
    for number in range(40):
        at, taken = rng.randrange(30), rng.randrange(4, 20)
        part = texts[number % 20].split()[at : at + taken]
        asked.append(_asked(str(number), " ".join([*part, *rng.choices(vocabulary, k=5)])))

    def by_hand(question):
        said, size = question.split(), min(RUN, len(question.split()))
        runs = {" ".join(said[i : i + size]) for i in range(len(said) - size + 1)}
        return max(sum(f" {run} " in f" {text} " for run in runs) / len(runs) for text in texts)

    marked = with_novelty(asked, texts)
    shares = [by_hand(problem.question) for problem in asked]
    assert [row.meta["overlap"] for row in marked] == [round(share, 3) for share in shares]
    assert [row.meta["novel"] for row in marked] == [share < 1 / 2 for share in shares]
    assert {row.meta["novel"] for row in marked} == {True, False}


def test_identity_and_null_in_scripts_with_and_without_spaces():
    for text in ("Wie viele Äpfel hat Öykü noch?", "小明有三个苹果吃了一个还剩几个", "Q?"):
        seen, new = (with_novelty([_asked("a", text)], [other])[0] for other in (text.upper(), "x"))
        assert (seen.meta["novel"], seen.meta["overlap"]) == (False, 1.0)
        assert (new.meta["novel"], new.meta["overlap"]) == (True, 0.0)
    assert folded_words("两个 apples!") == ("两", "个", "apples")
    assert with_novelty([_asked("a", "?!")], ["?!"])[0].meta["novel"]
