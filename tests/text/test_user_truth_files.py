"""A user's own truth: what its files may hold, what is said of a bad line, and how problems carry it."""

import json

import pytest

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.tasks import TEXT, task_of, task_of_all
from mechcot.text.given_truth import KEY, truth_of
from mechcot.text.user_truth_files import NO_TRUTH, TruthFiles

SUM = Problem("a", "What is 3 + 4?", "7")
OTHER = Problem("b", "Is ice cold?", "yes")
TWIN = {"id": "a", "question": "What is 5 + 4?", "answer": "9", "chain": "5 + 4 = 9."}


def lines(path, *rows):
    path.write_text(
        "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)
    )
    return path


def twins(tmp_path, *rows):
    return TruthFiles(counterfactuals=lines(tmp_path / "twins.jsonl", *rows))


def test_no_files_change_nothing():
    assert NO_TRUTH.bind([SUM]) == [SUM]
    assert task_of(SUM) is TEXT


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("{", "not JSON"),
        (
            {"id": "a", "answer": "9"},
            "missing ['question']; known are id, question, answer",
        ),
        ({**TWIN, "question": "  "}, "question: expected a text that says something, got '  '"),
        ({**TWIN, "chain": ["x"]}, "chain: expected a text, got ['x']"),
        (
            {**TWIN, "changes": "facts"},
            "changes: expected one of fact, hint, nothing, got 'facts'",
        ),
    ],
)
def test_a_bad_line_is_named_with_what_was_expected(tmp_path, row, fault):
    files = twins(tmp_path, TWIN, row)
    with pytest.raises(UserError) as error:
        files.read()
    assert str(error.value).startswith(f"{tmp_path / 'twins.jsonl'}:2: ")
    assert fault in str(error.value)


def test_a_kind_that_is_none_is_named(tmp_path):
    file = lines(tmp_path / "kinds.jsonl", {"id": "a", "step": "x", "kind": "guess"})
    with pytest.raises(
        UserError, match=r"kinds\.jsonl:1: kind: expected one of progression, .* got 'guess'"
    ):
        TruthFiles(kinds=file).read()


def test_an_empty_file_and_one_about_other_problems_are_refused(tmp_path):
    with pytest.raises(
        UserError, match="no lines in it; expected JSON lines with id, question, answer"
    ):
        twins(tmp_path, "").read()
    with pytest.raises(
        UserError,
        match=r"none of its 1 line has the id of a problem of this run, such as 'b'; its first is 'a'",
    ):
        twins(tmp_path, TWIN).bind([OTHER])


def test_what_is_left_out_is_counted(tmp_path):
    same = {**TWIN, "answer": "7.0"}
    files = twins(tmp_path, TWIN, {**TWIN, "answer": 11}, same, {**TWIN, "id": "z"})
    (said,) = files.told([SUM, OTHER])
    assert said.endswith(
        "4 counterfactuals, for 1 of 2 problems; 1 left out: names no problem of this run; "
        "1 left out: has the problem's own answer, though a fact is to differ"
    )
    bound, untouched = files.bind([SUM, OTHER])
    assert [twin["answer"] for twin in truth_of(bound).patches] == ["9", "11"]
    assert untouched is OTHER


def test_a_hint_may_change_and_the_answer_stay(tmp_path):
    files = twins(tmp_path, {**TWIN, "answer": "7", "changes": "hint", "hint": "9"})
    (bound,) = files.bind([SUM])
    assert truth_of(bound).twins[0]["hint"] == "9"
    assert not truth_of(bound).patches


def test_truth_is_plain_data_and_another_file_is_another_run(tmp_path):
    files = twins(tmp_path, TWIN)
    (bound,) = files.bind([SUM])
    assert json.loads(json.dumps(bound.meta[KEY])) == bound.meta[KEY]
    before = files.digests
    twins(tmp_path, {**TWIN, "chain": "5 + 4 is 9."})
    assert files.digests != before


def test_every_sort_of_file_reaches_the_task(tmp_path):
    step = "3 + 4\n = 7."
    files = TruthFiles(
        paraphrases=lines(
            tmp_path / "p", {"id": "a", "step": step, "paraphrase": "Seven is the sum."}
        ),
        mistakes=lines(tmp_path / "m", {"id": "a", "step": step, "mistake": "3 + 4 = 8."}),
        kinds=lines(tmp_path / "k", {"id": "a", "step": step, "kind": "verification"}),
    )
    (bound,) = files.bind([SUM])
    task = task_of(bound)
    assert task.paraphrases([" 3 + 4 = 7.\n", " "]) == (" Seven is the sum.\n", " ")
    assert task.mistakes("", ["3 + 4 = 7."], seed=0) == "3 + 4 = 8."
    assert task.mistakes("", ["other"], seed=0) is None
    assert truth_of(bound).kinds == {
        "3 + 4 = 7.": "verification",
        "Seven is the sum.": "verification",
    }
    assert task.counterfactuals is TEXT.counterfactuals


def test_problems_together_know_what_each_knows(tmp_path):
    rows = [{"id": i, "step": f"step {i}", "paraphrase": f"other {i}"} for i in "ab"]
    files = TruthFiles(paraphrases=lines(tmp_path / "p", *rows))
    task = task_of_all(files.bind([SUM, OTHER]))
    assert task.paraphrases(["step a", "step b"]) == ("other a", "other b")
    assert task_of_all([SUM, OTHER]) is TEXT
