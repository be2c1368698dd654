"""What goes wrong in real runs: each is one sentence with exit code 2, or counted rows "not judged"; never a silence."""

import errno
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from mechcot.compare.pair_finding import too_few
from mechcot.compare.run import run
from mechcot.compare.settings import Study
from mechcot.core.errors import EditDidNotFire, UserError
from mechcot.measures.registry import MEASURES
from tests.compare.tiny_models import (
    NOTHING,
    byte_tokenizer,
    chain_of,
    save_tiny,
    sum_of,
    write_rows,
)

READ = ("early_answering", "filler", "suppression", "step_attention")
TOKENIZER = byte_tokenizer(merges=40)


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> tuple[str, str]:
    root = tmp_path_factory.mktemp("pair")
    return tuple(save_tiny(root / name, TOKENIZER, seed=i) for i, name in enumerate(("one", "two")))


def study_of(models: tuple[str, ...], out: Path, **about) -> Study:
    return Study(
        models=models, out=out, overwrite=True, **{"null_reader": "none", "chains": "all"} | about
    )


def reasons(found: dict, *, reader: str) -> dict[str, str]:
    """Measure -> why it could not be judged, for one reader."""
    return {row["measure"]: row["reason"] for row in found["not_judged"] if row["reader"] == reader}


def measurements(study: Study) -> pd.DataFrame:
    return pd.read_parquet(study.out / "results" / "readings.parquet")


# --- numbers that are none ------------------------------------------------------------------------


def test_nan_weights_are_found_before_writing(pair, sums, tmp_path, mistake):
    def spoil(model):
        model.lm_head.weight[:] = torch.nan

    broken = save_tiny(tmp_path / "broken", TOKENIZER, seed=0, spoil=spoil)
    said = mistake(
        "compare", broken, pair[1], "--problems", str(sums), "--out", str(tmp_path / "out")
    )
    assert "broken: 1 weights are not finite (NaN or infinite), the first is lm_head.weight" in said
    assert not list((tmp_path / "out").rglob("*.json"))


def test_nan_states_on_one_text_are_counted(pair, tmp_path):
    """Only the letter z has a damaged row: the one chain with it is left out, on both sides, with its reason."""
    (letter,) = TOKENIZER.encode("z", add_special_tokens=False)

    def spoil(model):
        model.model.embed_tokens.weight[letter] = torch.nan

    broken = save_tiny(tmp_path / "broken", TOKENIZER, seed=1, spoil=spoil)
    rows = [chain_of(i) for i in range(3)]
    rows[1]["chain"] += " zzz."
    path = write_rows(tmp_path / "chains.jsonl", rows)
    study = study_of((pair[0], broken), tmp_path / "out", traces=path, measures=READ)
    found = run(study)
    assert set(reasons(found, reader="broken")) == {"gates", *READ}
    assert all("not finite" in why for why in reasons(found, reader="broken").values())
    more = {
        "gates": 2,  # another item reads the damaged chain as "another item's chain"
        "early_answering": 2,  # the model writes the letter itself, after a part of another chain
    }
    for row in found["not_judged"]:
        assert row["count"] == more.get(row["measure"], 1)
    assert not reasons(found, reader="one")
    for row in found["comparisons"][0]["same_chains"]["measures"]:
        left_out = 3 - row["n"]
        assert left_out == row["dropped"] == more.get(row["measure"], 1)


def test_nan_logits_with_finite_states_are_counted(pair, tmp_path):
    """The head is damaged for texts of one direction only: no number may come out of it."""

    def spoil(model):
        model.lm_head.weight[5] = torch.inf

    broken = save_tiny(tmp_path / "broken", TOKENIZER, seed=1, spoil=spoil)
    path = write_rows(tmp_path / "chains.jsonl", [chain_of(i) for i in range(2)])
    study = study_of((pair[0], broken), tmp_path / "out", traces=path, measures=READ[:2])
    try:
        found = run(study)
    except UserError as error:
        assert "logits" in str(error)
    else:
        values = measurements(study)
        assert values[values["reader"] == "broken"]["value"].isna().all()
        assert reasons(found, reader="broken")


# --- texts that are none, or too long -------------------------------------------------------------


def test_empty_chains_are_counted(pair, tmp_path):
    rows = [chain_of(i) for i in range(3)]
    rows[1]["chain"] = ""
    path = write_rows(tmp_path / "chains.jsonl", rows)
    study = study_of(pair, tmp_path / "out", traces=path, measures=READ)
    found = run(study)
    for reader in ("one", "two"):
        assert reasons(found, reader=reader) == dict.fromkeys(READ, "the chain has no steps")
    values = measurements(study)
    assert values[values["measure"] == "gates"]["value"].notna().all()
    assert values[values["item"] != "sum-1"]["value"].notna().all()


def test_a_model_that_writes_and_answers_nothing(pair, sums, tmp_path):
    """Every token ends its text: its chains are empty and no answer of it can be read."""
    mute = save_tiny(tmp_path / "mute", TOKENIZER, seed=1, stop=list(range(len(TOKENIZER))))
    study = study_of(
        (pair[0], mute), tmp_path / "out", problems=str(sums), max_tokens=24, measures=READ
    )
    found = run(study)
    rows = [row for row in found["not_judged"] if row["reader"] == "mute"]
    by_author = {(row["author"], row["measure"]): row["reason"] for row in rows}
    unread = "no answer could be read after the full chain"
    assert by_author["one", "early_answering"] == by_author["one", "filler"] == unread
    assert by_author["mute", "early_answering"] == "the chain has no steps"
    assert sum(row["count"] for row in rows if row["author"] == "one") == 2 * 5
    gates = found["comparisons"][0]["same_chains"]["gates"]
    parsed = next(g for g in gates if (g["name"], g["side"]) == ("parsed", "after"))
    assert (parsed["value"], parsed["ok"]) == (0.0, False)


def test_a_chain_longer_than_the_context_of_one_model(pair, tmp_path):
    short = save_tiny(tmp_path / "short", TOKENIZER, seed=1, context=96)
    rows = [chain_of(i) for i in range(3)]
    rows[2]["chain"] = " ".join([rows[2]["chain"]] * 4)
    path = write_rows(tmp_path / "chains.jsonl", rows)
    study = study_of((pair[0], short), tmp_path / "out", traces=path, measures=READ)
    found = run(study)
    assert set(reasons(found, reader="short")) == {"gates", *READ}
    assert all(
        "the context of short is 96" in why for why in reasons(found, reader="short").values()
    )
    assert not reasons(found, reader="one")
    values = measurements(study)
    lost = values[(values["reader"] == "short") & values["value"].isna()]
    assert set(lost["item"]) == {"sum-2"}


def test_a_prompt_that_fills_the_context(pair, tmp_path, mistake):
    long = {"id": "long", "question": "What is 3 + 4? " * 40, "answer": "7"}
    path = write_rows(tmp_path / "p.jsonl", [sum_of(0), long, sum_of(1)])
    study = study_of(pair, tmp_path / "out", problems=str(path), max_tokens=12, measures=READ)
    found = run(study)
    assert found["chains_written"] == 2
    for reader in ("one", "two"):
        assert set(reasons(found, reader=reader)) == {"gates", *READ}
        assert all("the context of" in why for why in reasons(found, reader=reader).values())
    before = (study.out / "summary.json").read_bytes()
    run(study)
    assert (study.out / "summary.json").read_bytes() == before
    alone = write_rows(tmp_path / "alone.jsonl", [long])
    said = mistake("compare", *pair, "--problems", str(alone), "--out", str(tmp_path / "o2"))
    assert "one could not write a chain for any of 1 problem: the prompt has" in said


def test_a_question_without_tokens(pair, tmp_path):
    path = write_rows(
        tmp_path / "p.jsonl", [sum_of(0), {"id": "none", "question": NOTHING, "answer": "7"}]
    )
    study = study_of(pair, tmp_path / "out", problems=str(path), max_tokens=12, measures=READ[:1])
    found = run(study)
    why = {row["reason"] for row in found["not_judged"]}
    assert why == {"the question has no tokens for one", "the question has no tokens for two"}
    values = measurements(study)
    assert set(values[values["value"].isna()]["item"]) == {"none"}


# --- templates ------------------------------------------------------------------------------------


def test_without_a_chat_template_the_plain_one_is_used_and_named(pair, sums, tmp_path):
    study = study_of(pair, tmp_path / "out", problems=str(sums), max_tokens=12, measures=READ[:1])
    run(study)
    text = (study.out / "report.html").read_text()
    assert "no chat template, plain text" in text
    first = json.loads((study.out / "traces.jsonl").read_text().splitlines()[0])
    assert first["prompt"].startswith("Question: What is 0 + 4?\nAnswer:")


def test_a_broken_chat_template(pair, sums, tmp_path, mistake):
    tokenizer = byte_tokenizer(merges=40)
    tokenizer.chat_template = "{{ raise_exception('only system messages') }}"
    broken = save_tiny(tmp_path / "broken", tokenizer, seed=1)
    said = mistake(
        "compare", broken, pair[0], "--problems", str(sums), "--out", str(tmp_path / "o")
    )
    assert "broken: expected a chat template that renders one user message" in said
    assert "only system messages" in said


# --- the machine ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "where", ["mechcot.runs.items.Items.put", "mechcot.compare.run.write_text"]
)
def test_a_full_disk_while_writing(pair, sums, tmp_path, mistake, monkeypatch, where):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "somewhere")

    monkeypatch.setattr(where, full)
    said = mistake(
        "compare", *pair, "--problems", str(sums), "--out", str(tmp_path / "out"), "--max-tokens", "8",
        "--chains", "all", "--measures", "early_answering", "--null-reader", "none",
    )  # fmt: skip
    assert "the disk is full (somewhere)" in said
    assert "the same command resumes" in said


def test_what_does_not_fit_in_memory_is_counted_and_tried_again(pair, tmp_path, monkeypatch):
    path = write_rows(tmp_path / "chains.jsonl", [chain_of(i) for i in range(3)])
    study = study_of(pair, tmp_path / "out", traces=path, measures=READ[:1])
    plain = MEASURES["early_answering"]

    def starved(reader, trace, inputs):
        if trace.problem.id == "sum-1" and reader.name == "two":
            msg = "CUDA out of memory. Tried to allocate 20.00 GiB"
            raise torch.OutOfMemoryError(msg)
        return plain.run(reader, trace, inputs)

    with monkeypatch.context() as patch:
        patch.setitem(MEASURES, "early_answering", replace(plain, function=starved))
        found = run(study)
    (row,) = found["not_judged"]
    assert (row["reader"], row["count"]) == ("two", 1)
    assert row["reason"].startswith("does not fit in memory: a trace of ")
    assert not run(study)["not_judged"]


FAILURES = {
    "runtime": (RuntimeError("shapes do not match"), "failed (RuntimeError: shapes do not match)"),
    "index": (IndexError("index out of range"), "failed (IndexError: index out of range)"),
    "edit": (EditDidNotFire("nothing was edited"), "failed (EditDidNotFire: nothing was edited)"),
    "family": (UserError("this family cannot"), "this family cannot"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_one_measure_of_one_item_stops_no_run(pair, tmp_path, monkeypatch, caplog, kind):
    error, reason = FAILURES[kind]
    path = write_rows(tmp_path / "chains.jsonl", [chain_of(i) for i in range(2)])
    study = study_of(pair, tmp_path / "out", traces=path, measures=READ[:1])
    plain = MEASURES["early_answering"]

    def wrong(reader, trace, inputs):
        if trace.problem.id == "sum-1":
            raise error
        return plain.run(reader, trace, inputs)

    wrong.__module__ = plain.function.__module__  # whose code names what is measured
    with monkeypatch.context() as patch:
        patch.setitem(MEASURES, "early_answering", replace(plain, function=wrong))
        found = run(study)
    assert {(row["reason"], row["count"]) for row in found["not_judged"]} == {(reason, 1)}
    foreseen = isinstance(error, UserError)
    assert ("Traceback" in caplog.text) != foreseen
    assert bool(run(study)["not_judged"]) == foreseen  # what nobody foresaw is tried again


def test_verdicts_out_of_reach_are_said_before_a_run():
    cards = [MEASURES[name].card for name in ("early_answering", "mediation_index", "paraphrase")]
    assert too_few(cards, items=20) == ""
    assert "15 items can be judged" in too_few(cards, items=15)
    assert "Early answering 20, Mediation index 20)" in too_few(cards, items=15)
