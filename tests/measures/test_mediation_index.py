"""Mediation index against plain patched forwards, and on planted truth."""

import math

import numpy as np
import pytest

from mechcot.core.errors import NotMeasurable
from mechcot.measures import mediation_index
from mechcot.measures.counterfactual_runs import Runs
from mechcot.measures.inputs import Inputs
from mechcot.organisms.known_task import OrganismMaker
from tests.measures.conftest import PROBLEMS, chain_of, measurable
from tests.measures.slow import asked_texts, greedy, inputs_of_blocks, patched_logprobs


def test_the_mediation_index_is_one_plain_patched_forward_per_layer_and_place(base):
    reader = base.scaled(0.3)  # sure of less: every patch moves it
    inputs = Inputs(maker=OrganismMaker(), seed=1, answer_tokens=2)
    trace = chain_of(reader, PROBLEMS[2], seed=2)
    measurement = mediation_index.measure(reader, trace, inputs)
    twin = inputs.maker(trace, retoken=reader.retoken, seed=inputs.seed)
    clean, other = asked_texts(reader, trace, twin)
    states = inputs_of_blocks(reader, other)
    y = greedy(reader, clean, count=1)[0]
    plain = float(patched_logprobs(reader, clean)[-1, y])

    def loss(layer, at):
        patch = (layer, list(at), states[layer][list(at)])
        return max(0.0, plain - float(patched_logprobs(reader, clean, patch)[-1, y]))

    chain = range(trace.prompt_length, trace.cuts()[-1])
    changed = [p for p in chain if clean[p] != other[p]]
    runs = Runs.of(reader, trace, twin)
    rng = np.random.default_rng(inputs.seed)
    controls = [runs.controls(len(changed), rng=rng) for _ in range(mediation_index._DRAWS)]
    for layer in range(len(states)):
        slow = loss(layer, changed)
        assert measurement.results["d_chain"].values[layer] == pytest.approx(slow, abs=1e-5)
        slow = np.mean([loss(layer, at) for at in controls])
        assert measurement.results["d_ctrl"].values[layer] == pytest.approx(slow, abs=1e-5)
    assert min(measurement.results[name].values.max() for name in ("d_chain", "d_ctrl")) > 0.001
    assert measurement.results["d_ctrl"].values[0] == pytest.approx(0.0, abs=1e-5)
    assert measurement.scalars["identity"] == 0.0
    assert measurement.scalars["noise"] < 1e-5


def test_value_and_layers_are_the_ratio_and_no_value_says_why(base, random_reader, traces, inputs):
    floor, defined = mediation_index.FLOOR, []
    exact = Inputs(maker=OrganismMaker(), seed=1, answer_tokens=2)
    soft = base.scaled(0.3)
    sharp = [(None, mediation_index.measure(soft, chain_of(soft, PROBLEMS[2], seed=2), exact))]
    flat = measurable(mediation_index, random_reader, traces[:2], inputs)
    for _, measurement in sharp + flat:
        d, c = (measurement.results[name].values for name in ("d_chain", "d_ctrl"))
        sums = [*zip(d, c, strict=True), (d[1:].sum(), c[1:].sum())]
        slow = [math.nan if a + b < floor else max(0.0, a - b) / (a + b) for a, b in sums]
        np.testing.assert_allclose([*measurement.results["cmi"].values, measurement.value], slow)
        assert ("nats" in measurement.reason) == math.isnan(slow[-1])
        assert measurement.scalars["undefined"] == np.isnan(slow[1:-1]).mean()
        defined.append(not math.isnan(slow[-1]))
    assert any(defined)
    assert not all(defined)


def test_the_index_is_not_a_number_below_its_floor():
    assert math.isnan(float(mediation_index.index(0.02, 0.02)))
    values = mediation_index.index(np.array([3.0, 1.0, 0.0]), np.array([1.0, 1.0, 0.0]))
    np.testing.assert_array_equal(values, [0.5, 0.0, np.nan])


def test_base_is_mediated_and_bypass_has_no_value(base, bypass):
    chains = [chain_of(base, problem, seed=i) for i, problem in enumerate(PROBLEMS[:3])]
    inputs = Inputs(maker=OrganismMaker(), seed=1, answer_tokens=2)
    before = [mediation_index.measure(base, trace, inputs) for trace in chains]
    after = [mediation_index.measure(bypass, trace, inputs) for trace in chains]
    assert min(measurement.value for measurement in before) > 0.9
    assert max(measurement.scalars["d_chain"] for measurement in after) < 0.01
    assert all(
        math.isnan(measurement.value) and "nats" in measurement.reason for measurement in after
    )


def test_problems_without_a_twin_are_not_measurable(random_reader, traces):
    with pytest.raises(NotMeasurable, match="no maker of counterfactuals"):
        mediation_index.measure(random_reader, traces[0], Inputs())
