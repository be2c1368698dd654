"""A whole run on random models: what the folder holds, resuming, and a kill at any moment."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mechcot.compare.chains import problems_of, write_side_by_side, written_chains
from mechcot.compare.models import Models
from mechcot.compare.run import run
from mechcot.compare.settings import EXPLORER, Study, cells
from mechcot.core.errors import UserError
from mechcot.measures.registry import PAIRED
from mechcot.model.reasoner import Reasoner
from tests.finished_items import finished_items
from tests.processes import start


@pytest.fixture(scope="module")
def finished(models, chains, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    study = Study(models=models, out=out, traces=chains, command="mechcot compare ...")
    return study, run(study)


def test_the_folder_holds_everything(finished):
    study, _ = finished
    names = {path.name for path in study.out.iterdir()}
    assert {"report.html", "summary.json", "manifest.json", "traces.jsonl", "results"} <= names
    measurements = pd.read_parquet(study.out / "results" / "readings.parquet")
    # 2 models and the scaled null read 4 chains with 6 measures
    assert len(measurements) == 3 * 4 * 6
    assert len((study.out / "traces.jsonl").read_text().splitlines()) == 4


def test_a_limit_takes_a_measure_on_the_first_chains_only(models, chains, tmp_path):
    study = Study(models=models, out=tmp_path, traces=chains, measures=("gates", "filler:2"))
    run(study)
    table = pd.read_parquet(tmp_path / "results" / "readings.parquet")
    by_reader = table.groupby(["measure", "reader"])["trace"]
    assert by_reader.count().to_dict() == {
        (measure, reader): count
        for measure, count in (("gates", 4), ("filler", 2))
        for reader in ("one", "one@logits=1.5", "two")
    }
    assert table[table.measure == "filler"].groupby("trace").reader.count().eq(3).all()


@pytest.mark.parametrize("text", ["filler:0", "filler:two", "filler:"])
def test_a_limit_that_is_no_number_is_refused(models, chains, tmp_path, text):
    with pytest.raises(UserError, match=f"N of at least 1, got '{text}'"):
        Study(models=models, out=tmp_path, traces=chains, measures=(text,))


def test_the_summary_is_complete_and_has_no_durations(finished):
    study, found = finished
    text = (study.out / "summary.json").read_text()
    assert json.loads(text) == json.loads(json.dumps(found))
    assert "seconds" not in text
    assert str(study.out) not in text
    after = {each["same_chains"]["after"]: each["null"] for each in found["comparisons"]}
    assert after == {"two": False, "one@logits=1.5": True}
    row = found["comparisons"][0]["same_chains"]["measures"][0]
    assert {"before", "after", "delta", "low", "high", "n", "p", "verdict"} <= set(row)


def test_random_models_are_not_judged_and_the_gates_say_why(finished):
    _, found = finished
    claims = found["comparisons"][0]["same_chains"]
    assert all(row["verdict"] == "not judged" for row in claims["measures"])
    assert any(gate["name"] == "items" and not gate["ok"] for gate in claims["gates"])


def test_identity_edits_are_exactly_zero(finished):
    _, found = finished
    identity = [row for row in found["nulls"] if row["name"] == "identity"]
    assert len(identity) == 3 * 4
    assert all(row["largest"] == 0.0 for row in identity)


def test_processes_side_by_side_change_no_number(finished, tmp_path, monkeypatch):
    study, _ = finished
    monkeypatch.setattr(
        "mechcot.compare.measurements._take", lambda *_: pytest.fail("read in the parent process")
    )
    run(Study(models=study.models, out=tmp_path, traces=study.traces, workers=2))
    assert (tmp_path / "summary.json").read_bytes() == (study.out / "summary.json").read_bytes()


def test_processes_side_by_side_write_the_same_texts(models, problems, tmp_path, monkeypatch):
    def texts(workers: int) -> list[tuple[str, tuple[int, ...]]]:
        out = tmp_path / str(workers)
        study = Study(
            models, out, problems=str(problems), max_tokens=12, batch_size=2, workers=workers
        )
        held, asked = Models.of(study), problems_of(study)
        write_side_by_side(study, held, held.names, asked)
        written = [written_chains(study, held, name, asked) for name in held.names]
        return [(trace.author, trace.ids) for traces in written for trace in traces]

    alone = texts(1)
    monkeypatch.setattr(Reasoner, "write", lambda *_, **__: pytest.fail("written in the parent"))
    assert texts(2) == alone
    assert len(set(alone)) == 10


def test_a_second_run_reads_only_from_disk_and_gives_the_same_bytes(finished, monkeypatch):
    study, _ = finished
    before = (study.out / "summary.json").read_bytes()
    shown = study.out / EXPLORER
    shown.write_text("of this run")
    monkeypatch.setattr(
        "mechcot.compare.measurements._take", lambda *_: pytest.fail("a reading was taken again")
    )
    run(study)
    assert (study.out / "summary.json").read_bytes() == before
    assert shown.is_file()
    other = replace(study, measures=("gates", "early_answering"))
    with pytest.raises(UserError, match=r"other settings \(measure names\).*--overwrite"):
        run(other)
    run(replace(other, overwrite=True))
    assert not shown.exists(), "it shows a run that is no longer here"
    run(replace(study, overwrite=True))
    assert (study.out / "summary.json").read_bytes() == before


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_summary(finished, tmp_path):
    study, _ = finished
    out = tmp_path / "killed"
    words = ("--traces", str(study.traces), "--out", str(out))
    process = start("compare", *study.models, *words)
    deadline = time.monotonic() + 120
    while len(finished_items(out / "readings")) < 10 and time.monotonic() < deadline:
        assert process.is_alive(), "the run ended before it could be killed"
        time.sleep(0.005)
    process.kill()
    process.join()
    kept = finished_items(out / "readings")
    assert 10 <= len(kept) < 3 * 4 * 6
    assert not (out / "summary.json").exists()
    run(Study(models=study.models, out=out, traces=study.traces))
    assert kept.items() <= finished_items(out / "readings").items()
    assert (out / "summary.json").read_bytes() == (study.out / "summary.json").read_bytes()


def test_chains_written_by_the_models_give_the_two_by_two(models, problems, tmp_path, monkeypatch):
    pages = []
    monkeypatch.setattr(
        "mechcot.compare.run.report_page", lambda data: pages.append(data) or "page"
    )
    study = Study(
        models=models, out=tmp_path, problems=str(problems), measures=("early_answering", "suppression"),
        chains="all", max_tokens=12, null_reader="none",
    )  # fmt: skip
    (tmp_path / EXPLORER).write_text("of somebody else")
    run(study)
    assert (tmp_path / EXPLORER).is_file(), "no run was here before"
    measurements = pd.read_parquet(tmp_path / "results" / "readings.parquet")
    assert set(zip(measurements["author"], measurements["reader"], strict=True)) == {
        ("one", "one"), ("one", "two"), ("two", "two"), ("two", "one"),
    }  # fmt: skip
    (shown,) = pages[0].comparisons
    means = measurements.groupby(["measure", "author", "reader"])["value"].mean()
    own = shown.own_chains[shown.own_chains["measure"] == "Early answering"]
    cells = own.set_index(["author", "reader"])["mean"]
    assert len(cells) == 4
    for (author, reader), value in cells.items():
        assert value == pytest.approx(means["early_answering", author, reader])
    for row in shown.contrasts.to_dict("records"):
        values = shown.items[shown.items["measure"] == row["measure"]]
        assert values["before"].mean() == pytest.approx(row["before"])
        assert values["after"].mean() == pytest.approx(means[row["measure"], "one", "two"])


def test_holding_one_model_at_a_time_changes_no_number(finished, tmp_path):
    study, _ = finished
    out = tmp_path / "one"
    run(Study(models=study.models, out=out, traces=study.traces, residency="one-at-a-time"))
    assert (out / "summary.json").read_bytes() == (study.out / "summary.json").read_bytes()


def test_info_gain_is_read_by_every_model_on_every_models_chains():
    names = ("base", "bypass", "control")
    study = Study(
        models=tuple(f"organism:{name}" for name in names),
        out=Path("x"),
        problems="p.jsonl",
        measures=("info_gain",),
        null_reader="none",
    )
    read = [(c.author, c.reader) for c in cells(study, author="base") if "info_gain" in c.measures]
    assert sorted(read) == [(author, reader) for author in names for reader in names]


@pytest.mark.parametrize("name", sorted(PAIRED))
def test_what_holds_a_model_against_the_first_needs_both_in_memory(name):
    about = {"models": ("organism:base", "organism:bypass"), "problems": "p.jsonl"}
    Study(out=Path("x"), measures=(name,), **about)
    with pytest.raises(UserError, match=f"{name} needs two models in memory"):
        Study(out=Path("x"), measures=(name,), residency="one-at-a-time", **about)


def test_own_chains_that_are_skipped_are_read_for_the_gates_only(models):
    study = Study(models=models, out=Path("x"), problems="p.jsonl")
    skipped = cells(replace(study, own_chains="skip"), author="one")
    rest = tuple(c for c in cells(study, author="one") if c.role != "own")
    assert tuple(c for c in skipped if c.role != "own") == rest
    (gates,) = (c for c in skipped if c.role == "own")
    assert (gates.author, gates.reader, gates.measures) == ("two", "two", ("gates",))


def test_cells_are_grouped_by_reader(models):
    study = Study(models=models, out=Path("x"), problems="p.jsonl")
    readers = [cell.reader for cell in cells(study, author="one")]
    assert readers == sorted(readers, key=readers.index)
    assert len(set(readers)) == len(
        [r for i, r in enumerate(readers) if i == 0 or readers[i - 1] != r]
    )
