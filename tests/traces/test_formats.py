"""Foreign formats: what is kept, and messages that name file and line."""

import json
from pathlib import Path

import numpy as np
import pytest

from mechcot.core.errors import UserError
from mechcot.text.segment import pieces
from mechcot.traces.external import load_chains
from mechcot.traces.formats import IMPORTANCES, import_traces, importances

ANCHORS = Path(__file__).parents[3] / "shared" / "data" / "thought_anchors_com" / "traces.jsonl"
CHUNK = {
    "chunk": "One.",
    "function_tags": ["problem_setup"],
    "depends_on": ["0"],
    "counterfactual_importance_kl": 0.5,
}
ANCHOR = {
    "id": "a",
    "model": "m",
    "problem": {"problem": "q?", "gt_answer": "4"},
    "solution": "One. Two.\n</think>\n4",
    "chunks": [CHUNK, {"chunk": "Two."}],
}
USER = {"role": "user", "content": "q?"}
SAID = {"role": "assistant", "content": "4", "reasoning_content": "One. Two."}
PART = {"type": "reasoning", "reasoning": "One. Two."}
INSPECT = {
    "id": 7,
    "input": "q?",
    "target": ["4"],
    "messages": [
        USER,
        {"role": "assistant", "content": [PART, {"type": "text", "text": "4"}]},
    ],
    "output": {"model": "m"},
    "scores": {},
}
TEXT = "q?\n\nOne. Two.\n\nThree.\nanswer: 4\n---\np?\n\nFive.\nanswer: 5\n"


def write(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.mark.parametrize(
    ("kind", "record", "chain", "author"),
    [
        ("thought-anchors", ANCHOR, "One. Two.\n", "m"),
        ("chat", {"messages": [USER, SAID], "answer": "4", "model": "m"}, "One. Two.", "m"),
        ("inspect", INSPECT, "One. Two.", "m"),
    ],
)
def test_each_format_gives_lines_that_traces_reads(tmp_path, kind, record, chain, author):
    out = tmp_path / "out.jsonl"
    assert len(import_traces(write(tmp_path / "in.jsonl", record), out, kind=kind).chains) == 1
    (found,) = load_chains(out)
    assert (found.problem.question, found.problem.answer) == ("q?", "4")
    assert (found.chain, found.answer.strip(), found.closed) == (chain, "4", True)
    assert found.author == author
    again = tmp_path / "again.jsonl"
    import_traces(out, again, kind="chat")
    assert load_chains(again) == load_chains(out)


def test_plain_texts_are_parted_and_keep_their_paragraphs(tmp_path):
    (tmp_path / "in.txt").write_text(TEXT)
    assert len(import_traces(tmp_path / "in.txt", tmp_path / "out.jsonl", kind="text").chains) == 2
    first, second = load_chains(tmp_path / "out.jsonl")
    assert (first.chain, first.problem.answer) == ("One. Two.\n\nThree.", "4")
    assert (second.problem.question, second.chain) == ("p?", "Five.")
    assert not first.closed


def test_importances_load_as_results_and_absent_ones_are_not_numbers(tmp_path):
    path = write(tmp_path / "in.jsonl", ANCHOR)
    (found,) = importances(path, name="counterfactual_importance_kl")
    np.testing.assert_array_equal(found.values, [0.5, np.nan])
    assert (found.trace, found.reader, found.unit) == ("a", "m", "nats")
    import_traces(path, tmp_path / "out.jsonl", kind="thought-anchors")
    anchors = load_chains(tmp_path / "out.jsonl")[0].problem.meta["anchors"]
    assert anchors[0]["tags"] == ["problem_setup"]
    assert anchors[0]["depends"] == [0]
    with pytest.raises(UserError, match="unknown importance 'size'"):
        importances(path, name="size")


def test_a_tag_may_be_a_text_and_an_importance_that_is_no_number_is_absent(tmp_path):
    odd = CHUNK | {
        "function_tags": "uncertainty_management",
        "counterfactual_importance_kl": "nan",
        "forced_importance_kl": "inf",
        "resampling_importance_kl": 0.25,
    }
    path = write(tmp_path / "in.jsonl", ANCHOR | {"chunks": [odd]})
    import_traces(path, tmp_path / "out.jsonl", kind="thought-anchors")
    (anchor,) = load_chains(tmp_path / "out.jsonl")[0].problem.meta["anchors"]
    assert anchor["tags"] == ["uncertainty_management"]
    assert anchor["importance"] == {"resampling_importance_kl": 0.25}


def test_epochs_of_an_inspect_log_are_samples_of_one_problem(tmp_path):
    path = write(tmp_path / "in.jsonl", INSPECT | {"epoch": 0}, INSPECT | {"epoch": 2})
    assert len(import_traces(path, tmp_path / "out.jsonl", kind="inspect").chains) == 2
    found = load_chains(tmp_path / "out.jsonl")
    assert [(chain.problem.id, chain.sample) for chain in found] == [("7", "0"), ("7", "2")]


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("thought-anchors", b'{"a": 1}', ":1: not a Thought Anchors trace"),
        ("thought-anchors", json.dumps(ANCHOR | {"chunks": [CHUNK, 3]}).encode(), ":1, chunk 1:"),
        (
            "thought-anchors",
            json.dumps(ANCHOR | {"chunks": [CHUNK | {"depends_on": "12"}]}).encode(),
            "a list",
        ),
        ("inspect", b'{"input": "q"}', ":1: not a sample of an Inspect log"),
        ("chat", b'\n{"messages": 3, "answer": "4"}', ":2: 'messages' must be"),
        (
            "chat",
            b'{"messages": [{"role": "user", "content": "q"}], "answer": "4"}',
            ":1: no assistant",
        ),
        ("chat", b"\xff", ":1: not UTF-8"),
        ("chat", b"", "no chains in it"),
        ("text", b"q\n\nc\nanswer: 4\n---\nq only\n", ":6: expected the question"),
        ("text", b"q\n\n\xff\nanswer: 4", ":3: not UTF-8"),
        ("pdf", b"{}", "unknown format 'pdf'"),
        (
            "thought-anchors",
            b"\n".join([json.dumps(ANCHOR).encode()] * 2),
            ":2: the id 'a' stands on line 1",
        ),
    ],
)
def test_mistakes_name_file_and_line(tmp_path, kind, data, said):
    path = tmp_path / "in.jsonl"
    path.write_bytes(data)
    with pytest.raises(UserError) as error:
        import_traces(path, tmp_path / "out.jsonl", kind=kind)
    assert said in str(error.value)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.skipif(
    not ANCHORS.is_file(), reason="needs the Thought Anchors traces beside the checkout"
)
def test_the_published_traces_come_through_whole(tmp_path):
    raw = [json.loads(line) for line in ANCHORS.read_text().splitlines()]
    assert len(
        import_traces(ANCHORS, tmp_path / "out.jsonl", kind="thought-anchors").chains
    ) == len(raw)
    for record, chain in zip(raw, load_chains(tmp_path / "out.jsonl"), strict=True):
        assert chain.chain in record["solution"]
        assert "".join(pieces(chain.chain)) == chain.chain
    for name in IMPORTANCES:
        sizes = [len(each.values) for each in importances(ANCHORS, name=name)]
        assert sizes == [len(record["chunks"]) for record in raw]


def test_several_chains_of_one_problem_keep_their_samples(tmp_path):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    line = {"id": "a", "question": "q", "chain": "One.", "answer": "1"}
    rows = [line | {"sample": name} for name in ("0", "1")]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert len(import_traces(source, out, kind="chat").chains) == 2
    assert [chain.sample for chain in load_chains(out)] == ["0", "1"]
    source.write_text("".join(json.dumps(line) + "\n" for _ in rows))
    with pytest.raises(UserError, match=r"in\.jsonl:2: the id 'a' stands on line 1 already"):
        import_traces(source, out, kind="chat")
