"""Options beside a question: every usual shape says the same, and what may be read two ways is refused."""

import csv
import json

import pytest

from mechcot.core.errors import UserError
from mechcot.text.problems import load_problems

COLOURS = ["red", "green", "blue"]
SHAPES = (
    {"choices": COLOURS},
    {"options": dict(zip("ABC", COLOURS, strict=True)) | {"D": None}},
    {"options": [{"key": k, "value": v} for k, v in zip("ABC", COLOURS, strict=True)]},
    {"choices": {"label": ["1", "2", "3"], "text": COLOURS}},
    {"choices": ["A) red", "B) green", "C) blue"]},
    {"choices": json.dumps(COLOURS)},
    {"choices": str(COLOURS)},
    dict(zip("ABC", COLOURS, strict=True)),
    {f"option_{k}": v for k, v in zip("abc", COLOURS, strict=True)},
    {f"Choice{k}": v for k, v in zip("123", COLOURS, strict=True)},
    {f"op{k}": v for k, v in zip("abc", COLOURS, strict=True)},
)


def lines(tmp_path, rows):
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def table(tmp_path, rows):
    path = tmp_path / "p.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("answer", ["green", "B", "b", "(B)"])
@pytest.mark.parametrize("write", [lines, table])
def test_options_of_any_shape_are_listed(tmp_path, shape, answer, write):
    (found,) = load_problems(write(tmp_path, [{"question": "Which?", "answer": answer} | shape]))
    assert (found.question, found.answer) == ("Which?\nA) red\nB) green\nC) blue", "B")


@pytest.mark.parametrize("write", [lines, table])
def test_a_file_reads_all_its_answers_one_way(tmp_path, write):
    """`1` is the text of D and the index of B; another row shows that answers are indices."""
    rows = [
        {"question": "q", "choices": ["4", "2", "0", "1"], "answer": 1},
        {"question": "r", "choices": ["4", "6", "8", "9"], "answer": 3},
    ]
    assert [found.answer for found in load_problems(write(tmp_path, rows))] == ["B", "D"]
    rows[1]["answer"] = 8
    with pytest.raises(UserError, match=r"D \(by its text\) or B \(by its index from 0\)"):
        load_problems(table(tmp_path, rows[:1]))


@pytest.mark.parametrize(
    ("options", "answer", "letter"),
    [
        (["4", "2", "0", "1"], 1, "B"),
        ([4, 2, 0, 1], 1, "D"),
        (["4", "2", "0", "1"], "1", "D"),
        (["4", "2", "0", "1"], 1.0, "B"),
    ],
)
def test_a_number_beside_texts_is_an_index(tmp_path, options, answer, letter):
    path = lines(tmp_path, [{"question": "q", "choices": options, "answer": answer}])
    assert load_problems(path)[0].answer == letter


def test_an_option_that_is_another_ones_letter_is_refused(tmp_path):
    row = {"question": "q", "choices": ["B", "A", "C"], "answer": "A"}
    with pytest.raises(UserError, match=r"p\.jsonl:1: .* may be the option B .* or A .*one way"):
        load_problems(lines(tmp_path, [row]))


def test_an_index_names_an_option_that_the_question_lists(tmp_path):
    row = {"question": "q\nA) x\nB) y", "choices": ["x", "y"], "answer": 1}
    (found,) = load_problems(lines(tmp_path, [row]))
    assert (found.question, found.answer) == (row["question"], "B")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([str(at) for at in range(12)], "lists 12 options"),
        (["red", None, "blue"], "option 2 that is empty"),
        ("['red' 'green']", "is text that is no list"),
        ("{'text': array(['red'], dtype=object)}", "is text that is no list"),
        ("a ) 38 , b ) 27", "is text that is no list"),
    ],
)
def test_no_question_loses_its_options(tmp_path, options, said):
    row = {"question": "Which?", "choices": options, "answer": "red"}
    with pytest.raises(UserError, match=rf"p\.jsonl:1: 'choices' .*{said}.*expected a list"):
        load_problems(lines(tmp_path, [row]))


@pytest.mark.parametrize(
    "row",
    [
        {"choices": []},
        {"options": None},
        {"choices": "free"},
        {"options": "[]"},
        {"A": 3, "B": 4},
        {"choices": [{"text": "2", "index": 0}, {"text": "3", "index": 1}]},
        {"options": {"temperature": 1, "top": 2}},
    ],
)
def test_what_lists_no_options_is_left(tmp_path, row):
    (found,) = load_problems(lines(tmp_path, [{"question": "3+4?", "answer": "7"} | row]))
    assert (found.question, found.answer) == ("3+4?", "7")
