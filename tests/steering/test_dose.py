"""Doses against the slow definition, and controls."""

import math

import pytest
import torch

from mechcot.core.errors import EditDidNotFire, UserError
from mechcot.core.trace import Phase, StepKind
from mechcot.model.generation.sampling import Sampling
from mechcot.model.generation.steering_hooks import GenerationInterventions, PositionSelector, Steer
from mechcot.model.generation.write_traces import write_under
from mechcot.model.internals.sites import Site
from mechcot.steering.contrast_vectors import pair_vectors
from mechcot.steering.controls import control
from mechcot.steering.dose_calibration import DoseCalibrator, OutOfReach, positions
from mechcot.steering.vectors import Origin, SteeringVector
from mechcot.tasks import MOD10, kinds_of

SITE = Site("resid_post", 1)


@pytest.fixture(scope="module")
def vector(base, pairs):
    return pair_vectors(base, pairs, sites=[SITE], read="prompt")[SITE]


@pytest.fixture(scope="module")
def meter(base, chains, vector):
    return DoseCalibrator(base, chains[:2], vector, PositionSelector())


def test_kl_is_the_mean_over_written_tokens_of_a_plain_hooked_run(base, chains, vector, meter):
    gamma, per_token = 0.4, []
    for trace in chains[:2]:
        ids = torch.tensor([trace.ids])
        chain_stop = trace.phase(Phase.CHAIN).stop

        def add(_module, _inputs, output, start=trace.prompt_length - 1, stop=chain_stop):
            states = output[0] if isinstance(output, tuple) else output
            states = states.clone()
            states[:, start:stop] += gamma * vector.direction
            return (states, *output[1:]) if isinstance(output, tuple) else states

        with torch.no_grad():
            clean = base.model(ids).logits[0].double().log_softmax(-1)
            handle = base.model.model.layers[SITE.layer].register_forward_hook(add)
            steered = base.model(ids).logits[0].double().log_softmax(-1)
            handle.remove()
        kl = (clean.exp() * (clean - steered)).sum(-1)
        per_token.append(kl[trace.prompt_length - 1 : -1])
    every = torch.cat(per_token)
    mean, largest = meter.measure(gamma)
    assert mean == pytest.approx(float(every.mean()), rel=1e-3)
    assert largest == pytest.approx(float(every.max()), rel=1e-3)


def test_no_factor_is_exactly_no_dose_and_small_ones_follow_the_expansion(meter):
    assert meter.measure(0.0) == (0.0, 0.0)
    assert meter.dose(0.0).gamma == 0
    gamma = meter.gamma_max(1e-4, share=1e-3)
    small = meter.measure(0.2 * gamma)[0]
    assert small == pytest.approx(0.04 * 1e-4, rel=0.25)  # KL grows with the square of the factor


def test_bisection_reaches_the_dose(meter):
    dose = meter.dose(0.05)
    assert dose.kl == pytest.approx(0.05, rel=0.06)
    assert meter.measure(dose.gamma)[0] == dose.kl <= dose.kl_max
    assert 0 < dose.relative < 10
    assert meter.dose(0.1).gamma > dose.gamma


def test_a_vector_without_any_effect_is_out_of_reach(base, chains):
    origin = Origin(base.name, base.weights_hash, "nothing", "nothing", ())
    nothing = DoseCalibrator(
        base, chains[:1], SteeringVector(torch.zeros(128), SITE, origin), PositionSelector()
    )
    assert nothing.gamma_max(0.1) == math.inf
    with pytest.raises(OutOfReach, match="smaller dose"):
        nothing.dose(0.1)


def test_a_vector_too_long_for_any_factor_is_out_of_reach_and_not_searched_for_ever(
    base, chains, vector
):
    with pytest.raises(OutOfReach):
        DoseCalibrator(base, chains[:1], vector.times(1e30), PositionSelector()).dose(0.1)


def test_mistakes_are_told(base, chains, vector, meter):
    with pytest.raises(UserError, match="turn the vector round"):
        meter.dose(-0.1)
    with pytest.raises(UserError, match="lower the dose"):
        meter.measure(1e38)
    with pytest.raises(UserError, match="at least one clean chain"):
        DoseCalibrator(base, [], vector, PositionSelector())
    with pytest.raises(EditDidNotFire, match="widen"):
        DoseCalibrator(base, chains[:1], vector, PositionSelector(since=400))


WHERES = (
    PositionSelector(),
    PositionSelector(phases=tuple(Phase)),
    PositionSelector(since=5, until=9),
    PositionSelector(from_step=2),
    PositionSelector(step_starts=True),
)
KINDS = (
    PositionSelector(kinds=(StepKind.VERIFICATION, StepKind.SUMMARY)),
    PositionSelector(step_starts=True, from_step=2),
    PositionSelector(kinds=(StepKind.CONCLUSION,), phases=tuple(Phase), from_step=3),
)


@pytest.mark.parametrize("wheres", [WHERES, KINDS])
def test_positions_of_a_finished_text_are_those_that_acted_while_it_was_written(base, wheres):
    hand = GenerationInterventions(
        tuple(Steer(SITE, torch.zeros(128), where) for where in wheres), kinds=kinds_of
    )
    asked = MOD10.unhinted(2, seed=3, depth=(2, 2))
    for trace, line in write_under(base, asked, hand, sampling=Sampling(160)):
        for where, acted in zip(wheres, line.acted, strict=True):
            # the last token is not run when the limit cuts the text; here every text ends by itself
            assert trace.finished
            assert list(positions(base, trace, where, kinds=kinds_of)) == acted


def test_controls(vector):
    for kind in ("random", "orthogonal", "flipped"):
        made = control(vector, kind, seed=0)
        assert made.norm == pytest.approx(vector.norm, rel=1e-5)
        assert torch.equal(made.direction, control(vector, kind, seed=0).direction)
    assert abs(control(vector, "orthogonal", seed=0).cosine(vector)) < 1e-6
    assert control(vector, "flipped", seed=0).cosine(vector) == pytest.approx(-1, abs=1e-6)
    assert 1e-4 < abs(control(vector, "random", seed=0).cosine(vector)) < 0.4
    with pytest.raises(UserError, match="expected a control"):
        control(vector, "absent", seed=0)
