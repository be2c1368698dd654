"""Every command asks a model as its own texts show, and says so; the shipped models, and what the user says, stay as they are."""

import json
from pathlib import Path

import pytest

from mechcot.core.problem import Completion, Problem
from mechcot.core.trace import Answer, Trace
from mechcot.finetune.lab import run as lab_run
from mechcot.finetune.lab.settings import read_lab
from mechcot.model.asking_options import Asking
from mechcot.model.loading.options import LoadOptions
from mechcot.model.loading.pairs import load_pair
from mechcot.model.prompts import BOXED
from mechcot.model.reasoner import Reasoner
from mechcot.traces import own_words
from mechcot.traces.own_words import loading_in_own_words, own_asking
from tests.compare.tiny_models import byte_tokenizer, save_tiny
from tests.model.foreign_vocabularies import TURN

THINGS = ("the red cup", "the old key", "the tin box", "the new map")
PROSE = "It is {a} at noon. They paint it. Hence it is {a} that {w} takes home."
FOUND = Asking(
    cue=" Hence it is {answer} that", answer_after="Hence it is {answer} that", instruction=""
)
CPU = LoadOptions("cpu")


def problem(i: int) -> Problem:
    return Problem(
        f"p{i}", f"Case {i}. It starts as {THINGS[i % 4]}. What is it?", THINGS[(i + 1) % 4]
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    tokenizer = byte_tokenizer(merges=40)
    tokenizer.chat_template = TURN.replace("OPEN", "")
    return save_tiny(tmp_path_factory.mktemp("own") / "m", tokenizer, seed=0)


@pytest.fixture
def asked(tmp_path) -> Path:
    path = tmp_path / "problems.jsonl"
    rows = [
        {"id": p.id, "question": p.question, "answer": p.answer} for p in map(problem, range(40))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def chains(tmp_path) -> Path:
    """Chains of somebody else, whose answers say nothing of how the model is asked."""
    path = tmp_path / "chains.jsonl"
    rows = [
        {
            "question": p.question,
            "answer": p.answer,
            "chain": "They paint it.",
            "answer_text": f"The answer is {p.answer}.",
        }
        for p in map(problem, range(12))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def writes(monkeypatch) -> list[int]:
    """A model that writes prose where no instruction stands behind its question, and repeats its answer behind its own words only; gives what was written."""
    written = []

    def write(reader: Reasoner, problems, **_) -> list[Trace]:
        written.append(len(problems))
        form = "It is on and on" if reader.policy.instruction else PROSE
        texts = [
            form.format(a=p.answer, w=("Ann", "Bob", "Eve")[i % 3]) for i, p in enumerate(problems)
        ]
        pairs = zip(problems, texts, strict=True)
        return [reader.read(Completion(p, reader.render(p), text, "m")) for p, text in pairs]

    def answer(reader: Reasoner, trace: Trace) -> Answer:
        fits = not reader.policy.instruction and "Hence it is" in reader.cue.text
        return Answer(trace.problem.answer if fits else "nonsense", "asked")

    monkeypatch.setattr(Reasoner, "write", write)
    monkeypatch.setattr(own_words, "answer_after", answer)
    monkeypatch.setattr(own_words, "answers_after", lambda *both: [*map(answer, *both)])
    return written


def test_a_model_is_asked_as_its_texts_show_and_that_is_said(folder, asked, writes, capsys):
    loading = loading_in_own_words(folder, CPU, problems=str(asked))
    assert loading == LoadOptions("cpu", asking=FOUND)
    said = capsys.readouterr().err
    assert "without it in 32; it is left out (--instruction says another)" in said
    assert "m states its answers behind ' Hence it is {answer} that'" in said
    assert writes == [32, 32], "once with the instruction, once without"


def test_chains_of_others_are_asked_behind_and_texts_written_only_where_that_fails(
    folder, chains, writes, monkeypatch
):
    assert loading_in_own_words(folder, CPU, traces=chains).asking == FOUND
    assert writes == [12, 12]
    monkeypatch.setattr(own_words, "answer_after", lambda _, trace: trace.answer)
    assert loading_in_own_words(folder, CPU, traces=chains) == CPU
    assert writes == [12, 12], "the model gives their answers again as it is asked"


def test_what_the_user_says_is_kept(folder, asked, writes):
    said = LoadOptions("cpu", asking=Asking(cue=" So", instruction="Think."))
    assert loading_in_own_words(folder, said, problems=str(asked)) == said
    assert writes == []


def test_shipped_models_and_own_lines_are_left_as_they_are(folder, asked, writes, tmp_path, models):
    for known in ("organism:base", "organism:english/base", models[0]):
        assert loading_in_own_words(known, CPU, problems=str(asked)) is CPU
    assert loading_in_own_words(folder, CPU) is CPU, "the shipped task"
    lines = tmp_path / "own.jsonl"
    lines.write_text(json.dumps({"schema": 1, "ids": [], "steps": []}) + "\n")
    assert loading_in_own_words(folder, CPU, traces=lines) is CPU
    assert writes == []


def test_a_model_is_asked_as_its_own_lines_say(folder, writes, tmp_path, capsys):
    lines = tmp_path / "own.jsonl"
    rows = [
        {"schema": 1, "ids": [], "steps": [], "author": author, "asking": asking}
        for author, asking in (("other", {"cue": " So"}), ("m", FOUND.to_json()))
    ]
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert loading_in_own_words(folder, CPU, traces=lines).asking == FOUND
    said = capsys.readouterr().err
    assert "own.jsonl was written: --cue ' Hence it is {answer} that'" in " ".join(said.split())
    given = LoadOptions("cpu", asking=Asking(cue=" Thus"))
    assert loading_in_own_words(folder, given, traces=lines) is given
    assert writes == []


def test_what_was_found_is_known_to_the_next_command(
    folder, asked, writes, tmp_path, monkeypatch, capsys
):
    kept = tmp_path / "cache"
    monkeypatch.setenv("MECHCOT_CACHE", str(kept))
    first = loading_in_own_words(folder, CPU, problems=str(asked))
    said = capsys.readouterr().err
    assert loading_in_own_words(folder, CPU, problems=str(asked)) == first
    assert capsys.readouterr().err == said
    assert writes == [32, 32]
    for other in ({"loading": LoadOptions("cpu", dtype="bfloat16")}, {"max_tokens": 99}):
        loading_in_own_words(folder, **{"loading": CPU, "problems": str(asked), **other})
    asked.write_text("".join(reversed(asked.read_text().splitlines(keepends=True))))
    loading_in_own_words(folder, CPU, problems=str(asked))
    assert writes == [32, 32] * 4, "another precision, length or problem may show other words"
    for file in kept.rglob("*.json"):
        file.write_text("{")
    assert loading_in_own_words(folder, CPU, problems=str(asked)) == first
    assert writes == [32, 32] * 5, "a damaged file is nothing that is kept"
    monkeypatch.setenv("MECHCOT_CACHE", str(asked))  # a file: nothing can be kept there
    assert loading_in_own_words(folder, CPU, problems=str(asked)) == first


@pytest.mark.usefixtures("writes")
def test_a_pair_in_python_is_asked_as_its_first_model_shows(folder):
    pair = load_pair(folder, folder, device="cpu")
    found = own_asking(pair.before, [problem(i) for i in range(40)])
    assert found == FOUND
    again = pair.before.asked_with(found)
    assert again.policy.mode == "shared"
    assert BOXED in pair.before.render(problem(0)) and BOXED not in again.render(problem(0))


def test_a_study_finds_the_words_once(tmp_path, monkeypatch, asked):
    file, calls = tmp_path / "lab.toml", []
    file.write_text(
        f'title = "t"\nquestion = "q"\nbases = ["m"]\nproblems = "{asked}"\nheld_out = "{asked}"\nseeds = 1\n'
        '[arms.sft]\narm = "answer-only"\n'
    )

    def found(_spec, loading, **_):
        calls.append(loading)
        return LoadOptions("cpu", asking=FOUND)

    monkeypatch.setattr(lab_run, "loading_in_own_words", found)
    study, out = read_lab(file), tmp_path / "out"
    assert lab_run.loading_of_lab(study, out, CPU, keep=False).asking == FOUND
    assert not out.exists()
    for _ in range(2):
        assert lab_run.loading_of_lab(study, out, CPU).asking == FOUND
    assert len(calls) == 2
    said = LoadOptions("cpu", asking=Asking(cue=" So"))
    lab_run.loading_of_lab(study, out, said)
    assert calls[-1] == said, "other words of the user are looked at anew"
