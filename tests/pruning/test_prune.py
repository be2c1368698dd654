"""Pruning on models whose needed steps are known."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from typer.testing import CliRunner

from mechcot import tasks
from mechcot.cli.main import app
from mechcot.core.errors import UserError
from mechcot.core.trace import Answer
from mechcot.influence.step_weights import attention_mass, attention_weights, suppression_weights
from mechcot.model.generation.ask_answer import answer_after
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.ground_truth import first_right_step, graph, step_graph
from mechcot.organisms.unused_steps import write_unused
from mechcot.pruning.accuracy_by_share import (
    accuracy_by_share,
    agreements_of,
    points_of,
    truth_rows,
)
from mechcot.pruning.rankings import METHODS, overlap, rankings
from mechcot.pruning.removal import delete_steps, dropped, kept_ids, mask_steps
from mechcot.pruning.run import (
    PruneSettings,
    _points,
    _pruned,
    item,
    readable,
    run_pruning,
    whole_chain_line,
)
from mechcot.traces.external import load_chains
from mechcot.traces.load import load_traces


@pytest.fixture(scope="module")
def reader() -> Reasoner:
    return Reasoner.load("organism:base")


@pytest.fixture(scope="module")
def chains_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("unused") / "chains.jsonl"
    assert write_unused(path, n=6, spares=2, seed=7) == 6
    return path


@pytest.fixture(scope="module")
def traces(reader, chains_file):
    return load_traces(chains_file, reader)


def whole(trace) -> frozenset[int]:
    return frozenset(range(len(trace.chain_steps)))


def test_keeping_everything_changes_nothing(reader, traces):
    for trace in traces[:2]:
        assert kept_ids(trace, whole(trace)) == trace.ids[: trace.cuts()[-1]]
        assert dropped(trace, whole(trace)) == []
        answer = answer_after(reader, trace)
        assert delete_steps(reader, trace, whole(trace), max_new=8) == answer
        assert mask_steps(reader, trace, whole(trace), max_new=8) == answer


def test_keeping_nothing_is_the_question_alone(reader, traces):
    for trace in traces[:2]:
        none = answer_after(reader, trace, steps=0, max_new=8)
        assert delete_steps(reader, trace, (), max_new=8) == none
        assert [len(span) for span in dropped(trace, ())] == [
            sum(len(step.tokens) for step in trace.chain_steps)
        ]


def test_kept_and_dropped_tokens_make_the_chain(traces):
    trace = traces[0]
    spans = dropped(trace, {0, 2})
    hidden = {p for span in spans for p in span.positions()}
    kept = {p for i in (0, 2) for p in trace.chain_steps[i].tokens.positions()}
    assert hidden.isdisjoint(kept)
    assert hidden | kept == set(range(trace.cuts()[0], trace.cuts()[-1]))


def test_the_answer_needs_the_needed_steps_and_not_the_others(reader, traces):
    kept = changed = 0
    for trace in traces[:4]:
        needed = step_graph(trace).needed
        full = answer_after(reader, trace, max_new=4).text
        kept += delete_steps(reader, trace, needed, max_new=4).text == full
        rest = whole(trace) - {max(needed)}
        changed += delete_steps(reader, trace, rest, max_new=4).text != full
    assert kept >= 3
    assert changed >= 2


def test_needed_steps_are_the_ancestors_of_the_answer(traces):
    for trace in traces:
        known = graph(trace.problem.question, [s.text.strip() for s in trace.chain_steps])
        found = set(known.answer)
        for _ in trace.chain_steps:
            found |= {source for source, target in known.edges if target in found}
        assert step_graph(trace).needed == found
        assert found < whole(trace)


def test_unused_steps_stand_early_and_late(reader, tmp_path):
    path = tmp_path / "many.jsonl"
    write_unused(path, n=16, spares=2, seed=1)
    places = [
        (step.index + 0.5) / len(trace.chain_steps)
        for trace in load_traces(path, reader)
        for step in trace.chain_steps
        if step.index not in step_graph(trace).needed
    ]
    counts = pd.cut(pd.Series(places), [0, 1 / 3, 2 / 3, 1]).value_counts()
    assert counts.min() >= 2


def test_the_first_right_statement_names_the_query(traces):
    for trace in traces:
        step = first_right_step(trace)
        assert step is not None
        name = trace.problem.question.split("find ")[1].split()[0]
        assert f"{name}=" in trace.chain_steps[step].text
        assert tasks.first_right_step(trace) == step


@pytest.fixture(scope="module")
def ran(reader, traces, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    settings = PruneSettings(keep=0.6, shares=())
    return out, settings, run_pruning(reader, traces[:2], settings=settings, out=out)


def test_the_folder_holds_frontier_traces_and_page(ran, traces):
    out, _, result = ran
    table = pd.read_parquet(out / "frontier.parquet")
    shown = set(METHODS) - {"deletion"}  # where it was not asked for, suppression is there
    assert len(table) == len(shown) * 2 * 3
    assert set(table["method"]) == shown
    full = table[(table["share"] == 1.0) & (table["method"] != "early exit")]
    assert (full["same"] == 1.0).all()
    assert (full["kept"] == 1.0).all()
    assert full.groupby("executor")["accuracy"].nunique().eq(1).all()
    own = table[table["method"] == "suppression"]
    assert (own[["lead", "lead_low", "lead_high"]] == 0.0).all(axis=None), "against itself"
    assert (table["low"] < table["accuracy"]).where(table["accuracy"] > 0).dropna().all()
    none = table[table["share"] == 0.0]
    assert none.groupby("executor")["accuracy"].nunique().eq(1).all()
    assert (table["kept"] <= table["share"] + 1e-9).all()
    pruned = load_chains(out / "pruned.jsonl")
    for trace, chain in zip(traces, pruned, strict=False):
        assert len(chain.chain.split(" . ")) < len(trace.chain_text.split(" . "))
        assert chain.problem.answer == trace.problem.answer
    text = (out / "index.html").read_text()
    assert "How much of the chain can go" in text
    assert result["n"] == 2
    right = round(full["accuracy"].iloc[0] * 2)
    assert f"the whole chain {right} of 2 answers are right" in whole_chain_line(result)
    poor = {"frontier": [{"share": 1.0, "right": 0, "answers": 12}]}
    assert whole_chain_line(poor).endswith("so that pruning says nothing; `mechcot check` says why")
    assert whole_chain_line({"frontier": [{"share": 0.5, "right": 12, "answers": 12}]}) == ""


def test_several_chains_of_one_problem_are_one_item(reader, traces):
    """Copies of a chain make no interval narrower; a problem with many chains weighs as much as one with one."""
    settings, every = PruneSettings(keep=0.5, by="suppression"), readable(reader, traces)[1]
    items = [item(reader, trace, every=every, settings=settings) for trace in traces]
    copies = [*items, *[items[0]] * 3]
    once, often = (
        accuracy_by_share(points_of(each), reference="suppression", seed=0)
        for each in (items, copies)
    )
    columns = ["accuracy", "low", "high", "lead", "lead_low", "lead_high", "kept", "n"]
    pd.testing.assert_frame_equal(once[columns], often[columns])
    assert set(often["answers"]) == {len(copies)}
    assert truth_rows(agreements_of(items), seed=0) == truth_rows(agreements_of(copies), seed=0)


def test_a_second_run_reads_nothing_anew(ran, reader, traces, monkeypatch):
    out, settings, result = ran
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    monkeypatch.setattr("mechcot.pruning.run.item", lambda *_, **__: pytest.fail("read anew"))
    assert json.dumps(run_pruning(reader, traces[:2], settings=settings, out=out)) == json.dumps(
        result
    )
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_agreement_counts():
    assert overlap(frozenset({0, 1}), frozenset({1, 2, 3, 4})) == {
        "precision": 0.5,
        "recall": 0.25,
    }
    assert overlap(frozenset(), frozenset({1}))["precision"] == 0.0


def test_the_closure_over_suppression_finds_what_the_answer_needs(reader, traces):
    hits, sizes, random = 0, 0, 0.0
    mass = [attention_mass(reader, trace) for trace in traces[:4]]
    for trace, own in zip(traces[:4], mass, strict=True):
        needed, n = step_graph(trace).needed, len(trace.chain_steps)
        found = rankings(
            trace,
            attention=attention_weights(own, own.null),
            suppression=suppression_weights(reader, trace, seed=0),
            seed=0,
        )
        assert all(
            sorted(order) == list(range(n)) for m, order in found.items() if m != "early exit"
        )
        hits += len(set(found["suppression"][: len(needed)]) & needed)
        sizes += len(needed)
        random += len(needed) ** 2 / n
    assert hits / sizes > random / sizes + 0.05


def test_what_cannot_be_pruned_is_counted_or_told(reader, tmp_path):
    lines = [
        {"id": "none", "question": "brief : c: 3 ; find c ?", "chain": "", "answer": "3"},
        {"id": "one", "question": "brief : c: 3 ; find c ?", "chain": " c= 3 .", "answer": "3"},
        {
            "id": "long",
            "question": "brief : c: 3 ; find c ?",
            "chain": " c= 3 ." * 600,
            "answer": "3",
        },
    ]
    path = tmp_path / "odd.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    settings = PruneSettings(keep=0.5, shares=())
    found = run_pruning(reader, load_traces(path, reader), settings=settings, out=tmp_path / "out")
    assert found["n"] == 1
    why = {each["id"].split("/")[0]: each["reason"] for each in found["left_out"]}
    assert set(why) == {"none", "long"}
    assert "no steps" in why["none"]
    with pytest.raises(UserError, match=r"none of 1 trace can be pruned.*no steps"):
        run_pruning(
            reader, load_traces(path, reader, n=1), settings=settings, out=tmp_path / "none"
        )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no traces in it"),
        (b'{"question": "q", "chain": "\xff", "answer": "1"}', ":1: not UTF-8"),
        (b'{"schema": 1, "ids": [], "steps": []}', ":1: not a trace"),
        (b'{"question": "q", "answer": "1"}', ":1: no chain"),
    ],
)
def test_bad_files_name_file_and_line(reader, tmp_path, data, said):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(data)
    with pytest.raises(UserError, match=said):
        load_traces(path, reader)


@pytest.mark.parametrize(
    ("keep", "by", "said"), [(1.2, "attention", "0 to 1"), (0.2, "magic", "one of")]
)
def test_wrong_settings_are_told(keep, by, said):
    with pytest.raises(UserError, match=said):
        PruneSettings(keep=keep, by=by)


def test_the_command_line_knows_both_commands():
    for command in (["prune", "--help"], ["organism", "chains", "--help"]):
        assert CliRunner().invoke(app, command).exit_code == 0


def test_a_pruned_sample_is_still_one_and_no_answer_is_never_the_same(reader, traces, monkeypatch):
    sampled = replace(traces[0], id=f"{traces[0].id}/3")
    assert _pruned(sampled, whole(sampled))["sample"] == "3"
    assert "sample" not in _pruned(traces[0], whole(traces[0]))
    silent = Answer(None, "unread")
    monkeypatch.setattr("mechcot.pruning.run.EXECUTORS", {"repack": lambda *_, **__: silent})
    order = {"recent": tuple(range(len(traces[0].chain_steps)))}
    rows = _points(reader, traces[0], order, settings=PruneSettings(keep=0.5))
    assert {(right, same) for *_, right, same in rows} == {(0.0, 0.0)}
