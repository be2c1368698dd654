"""`--field` and `--think` reach the files of every command that reads chains or problems, and what is cached does not go stale."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from mechcot import command_inputs, tasks
from mechcot.cli.main import app
from mechcot.compare.chains import foreign, problems_of
from mechcot.compare.measurements import jobs
from mechcot.compare.models import Models
from mechcot.compare.settings import Study, cells
from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.model.asking_options import Asking
from mechcot.model.loading.options import LoadOptions
from mechcot.model.reasoner import Reasoner
from mechcot.sae.chains import ChainSource, chains as written
from mechcot.text.problems import load_problems
from mechcot.traces.external import load_chains, read_given
from mechcot.traces.foreign_chain import as_line
from mechcot.traces.load import load_traces

ROWS = [
    {"nr": "a", "task": "1+1?", "gold": "2", "alias": "two"},
    {"nr": "b", "task": "What is 2+3?\nSay it.", "gold": "5", "alias": "five"},
]
NAMES = {"id": "nr", "question": "task", "answer": "gold"}
FIELDS = [f"{name}={column}" for name, column in NAMES.items()]


def commands(group: Any, *path: str) -> dict[str, Any]:
    found = {}
    for name, one in group.commands.items():
        found |= (
            commands(one, *path, name)
            if hasattr(one, "commands")
            else {" ".join((*path, name)): one}
        )
    return found


def test_every_command_that_reads_chains_or_problems_takes_fields():
    options = {
        name: {flag for each in one.params for flag in each.opts}
        for name, one in commands(get_command(app)).items()
    }
    reads = {name for name, flags in options.items() if {"--traces", "--problems"} & flags}
    assert {"compare", "prune", "influence", "prune-online", "steer apply", "sae train"} <= reads
    assert [name for name in sorted(reads) if "--field" not in options[name]] == []


def table(path: Path, rows: list[dict[str, str]], delimiter: str = ",") -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


WRITERS = {
    "p.jsonl": lambda path: path.write_text("".join(json.dumps(row) + "\n" for row in ROWS)),
    "p.json": lambda path: path.write_text(json.dumps(ROWS, indent=1)),
    "held.json": lambda path: path.write_text(json.dumps({"version": 1, "data": ROWS})),
    "p.csv": lambda path: table(path, ROWS),
    "p.tsv": lambda path: table(path, ROWS, "\t"),
    "p.parquet": lambda path: pq.write_table(pa.Table.from_pylist(ROWS), path),
    "lines.txt": lambda path: path.write_text("".join(json.dumps(row) + "\n" for row in ROWS)),
}


@pytest.mark.parametrize("name", WRITERS)
def test_problems_are_read_from_every_file_of_rows(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path)
    found = load_problems(path, fields=NAMES)
    assert [(p.id, p.question, p.answer) for p in found] == [
        (row["nr"], row["task"], row["gold"]) for row in ROWS
    ]
    assert [dict(p.meta) for p in found] == [{"alias": "two"}, {"alias": "five"}]
    assert command_inputs.check_problems(path, FIELDS) == NAMES
    assert tasks.problems(path, fields=NAMES) == found
    study = Study(("a", "b"), tmp_path, problems=str(path), fields=tuple(NAMES.items()))
    assert problems_of(study) == found
    with pytest.raises(UserError, match=r"'question' is missing.*with --field question=COLUMN"):
        load_problems(path)


def test_a_dotted_path_reaches_into_a_problem_and_further_names_are_meta(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"nr": 3, "doc": {"q": "why?", "a": ["x", "y"]}, "level": "easy"}))
    fields = {"id": "nr", "question": "doc.q", "answer": "doc.a.1", "stratum": "level"}
    (found,) = load_problems(path, fields=fields)
    assert (found.id, found.question, found.answer, found.stratum) == ("3", "why?", "y", "easy")


def test_a_row_that_repeats_an_id_is_named_by_its_place(tmp_path):
    table(tmp_path / "p.csv", [ROWS[0], ROWS[0]])
    with pytest.raises(UserError, match=r"p\.csv: row 2: the id 'a' stands on .*row 1 already"):
        load_problems(tmp_path / "p.csv", fields=NAMES)


@pytest.mark.parametrize(
    ("source", "field", "says"),
    [
        (None, ["answer=gold"], "give --problems FILE too"),
        (
            "gsm8k",
            ["chain=cot"],
            "expected NAME=COLUMN with a name of id, question, answer, stratum",
        ),
        ("gsm8k", ["answer"], "expected NAME=COLUMN"),
    ],
)
def test_a_field_that_says_nothing_is_refused(source, field, says):
    with pytest.raises(UserError, match=says):
        command_inputs.check_problems(source, field)


def renamed(path: Path, out: Path) -> Path:
    """A file of chains with columns that nothing finds by name, and a wrong answer under the usual one."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row["verdict"], row["answer"] = row["answer"], "99"
    out.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return out


def test_a_field_of_a_file_of_chains_reaches_prune_influence_and_compare(chains, models, tmp_path):
    path = renamed(chains, tmp_path / "renamed.jsonl")
    fields = command_inputs.check_traces(path, ["answer=verdict"])
    reader = Reasoner.load(models[0], device="cpu")
    usual, other = load_traces(chains, reader), load_traces(path, reader, fields=fields)
    assert [t.problem.answer for t in other] == [t.problem.answer for t in usual]
    assert [t.ids for t in other] == [t.ids for t in usual]
    assert {t.problem.answer for t in load_traces(path, reader)} == {"99"}
    study = Study(models, tmp_path, traces=path, fields=tuple(fields.items()))
    assert [c.problem.answer for c in foreign(study).chains] == [t.problem.answer for t in usual]


def test_another_field_names_other_readings(chains, models, tmp_path):
    path = renamed(chains, tmp_path / "renamed.jsonl")
    found = []
    for fields in ((), (("answer", "verdict"),)):
        study = Study(models, tmp_path, traces=path, measures=("gates",), fields=fields)
        every = Models.of(study)
        texts = load_traces(path, every.get(every.first), fields=dict(fields))
        todo = jobs(study, every, cells(study, author="x"), {"x": texts})
        found.append({job.path for job in todo})
    assert found[0]
    assert not found[0] & found[1]


def test_a_field_of_an_imported_line_counts(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"question": "1+1?", "chain": "so 2.", "answer": "3", "checked": 2})
    )
    lines = [json.dumps(as_line(chain)) for chain in load_chains(tmp_path / "a.jsonl")]
    path = tmp_path / "b.jsonl"
    path.write_text("\n".join(lines))
    assert [chain.problem.answer for chain in load_chains(path)] == ["3"]
    (found,) = load_chains(path, fields={"answer": "checked"})
    assert (found.problem.answer, found.chain) == ("2", "so 2.")
    with pytest.raises(UserError, match="no field 'nothing'"):
        load_chains(path, fields={"answer": "nothing"})


def test_a_field_of_mechcots_own_traces_counts(models, problems, tmp_path):
    from mechcot.core.store import write_traces

    reader = Reasoner.load(models[0], device="cpu")
    traces = reader.write(load_problems(problems, n=2), max_tokens=4)
    marked = [
        replace(t, problem=replace(t.problem, meta={**t.problem.meta, "mine": "7"})) for t in traces
    ]
    path = tmp_path / "own.jsonl"
    write_traces(path, marked)
    assert command_inputs.check_traces(path, ["answer=mine"]) == {"answer": "mine"}
    found = load_traces(path, reader, fields={"answer": "mine"})
    assert {trace.problem.answer for trace in found} == {"7"}
    assert [trace.ids for trace in load_traces(path, reader)] == [trace.ids for trace in traces]


def test_chains_on_disk_get_the_answers_that_are_asked_for_now(models, problems, tmp_path):
    rows = [json.loads(line) | {"gold": "99"} for line in problems.read_text().splitlines()]
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    readers = Pair(*(Reasoner.load(name, device="cpu") for name in models))
    asked = ChainSource(str(path), 4, 0, max_tokens=6)
    first = written(readers, asked, folder=tmp_path / "chains")
    again = written(
        readers, replace(asked, fields=(("answer", "gold"),)), folder=tmp_path / "chains"
    )
    assert [trace.ids for trace in again] == [trace.ids for trace in first]
    assert {trace.problem.answer for trace in again} == {"99"} != {t.problem.answer for t in first}


ODD = "[[musing]]Half of 12 is 6.[[done]]So it is 6."


@pytest.mark.parametrize(
    ("text", "think", "chain"),
    [
        (ODD, ("[[musing]]", "[[done]]"), "Half of 12 is 6."),
        ("Half of 12 is 6.[[done]]So it is 6.", ("[[musing]]", "[[done]]"), "Half of 12 is 6."),
        (ODD, None, ODD),
        ("<think>Half.</think>So 6.", ("[[musing]]", "[[done]]"), "Half."),
        ("<think>Half.</think>So 6.", "none", "Half."),
    ],
)
def test_marks_that_a_user_names_are_the_files_where_it_has_them(tmp_path, text, think, chain):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"question": "q", "completion": text, "answer": "6"}))
    (found,) = read_given(path, think=think).chains
    assert found.chain == chain
    study = Study(
        ("a", "b"), tmp_path, traces=path, loading=LoadOptions(asking=Asking(think=think))
    )
    assert [one.chain for one in foreign(study).chains] == [chain]


def test_a_wrong_field_is_said_before_anything_is_loaded(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"question": "q", "chain": "so 2.", "answer": "2"}))
    for words in (
        ["compare", "organism:base", "organism:base", "--traces", str(path)],
        ["compare", "organism:base", "organism:base", "--problems", str(path)],
        ["prune", "organism:base", "--traces", str(path)],
        ["influence", "organism:base", "--traces", str(path)],
        ["prune-online", "organism:base", "--problems", str(path)],
        ["sae", "train", "organism:base", "organism:base", "--problems", str(path)],
    ):
        full = [*words, "--field", "answer=gold", "--out", str(tmp_path / "out")]
        done = CliRunner().invoke(app, full)
        assert isinstance(done.exception, UserError)
        assert "'gold'" in str(done.exception)
        assert not (tmp_path / "out").exists()
