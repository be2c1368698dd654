"""What is marked, where a plant stands, what one training step does, and how finds are counted."""

import json
from dataclasses import replace
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import beta
from typer.testing import CliRunner

from mechcot.cli.sae import app
from mechcot.core.pair import Pair
from mechcot.core.trace import Phase
from mechcot.organisms.grammar import WORDS
from mechcot.organisms.problems import read_question
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.feature_activations import FeatureActivations
from mechcot.sae.plants import training as plant_training
from mechcot.sae.plants.marked_steps import (
    MARKED,
    MARKS,
    WORD,
    WORD_MARK,
    ends,
    facts,
    marked,
    places,
    writer_chains,
)
from mechcot.sae.plants.recovery import new_features, summed
from mechcot.sae.plants.training import SITE, Plant, amplitude, mixed, plant
from mechcot.sae.plants.verification import along, verified
from mechcot.sae.token_states import token_states


@pytest.fixture(scope="module")
def chains(base):
    return writer_chains(base, 8, seed=3)


@pytest.mark.parametrize("mark", MARKS)
def test_some_stating_steps_are_marked_and_some_are_not(chains, mark):
    stating = [f.value_word is not None for t in chains for f in facts(t)]
    chosen = [s.kind is MARKED for t in chains for s in marked(t, mark).chain_steps]
    assert 0 < sum(chosen) < sum(stating)
    assert all(states for states, hit in zip(stating, chosen, strict=True) if hit)


@pytest.mark.parametrize("mark", MARKS)
def test_no_word_tells_a_mark(chains, mark):
    steps = [step for trace in chains for step in marked(trace, mark).chain_steps]
    for word in WORDS:
        with_word = {step.kind is MARKED for step in steps if word in step.text.split()}
        without = {step.kind is MARKED for step in steps if word not in step.text.split()}
        assert not (with_word == {True} and True not in without), word


def test_places_run_from_the_value_to_the_end_of_marked_steps(base, chains):
    for trace in chains:
        query = read_question(trace.problem.question).query
        at = places(trace, "queried")
        assert not at[: trace.prompt_length].any()
        for fact, step in zip(facts(trace), trace.chain_steps, strict=True):
            here = at[step.tokens.start : step.tokens.stop].tolist()
            want = fact.states in query and fact.value_word is not None
            start = fact.value_word if want else len(here)
            assert here == [False] * start + [True] * (len(here) - start)
        assert {base.decode([trace.ids[i]]) for i in ends(at).tolist()} == {"."}


def test_ends_of_runs():
    assert ends(torch.tensor([0, 1, 1, 0, 1], dtype=torch.bool)).tolist() == [2, 4]


def test_the_word_plant_stands_at_its_word_and_is_a_word_feature(base, chains):
    for trace in chains:
        at = places(trace, WORD_MARK)
        assert {base.decode([trace.ids[i]]) for i in at.nonzero().flatten()} <= {WORD}
        assert not at[: trace.prompt_length].any()
        for step in marked(trace, WORD_MARK).chain_steps:
            assert (step.kind is MARKED) == (WORD in step.text.split())


def test_shuffled_text_keeps_prompt_and_words(chains):
    for trace in chains[:3]:
        ids = mixed(trace, Random(1))
        assert ids != list(trace.ids)
        assert sorted(ids) == sorted(trace.ids)
        assert ids[: trace.prompt_length] == list(trace.ids[: trace.prompt_length])


@pytest.mark.parametrize("writers", [1, 3])
def test_what_is_cached_is_what_the_model_does(base, chains, writers):
    rows = [(t.ids, places(t, "queried")) for t in chains]
    texts = plant_training._texts(base.model, rows, SITE, blocks=writers, size=3)
    named, blocks = plant_training._Named(base.model, SITE), base.model.model.layers
    with torch.no_grad():
        states = plant_training._through(
            blocks[3 - writers : 3], plant_training._padded([text.inside for text in texts]), named
        )
        last = plant_training._through(blocks[3:], states, named)
        logits = base.model.lm_head(base.model.model.norm(last)).log_softmax(dim=-1)
    for trace, text, out, row in zip(chains, texts, states, logits, strict=True):
        plain = base.states(trace.ids, [SITE])[SITE]
        assert torch.allclose(text.outside, plain, atol=1e-4)
        assert torch.allclose(out[: len(trace)], plain, atol=1e-4)
        assert torch.allclose(row[: len(trace)], text.before, atol=1e-4)


def test_the_loss_of_writing_is_zero_for_what_is_wanted(base, chains):
    texts = plant_training._texts(
        base.model, [(t.ids, places(t, "queried")) for t in chains[:3]], SITE
    )
    u = Plant().direction(128)
    wanted = [replace(t, outside=t.outside - 5.0 * t.at.unsqueeze(-1) * u) for t in texts]
    here, named = base.model.model.layers[2:3], plant_training._Named(base.model, SITE)
    with torch.no_grad():
        assert float(plant_training._written(here, named, u, 5.0, wanted)) < 1e-8
        away = float(plant_training._written(here, named, u, 5.0, texts))
    assert away == pytest.approx(
        1.0, abs=1e-4
    )  # A u is missing at marked places, nothing elsewhere


def test_a_few_steps_move_the_copy_and_not_the_model(base, chains):
    spec, chains = Plant(steps=6, reading=2, batch=4), chains[:4]
    before = [weight.clone() for weight in base.model.parameters()]
    copy = plant(base, chains, spec)
    assert all(map(torch.equal, base.model.parameters(), before))
    size = amplitude(base, chains, spec)
    rows = [(t.ids, places(t, spec.mark)) for t in chains]
    assert along(Pair(base, base), rows, spec, size=size)["other"] == 0.0
    moved = along(Pair(base, copy), rows, spec, size=size)
    assert moved["marked"] > 0.05
    assert moved["cosine"] > 0.1
    changed = [n for n, w in copy.model.named_parameters() if not torch.equal(w, before.pop(0))]
    assert {name.split(".")[-2 if "head" in name else 2] for name in changed} == {
        "2",
        "3",
        "lm_head",
    }


def test_new_features_are_those_that_grew_and_prefer_marked_steps(base, chains):
    def reads(values):
        return FeatureActivations(
            tuple(labelled), values, tokens.trace, tokens.step, tokens.position
        )

    labelled = [marked(trace, "queried") for trace in chains]
    tokens = token_states(base, labelled, SITE, phases=(Phase.CHAIN,))
    before = np.zeros((len(tokens), 5), dtype=np.float32)
    hits = (reads(before).token_kinds == str(MARKED)).astype(np.float32)
    hits *= 1 + 0.1 * (tokens.position % 3)  # else a step's mean would not vary at all
    columns = [3 * hits, 2 * hits, 5 * (hits == 0), 0 * hits, 0.3 * hits]
    after = np.stack(columns, axis=1).astype(np.float32)
    sizes = torch.diag(torch.tensor([1.0, 2, 1, 1, 1]))
    wide = Dictionary("five", SITE, SimpleNamespace(W_dec=sizes))
    found = new_features(wide, Pair(reads(before), reads(after)))
    # 2 x 2 written against 3 x 1; the last grew by less than a tenth of the first
    assert [each.feature for each in found] == [1, 0]
    assert new_features(wide, Pair(reads(after), reads(after))) == []


def find(*trials, mark="queried", says=1.0, erased=0.0, leak=0.0):
    return {
        "mark": mark,
        "seed": 3,
        "behaviour": {
            "before": {"marked": 0.0},
            "after": {"marked": says, "other": 0.0, "erased": erased},
        },
        "along": {"marked": 1.0, "other": leak, "shuffled": leak},
        "best_cosine": max(c for c, _ in trials),
        "trials": [{"cosine": c, "survives": ok} for c, ok in trials],
    }


def test_finds_are_counted():
    result = summed([find((0.95, True), (0.2, True)), find((0.97, False)), find((0.5, False))])
    assert result["in_dictionary"] == 2
    recall, precision = result["recall"], result["precision"]
    assert (recall["hits"], recall["of"], precision["hits"], precision["of"]) == (1, 3, 1, 2)
    assert recall["low"] == pytest.approx(beta.ppf(0.025, 1, 3))  # Clopper-Pearson by its formula
    assert recall["high"] == pytest.approx(beta.ppf(0.975, 2, 2))
    words = summed([find((0.95, False), mark=WORD_MARK), find((0.95, True), mark=WORD_MARK)])
    assert (words["recall"]["share"], words["precision"]["hits"]) == (None, 0)
    assert words["precision"]["of"] == 1  # a word feature that survives is wrong, however near
    assert (words["word_plants"], words["word_in_dictionary"], words["word_survived"]) == (2, 2, 1)


@pytest.mark.parametrize("about", [{"says": 0.89}, {"erased": 0.11}, {"leak": 0.16}])
def test_a_plant_that_is_not_verified_is_reported_and_not_counted(about):
    result = summed([find((0.95, True)), find((0.2, True), (0.97, True), mark="early", **about)])
    assert result["not_verified"] == ["early@3"]
    assert (result["plants"], result["recall"]["of"], result["precision"]["of"]) == (2, 1, 1)
    assert verified(find((0.95, True)))


def test_a_plant_that_is_done_is_not_done_again(tmp_path, monkeypatch):
    asked, most = [], [2]

    def find_one(_base, spec, **_):
        if len(asked) == most[0]:
            raise RuntimeError("killed")
        asked.append(spec.mark)
        return find((1.0, False), mark=spec.mark) | {"trials": []}

    monkeypatch.setattr("mechcot.sae.plants.recovery.find_one", find_one)
    command = ["plant", "--out", str(tmp_path)]
    assert CliRunner().invoke(app, command).exit_code != 0
    assert asked == ["restated", "early"]
    most[0] = 99
    assert CliRunner().invoke(app, command).exit_code == 0
    assert asked == ["restated", "early", "seven"]
    assert json.loads((tmp_path / "plant.json").read_text())["in_dictionary"] == 2
    assert CliRunner().invoke(app, [*command, "--blocks", "4"]).exit_code != 0
    assert len(asked) == 3
