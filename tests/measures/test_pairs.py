"""Measures of two models: against plain forwards, exactly 0 for a model against itself, and on planted truth."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Phase
from mechcot.measures import cross_model_patching, model_difference
from mechcot.measures.inputs import Inputs
from mechcot.measures.registry import MEASURES, PAIRED
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.recipes import Shape
from mechcot.organisms.training import fresh
from tests.measures.conftest import PROBLEMS, chain_of
from tests.measures.slow import greedy, inputs_of_blocks, logprobs, patched_logprobs


@pytest.fixture(scope="module")
def tuned(random_reader):
    model = copy.deepcopy(random_reader.model)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(1)
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.add_(0.3 * weight.std() * torch.randn_like(weight))
    return replace(random_reader, name="tuned", model=model)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(cross_model_patching, "_STEPS", 2)


@pytest.mark.parametrize("name", sorted(PAIRED))
def test_a_model_against_itself_is_exactly_zero(random_reader, traces, inputs, name):
    measurement = MEASURES[name].run(
        random_reader, traces[0], replace(inputs, against=random_reader)
    )
    assert measurement.value == 0.0
    for scalar, value in measurement.scalars.items():
        assert value == 0.0, scalar
    for result in measurement.results.values():
        assert not result.values.any(), result.name


@pytest.mark.parametrize("name", sorted(PAIRED))
def test_a_pair_reading_is_the_same_twice_and_survives_the_disk(
    random_reader, tuned, traces, inputs, tmp_path, name
):
    against = replace(inputs, against=random_reader)
    first, second = (MEASURES[name].run(tuned, traces[1], against) for _ in range(2))
    assert first.value == second.value > 0.0
    assert first.scalars["identity"] == 0.0
    assert first.reader == "tuned"
    first.save(tmp_path / "reading.safetensors")
    loaded = type(first).load(tmp_path / "reading.safetensors")
    assert loaded.results.keys() == first.results.keys()
    for key, result in loaded.results.items():
        assert type(result) is type(first.results[key])
        np.testing.assert_array_equal(result.values, first.results[key].values)


def test_model_difference_is_plain_forwards_of_both(random_reader, tuned, traces, inputs):
    trace = traces[0]
    measurement = model_difference.measure(tuned, trace, replace(inputs, against=random_reader))
    stop = trace.cuts()[-1]
    p, q = (logprobs(model, trace.ids[:stop]) for model in (random_reader, tuned))
    read = [position - 1 for position in trace.phase(Phase.CHAIN).positions()]
    kl = (p.exp() * (p - q)).sum(-1)[read]
    np.testing.assert_allclose(measurement.results["kl"].values, kl, atol=1e-4)
    assert measurement.value == pytest.approx(
        0.5 * float((p.exp() - q.exp()).abs().sum(-1)[read].mean()), abs=1e-5
    )
    old, new = (inputs_of_blocks(model, trace.ids[:stop]) for model in (random_reader, tuned))
    chain = slice(trace.prompt_length, stop)
    for layer in range(len(old) - 1):  # the output of a block is the next one's input
        a, b = old[layer + 1][chain], new[layer + 1][chain]
        ratio = float(((b - a).norm(dim=-1) / a.norm(dim=-1)).mean())
        assert measurement.results["relative"].values[layer] == pytest.approx(ratio, rel=1e-4)
        np.testing.assert_allclose(
            measurement.results["mean_difference"].values[layer], (b - a).mean(0), atol=1e-4
        )


def test_cross_model_patching_is_a_plain_patched_forward(random_reader, tuned, traces, inputs):
    trace = traces[2]
    measurement = cross_model_patching.measure(tuned, trace, replace(inputs, against=random_reader))
    ids = [*trace.ids[: trace.cuts()[-1]], *random_reader.cue_ids]
    y = greedy(random_reader, ids, count=1)[0]
    for way, donor, host in (
        ("before_into_after", random_reader, tuned),
        ("after_into_before", tuned, random_reader),
    ):
        states = inputs_of_blocks(donor, ids)
        plain = float(logprobs(host, ids)[-1, y].exp())
        grid = measurement.results[way]
        for column in (0, len(measurement.results[way].labels["step"]) - 1):
            at = list(trace.chain_steps[int(grid.labels["step"][column])].tokens.positions())
            for layer in range(len(states)):
                patch = (layer, at, states[layer][at])
                slow = float(patched_logprobs(host, ids, patch)[-1, y].exp()) - plain
                assert grid.values[layer, column] == pytest.approx(slow, abs=1e-5)
        whole = list(trace.phase(Phase.CHAIN).positions())
        patch = (1, whole, states[1][whole])
        slow = float(patched_logprobs(host, ids, patch)[-1, y].exp()) - plain
        assert measurement.results[f"{way}_chain"].values[1] == pytest.approx(slow, abs=1e-5)


def test_more_confidence_changes_what_is_said_and_no_state(base):
    trace = chain_of(base, PROBLEMS[0], seed=0)
    measurement = model_difference.measure(base.scaled(1.5), trace, Inputs(against=base))
    assert measurement.scalars["kl"] > 0.0
    assert measurement.scalars["relative_change"] == 0.0
    patched = cross_model_patching.measure(
        base.scaled(1.5), trace, Inputs(against=base, answer_tokens=2)
    )
    assert patched.value == 0.0


def test_base_reads_the_states_that_bypass_writes_into_it_and_bypass_reads_none(base, bypass):
    inputs = Inputs(against=base, answer_tokens=2)
    chains = [chain_of(base, problem, seed=i) for i, problem in enumerate(PROBLEMS[:2])]
    measurements = [cross_model_patching.measure(bypass, trace, inputs) for trace in chains]
    into_base, into_bypass = (
        np.array(
            [
                np.abs(measurement.results[f"{way}_chain"].values).max()
                for measurement in measurements
            ]
        )
        for way in ("after_into_before", "before_into_after")
    )
    assert into_base.max() > 0.2
    assert into_bypass.max() < 0.05


@pytest.mark.parametrize("name", sorted(PAIRED))
def test_what_two_models_cannot_be_asked_is_said(random_reader, traces, inputs, name):
    run = MEASURES[name].run
    other = Reasoner.of(fresh(Shape(layers=2)), random_reader.tokenizer, name="other")
    with pytest.raises(NotMeasurable, match=r"one architecture: .* for other"):
        run(other, traces[0], replace(inputs, against=random_reader))
    with pytest.raises(NotMeasurable, match="no reference model"):
        run(random_reader, traces[0], replace(inputs, against=None))
    assert MEASURES[name].card.direction == 0
