import bz2
import gzip
import json
import lzma
import re
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from mechcot.command_inputs import check_problems
from mechcot.core.errors import UserError
from mechcot.text.problems import TASK_NAMES, load_problems
from mechcot.text.records import records

GOOD = {"id": "a", "question": "1+1?", "answer": "2"}


def write(tmp_path, *lines):
    path = tmp_path / "p.jsonl"
    path.write_bytes(
        b"\n".join(x if isinstance(x, bytes) else json.dumps(x).encode() for x in lines)
    )
    return path


def test_lines_become_problems_and_the_rest_is_meta(tmp_path):
    path = write(
        tmp_path,
        b"\xef\xbb\xbf" + json.dumps(GOOD | {"stratum": "hard", "k": 1}).encode(),
        b"",
        GOOD | {"id": 7, "answer": 3.5},
    )
    first, second = load_problems(path)
    assert (first.id, first.question, first.answer, first.stratum) == ("a", "1+1?", "2", "hard")
    assert dict(first.meta) == {"stratum": "hard", "k": 1}
    assert (second.id, second.answer, second.stratum) == ("7", "3.5", None)


def nested(levels: int) -> dict:
    return {"in": nested(levels - 1)} if levels else {}


def test_nan_beside_a_problem_is_null(tmp_path):
    (found,) = load_problems(write(tmp_path, GOOD | {"score": float("nan")}))
    assert found.meta == {"score": None}


@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_is_read_as_lines_are(tmp_path, indent):
    path = tmp_path / "p.json"
    path.write_text(json.dumps([GOOD, GOOD | {"id": "b"}], indent=indent))
    assert [problem.id for problem in load_problems(path)] == ["a", "b"]
    path.write_text(json.dumps(GOOD, indent=2))
    assert [problem.id for problem in load_problems(path)] == ["a"]


def test_a_fault_in_an_array_is_named_by_its_line(tmp_path):
    path = tmp_path / "p.json"
    path.write_text(f"[{json.dumps(GOOD)},\n\n{json.dumps({'id': 'b', 'question': 'x'})}]")
    with pytest.raises(UserError, match=r"p\.json:3: 'answer' is missing"):
        load_problems(path)
    path.write_text("[{}\n{}]")
    with pytest.raises(UserError, match=r"p\.json:1: not JSON"):
        load_problems(path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            [GOOD, {"id": "b", "question": "x"}],
            r"p\.jsonl:2: 'answer' is missing; expected text, found the keys \['id', 'question'\]",
        ),
        ([GOOD, {"question": "x", "answer": "1"}], r"p\.jsonl:2: 'id' is missing"),
        ([{"question": "x"}], r"p\.jsonl:1: 'answer' is missing"),
        (
            [{"prompt": "x", "completion": "so " * 20}],
            r"p\.jsonl:1: 'completion' is a text of 20 words that states no answer; .* --field answer=COLUMN",
        ),
        ([GOOD | {"question": "  "}], r"p\.jsonl:1: 'question' is empty"),
        ([GOOD | {"question": ["x"]}], r"p\.jsonl:1: 'question' must be text, got list"),
        (
            [GOOD | {"answer": True}],
            r"'answer' must be text, got bool.* such as --field 'answer=answer:true->yes;false->no'",
        ),
        (
            [GOOD | {"answer": {"in words": "x", "n": "1"}}],
            r"which part of it: --field 'answer=answer\.in words' or --field answer=answer\.n$",
        ),
        ([GOOD | {"question": "\ud800"}], r"'question' holds half a character"),
        ([GOOD | {"stratum": "\ud800"}], r"'stratum' holds half a character"),
        ([GOOD | {"answer": float("nan")}], r"'answer' is missing"),
        (
            [GOOD, *(GOOD | {"id": f"{n}", "answer": None} for n in range(3))],
            r"p\.jsonl:2: 'answer' is missing: it is null, as in 3 of 4 rows; expected text, found the keys .*; fill it in, leave such rows out, "
            r"say `answerable: false` of a question that cannot be answered, or name another column with --field answer=COLUMN$",
        ),
        (
            [GOOD, GOOD | {"id": "b", "question": None}],
            r"p\.jsonl:2: 'question' is missing: it is null, as in 1 of 2 rows; .*; fill it in, leave such rows out, or name",
        ),
        ([b"[]"], r"p\.jsonl: no problems in it; expected records"),
        ([b" [ ", b" ]"], r"p\.jsonl: no problems in it; expected records"),
        ([{"data": []}], r"p\.jsonl: no problems in it; expected records"),
        ([GOOD | {"more": nested(60)}], r"'more' is nested more than 50 levels deep"),
        ([GOOD, b"", GOOD], r"p\.jsonl:3: the id 'a' stands on line 1 already; ids must differ"),
        ([GOOD, b"{oops"], r"p\.jsonl:2: not JSON .* expected one object a line"),
        ([[1]], r"p\.jsonl:1: expected a JSON object, got list"),
        ([b'{"id": "\xff"}'], r"p\.jsonl:1: not UTF-8 \(byte 8\); save the file as UTF-8"),
        ([b""], r"p\.jsonl: no problems in it"),
    ],
)
def test_a_bad_line_is_named(tmp_path, lines, message):
    with pytest.raises(UserError, match=message):
        load_problems(write(tmp_path, *lines))


def test_a_missing_file_and_a_directory_are_named(tmp_path):
    with pytest.raises(
        UserError, match=r"none\.jsonl: cannot read the file \(No such file or directory\)"
    ):
        load_problems(tmp_path / "none.jsonl")
    with pytest.raises(UserError, match="is a directory: expected a file"):
        load_problems(tmp_path)


def test_n_draws_by_seed_and_keeps_the_order(tmp_path):
    path = write(tmp_path, *(GOOD | {"id": f"{i:02d}"} for i in range(30)))
    ids = [problem.id for problem in load_problems(path, n=10, seed=3)]
    assert ids == sorted(ids)
    assert ids == [problem.id for problem in load_problems(path, n=10, seed=3)]
    assert ids != [problem.id for problem in load_problems(path, n=10, seed=4)]
    assert len(load_problems(path, n=99)) == 30
    with pytest.raises(UserError, match="expected at least 1 problem, got n = 0"):
        load_problems(path, n=0)


def test_gsm8k_format_is_recognised(tmp_path):
    path = write(tmp_path, {"question": "q", "answer": "3+4=<<3+4=7>>7\n#### 1,007"})
    (problem,) = load_problems(path)
    assert (problem.id, problem.answer) == ("gsm8k-0001", "1,007")
    assert problem.meta["solution"].startswith("3+4=")


@pytest.mark.parametrize(
    ("question", "answer"),
    [("prompt", "completion"), ("input", "target"), ("query", "response"), ("problem", "solution")],
)
def test_columns_under_other_names_are_found_and_told(tmp_path, capsys, question, answer):
    worked = "First we add three and four, which gives seven, and so " + r"\boxed{7} it is."
    path = write(tmp_path, {question: "3+4?", answer: worked}, {question: "1+1?", answer: "2"})
    first, second = load_problems(path)
    assert [(first.id, first.question, first.answer), (second.id, second.answer)] == [
        ("row-0001", "3+4?", "7"),
        ("row-0002", "2"),
    ]
    assert first.meta == {"solution": worked}
    load_problems(path)
    assert " ".join(capsys.readouterr().err.split()) == (
        f"{path}: {question!r} for the question, {answer!r} for the answer, and the number of a row for its id is taken; "
        "--field NAME=COLUMN says another"
    )


@pytest.mark.parametrize(
    ("answers", "option", "read"),
    [
        ((True, False), "answer:true->yes;false->no", ["yes", "no"]),
        ((["Bo", "Beau"], ["Ada"]), "answer.0", ["Bo", "Ada"]),
    ],
)
def test_an_answer_that_is_no_text_has_an_option_that_reads_it(tmp_path, answers, option, read):
    path = write(tmp_path, *({"id": str(a), "question": "Who?", "answer": a} for a in answers))
    with pytest.raises(UserError, match=re.escape(f"answer={option}")):
        load_problems(path)
    assert [each.answer for each in load_problems(path, fields={"answer": option})] == read


@pytest.mark.parametrize("column", ["context", "passage", "article", "paragraph"])
def test_what_a_question_is_about_stands_in_front_of_it(tmp_path, capsys, column):
    text = "Ada went home early. Bo stayed."
    rows = [
        {"id": "a", "question": "Who stayed?", "answer": "Bo", column: text},
        {"id": "b", "question": f"{text} Who left?", "answer": "Ada", column: text},
        {"id": "c", "question": "1+1?", "answer": "2", column: ""},
    ]
    path = write(tmp_path, *rows)
    asked = [problem.question for problem in load_problems(path)]
    assert asked == [f"{text}\n\nWho stayed?", f"{text} Who left?", "1+1?"]
    assert f"{column!r} in front of each question is taken" in " ".join(
        capsys.readouterr().err.split()
    )
    alone = load_problems(path, fields={"question": "question"})
    assert [problem.question for problem in alone] == [row["question"] for row in rows]


def test_a_label_is_nothing_to_ask_about(tmp_path, capsys):
    row = {"id": "a", "question": "1+1?", "answer": "2", "context": "grade 3"}
    (problem,) = load_problems(write(tmp_path, row))
    assert problem.question == "1+1?" and not capsys.readouterr().err


def test_an_id_under_another_name_counts_where_its_values_differ(tmp_path):
    rows = [{"question": "x", "answer": 1, "task_id": "t", "uuid": name} for name in "ab"]
    assert [problem.id for problem in load_problems(write(tmp_path, *rows))] == ["a", "b"]
    same = [row | {"uuid": "a"} for row in rows]
    ids = [problem.id for problem in load_problems(write(tmp_path, *same))]
    assert ids == ["row-0001", "row-0002"]


def test_a_chat_is_asked_by_its_last_user_message(tmp_path):
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+1?"}]
    (problem,) = load_problems(write(tmp_path, {"prompt": chat, "target": "2"}))
    assert problem.question == "1+1?"


@pytest.mark.parametrize(
    "row",
    [
        {
            "prompt": [{"role": "user", "content": "1+1?"}],
            "completion": [{"role": "assistant", "content": "It is 2."}],
        },
        {
            "messages": [
                {"role": "user", "content": "1+1?"},
                {"role": "assistant", "content": "I add. The answer is 2."},
            ]
        },
        {"conversations": [{"from": "human", "value": "1+1?"}, {"from": "gpt", "value": "2"}]},
    ],
)
def test_a_chats_last_message_states_the_answer(tmp_path, row):
    (problem,) = load_problems(write(tmp_path, row))
    assert (problem.question, problem.answer) == ("1+1?", "2")


@pytest.mark.parametrize(
    "row",
    [
        {"choices": ["red", "green"], "answer": 1},
        {"choices": ["red", "green"], "answer": "green"},
        {"options": ["red", "green"], "target": "B"},
        {"choices": {"text": ["red", "green"], "label": ["1", "2"]}, "answerKey": "2"},
    ],
)
def test_options_of_a_column_are_listed_and_answered_by_letter(tmp_path, row):
    (problem,) = load_problems(write(tmp_path, {"question": "Which?"} | row))
    assert (problem.question, problem.answer) == ("Which?\nA) red\nB) green", "B")
    listed = {"question": "Which? A) red B) green", "choices": ["red", "green"], "answer": "B"}
    (problem,) = load_problems(write(tmp_path, listed))
    assert (problem.question, problem.answer) == (listed["question"], "B")


def test_an_answer_that_is_no_option_is_refused(tmp_path):
    path = write(tmp_path, {"question": "Which?", "choices": ["red", "green"], "answer": 2})
    with pytest.raises(UserError, match=r"p\.jsonl:1: the answer '2' is none of the 2 options"):
        load_problems(path)


def test_rows_of_an_array_on_one_line_have_ids_of_their_own(tmp_path):
    path = tmp_path / "p.json"
    path.write_text(json.dumps([{"query": "1+1?", "output": 2}, {"query": "1+2?", "output": 3}]))
    assert [problem.id for problem in load_problems(path)] == ["row-0001", "row-0002"]


def test_a_field_map_names_other_columns(tmp_path):
    path = write(tmp_path, {"item": "x", "problem": "q", "gold": 5, "level": "easy"})
    fields = {"id": "item", "question": "problem", "answer": "gold", "stratum": "level"}
    (problem,) = load_problems(path, fields=fields)
    assert (problem.id, problem.question, problem.answer, problem.stratum) == (
        "x",
        "q",
        "5",
        "easy",
    )


@pytest.fixture
def hub(monkeypatch):
    """A stand-in for the `datasets` library that records what was asked."""
    asked = []
    module = ModuleType("datasets")

    def load_dataset(name, configuration, *, split):
        asked.append((name, configuration, split))
        if name == "nobody/nothing":
            raise FileNotFoundError("Dataset 'nobody/nothing' doesn't exist on the Hub\nmore")
        return [{"question": "q", "answer": "x\n#### 4"}, {"question": "r", "answer": "5"}]

    module.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", module)
    return asked


def test_names_of_data_sets(hub):
    assert [problem.answer for problem in load_problems("gsm8k")] == ["4", "5"]
    load_problems("owner/name")
    load_problems("owner/name:train")
    (first, _) = load_problems("owner/name:main:train")
    assert hub == [
        ("openai/gsm8k", "main", "test"),
        ("owner/name", None, "test"),
        ("owner/name", None, "train"),
        ("owner/name", "main", "train"),
    ]
    assert first.id == "owner/name:main:train-00000"


@pytest.mark.usefixtures("hub")
def test_an_unknown_data_set_is_one_sentence():
    with pytest.raises(
        UserError, match=r"nobody/nothing: neither a file nor a data set .*FileNotFoundError: Data"
    ):
        load_problems("nobody/nothing")
    with pytest.raises(UserError, match="expected a file, or NAME, NAME:SPLIT"):
        load_problems("a:b:c:d")


def test_the_local_gsm8k_file(shared):
    problems = load_problems(shared / "gsm8k" / "test_first400.jsonl")
    assert len(problems) == 400
    assert (problems[0].id, problems[0].answer) == ("gsm8k-0001", "18")


@pytest.mark.parametrize("name", TASK_NAMES)
@pytest.mark.parametrize("spelt", [str.upper, str.title, "{}:test".format, " {}".format, str])
def test_no_hub_is_asked_for_a_task(hub, name, spelt, tmp_path, monkeypatch):
    """Whatever its letters; a file of that name is a file."""
    monkeypatch.chdir(tmp_path)
    word = spelt(name)
    with pytest.raises(UserError, match="is a task and no file" if word == name else name):
        load_problems(word)
    assert not hub
    Path(word).write_text(json.dumps({"id": "1", "question": "q", "answer": "2"}))
    assert [problem.answer for problem in load_problems(word)] == ["2"]


@pytest.mark.parametrize(
    "word", ["mine:train", "mine:all:train", "owner/mine:train", "json", "text:train"]
)
def test_no_folder_is_read_for_a_data_set(word, tmp_path, monkeypatch):
    """The library takes the files of a folder of that name, and those of this one for the name of a format."""
    monkeypatch.chdir(tmp_path)
    for folder in ("mine", "owner/mine", "."):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / "train.jsonl").write_text(
            json.dumps({"id": "1", "question": "q", "answer": "2"})
        )
    with pytest.raises(UserError, match=r"is a directory|whatever files lie in this folder"):
        load_problems(word)


@pytest.mark.parametrize(
    "word", ["mine/a [1]", "mine/a [1]:train", "./mine/a [1]", "b", "b:main:train"]
)
def test_no_hub_is_asked_for_a_file_without_its_ending(hub, word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    for file in ("mine/a [1].jsonl", "b.csv", "gsm8k.jsonl", "owner.md"):
        Path(file).write_text("")
    with pytest.raises(
        UserError, match=r"there is no such file; there is (mine/a \[1\]\.jsonl|b\.csv)$"
    ):
        load_problems(word)
    assert not hub
    load_problems("gsm8k"), load_problems("owner/name"), load_problems("owner")
    assert len(hub) == 3


ROWS = [
    {"id": "1", "question": "q", "answer": "2", "level": None},
    {"id": "2", "question": "r", "answer": "work #### 3", "more": {"level": 1}},
]


@pytest.mark.parametrize("name", ["id", "answer", "stratum", "solution", "anything"])
@pytest.mark.parametrize("path", ["nope", "level", "more.nope", "level:a->b"])
def test_a_field_that_stands_in_no_row_is_refused(hub, tmp_path, name, path):
    """Of a file and of a data set, whatever it would be called here."""
    for source in (write(tmp_path, *ROWS), "owner/name"):
        with pytest.raises(UserError, match=r"(in no row|missing.*found the keys).*question"):
            load_problems(source, fields={name: path})
    assert hub


def test_a_field_may_stand_in_some_rows(tmp_path):
    first, second = load_problems(write(tmp_path, *ROWS), fields={"stratum": "more.level"})
    assert (first.stratum, second.stratum) == (None, "1")


CHAT = [{"from": "human", "value": "1+1?"}, {"from": "gpt", "value": "2"}]


def test_a_chat_of_a_csv_is_read_as_a_chat(tmp_path):
    path = tmp_path / "p.csv"
    for text in (json.dumps(CHAT), str(CHAT)):
        quoted = text.replace('"', '""')
        path.write_text(f'conversations\n"{quoted}"\n')
        (problem,) = load_problems(path)
        assert (problem.question, problem.answer) == ("1+1?", "2")


def test_a_chat_of_several_questions_or_no_answer_is_refused(tmp_path):
    """The last of several questions, as `And twice that?`, does not say what is asked."""
    with pytest.raises(UserError, match=r"p\.jsonl:1: .*2 messages of a user.*question=COLUMN"):
        load_problems(write(tmp_path, {"conversations": CHAT * 2}))
    with pytest.raises(UserError, match=r"p\.jsonl:1: .*without a model's message.*answer=COLUMN"):
        load_problems(write(tmp_path, {"conversations": CHAT[:1]}))
    with pytest.raises(UserError, match=r"p\.jsonl:1: 'messages' must be a list"):
        load_problems(write(tmp_path, {"messages": "1+1?"}))


def test_an_input_is_no_question_beside_a_prompt(tmp_path):
    rows = [
        {"prompt": "Say two.", "input": "", "output": "2"},
        {"prompt": "Add.", "input": "5 and 2", "output": "7"},
    ]
    for order in (rows, rows[::-1]):
        found = {problem.question for problem in load_problems(write(tmp_path, *order))}
        assert found == {"Say two.", "Add.\n5 and 2"}


@pytest.mark.parametrize(
    ("column", "text", "answer"),
    [
        ("solution", r"We have $1+1=\boxed{2}$.", "2"),
        ("answer", r"\boxed{2}", "2"),
        ("completion", "The answer is 2.", "2"),
        ("output", "Paris", "Paris"),
        ("answer", "x = 2", "x = 2"),
    ],
)
def test_a_short_solution_counts_as_what_it_states(tmp_path, column, text, answer):
    (problem,) = load_problems(write(tmp_path, {"question": "q", column: text}))
    assert problem.answer == answer


def test_an_emptied_row_of_a_table_is_passed_over(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("question,answer\nq,1\n,\n\nr,2\n")
    assert [problem.question for problem in load_problems(path)] == ["q", "r"]


def test_nothing_is_said_of_the_columns_of_an_empty_file(tmp_path, capsys):
    with pytest.raises(UserError, match="no problems in it"):
        load_problems(write(tmp_path))
    assert capsys.readouterr() == ("", "")


def test_columns_are_found_however_people_write_them(tmp_path, capsys):
    path = tmp_path / "table.csv"
    path.write_text("Question ID,Question,Correct Answer,Note\nx,1+1?,2,easy\ny,3+4?,7,\n")
    first, second = load_problems(path)
    assert (first.id, first.question, first.answer, second.id) == ("x", "1+1?", "2", "y")
    assert first.meta == {"Note": "easy"}
    said = "'Question ID' for 'question_id', 'Question' for 'question', 'Correct Answer' for 'correct_answer'"
    assert said in " ".join(capsys.readouterr().err.split())
    named = load_problems(path, fields={"answer": "Question ID"})
    assert [problem.answer for problem in named] == ["x", "y"]
    both = write(tmp_path, {"question": "1+1?", "Question": "other", "answer": "2"})
    assert load_problems(both)[0].question == "1+1?"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("question,answer\nAda has 3, Bo has 4. In all, how many?,7\n", "row 1 has more values than the 2 columns"),
        ("question,answer,answer\n1+1?,2,3\n", "'answer' stands twice"),
    ],
)  # fmt: skip
def test_a_table_whose_values_have_no_columns_is_refused(tmp_path, text, said):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=said):
        load_problems(path)
    path.write_text("question,answer,\n1+1?,2,\n")  # a spreadsheet's empty column
    assert load_problems(path)[0].answer == "2"


def test_a_whole_number_is_one_however_a_table_holds_it(tmp_path):
    rows = (
        {"id": 1.0, "question": "a?", "answer": 7.0},
        {"id": 2.0, "question": "b?", "answer": 0.5},
    )
    problems = load_problems(write(tmp_path, *rows))
    assert [(each.id, each.answer) for each in problems] == [("1", "7"), ("2", "0.5")]
    assert (
        load_problems(write(tmp_path, {"question": "a?", "answer": " 7 pens. "}))[0].answer
        == "7 pens."
    )


def test_what_is_packed_repeated_or_left_out_is_said(tmp_path, capsys):
    path = tmp_path / "packed.jsonl"
    text = b'{"question": "1+1?", "answer": "2"}'
    zstd = b"\x28\xb5\x2f\xfd" + text
    packed = {"gunzip": gzip.compress(text), "bunzip2": bz2.compress(text), "unxz": lzma.compress(text), "unzstd": zstd}  # fmt: skip
    for command, data in packed.items():
        path.write_bytes(data)
        with pytest.raises(
            UserError, match=f"packed file .*; expected it unpacked, as `{command}`"
        ):
            load_problems(path)
    path = write(tmp_path, *({"question": f"{i % 3}+1?", "answer": "2"} for i in range(5)))
    assert len(load_problems(path)) == 5
    assert "2 of 5 questions stand there before" in " ".join(capsys.readouterr().err.split())
    chat = [{"role": role, "content": role} for role in ("system", "user", "assistant")]
    path = tmp_path / "chat.jsonl"
    path.write_text(json.dumps({"messages": chat}))
    assert load_problems(path)[0].question == "user"
    assert "without its system message" in " ".join(capsys.readouterr().err.split())
    with pytest.raises(
        UserError, match=re.escape("--field answer=answer.value or --field answer=answer.unit")
    ):
        load_problems(write(tmp_path, {"question": "q", "answer": {"value": 7, "unit": "pens"}}))


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_dates_of_a_table_are_dates(tmp_path, zone):
    """A column of midnights holds days; one hour in it makes all of it times."""
    days = pd.DatetimeIndex(["2024-01-02", "2024-03-04"]).tz_localize(zone)
    path = tmp_path / "p.parquet"
    frame = pd.DataFrame({"question": ["When?", "And then?"], "answer": days})
    frame["day"] = frame["answer"].dt.date
    frame["seen"] = [days[0], days[1] + pd.Timedelta(hours=5)]
    frame["most"] = [days[0], pd.NaT]
    frame["listed"] = [[day, day + pd.Timedelta(days=1)] for day in days]
    frame.to_parquet(path)
    rows = [record for _, _, record in records(path)]
    assert [row["answer"] for row in rows] == ["2024-01-02", "2024-03-04"]
    assert [row["answer"] for row in rows] == [row["day"] for row in rows]
    assert [row["seen"][:19] for row in rows] == ["2024-01-02 00:00:00", "2024-03-04 05:00:00"]
    assert [row["most"] for row in rows] == ["2024-01-02", None]
    assert rows[0]["listed"] == ["2024-01-02", "2024-01-03"]
    assert [problem.answer for problem in load_problems(path)] == ["2024-01-02", "2024-03-04"]


def test_repeated_questions_are_counted_among_those_that_are_taken(tmp_path, capsys):
    """A file that is only looked over says nothing; of a draw only those that are drawn count."""
    path = write(tmp_path, *({"question": f"{i // 2 % 9}+2?", "answer": "2"} for i in range(40)))
    check_problems(path)
    load_problems(path, taken=False)
    assert "another id" not in capsys.readouterr().err
    for n in (2, 12, 25, 40):
        drawn = load_problems(path, n=n, seed=4)
        more = len(drawn) - len({problem.question for problem in drawn})
        said = capsys.readouterr().err
        assert (f"{path}: {more} of {n} questions stand there before" in said) == bool(more)
        assert ("another id" in said) == bool(more) == (n > 2)
