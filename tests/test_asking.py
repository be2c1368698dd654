"""What a user says about answers reaches the models, is part of what finished work is named by, and a run stops where nothing is read."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import mechcot as mc
from mechcot.cli.options import Commands, loads
from mechcot.compare.models import Models
from mechcot.compare.run import run
from mechcot.compare.settings import Study
from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.model.asking_options import AS_FOUND, Asking
from mechcot.model.loading.options import LoadOptions
from mechcot.model.reasoner import Reasoner
from mechcot.pruning import run as prune
from mechcot.steering.experiment import Experiment, Penalty
from mechcot.steering.experiment_context import ExperimentContext
from mechcot.text.unread_answers import check_read
from mechcot.traces.load import load_traces
from tests.model.conftest import make_model
from tests.model.foreign_vocabularies import word_level

heard: list[LoadOptions] = []
app = typer.Typer(cls=Commands)


@app.command()
@loads
def say(name: str, seed: int = 0, *, loading: LoadOptions) -> None:
    """A command."""
    assert (name, seed) == ("m", 3)
    heard.append(loading)


@app.command()
def other() -> None:
    """Another, so that commands have names."""


@pytest.mark.parametrize(
    ("words", "asking"),
    [
        ([], AS_FOUND),
        (["--think", "<a>", "</a>"], Asking(think=("<a>", "</a>"))),
        (["--think", "none"], Asking(think="none")),
        (["--think", "none", "--cue", " so"], Asking(think="none", cue=" so")),
        (["--cue", "</a>\\nThe answer: "], Asking(cue="</a>\nThe answer: ")),
        (["--answer-after", "Result:"], Asking(answer_after="Result:")),
        (["--read-last-number"], Asking(last_number=True)),
        (["--instruction", "none"], Asking(instruction="")),
        (["--instruction", "Be brief.\\nEnd."], Asking(instruction="Be brief.\nEnd.")),
    ],
)
def test_the_options_come_as_one_value(words: list[str], asking: Asking) -> None:
    heard.clear()
    found = CliRunner().invoke(app, ["say", "m", "--seed", "3", *words], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    assert heard == [LoadOptions(asking=asking)]
    assert (asking.key == "") is (asking == AS_FOUND)


@pytest.mark.parametrize(
    "asking",
    [AS_FOUND, Asking(think=("<a>", "</a>"), cue=" so"), Asking(instruction="", last_number=True)],
)
def test_settings_come_back_from_a_file(asking: Asking) -> None:
    assert Asking.from_json(json.loads(json.dumps(asking.to_json()))) == asking


def test_python_and_the_command_line_say_no_instruction_alike() -> None:
    assert mc.Asking(instruction="none") == Asking(instruction="")
    assert mc.load("organism:base").asked_with(mc.Asking(instruction="none")).render(
        mc.Problem("a", ": c: 2 ; find c ?", "2")
    ) == mc.load("organism:base").render(mc.Problem("a", ": c: 2 ; find c ?", "2"))


@pytest.mark.parametrize("words", [["--cue", " "], ["--answer-after", ""], ["--think", "", "b"]])
def test_an_empty_text_is_refused(words: list[str]) -> None:
    with pytest.raises(UserError, match=f"{words[0]}: expected"):
        CliRunner().invoke(app, ["say", "m", "--seed", "3", *words], catch_exceptions=False)


ANSWERS = ("big fox", "red hen", "green dog")


def lines(path: Path, statement: str) -> Path:
    rows = [
        {
            "id": f"q{i}",
            "question": "the red fox sees",
            "chain": "the fox walks . so the dog runs .",
            "answer_text": f"{statement} {answer} .",
            "answer": answer,
        }
        for i, answer in enumerate(ANSWERS)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    tokenizer = word_level()
    path = tmp_path_factory.mktemp("foreign")
    make_model("llama", d_vocab=len(tokenizer)).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return str(path)


SAYS = r"no answer can be read in 3 of 3 finished chains.*ends '.*the dog sees .*'.*--answer-after TEXT.*--cue TEXT.*--read-last-number"


def test_prune_stops_where_nothing_is_read_and_goes_on_where_the_user_says_what_an_answer_is(
    folder: str, tmp_path: Path
) -> None:
    path = lines(tmp_path / "chains.jsonl", "the dog sees")
    for asking in (AS_FOUND, Asking(answer_after="the dog sees")):
        reader = Reasoner.load(folder, device="cpu", asking=asking)
        traces = load_traces(path, reader)
        if asking == AS_FOUND:
            with pytest.raises(UserError, match=SAYS):
                prune.run_pruning(
                    reader, traces, settings=prune.PruneSettings(keep=0.5), out=tmp_path / "out"
                )
            assert not (tmp_path / "out").exists()
        else:
            assert [trace.answer.text for trace in traces] == list(ANSWERS)
            check_read(traces, author="imported")


def test_compare_stops_where_nothing_is_read(folder: str, tmp_path: Path) -> None:
    path = lines(tmp_path / "chains.jsonl", "the dog sees")
    study = Study(
        models=(folder, folder),
        out=tmp_path / "run",
        traces=path,
        measures=("gates",),
        loading=LoadOptions("cpu"),
    )
    with pytest.raises(UserError, match=SAYS):
        run(study)


def test_what_was_said_names_finished_work(folder: str, tmp_path: Path) -> None:
    path = lines(tmp_path / "chains.jsonl", "the answer is")
    study = Study(models=(folder, folder), out=tmp_path, traces=path)
    said = [AS_FOUND, Asking(cue=" so"), Asking(answer_after="sees"), Asking(think="none")]
    models = [Models.of(replace(study, loading=LoadOptions(asking=asking))) for asking in said]
    hashes = [each.text_hash(each.first) for each in models]
    assert len(set(hashes)) == len(said)
    assert hashes[0] == Models.of(study).text_hash(models[0].first)


def test_steering_stops_where_nothing_is_read(folder: str, tmp_path: Path) -> None:
    reader = Reasoner.load(folder, device="cpu")
    traces = load_traces(lines(tmp_path / "chains.jsonl", "the dog sees"), reader)
    lab = ExperimentContext(Experiment("t", "q", ("m",), penalty=Penalty(("so",))), {"m": reader})
    lab._kept[("clean", "m")] = traces
    with pytest.raises(UserError, match=SAYS):
        lab.clean("m")


def test_most_and_only_of_the_finished_chains_count(folder: str, tmp_path: Path) -> None:
    reader = Reasoner.load(folder, device="cpu")
    silent = load_traces(lines(tmp_path / "a.jsonl", "the dog sees"), reader)
    told = load_traces(lines(tmp_path / "b.jsonl", "the answer is"), reader)
    check_read([*silent, *told], author="m")
    check_read([], author="m")
    check_read([replace(trace, finished=False) for trace in silent], author="m")
    with pytest.raises(UserError, match="m: no answer can be read in 3 of 5 finished chains"):
        check_read([*silent, *told[:2]], author="m")


def test_a_wrong_answer_is_no_unread_one(folder: str) -> None:
    reader = Reasoner.load(folder, device="cpu")
    trace = reader.retoken(
        reader.write([Problem("q", "the fox sees", "big dog")], max_tokens=2)[0],
        "the fox sees",
        " so the answer is red hen .",
    )
    check_read([replace(trace, finished=True)], author="m")
