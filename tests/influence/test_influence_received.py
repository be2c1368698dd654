"""Received attention: oracle, identity, planted effect, and the folder."""

import numpy as np
import pandas as pd
import pytest

from mechcot.core.errors import UserError
from mechcot.influence.load import load_traces
from mechcot.influence.received import by_kind, received, run
from mechcot.influence.unused import write_unused
from mechcot.model.reasoner import Reasoner


def test_received_is_the_mean_over_later_steps_and_leaves_the_answer_out():
    values = np.random.default_rng(0).random((2, 3, 4, 5))
    values[:, :, np.tril_indices(4)[0], np.tril_indices(4)[1]] = np.nan
    got = received(values)
    for j in range(3):
        np.testing.assert_allclose(got[:, :, j], values[:, :, j, j + 1 : 4].mean(-1))
    assert np.isnan(got[:, :, 3]).all()


def frame(change: float) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = []
    for trace in range(12):
        for step, kind in enumerate(["summary", "verification", "verification"]):
            base = {"trace": str(trace), "step": step, "kind": kind, "answer": 1.0}
            base["place"] = "before" if step < 2 else "after"
            value = rng.random()
            planted = change if kind == "verification" else 0.0
            rows += [
                base | {"reader": "one", "received": value},
                base | {"reader": "two", "received": value + planted},
            ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("change", [0.0, -0.25])
def test_a_planted_change_of_one_kind_is_found_in_it_alone(change):
    rows = by_kind(frame(change), models=("one", "two"), seed=0)
    changes = {(r["kind"], r["stratum"]): r for r in rows if r["model"] == "change"}
    assert changes["verification", "all"]["mean"] == pytest.approx(change, abs=1e-12)
    assert changes["verification", "after"]["mean"] == pytest.approx(change, abs=1e-12)
    assert changes["summary", "all"]["mean"] == 0.0
    assert ("summary", "after") not in changes
    assert all(row["low"] <= row["mean"] <= row["high"] for row in rows)


@pytest.fixture(scope="module")
def readers():
    return [Reasoner.load("organism:base"), Reasoner.load("organism:bypass")]


def test_two_models_on_the_same_traces(readers, tmp_path):
    path = tmp_path / "chains.jsonl"
    write_unused(path, n=5, spares=2, seed=2)
    traces = load_traces(path, readers[0])
    result = run(readers, traces, out=tmp_path / "out", seed=0)
    steps = pd.read_parquet(tmp_path / "out" / "steps.parquet")
    assert len(steps) == 2 * sum(len(trace.chain_steps) for trace in traces)
    assert steps.groupby("reader")["received"].mean().between(0.5, 2.0).all()
    assert set(steps["place"]) == {"before", "after"}
    heads = pd.read_parquet(tmp_path / "out" / "heads.parquet")
    assert heads.groupby("reader")["head"].nunique().eq(4).all()
    changes = [row for row in result["kinds"] if row["model"] == "change"]
    assert any(row["mean"] != 0 for row in changes)
    text = (tmp_path / "out" / "index.html").read_text()
    assert "Which kinds of step are listened to?" in text
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "items").iterdir()}
    assert run(readers, traces, out=tmp_path / "out", seed=0) == result
    assert files == {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "items").iterdir()}


def test_a_model_against_itself_does_not_change(readers, tmp_path):
    path = tmp_path / "chains.jsonl"
    write_unused(path, n=3, spares=1, seed=2)
    twice = [readers[0], readers[0].scaled(1.5)]
    result = run(twice, load_traces(path, readers[0]), out=tmp_path / "out", seed=0)
    assert [r["mean"] for r in result["kinds"] if r["model"] == "change"] != []
    assert all(r["mean"] == 0.0 for r in result["kinds"] if r["model"] == "change")


def test_traces_without_steps_are_told(readers, tmp_path):
    path = tmp_path / "empty.jsonl"
    path.write_text('{"question": "brief : c: 3 ; find c ?", "chain": "", "answer": "3"}\n')
    with pytest.raises(UserError, match=r"none of the 1 traces can be read: .*no steps"):
        run(readers[:1], load_traces(path, readers[0]), out=tmp_path / "out", seed=0)
