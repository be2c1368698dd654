"""Pruning while writing: identity, an oracle with hidden keys, what is kept, and runs that go on."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from mechcot.cli.main import app
from mechcot.core.errors import UserError
from mechcot.core.trace import Phase, Span
from mechcot.model.generation.pruned_kv_cache import DroppingCache
from mechcot.model.interventions import AttentionKnockout
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.problems import problems
from mechcot.pruning.online import RANKS, Online, write_online
from mechcot.pruning.online_run import run_online, told, ways_of


@pytest.fixture(scope="module")
def reader() -> Reasoner:
    return Reasoner.load("organism:base")


@pytest.fixture(scope="module")
def asked():
    return problems(2, seed=11)


@pytest.fixture(scope="module")
def written(reader, asked):
    return reader.write(asked, max_tokens=70)


def test_keeping_everything_writes_the_same_text(reader, asked, written):
    for problem, trace in zip(asked, written, strict=True):
        found = write_online(reader, problem, Online(keep=1.0, max_tokens=70))
        assert found.trace.completion == trace.completion
        assert found.trace.ids == trace.ids
        assert (found.dropped, found.cached) == ((), found.uncut)


def test_dropped_positions_are_hidden_from_all_that_follows_and_from_nothing_before(
    reader, written
):
    """Against a run of the whole text under a mask, position for position."""
    ids = written[0].ids
    cut, gone = len(ids) - 12, Span(len(ids) - 30, len(ids) - 22)
    cache = DroppingCache(reader, ids[:cut])
    cache.drop(list(gone.positions()))
    assert len(cache) == cut - len(gone)
    assert cache.bytes() * cut == DroppingCache(reader, ids[:cut]).bytes() * len(cache)
    for token in ids[cut:]:
        cache.append(token)
    prefix = reader.prefix(ids[:cut])
    hide = AttentionKnockout(gone, queries=Span(cut, 2**40))
    states = prefix.rerun_from(cut, [list(ids[cut:])], under=[hide])[0]
    np.testing.assert_allclose(cache._last.numpy(), states[-1].numpy(), atol=1e-4)
    plain = reader.prefix(ids).hidden[-1]
    assert (cache._last - plain).abs().max() > 1e-3


def test_the_attention_received_is_that_of_the_whole_text(reader, written):
    ids = written[0].ids
    got = DroppingCache(reader, ids).attention(last=8)
    reader.model.set_attn_implementation("eager")
    with torch.no_grad():
        full = reader.model(input_ids=torch.tensor([ids]), output_attentions=True).attentions
    reader.model.set_attn_implementation("sdpa")
    expected = torch.stack(full)[:, 0, :, -8:].mean((0, 1, 2))
    np.testing.assert_allclose(got.numpy(), expected.numpy(), atol=1e-5)
    assert got.sum() == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("by", RANKS)
def test_what_is_kept_fits_and_the_question_is_never_dropped(reader, asked, by):
    found = write_online(reader, asked[0], Online(keep=0.4, every=1, by=by, max_tokens=60))
    chain = found.trace.phase(Phase.CHAIN)
    assert found.dropped
    assert all(position in chain for position in found.dropped)
    whole = [
        step
        for step in found.trace.chain_steps
        if len(set(step.tokens.positions()) & set(found.dropped)) not in {0, len(step.tokens)}
    ]
    assert whole == []  # steps go as a whole
    assert found.cached < found.uncut
    if by == "random":
        again = write_online(reader, asked[0], Online(keep=0.4, every=1, by=by, max_tokens=60))
        assert again.trace == found.trace


def test_recent_keeps_the_latest(reader, asked):
    found = write_online(reader, asked[0], Online(keep=0.4, every=1, by="recent", max_tokens=80))
    chain = found.trace.phase(Phase.CHAIN)
    assert max(found.dropped) < chain.stop - (chain.stop - chain.start) // 4


WAYS = ways_of([0.5], every=1, max_tokens=28, seed=0)


@pytest.fixture(scope="module")
def ran(reader, asked, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    return out, run_online(reader, asked, ways=WAYS, out=out, seed=0)


def timeless(result):
    rows = [{k: v for k, v in row.items() if k != "tokens_per_second"} for row in result["rows"]]
    return result | {"rows": rows}


def test_the_table_has_a_row_a_way_and_holds_it_against_the_unpruned(ran, asked):
    out, result = ran
    rows = {row["way"]: row for row in result["rows"]}
    assert list(rows) == ["all kept", "0.5 by attention", "0.5 by recent", "0.5 by random"]
    whole = rows.pop("all kept")
    assert whole["cached"] == whole["memory"] == 1.0
    assert (whole["change"], whole["change_low"], whole["change_high"]) == (0.0, 0.0, 0.0)
    for row in rows.values():
        assert row["cached"] < 1.0 and row["memory"] < 1.0 and row["peak_mb"] < whole["peak_mb"]
        assert row["tokens_per_second"] > 0 and row["n"] == 2
        assert row["change"] == row["accuracy"] - whole["accuracy"]
    table = pd.read_parquet(out / "online.parquet")
    assert sorted(table["id"].unique()) == sorted(p.id for p in asked)
    assert json.loads((out / "online.json").read_text()) == result
    assert len(told(result)) == 5


def test_an_interrupted_run_goes_on_and_loses_only_the_text_in_the_writing(
    ran, reader, asked, tmp_path, monkeypatch
):
    written = []

    def until(limit):
        def write(*about):
            if len(written) == limit:
                raise KeyboardInterrupt
            written.append((about[1].id, about[2]))
            return write_online(*about)

        return write

    monkeypatch.setattr("mechcot.pruning.online_run.write_online", until(3))
    with pytest.raises(KeyboardInterrupt):
        run_online(reader, asked, ways=WAYS, out=tmp_path, seed=0)
    assert len(list((tmp_path / "items").iterdir())) == 3
    monkeypatch.setattr("mechcot.pruning.online_run.write_online", until(None))
    again = run_online(reader, asked, ways=WAYS, out=tmp_path, seed=0)
    assert written == [(problem.id, how) for problem in asked for how in WAYS.values()]
    assert timeless(again) == timeless(ran[1])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    monkeypatch.setattr("mechcot.pruning.online_run.write_online", None)
    assert run_online(reader, asked, ways=WAYS, out=tmp_path, seed=0) == again
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_another_model_or_another_way_is_written_anew(reader, asked, tmp_path):
    one = {"all kept": Online(keep=1.0, max_tokens=4)}
    for model, ways in (
        (reader, one),
        (reader.scaled(2.0), one),
        (reader, {"all kept": Online(keep=1.0, max_tokens=5)}),
    ):
        run_online(model, asked[:1], ways=ways, out=tmp_path, seed=0, overwrite=True)
    assert len(list((tmp_path / "items").iterdir())) == 3


def test_what_cannot_be_written_is_counted_or_told(reader, asked, tmp_path):
    long = replace(asked[0], id="long", question=asked[0].question + " ; find c ?" * 400)
    one = {"all kept": Online(keep=1.0, max_tokens=4)}
    found = run_online(reader, [asked[0], long], ways=one, out=tmp_path, seed=0)
    assert (found["n"], [each["id"] for each in found["left_out"]]) == (1, ["long"])
    assert "context" in told(found)[-1]
    assert json.loads((tmp_path / "online.json").read_text())["rows"][0]["low"] is None
    with pytest.raises(UserError, match="none of 1 problem can be written"):
        run_online(reader, [long], ways=one, out=tmp_path, seed=0, overwrite=True)
    with pytest.raises(UserError, match="got none"):
        run_online(reader, [], ways=one, out=tmp_path, seed=0)


def test_the_command_takes_several_shares_and_needs_a_folder_alone(asked, tmp_path):
    lines = [{"id": p.id, "question": p.question, "answer": p.answer} for p in asked]
    source, out = tmp_path / "p.jsonl", tmp_path / "out"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = ["prune-online", "organism:base", "--problems", str(source), "--out", str(out)]
    command += ["--keep", "0.7", "--keep", "0.5", "--n", "1", "--max-tokens", "8"]
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 0, told.output
    ways = [row["way"] for row in json.loads((out / "online.json").read_text())["rows"]]
    assert ways == [
        "all kept",
        *(f"{keep} by {by}" for keep in (0.7, 0.5) for by in RANKS),
    ]
    assert all(way in told.output for way in ways)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"keep": 1.5}, "0 to 1, got 1.5"),
        ({"keep": 0.5, "by": "magic"}, "attention, recent, random"),
        ({"keep": 0.5, "every": 0}, "1 or more steps, got 0"),
    ],
)
def test_wrong_settings_are_told(wrong, said):
    with pytest.raises(UserError, match=said):
        Online(**wrong)


def without_answer(found):
    """The same text, finished, with no answer that can be read."""
    trace = replace(found.trace, finished=True, answer=replace(found.trace.answer, text=None))
    return replace(found, trace=trace)


def test_a_run_stops_as_soon_as_most_answers_are_sure_to_be_unread(reader, tmp_path, monkeypatch):
    asked, written = problems(4, seed=11), []

    def write(*about):
        written.append(about[1].id)
        return without_answer(write_online(*about))

    monkeypatch.setattr("mechcot.pruning.online_run.write_online", write)
    ways = ways_of([0.5], every=1, max_tokens=4, seed=0)
    with pytest.raises(UserError, match="base: no answer can be read in 3 of 3 finished") as told:
        run_online(reader, asked, ways=ways, out=tmp_path, seed=0)
    assert "--answer-after TEXT" in str(told.value)
    assert len(written) == 2 * len(ways) + 1, "the third unpruned text of four settles it"
    assert not (tmp_path / "online.json").exists()


def test_unread_answers_are_counted_apart(reader, asked, tmp_path, monkeypatch):
    def write(*about):
        found = write_online(*about)
        return found if about[1] is asked[0] or about[2].keep == 1.0 else without_answer(found)

    monkeypatch.setattr("mechcot.pruning.online_run.write_online", write)
    ways = ways_of([0.5], every=1, max_tokens=4, seed=0)
    result = run_online(reader, asked, ways=ways, out=tmp_path, seed=0)
    assert [row["unread"] for row in result["rows"]] == [0.0, 0.5, 0.5, 0.5]
    assert "50%" in told(result)[2]
