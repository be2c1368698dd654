"""Pruning and influence on a user's files with random checkpoints, through the commands, and on families that hide nothing."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from mechcot.cli.main import app
from mechcot.core.errors import UserError
from mechcot.model.reasoner import Reasoner
from mechcot.pruning.rankings import METHODS
from mechcot.pruning.removal import deletion_effects, kept_ids
from mechcot.pruning.run import PruneSettings, run_pruning
from mechcot.traces.load import load_traces
from tests.user_files import EMPTY, SHAPES, apples, checkpoints, problems_file, traces_file
from tools.families import tiny, tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("user")


@pytest.fixture(scope="module")
def models(folder):
    return checkpoints(folder, "before", "after")


@pytest.fixture(scope="module")
def chains(folder):
    return traces_file(folder, 1)


def ran(*words: object):
    told = CliRunner().invoke(app, [str(word) for word in words])
    assert told.exit_code == 0, told.output + told.stderr
    return " ".join((told.output + told.stderr).split())


@pytest.mark.slow
def test_a_users_chains_are_pruned_and_what_nobody_knows_of_them_is_named(folder, models, chains):
    out = folder / "prune"
    told = ran("prune", models[0], "--traces", chains, "--out", out)
    result = json.loads((out / "prune.json").read_text())
    assert result["n"] == 1 + len(SHAPES) and result["by"] == "suppression"
    assert [row["id"].split("/")[0] for row in result["left_out"]] == [EMPTY["id"]]
    assert "the chain has no steps" in result["left_out"][0]["reason"]
    assert set(result["missing"]) == {"precision and recall", "early exit"}
    page = (out / "index.html").read_text()
    for what, why in result["missing"].items():
        assert f"{what}: {why}" in told, "said before the run"
        assert what in page and why in page
    assert result["truth"] == [] and "Against the known set" not in page
    points = pd.read_parquet(out / "points.parquet")
    whole = points[(points["share"] == 1.0) & (points["method"] != "early exit")]
    assert (whole["same"] == whole["read"]).all(), "everything kept gives the unpruned answer"
    firsts = {
        path["id"].split("/")[0]: path["first_right"]
        for path in (json.loads(p.read_text()) for p in (out / "items").glob("*.json"))
    }
    assert firsts["one-step"] == 0 and firsts["deutsch"] == 2 and firsts["apples-0"] == 2


def test_a_users_problems_are_written_and_pruned_on_the_way(folder, models):
    out = folder / "online"
    told = ran(
        *("prune-online", models[0], "--problems", problems_file(folder, 2), "--out", out),
        *("--max-tokens", 24, "--every", 1),
    )
    result = json.loads((out / "online.json").read_text())
    assert result["n"] == 2 and len(result["rows"]) == 4 and "all kept" in told


def test_influence_reads_a_users_chains_with_two_models(folder, models, chains):
    out = folder / "influence"
    told = ran("influence", *models, "--traces", chains, "--out", out)
    result = json.loads((out / "influence.json").read_text())
    assert result["n"] == 1 + len(SHAPES) and len(result["left_out"]) == 1
    page = (out / "index.html").read_text()
    assert set(result["missing"]) == {"numbers by kind of step", "before and after"}
    for what, why in result["missing"].items():
        assert f"{what}: {why}" in told and why in page
    table = pd.read_parquet(out / "steps.parquet")
    assert set(table["reader"]) == {"before", "after"}
    german = table[table["trace"].str.startswith("deutsch")]
    assert set(german["place"]) == {"before", "after"} and set(german["kind"]) == {"other"}


@pytest.mark.slow
@pytest.mark.parametrize("family", ["jamba", "falcon_h1"])
def test_a_family_that_hides_nothing_is_pruned_by_deleting_text_alone(family, tmp_path, capsys):
    torch.manual_seed(0)
    reader = Reasoner.of(tiny(family), tokenizer(), name=family)
    chains = traces_file(tmp_path, 1)
    traces = load_traces(chains, reader)
    settings = PruneSettings(keep=0.5, shares=(), answer_tokens=4)
    result = run_pruning(reader, traces[:1], settings=settings, out=tmp_path / "out")
    tried = {row["method"] for row in result["frontier"]}
    assert {row["executor"] for row in result["frontier"]} == {"repack"}
    assert tried < set(METHODS) and not {"suppression", "hidden alone"} & tried
    by = "deletion" if family == "jamba" else "attention"
    assert result["by"] == by and by in tried
    told, page = capsys.readouterr().err, (tmp_path / "out" / "index.html").read_text()
    for text in (" ".join(told.split()), page):
        assert "by suppression, and with dropped steps masked" in text
        assert "steps cannot be hidden in" in text
    assert "Under mask" not in page
    with pytest.raises(UserError, match=f"steps cannot be hidden in .*; give --by {by}"):
        run_pruning(
            reader,
            traces[:1],
            settings=PruneSettings(keep=0.5, by="suppression"),
            out=tmp_path / "refused",
        )


def test_deletion_effects_against_two_plain_runs(models, chains):
    reader = Reasoner.load(models[0])
    trace = load_traces(chains, reader, n=1)[0]
    effects = deletion_effects(reader, trace)

    def answer(kept):
        ids = kept_ids(trace, kept)
        with torch.no_grad():
            logits = reader.model(torch.tensor([[*ids, *reader.cue_after(ids)]])).logits[0, -1]
        return logits.softmax(-1).double()

    every = range(len(trace.chain_steps))
    assert len(effects) == len(every) == 5
    for step in every:
        moved = answer(every) - answer([other for other in every if other != step])
        np.testing.assert_allclose(effects[step], 0.5 * moved.abs().sum(), atol=1e-5)
    assert trace.problem.answer == apples(0)["answer"]
