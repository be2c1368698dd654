"""Loading traces: chains that a vocabulary cannot hold, and traces written with another cue."""

import json
from dataclasses import replace

import pytest

from mechcot.core.errors import UserError
from mechcot.core.store import read_traces, write_traces
from mechcot.model.asking_options import AS_FOUND, Asking
from mechcot.model.reasoner import Reasoner
from mechcot.traces.load import load_traces
from tests.compare.tiny_models import byte_tokenizer, chain_of, save_tiny, write_rows
from tests.model.conftest import make_model
from tests.model.foreign_vocabularies import word_level


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("m"), byte_tokenizer(merges=0), seed=0)


@pytest.fixture(scope="module")
def reader(folder):
    return Reasoner.load(folder)


def test_a_chain_that_a_vocabulary_cannot_hold_is_left_out_and_counted(tmp_path, capsys):
    tokenizer = word_level(unknown=False)
    words = Reasoner.of(make_model("llama", d_vocab=len(tokenizer)), tokenizer, name="words")
    rows = [
        {"id": f"q{i}", "question": "the red fox sees", "answer": "big dog"}
        | {"chain": f"the {animal} walks .", "answer_text": "the answer is big dog ."}
        for i, animal in enumerate(("fox", "owl", "dog"))
    ]
    traces = load_traces(write_rows(tmp_path / "c.jsonl", rows), words)
    assert [trace.problem.id for trace in traces] == ["q0", "q2"]
    told = " ".join(capsys.readouterr().err.split())
    assert (
        "1 of 3 chains left out: words cannot hold their text in its tokens; q1: the tokenizer"
        in told
    )
    with pytest.raises(UserError, match="words can hold none of 1 chain in its tokens; q1: "):
        load_traces(write_rows(tmp_path / "one.jsonl", rows[1:2]), words)


def test_questions_that_stand_under_several_ids_are_told(tmp_path, reader, capsys):
    rows = [chain_of(1), chain_of(2), chain_of(1) | {"id": "again"}]
    load_traces(write_rows(tmp_path / "t.jsonl", rows), reader)
    assert "1 of 3 questions stand there before under another id" in capsys.readouterr().err
    load_traces(write_rows(tmp_path / "t.jsonl", rows), reader, n=2)
    assert "another id" not in capsys.readouterr().err
    rows[2] |= {"id": "sum-1", "sample": "1"}
    load_traces(write_rows(tmp_path / "t.jsonl", rows), reader)
    assert "another id" not in capsys.readouterr().err


def test_traces_written_with_another_cue_are_told_with_the_options_to_give(
    folder, reader, tmp_path, capsys
):
    asking = Asking(cue="\nSo the result:", answer_after="result:", think="none", last_number=True)
    traces = load_traces(write_rows(tmp_path / "c.jsonl", [chain_of(i) for i in range(4)]), reader)
    path = tmp_path / "traces.jsonl"
    write_traces(path, traces, asking=lambda _: asking.to_json())
    assert read_traces(path) == traces
    capsys.readouterr()
    load_traces(path, reader)
    told = " ".join(capsys.readouterr().err.split())
    options = "--answer-after result: --cue '\\nSo the result:' --read-last-number --think none"
    assert f"was written with {options}, and is read with none of them" in told
    assert f"To read them alike, give {options}; in Python: " in told
    python = (
        "mc.Asking(cue='\\nSo the result:', answer_after='result:', think='none', last_number=True)"
    )
    assert told.endswith(f"reader = reader.asked_with({python})")
    load_traces(path, Reasoner.load(folder, asking=asking))
    assert "was written with" not in capsys.readouterr().err
    write_traces(path, traces, asking=lambda _: AS_FOUND.to_json())
    assert all("asking" not in json.loads(line) for line in path.read_text().splitlines())
    load_traces(path, reader)
    assert "was written with" not in capsys.readouterr().err
    load_traces(path, Reasoner.load(folder, asking=replace(AS_FOUND, last_number=True)))
    told = " ".join(capsys.readouterr().err.split())
    assert "is read with --read-last-number" in told and "leave them out" in told


def test_of_several_authors_the_readers_own_line_counts_and_what_is_alike_is_not_told(
    reader, tmp_path, capsys
):
    """Settings that change nothing for this reader are no other way: its files have no instruction, and the cue is theirs."""
    traces = load_traces(write_rows(tmp_path / "c.jsonl", [chain_of(i) for i in range(4)]), reader)
    two = [replace(traces[0], author="other"), replace(traces[1], author=reader.name)]
    path, far = tmp_path / "traces.jsonl", Asking(cue=" So")
    capsys.readouterr()
    for other, own, told in (
        (far, AS_FOUND, False),
        (AS_FOUND, far, True),
        (AS_FOUND, Asking(cue=reader.cue.text), False),
        (far, Asking(instruction="Think."), True),
    ):
        said = {"other": other, reader.name: own}
        write_traces(path, two, asking=lambda author, said=said: said[author].to_json())
        load_traces(path, reader)
        assert ("was written with" in capsys.readouterr().err) is told, (other, own)


@pytest.mark.parametrize(
    ("said", "other"),
    [("Anna", "Berta"), ("Yes", "No"), ("B", "C"), ("The answer is 7.", "The answer is 9.")],
)
def test_an_answer_in_a_field_of_its_own_is_behind_the_chain_whatever_the_chain_states(
    reader, tmp_path, said, other
):
    chain = "Somebody holds a key.\nSo the answer is 4. Or not, that one is out."
    row = {"id": "q", "question": "Which?", "answer": "x", "chain": chain, "answer_text": said}
    (trace,) = load_traces(write_rows(tmp_path / "c.jsonl", [row]), reader)
    value = said.removeprefix("The answer is ").rstrip(".")
    assert (trace.chain_text, trace.answer.text) == (chain, value)
    assert (trace.answer.how, len(trace.chain_steps)) == ("given", 3)
    twin = reader.retoken(
        trace, trace.prompt, trace.completion.replace("key", "cup").replace(said, other)
    )
    assert twin.cuts() == trace.cuts()
    assert twin.answer.text == other.removeprefix("The answer is ").rstrip(".")
    again = tmp_path / "traces.jsonl"
    write_traces(again, [trace])
    assert load_traces(again, reader)[0].answer == trace.answer
