"""Laws of the circuit view: a written circuit is found, nothing else is; patching equals hooks by hand; edges add up; identities are exactly 0."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from mechcot.circuits.components import Anatomy, Component, kept_run
from mechcot.circuits.effects import StepRuns, estimates, exact_effects, run_identity
from mechcot.circuits.paths import _edges, path_text, strongest_path
from mechcot.circuits.result import circuit, circuit_lines
from mechcot.circuits.step_edit import step_edit
from mechcot.core.errors import NotMeasurable, UserError
from mechcot.model.reasoner import Reasoner
from mechcot.tasks import task_of
from mechcot.view.pages.circuit import circuit_page
from tests.circuits.conftest import FIRST, SECOND, written_edit
from tests.model.families import EVERY, make

PLANTED = (Component(0, "head", FIRST), Component(1, "head", SECOND))


@pytest.fixture(scope="module")
def base():
    return Reasoner.load("organism:base")


@pytest.fixture(scope="module")
def traces(base):
    from mechcot.organisms.problems import problems

    return base.write(problems(3, seed=31, hops=(2, 3), style="random"), max_tokens=256)


@pytest.fixture(scope="module")
def edited(base, traces):
    maker = task_of(traces[0].problem).counterfactuals
    return step_edit(base, traces[0], maker, seed=0)


@pytest.fixture(scope="module")
def runs(base, edited):
    return StepRuns.of(base, Anatomy.of(base, edited.clean), edited)


def test_a_written_circuit_is_found_and_nothing_else(written):
    reader, runs = written
    parts = runs.clean.anatomy.components
    guess, exact = estimates(runs, parts, seed=0), exact_effects(reader, runs, parts)
    for values in (guess.values, exact):
        found = {part for part, value in zip(parts, values, strict=True) if value != 0}
        assert found == set(PLANTED)
    assert exact[[parts.index(part) for part in PLANTED]] == pytest.approx(
        [runs.whole] * 2, rel=0.05
    )
    path = strongest_path(runs)
    assert path_text(runs.edit, path) == (
        f"step → {PLANTED[0]} at the step → {PLANTED[1]} at the answer → answer"
    )
    assert [hop.source for hop in path] == [None, *PLANTED]


def test_the_fact_itself_changes_nothing(written):
    reader, runs = written
    same = StepRuns.of(reader, runs.clean.anatomy, written_edit(other=3))
    parts = runs.clean.anatomy.components
    assert same.whole == 0
    assert not estimates(same, parts, seed=0).values.any()
    assert not exact_effects(reader, same, parts).any()
    assert strongest_path(same) == ()
    assert path_text(same.edit, ()) == "nothing reaches the answer"
    assert run_identity(runs, reader, parts) == 0


def test_patching_is_what_a_hook_by_hand_does(base, edited, runs):
    """Every component, one plain run of the model each."""
    parts = runs.clean.anatomy.components
    clean, other = (_hooked(base, ids) for ids in (edited.clean, edited.edited))
    expected = []
    for part in parts:
        logprobs = _hooked(base, edited.clean, part, other, since=min(edited.at))["logprobs"]
        moved = [p[edited.other] - p[edited.own] for p in (logprobs, clean["logprobs"])]
        expected.append(float(moved[0] - moved[1]) / runs.swing)
    assert exact_effects(base, runs, parts) == pytest.approx(expected, abs=1e-5)
    after = other["logprobs"][edited.other] - other["logprobs"][edited.own]
    before = clean["logprobs"][edited.other] - clean["logprobs"][edited.own]
    assert runs.whole == pytest.approx(float(after - before) / float(-2 * before), abs=1e-5)


def _hooked(base, ids, part=None, source=None, *, since=0):
    """What every output projection is given and every MLP gives; one component of them taken from another run."""
    kept, handles = {}, []

    def watch(key, columns):
        def hook(states):
            kept[key] = states.clone()
            if part is not None and key == (part.layer, part.kind):
                states = states.clone()
                states[:, since:, columns] = source[key][:, since:, columns]
            return states

        return hook

    for layer, block in enumerate(base.model.model.layers):
        width = block.self_attn.o_proj.in_features // base.model.config.num_attention_heads
        head = 0 if part is None else part.head
        z = watch((layer, "head"), slice(head * width, (head + 1) * width))
        handles += [
            block.self_attn.o_proj.register_forward_pre_hook(lambda _m, given, z=z: (z(given[0]),)),
            block.mlp.register_forward_hook(
                lambda _m, _g, out, layer=layer: watch((layer, "mlp"), slice(None))(out)
            ),
        ]
    with torch.no_grad():
        kept["logprobs"] = base.model(torch.tensor([ids])).logits[0, -1].double().log_softmax(-1)
    for handle in handles:
        handle.remove()
    return kept


@pytest.mark.parametrize("family", [*EVERY, "granite"])
def test_edges_into_the_answer_add_up_and_own_values_change_nothing(family):
    """The residual stream is the sum of what is written to it: with grouped keys, norms behind the parts, or both side by side; else blocks stand whole."""
    reader = make(family)
    edit = replace(written_edit(), clean=tuple(range(2, 14)), edited=(2, 3, 9, *range(5, 14)), at=(2,))  # fmt: skip
    anatomy = Anatomy.of(reader, edit.clean)
    runs = StepRuns.of(reader, anatomy, edit)
    (slope,) = torch.autograd.grad(runs.margin, runs.clean.last, retain_graph=True)
    edges = _edges(runs, slope[0], len(anatomy.split), None)
    total = float(((runs.edited.last - runs.clean.last) * slope).sum().detach())
    if family not in ("gemma2", "gemma3", "olmo2"):  # a norm stands between head and stream
        assert float(edges.sizes.sum()) == pytest.approx(total, rel=1e-3, abs=1e-4)
    assert run_identity(runs, reader, anatomy.components) == 0
    assert np.isfinite(exact_effects(reader, runs, anatomy.components)).all()
    kinds = {part.kind for part in anatomy.components}
    assert kinds == ({"block"} if family == "granite" else {"head", "mlp"})
    shared = any("2 query heads share a key/value head" in note for note in anatomy.notes())
    assert shared == (family not in ("neox", "neox_sequential", "gpt2", "granite"))
    whole = any("do not add up to what the block writes" in note for note in anatomy.notes())
    assert whole == (family == "granite")


def test_heads_that_cannot_be_told_apart_stand_as_one_attention(written):
    reader, runs = written
    anatomy = replace(runs.clean.anatomy, heads=("no projection adds up its heads",) * 2)
    whole = StepRuns.of(reader, anatomy, runs.edit)
    parts = anatomy.components
    assert [str(part) for part in parts] == ["L0.attention", "L0.MLP", "L1.attention", "L1.MLP"]
    exact = exact_effects(reader, whole, parts)
    assert exact[[0, 2]] == pytest.approx([whole.whole] * 2, rel=0.05)
    assert not exact[[1, 3]].any()
    assert "heads of layers 0, 1 cannot be told apart (no projection adds up" in anatomy.notes()[0]


def test_a_factor_on_the_logits_changes_no_share(base, edited, runs):
    parts = runs.clean.anatomy.components
    loud = base.scaled(1.5)
    scaled = StepRuns.of(loud, runs.clean.anatomy, edited)
    assert scaled.swing == pytest.approx(1.5 * runs.swing, rel=1e-4)
    assert scaled.whole == pytest.approx(runs.whole, rel=1e-4)
    for one, two in (
        (estimates(scaled, parts, seed=0).values, estimates(runs, parts, seed=0).values),
        (exact_effects(loud, scaled, parts), exact_effects(base, runs, parts)),
    ):
        assert one == pytest.approx(two, abs=1e-4)


def test_where_nobody_predicts_an_answer_the_next_likely_one_stands_for_it(base, traces):
    trace = traces[0]
    known = task_of(trace.problem).counterfactuals(trace, retoken=base.retoken, seed=0)
    silent = tuple(replace(stated, answer_kept=None) for stated in known.stated)
    given = replace(known, answer=None, stated=silent, source="a file")
    edit = step_edit(base, trace, lambda *_, **__: given, seed=0)
    likely = kept_run(base, Anatomy.of(base, edit.clean), edit.clean).logprobs.topk(2).indices
    assert [edit.own, edit.other] == likely.tolist() and not edit.predicted
    changed = {p for stated in silent for p in stated.tokens.positions()}
    assert set(edit.at) == changed
    with pytest.raises(NotMeasurable, match="no stated value that changes feeds the answer"):
        step_edit(base, trace, lambda *_, **__: replace(known, stated=silent), seed=0)
    with pytest.raises(NotMeasurable, match="changes nothing that the chain states"):
        step_edit(base, trace, lambda *_, **__: replace(given, stated=()), seed=0)
    with pytest.raises(NotMeasurable, match="have no maker of counterfactuals"):
        step_edit(base, trace, None, seed=0)


def test_a_model_beside_itself_has_one_circuit(base, traces):
    both = circuit([base, base], traces, patched=4)
    result = both.result
    assert len(result["sides"][0]["exact"]) == 4
    assert all(change["mean"] == 0 for change in result["change"].values())
    assert result["whole_change"]["low"] == result["whole_change"]["high"] == 0
    assert "no patched component differs" in str(both)
    frame = both.to_frame()
    assert frame["exact"].notna().sum() == 2 * 4 and len(frame) == 2 * 20
    printed = [text for row in both.plot().data[0].text for text in row if text]
    assert len(printed) == 4  # what is estimated has no number
    page = circuit_page(json.loads(json.dumps(result)))
    assert "0 of 4 patched components differ." in page


def test_messages(base, traces):
    with pytest.raises(UserError, match="expected one model or two and chains, got 3 models and 0"):
        circuit([base] * 3, [])
    lost = [replace(trace, problem=replace(trace.problem, meta={})) for trace in traces]
    with pytest.raises(
        UserError, match="0 of 3 chains can be read, and two are needed; 3 left out"
    ):
        circuit(base, lost)


def test_lines_say_what_is_unknown():
    effect = {"mean": 0.5, "low": None, "high": None}
    side = {
        "model": "m", "whole": effect, "swing": 2.0, "predicted": 0.0, "null": 0.1, "identity": 0.0, "estimate": [0.2],
        "exact": {"L0.MLP": effect}, "agreement": None, "agreement_by_chain": None, "paths": [{"path": "p", "traces": 2}], "notes": ["heads are hidden"],
    }  # fmt: skip
    result = {"models": ["m"], "traces": 2, "left_out": {"<why>": 1}, "components": [{"name": "L0.MLP", "layer": 0, "kind": "mlp", "head": 0}], "sides": [side]}  # fmt: skip
    told = "\n".join(circuit_lines(result))
    assert "1 left out: <why>" in told and "unknown (means)" in told and "heads are hidden" in told
    page = circuit_page(result)
    assert "&lt;why&gt;" in page and "<why>" not in page.split("<main>")[1].split("<script")[0]
