"""Received attention: oracle, identity, planted effect, and the folder."""

import json
import weakref
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from mechcot.core.errors import UserError
from mechcot.core.trace import Span
from mechcot.influence.expected_mass import NOWHERE, ExpectedAttention, buckets, corrected
from mechcot.influence.folded_mass import Folded
from mechcot.influence.run import attention_by_kind, run_influence
from mechcot.influence.step_weights import Mass, attention_mass, attention_weights, even_mass
from mechcot.influence.top_receiver_heads import head_scores, receivers
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.unused_steps import write_unused
from mechcot.traces.load import load_traces


def received(pairs):
    """The obvious computation: mean over later chain steps, from the whole array."""
    return np.array(
        [
            pairs[:, :, j, j + 1 : -1].mean(-1)
            if pairs[:, :, j, j + 1 : -1].size
            else np.full(pairs.shape[:2], np.nan)
            for j in range(pairs.shape[2])
        ]
    ).transpose(1, 2, 0)


def whole(mass, others):
    """The corrected relative mass of all pairs, nothing folded."""
    return corrected(mass.relative, mass.code, others=others)


def null_of(items):
    every = ExpectedAttention({}, {})
    for mass in items:
        every = every.plus(ExpectedAttention.of(mass.relative, mass.code))
    return every


def test_even_attention_is_received_as_expected_whatever_the_place_and_length():
    """A model without any interest: every step gets its share of what is seen."""
    items = [replace(m, mass=np.broadcast_to(m.even, m.mass.shape).copy()) for m in masses()]
    every = null_of(items)
    for mass in items:
        folded = Folded.of(mass)
        got, answer = folded.received(every.plus(folded.null, sign=-1))
        np.testing.assert_allclose(got[:, :, :-1], 1.0, rtol=1e-9)
        np.testing.assert_allclose(answer, 1.0, rtol=1e-9)


def test_even_attention_weighs_every_pair_alike():
    items = [replace(m, mass=np.broadcast_to(m.even, m.mass.shape).copy()) for m in masses()]
    every = null_of(items)
    for mass in items:
        weights = attention_weights(mass, every)
        np.testing.assert_allclose(weights[mass.code != NOWHERE], 1.0, rtol=1e-9)


def test_even_mass_is_the_share_of_what_is_seen():
    even = even_mass([Span(0, 2), Span(2, 5), Span(7, 8)])
    assert even[0, 1] == pytest.approx(2 * np.mean([1 / 3, 1 / 4, 1 / 5]))
    assert even[1, 2] == pytest.approx(3 / 8)


def masses(n: int = 4, steps: int = 9) -> list[Mass]:
    """Random attention on random steps; one head attends to one step alone, one to nothing."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(n):
        cuts = np.concatenate([[3], 3 + np.cumsum(rng.integers(1, 9, steps))])
        spans = [Span(int(a), int(b)) for a, b in pairwise(cuts)]
        spans.append(Span(int(cuts[-1]) + 4, int(cuts[-1]) + 5))
        code = buckets(spans)[:-1]
        mass = np.where(code == NOWHERE, np.nan, rng.random((2, 3, *code.shape)))
        mass[0, 0] = np.where(code == NOWHERE, np.nan, 0.0)
        mass[1, 2, 2, 3:] += 20.0
        found.append(Mass(mass, code, even_mass(spans)[:-1]))
    return found


def test_folded_attention_gives_what_the_whole_array_gives(tmp_path):
    items = masses()
    every = null_of(items)
    for mass in items:
        Folded.of(mass).write(tmp_path / "one.safetensors")
        folded = Folded.load(tmp_path / "one.safetensors")
        others = every.plus(folded.null, sign=-1)
        pairs = whole(mass, others)
        got, answer = folded.received(others)
        np.testing.assert_allclose(got, received(pairs), rtol=1e-9)
        np.testing.assert_allclose(answer, pairs[..., -1], rtol=1e-9)
        assert np.isnan(got[:, :, -1]).all()
        assert (got[0, 0, :-1] == 1.0).all()
        assert folded.sums.size < mass.mass.size


def test_a_long_trace_folds_small():
    n = 600
    spans = [*(Span(20 * i, 20 * i + 20) for i in range(n)), Span(20 * n, 20 * n + 1)]
    mass = Mass(np.ones((1, 1, n, n + 1)), buckets(spans)[:-1], even_mass(spans)[:-1])
    folded = Folded.of(mass)
    assert folded.sums.shape[-1] < n * (n + 1) / 40


def test_one_trace_at_a_time_is_held(readers, tmp_path, monkeypatch):
    held = []

    def watched(reader, trace):
        mass = attention_mass(reader, trace)
        held.append(weakref.ref(mass))
        assert sum(ref() is not None for ref in held) == 1
        return mass

    monkeypatch.setattr("mechcot.influence.run.attention_mass", watched)
    path = tmp_path / "chains.jsonl"
    write_unused(path, n=3, spares=1, seed=2)
    run_influence(readers, load_traces(path, readers[0]), out=tmp_path / "out", seed=0)
    assert len(held) == 6


def test_the_head_that_listens_to_one_step_is_found_and_a_silent_one_is_chance():
    items = masses(n=6, steps=14)
    every = null_of(items)
    scores = np.array(
        [
            head_scores(folded.received(every.plus(folded.null, sign=-1))[0])
            for folded in map(Folded.of, items)
        ]
    )
    assert (scores[:, 1, 2] > 0.85).all()
    assert (scores[:, 0, 0] == 0.5).all()
    found = receivers({"a": scores, "b": scores}, models=("a", "b"), seed=0)
    best = found["picked"][0]
    assert (best["layer"], best["head"], best["n"]) == (1, 2, 3)
    assert all(row["mean"] == 0.0 for row in found["picked"] if row["model"] == "change")


def test_content_free_heads_score_a_half_at_any_length():
    rng = np.random.default_rng(1)
    for steps in (10, 40, 120):
        scores = [head_scores(rng.exponential(size=(4, 4, steps))) for _ in range(60)]
        assert np.mean(scores) == pytest.approx(0.5, abs=0.04)
    assert head_scores(rng.random((2, 2, 8))) is None


def frame(change: float) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = []
    for trace in range(12):
        for step, kind in enumerate(["summary", "verification", "verification"]):
            base = {"trace": str(trace), "step": step, "kind": kind, "answer": 1.0}
            base["problem"] = base["trace"]
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
    rows = attention_by_kind(frame(change), models=("one", "two"), seed=0)
    changes = {(r["kind"], r["stratum"]): r for r in rows if r["model"] == "change"}
    assert changes["verification", "all"]["mean"] == pytest.approx(change, abs=1e-12)
    assert changes["verification", "after"]["mean"] == pytest.approx(change, abs=1e-12)
    assert changes["summary", "all"]["mean"] == 0.0
    assert ("summary", "after") not in changes
    assert all(row["low"] <= row["mean"] <= row["high"] for row in rows)


def test_several_chains_of_one_problem_are_one_item():
    """Copies of a chain make no interval narrower; a problem with many chains weighs as much as one with one."""
    once = frame(-0.25)
    copies = [once[once["trace"] == "3"].assign(trace=f"3.{i}") for i in range(5)]
    often = pd.concat([once, *copies])
    found = (attention_by_kind(each, models=("one", "two"), seed=0) for each in (once, often))
    for one, other in zip(*found, strict=True):
        assert one == pytest.approx(other, nan_ok=True)


@pytest.fixture(scope="module")
def readers():
    return [Reasoner.load("organism:base"), Reasoner.load("organism:bypass")]


def test_two_models_on_the_same_traces(readers, tmp_path):
    path = tmp_path / "chains.jsonl"
    write_unused(path, n=5, spares=2, seed=2)
    traces = load_traces(path, readers[0])
    result = run_influence(readers, traces, out=tmp_path / "out", seed=0)
    steps = pd.read_parquet(tmp_path / "out" / "steps.parquet")
    assert len(steps) == 2 * sum(len(trace.chain_steps) for trace in traces)
    assert steps.groupby("reader")["received"].mean().between(0.5, 2.0).all()
    assert set(steps["place"]) == {"before", "after"}
    heads = pd.read_parquet(tmp_path / "out" / "heads.parquet")
    assert heads.groupby("reader")["head"].nunique().eq(4).all()
    changes = [row for row in result["kinds"] if row["model"] == "change"]
    assert any(row["mean"] != 0 for row in changes)
    assert np.shape(result["receivers"]["means"]["base"]) == (4, 4)
    text = (tmp_path / "out" / "index.html").read_text()
    assert "in a chain in another language every step is" in text
    assert "Which heads listen to few steps?" in text
    assert "Which kinds of step are listened to?" in text
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "items").iterdir()}
    assert run_influence(readers, traces, out=tmp_path / "out", seed=0) == result
    assert files == {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "items").iterdir()}


def test_the_folder_holds_what_the_whole_arrays_give(readers, tmp_path):
    """The obvious way, nothing written or folded: all masses in memory, corrected by all other traces."""
    path = tmp_path / "chains.jsonl"
    write_unused(path, n=3, spares=1, seed=4)
    traces = load_traces(path, readers[0])
    run_influence(readers[:1], traces, out=tmp_path / "out", seed=0)
    items = [attention_mass(readers[0], trace) for trace in traces]
    every = null_of(items)
    pairs = [whole(m, every.plus(ExpectedAttention.of(m.relative, m.code), sign=-1)) for m in items]
    expected = np.concatenate([received(each).mean((0, 1)) for each in pairs])
    answer = np.concatenate([each[..., -1].mean((0, 1)) for each in pairs])
    steps = pd.read_parquet(tmp_path / "out" / "steps.parquet")
    np.testing.assert_allclose(steps["received"], expected, rtol=1e-6)
    np.testing.assert_allclose(steps["answer"], answer, rtol=1e-6)


def test_a_model_against_itself_does_not_change(readers, tmp_path):
    path = tmp_path / "chains.jsonl"
    write_unused(path, n=3, spares=1, seed=2)
    twice = [readers[0], readers[0].scaled(1.5)]
    result = run_influence(twice, load_traces(path, readers[0]), out=tmp_path / "out", seed=0)
    assert [r["mean"] for r in result["kinds"] if r["model"] == "change"] != []
    assert all(r["mean"] == 0.0 for r in result["kinds"] if r["model"] == "change")


def test_traces_without_steps_are_told(readers, tmp_path):
    path = tmp_path / "empty.jsonl"
    path.write_text('{"question": "brief : c: 3 ; find c ?", "chain": "", "answer": "3"}\n')
    with pytest.raises(UserError, match=r"none of 1 trace can be read: .*no steps"):
        run_influence(readers[:1], load_traces(path, readers[0]), out=tmp_path / "out", seed=0)


def test_of_chains_of_one_step_it_is_said_and_nothing_drawn(readers, tmp_path, capsys):
    path = tmp_path / "chains.jsonl"
    row = {"answer": "3", "chain": "so finally b= 3 ."}
    rows = [row | {"question": f"brief chart {i} : b ?"} for i in range(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    traces = load_traces(path, readers[0])
    result = run_influence(readers[:1], traces, out=tmp_path / "out", seed=0)
    assert "no chain has two steps" in result["missing"]["who listens"]
    assert "who listens: no chain has two steps" in " ".join(capsys.readouterr().err.split())
    page = (tmp_path / "out" / "index.html").read_text()
    assert "no chain has two steps" in page and "Figure 1" not in page
    assert pd.read_parquet(tmp_path / "out" / "steps.parquet")["answer"].notna().all()
