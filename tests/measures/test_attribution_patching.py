"""Attribution patching against finite differences of plain patched forwards, and against exact patching."""

import copy
import math

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from mechcot.measures import attribution_patching, step_patching
from mechcot.measures.counterfactual_runs import Runs
from mechcot.measures.inputs import Inputs
from mechcot.organisms.known_task import OrganismMaker
from tests.measures.conftest import PROBLEMS, chain_of, measurable
from tests.measures.slow import asked_texts, inputs_of_blocks, patched_logprobs


def test_attribution_is_the_slope_of_the_patch(random_reader, traces, inputs):
    """The norms run in float32 whatever the weights are: a step much below 1e-2 reads rounding, not the slope."""
    trace, measurement = measurable(attribution_patching, random_reader, traces[:3], inputs)[0]
    twin = inputs.maker(trace, retoken=random_reader.retoken, seed=inputs.seed)
    exact_weights = copy.deepcopy(random_reader.model).double()
    clean, other = asked_texts(random_reader, trace, twin)
    y = random_reader.answer_ids(twin.answer)[0]
    own, new = (inputs_of_blocks(random_reader, ids, model=exact_weights) for ids in (clean, other))
    step = 1e-2
    for column, stated in enumerate(twin.stated[:3]):
        at = list(stated.tokens.positions())
        for layer in range(len(own)):
            ends = [
                patched_logprobs(
                    random_reader,
                    clean,
                    (layer, at, own[layer][at] + sign * step * (new[layer][at] - own[layer][at])),
                    model=exact_weights,
                )[-1, y]
                for sign in (1, -1)
            ]
            slow = float(ends[0] - ends[1]) / (2 * step)
            got = measurement.results["estimate"].values[layer, column]
            assert got == pytest.approx(slow, abs=2e-4, rel=2e-3)
    assert np.abs(measurement.results["estimate"].values[:, :3]).max() > 0.02
    assert measurement.scalars["identity"] == 0.0
    assert measurement.scalars["noise"] < 1e-4


def test_attribution_is_judged_by_the_grid_of_step_patching(base):
    inputs = Inputs(maker=OrganismMaker(), seed=1, answer_tokens=2)
    compared, refused = 0, 0
    for i, problem in enumerate(PROBLEMS[:3]):
        trace = chain_of(base, problem, seed=i)
        twin = inputs.maker(trace, retoken=base.retoken, seed=inputs.seed)
        fast = attribution_patching.measure(base, trace, inputs)
        grid = step_patching.measure(base, trace, inputs).results["answer"]
        exact = fast.results["exact"]
        clean = Runs.of(base, trace, twin).clean
        p = float(clean.unembed(clean.hidden[-1])[base.answer_ids(twin.answer)[0]].exp())
        for column, stated in enumerate(twin.stated):
            if stated.answer_kept == twin.answer and np.isfinite(exact.values[0, column]):
                at = grid.labels["step"].index(float(stated.step))
                moved = p * np.expm1(exact.values[:, column])
                np.testing.assert_allclose(moved, grid.values[:, at], atol=1e-5)
                compared += 1
        sampled = np.isfinite(exact.values[0])
        rho = spearmanr(
            fast.results["estimate"].values[:, sampled].ravel(), exact.values[:, sampled].ravel()
        ).statistic
        assert fast.scalars["spearman"] == pytest.approx(rho)
        assert math.isnan(fast.value) == (rho < 0.8)
        assert ("below 0.8" in fast.reason) == (rho < 0.8)
        refused += rho < 0.8
    assert compared >= 2
    assert 0 < refused < 3


def test_gradients_carry_the_logit_scale(base):
    trace = chain_of(base, PROBLEMS[0], seed=0)
    inputs = Inputs(maker=OrganismMaker(), seed=1, answer_tokens=2)
    plain, scaled = (
        attribution_patching.measure(m, trace, inputs) for m in (base, base.scaled(2.0))
    )
    assert scaled.scalars["noise"] < 1e-4
    assert scaled.scalars["attributed"] != pytest.approx(plain.scalars["attributed"], rel=0.05)
    assert not any(weight.requires_grad for weight in base.model.parameters())
    assert all(weight.grad is None for weight in base.model.parameters())
    assert torch.is_grad_enabled()
