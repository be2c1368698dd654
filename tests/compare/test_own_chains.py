"""Own chains: models of different tokenizers, each reading what it wrote, paired by problem, length-matched, labelled."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest

from mechcot.cli import main
from mechcot.compare.measure_inputs import inputs_for
from mechcot.compare.run import run
from mechcot.compare.settings import Study, cells
from mechcot.core.errors import UserError
from mechcot.core.store import read_traces
from mechcot.measures import early_answering
from mechcot.model.reasoner import Reasoner
from tests.compare.tiny_models import byte_tokenizer, save_tiny, sum_of, write_rows

NULL = "one@logits=1.5"


@pytest.fixture(scope="module")
def finished(strangers, sums, tmp_path_factory):
    out = tmp_path_factory.mktemp("own")
    about = {"author": "own", "chains": "all", "max_tokens": 40}
    study = Study(models=strangers, out=out, problems=str(sums), overwrite=True, **about)
    return study, run(study)


def test_tokenizers_that_differ_are_refused_with_the_way_out(strangers, sums, tmp_path, mistake):
    out = tmp_path / "run"
    said = mistake(
        "compare", *strangers, "--problems", str(sums), "--out", str(out), "--max-tokens", "8",
        "--chains", "all",
    )  # fmt: skip
    assert "cannot be compared on the same tokens" in said
    assert "--author own" in said
    assert not (out / "traces").exists(), "nothing may be written before this is known"


def test_each_model_reads_what_it_wrote_with_every_measure(finished):
    study, _ = finished
    rows = pd.read_parquet(study.out / "results" / "readings.parquet")
    assert set(zip(rows["author"], rows["reader"], strict=True)) == {
        ("one", "one"), ("two", "two"), ("one", NULL),
    }  # fmt: skip
    assert set(rows["measure"]) == set(study.measure_names)
    assert len(rows) == 3 * 5 * len(study.measure_names)


def test_items_are_paired_by_problem_and_everything_says_own_chains(finished):
    study, found = finished
    tuned, null = found["comparisons"]
    assert tuned["same_chains"] is None
    claim = tuned["own_chains"]
    assert (claim["author"], claim["before"], claim["after"]) == ("own", "one", "two")
    row = next(each for each in claim["measures"] if each["measure"] == "early_answering")
    rows = pd.read_parquet(study.out / "results" / "readings.parquet")
    wide = rows[(rows["measure"] == "early_answering") & (rows["author"] == rows["reader"])].pivot(
        index="item", columns="reader", values="value"
    )
    assert row["n"] == len(wide) == 5
    assert row["delta"] == pytest.approx(float((wide["two"] - wide["one"]).mean()), abs=1e-12)
    assert claim["conclusion"]["sentence"].startswith("Own chains: ")
    said = claim["accuracy"]["sentence"]
    assert "ccuracy on own chains" in said
    assert not said.startswith("Own chains")
    assert "length" in {gate["name"] for gate in claim["gates"]}
    assert "off_policy" not in {gate["name"] for gate in claim["gates"]}
    assert tuned["strata"], "strata are for own chains too"
    assert null["null"]
    assert null["own_chains"] is None
    assert null["same_chains"]["author"] == "one"
    assert found["settings"]["author"] == found["author"] == "own"
    assert found["settings"]["prompt"] == "own"


def test_the_page_says_so_too(finished):
    study, _ = finished
    text = (study.out / "report.html").read_text()
    assert "every model reads what it wrote itself" in text
    assert "What changed: after minus before, on its own chains" in text
    assert "token for token" not in text


def test_a_reading_is_that_of_the_model_alone(finished, strangers):
    study, _ = finished
    reader = Reasoner.load(strangers[1])
    traces = [t for t in read_traces(study.out / "traces.jsonl") if t.author == "two"]
    assert traces[0].prompt == reader.render(traces[0].problem)
    rows = pd.read_parquet(study.out / "results" / "readings.parquet")
    rows = rows[(rows["reader"] == "two") & (rows["measure"] == "early_answering")]
    for trace in traces:
        inputs = inputs_for(reader, trace, others=traces, seed=study.seed)
        alone = early_answering.measure(reader, trace, inputs)
        (kept,) = rows[rows["trace"] == trace.id]["value"]
        assert kept == pytest.approx(alone.value, abs=1e-6)  # batches sum in another order


def test_identity_edits_are_exactly_zero(finished):
    _, found = finished
    identity = [row for row in found["nulls"] if row["name"] == "identity"]
    assert {row["reader"] for row in identity} == {"one", "two", NULL}
    assert all(row["largest"] == 0.0 for row in identity)


def test_a_second_run_gives_the_same_bytes(finished):
    study, _ = finished
    before = (study.out / "summary.json").read_bytes()
    run(study)
    assert (study.out / "summary.json").read_bytes() == before


def test_a_copy_of_a_model_differs_by_exactly_nothing(strangers, sums, tmp_path):
    twin = shutil.copytree(strangers[0], tmp_path / "twin")
    study = Study(
        models=(strangers[0], str(twin)), out=tmp_path / "out", problems=str(sums), author="own",
        chains="all", max_tokens=24, null_reader="none",
    )  # fmt: skip
    claim = run(study)["comparisons"][0]["own_chains"]
    deltas = [row["delta"] for row in claim["measures"] if row["n"]]
    assert len(deltas) >= 4
    assert set(deltas) == {0.0}


def test_lengths_that_do_not_match_close_the_gate(strangers, tmp_path, monkeypatch):
    monkeypatch.setattr("mechcot.compare.chains.check_read", lambda *_, **__: None)  # random text
    path = write_rows(tmp_path / "sums.jsonl", [sum_of(i) for i in range(21)])
    tokenizer = byte_tokenizer(merges=10, shift=7)
    curt = save_tiny(tmp_path / "curt", tokenizer, seed=1, stop=list(range(1, 200)))
    found = {}
    for name, second in (("alike", strangers[1]), ("curt", curt)):
        study = Study(
            models=(strangers[0], second), out=tmp_path / name, problems=str(path), author="own",
            n=21, chains="all", max_tokens=24, measures=("early_answering",), null_reader="none",
        )  # fmt: skip
        claim = run(study)["comparisons"][0]["own_chains"]
        found[name] = next(gate for gate in claim["gates"] if gate["name"] == "length")
        if name == "curt":
            (row,) = claim["measures"]
            assert row["verdict"] == "not judged"
            assert "length gate closed" in row["reason"]
    assert found["alike"]["ok"]
    assert not found["curt"]["ok"]
    assert "lengths cannot be matched" in found["curt"]["reason"]


def test_own_chains_need_problems_and_fill_only_the_diagonal(strangers, chains, tmp_path):
    with pytest.raises(UserError, match="--author own lets each model write its own chains"):
        Study(models=strangers, out=tmp_path, traces=chains, author="own")
    study = Study(models=strangers, out=tmp_path, problems="p.jsonl", author="own")
    assert [(c.author, c.reader, c.role) for c in cells(study, author="one")] == [
        ("one", "one", "headline"), ("one", NULL, "null"), ("two", "two", "headline"),
    ]  # fmt: skip


def test_options_reach_the_study(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr("mechcot.compare.run.run", seen.append)
    problems = write_rows(tmp_path / "p.jsonl", [sum_of(1)])
    command = [
        "mechcot",
        "compare",
        "a/a",
        "b/b",
        "--problems",
        str(problems),
        "--out",
        str(tmp_path),
    ]
    for extra in (
        [],
        ["--author", "own", "--device-map", "auto"],
        ["--author", "own", "--prompt", "shared"],
    ):
        monkeypatch.setattr(sys, "argv", [*command, *extra])
        with pytest.raises(SystemExit) as end:
            main.main()
        assert end.value.code == 0
    assert [(s.author, s.template, s.loading.device_map) for s in seen] == [
        ("first", "shared", None), ("own", "own", "auto"), ("own", "shared", None),
    ]  # fmt: skip


def test_correct_chains_are_chosen_author_by_author(strangers, sums, tmp_path):
    """`correct` keeps what each author answered right; nobody here does, and the sentence says whose."""
    study = Study(models=strangers, out=tmp_path, problems=str(sums), author="own", max_tokens=8)
    with pytest.raises(
        UserError,
        match=r"none of 5 chains of one can be used .*: 5 [a-z ]+\. Next: the same command with --overwrite and --max-tokens \d+",
    ):
        run(study)


def test_the_values_of_both_sides_stand_in_the_tables(finished):
    study, found = finished
    values = pd.read_parquet(study.out / "results" / "values.parquet")
    assert set(values["author"]) == {"one", "two"}
    assert np.isfinite(values["value"]).any()
    assert json.dumps(found)
