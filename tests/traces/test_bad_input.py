"""What cannot be read is one clear sentence or a counted row; what is only odd is read."""

import json
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mechcot.core.errors import UserError
from mechcot.influence.run import run_influence as influence
from mechcot.model.reasoner import Reasoner
from mechcot.pruning.run import PruneSettings, run_pruning as prune
from mechcot.traces.formats import import_traces
from mechcot.traces.load import load_traces
from tests.compare.tiny_models import byte_tokenizer, save_tiny

QUESTION = "brief : c: 3 ; find c ?"


def line(name: str, **text: object) -> dict[str, object]:
    return {"id": name, "question": QUESTION, "answer": "3"} | text


@pytest.fixture(scope="module")
def reader() -> Reasoner:
    return Reasoner.load("organism:base")


def both(reader, path, out):
    """Both commands' functions on one file."""
    traces = load_traces(path, reader)
    yield lambda: influence([reader], traces, out=out / "influence", seed=0)
    settings = PruneSettings(keep=0.5, shares=())
    yield lambda: prune(reader, traces, settings=settings, out=out / "prune")


def write(path, *lines):
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    return path


@pytest.mark.parametrize(
    "text",
    [
        {"chain": ""},
        {"chain": "  \n "},
        {"chain": "</think> answer 3"},
        {"chain": "", "answer_text": "answer 3"},
    ],
)
def test_a_file_without_any_chain_is_told(reader, tmp_path, text):
    alone = write(tmp_path / "alone.jsonl", line("none", **text))
    for go in both(reader, alone, tmp_path / "alone"):
        with pytest.raises(UserError, match=r"none of 1 trace can be .*: the chain has no st"):
            go()


def test_a_chain_of_one_step_is_read_and_an_empty_one_beside_it_counted(reader, tmp_path):
    path = write(tmp_path / "one.jsonl", line("none", chain=""), line("one", chain=" c= 3 ."))
    for go in both(reader, path, tmp_path):
        found = go()
        assert found["n"] == 1
        assert [each["reason"] for each in found["left_out"]] == ["the chain has no steps"]
    steps = pd.read_parquet(tmp_path / "influence" / "steps.parquet")
    assert np.isnan(steps["received"]).all()  # nothing comes later
    assert (steps["answer"] == 1.0).all()  # alone, a pair is its own expectation


def test_a_chain_of_600_steps_is_counted_where_it_does_not_fit_and_read_where_it_does(
    reader, tmp_path
):
    path = write(tmp_path / "long.jsonl", line("long", chain=" c= 3 ." * 600))
    for go in both(reader, path, tmp_path):
        with pytest.raises(
            UserError, match=r"the trace has 18\d\d tokens, the context of base is 5"
        ):
            go()
    folder = save_tiny(tmp_path / "m", byte_tokenizer(merges=20), seed=0, context=8192, layers=1)
    roomy = Reasoner.load(folder, dtype="float32")
    path = write(tmp_path / "roomy.jsonl", line("long", chain="So 3. " * 601))
    found = influence([roomy], load_traces(path, roomy), out=tmp_path / "roomy", seed=0)
    assert (found["n"], found["left_out"]) == (1, [])
    steps = pd.read_parquet(tmp_path / "roomy" / "steps.parquet")
    assert len(steps) == 601
    assert np.isfinite(steps["received"][:-1]).all()
    held = next((tmp_path / "roomy" / "items").iterdir()).stat().st_size
    assert held < 4 * 600 * 601 * 8 / 20  # folded, not the matrix of 4 heads


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"question": "q", "chain": "\xff", "answer": "1"}', ":1: not UTF-8"),
        (b'{"question": "q", "chain": "\\ud800", "answer": "1"}', ":1: 'chain' holds half a char"),
        (b'{"question": "q", "chain": null, "answer": "1"}', ":1: no chain"),
        (b"[1]", ":1: expected a JSON object, got list"),
        (bytes(range(256)), ":1: not JSON"),
        (b"", "no (?:traces|chains) in it"),
    ],
)
def test_bad_files_name_file_and_line_in_every_command(reader, tmp_path, data, said):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(data)
    with pytest.raises(UserError, match=said):
        load_traces(path, reader)
    with pytest.raises(UserError, match=said):
        import_traces(path, tmp_path / "out.jsonl", kind="chat")
    assert not (tmp_path / "out.jsonl").exists()


def test_models_that_cannot_be_compared_head_by_head_are_told(tmp_path):
    folders = [
        save_tiny(tmp_path / str(n), byte_tokenizer(merges=20), seed=0, layers=n) for n in (1, 2)
    ]
    first = Reasoner.load(folders[0], dtype="float32")
    second = Reasoner.load(folders[1], dtype="float32", policy=first.policy.shared())
    path = write(tmp_path / "a.jsonl", line("a", chain="So x is 3. So y is 4. "))
    with pytest.raises(UserError, match=r"1 layers of 4 heads and 2 layers of 4 heads"):
        influence([first, second], load_traces(path, first), out=tmp_path / "out", seed=0)


def test_values_that_are_not_finite_are_no_attention(reader, tmp_path):
    spoilt = replace(reader, model=deepcopy(reader.model))
    spoilt.model.model.layers[0].self_attn.q_proj.weight.data.mul_(float("inf"))
    path = write(tmp_path / "one.jsonl", line("one", chain=" c= 3 ."))
    traces = load_traces(path, reader)
    for go in (
        lambda: influence([spoilt], traces, out=tmp_path / "i", seed=0),
        lambda: prune(spoilt, traces, settings=PruneSettings(keep=0.5), out=tmp_path / "p"),
    ):
        with pytest.raises(UserError, match="weights are not finite"):
            go()


def test_a_number_of_traces_below_one_is_refused(reader, tmp_path):
    path = write(tmp_path / "one.jsonl", line("one", chain=" c= 3 ."))
    with pytest.raises(UserError, match="--n of at least 1, got -1"):
        load_traces(path, reader, n=-1)


def test_a_chain_without_marks_is_finished_and_one_that_opens_and_never_closes_is_not(
    reader, tmp_path
):
    folder = save_tiny(tmp_path / "m", byte_tokenizer(merges=20), seed=0, layers=1)
    plain = Reasoner.load(folder, dtype="float32")
    path = write(
        tmp_path / "open.jsonl",
        line("field", chain="3 + 4 = 7. So 7."),
        line("plain", completion="3 + 4 = 7. So 7."),
        line("open", completion="<think>3 + 4 = 7. So"),
        line("limit", completion="3 + 4 = 7. So", finish_reason="length"),
    )
    for each in (plain, reader):
        finished = {trace.problem.id: trace.finished for trace in load_traces(path, each)}
        assert finished == {"field": True, "plain": True, "open": False, "limit": False}
