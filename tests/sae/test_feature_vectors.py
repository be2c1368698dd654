"""A feature as a steering vector: its size, its origin, its way through an experiment file."""

from dataclasses import replace

import pytest
import torch

from mechcot.core.errors import UserError
from mechcot.model.generation.sampling import Sampling
from mechcot.model.generation.steering_hooks import GenerationInterventions, PositionSelector
from mechcot.model.generation.write_traces import write_under
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.sae.dictionary import Dictionary
from mechcot.sae.feature_activations import read_features
from mechcot.sae.feature_vectors import feature_vector
from mechcot.sae.token_states import token_states
from mechcot.sae.training import TrainingSettings, train
from mechcot.steering.conditions import arms
from mechcot.steering.dose_calibration import DoseCalibrator, OutOfReach
from mechcot.steering.experiment import Apply, Compare, Experiment, ItemSettings, VectorSpec
from mechcot.steering.experiment_context import ExperimentContext
from mechcot.steering.vectors import SteeringVector
from tests.sae.conftest import SITE


class Signed:
    """Positive and negative part of every coordinate, and one feature that never fires."""

    W_dec = torch.cat([torch.eye(128), -torch.eye(128), torch.ones(1, 128)])

    class cfg:  # noqa: N801 - named as in SAE-Lens
        d_in, d_sae = 128, 257

    def encode(self, x):
        return torch.cat([x.clamp_min(0), (-x).clamp_min(0), 0 * x[..., :1]], dim=-1)


@pytest.fixture(scope="module")
def signed():
    return Dictionary("signed", SITE, Signed())


def test_it_is_the_largest_activation_times_the_decoder(signed, base, traces):
    vector = feature_vector(signed, base, traces[:3], 5)
    largest = max(
        float(base.states(t.ids, [SITE])[SITE][t.prompt_length :, 5].max()) for t in traces[:3]
    )
    want = torch.zeros(128)
    want[5] = float(read_features(signed, base, traces[:3]).values[:, 5].max())
    assert torch.equal(vector.direction, want)
    assert float(want[5]) <= largest + 1e-5  # the answer is no part of the chain
    assert (vector.site, vector.origin.weights_hash) == (SITE, base.weights_hash)
    assert vector.origin.method == "feature 5 of signed"
    assert vector.origin.items == tuple(t.problem.id for t in traces[:3])


def test_a_feature_without_a_size_is_refused(signed, base, traces):
    with pytest.raises(UserError, match="feature 256 of signed fires on none of"):
        feature_vector(signed, base, traces[:1], 256)
    with pytest.raises(UserError, match="from 0 to 256, got 257"):
        feature_vector(signed, base, traces[:1], 257)


def test_an_experiment_file_takes_it_with_doses_and_controls(signed, base, traces, tmp_path):
    path = tmp_path / "feature.safetensors"
    made = feature_vector(signed, base, traces[:3], 5)
    made.save(path)
    about = Experiment(
        title="A feature",
        question="What does it push?",
        models=("organism:base",),
        items=ItemSettings(n=1, hops=(2, 2)),
        vector=VectorSpec(site="resid_post.2", method="file", files=(str(path),)),
        apply=Apply(nats=(0.05,), chains=1),
        compare=Compare(controls=("random",)),
    )
    lab = ExperimentContext(about, {"organism:base": base})
    arm = next(arm for arm in arms(about) if arm.role == "vector")
    assert torch.equal(lab.steered(arm).direction, made.direction)
    assert lab.steered(replace(arm, role="random")).norm == pytest.approx(made.norm, rel=1e-4)
    elsewhere = replace(about, vector=replace(about.vector, site="resid_post.1"))
    with pytest.raises(UserError, match=r"expected blocks.2.hook_resid_post.*got blocks.1"):
        ExperimentContext(elsewhere, {"organism:base": base}).vector(
            "organism:base", "resid_post.1"
        )
    with pytest.raises(UserError, match=r"vector.files: expected 1"):
        replace(about, vector=replace(about.vector, files=()))
    with pytest.raises(UserError, match=r"vector.files: expected 0"):
        replace(about, vector=replace(about.vector, method="pca"))
    with pytest.raises(UserError, match=r"compare.sweep needs vectors"):
        replace(about, compare=Compare(sweep=("resid_post.1",)))


@pytest.fixture(scope="module")
def trained(base, traces):
    states = token_states(base, traces, SITE).states
    settings = TrainingSettings(width=64, k=8, samples=6000, batch=256)
    return train(states, site=SITE, model="base", settings=settings)


@pytest.fixture(scope="module")
def often(trained, base, traces):
    """A feature that some states of the chains hold and others do not, and its vector."""
    values = read_features(trained, base, traces).values
    feature = int(abs((values > 0).mean(axis=0) - 0.5).argmin())
    return feature, feature_vector(trained, base, traces, feature)


def test_a_clamp_holds_the_feature_and_nothing_else(trained, base, traces, often):
    feature, vector = often
    states = token_states(base, traces[:2], SITE).states
    features = trained.encode(states)
    largest = vector.gate.largest
    assert torch.allclose(largest * vector.gate(states), features[:, feature], atol=1e-4)
    for level in (0.0, 0.5, 1.5):
        wanted = features.clone()
        wanted[:, feature] = level * largest
        slow = states + trained.decode(wanted) - trained.decode(features)
        assert torch.allclose(vector.edit(level, "clamp")(states), slow, atol=1e-4)
    held = states[features[:, feature] > 0][:1]
    now = float(vector.gate(held))
    assert torch.allclose(vector.edit(now, "clamp")(held), held, atol=1e-5)
    assert float(vector.edit(0.0, "clamp")(held).sub(held).norm()) > 0.01


def test_a_written_chain_is_clamped_where_it_says_and_comes_to_its_dose(base, traces, often):
    _, vector = often
    asked = [trace.problem for trace in traces[:3]]
    keep, where = SITE, PositionSelector()
    hand = GenerationInterventions((vector.acting(1.2, where, how="clamp"),), keep=(keep,))
    for trace, line in write_under(base, asked, hand, sampling=Sampling(30)):
        states = torch.cat(line.states[keep])[: len(trace)]
        plain = base.states(trace.ids, [SITE])[SITE][: len(states)]
        missing = (1.2 - vector.gate(plain)).unsqueeze(-1) * vector.direction
        acted = torch.zeros(len(states), 1)
        acted[[p for p in line.acted[0] if p < len(states)]] = 1.0
        assert torch.allclose(states, plain + acted * missing, atol=1e-3)
        assert 0 < acted.sum() < len(states)
    meter = DoseCalibrator(base, traces[:2], vector, where, how="clamp")
    floor, goal = meter.measure(0.0)[0], 0.3
    dose = meter.dose(goal)
    assert abs(dose.kl - goal) <= 0.051 * goal
    assert meter.measure(dose.gamma)[0] == pytest.approx(dose.kl)
    with pytest.raises(OutOfReach, match="holding the feature at 0"):
        meter.dose(floor)


def test_what_cannot_be_clamped_says_so(signed, base, traces, often, tmp_path):
    with pytest.raises(UserError, match="cannot be clamped"):
        feature_vector(signed, base, traces[:1], 5).edit(1.0, "clamp")
    _, vector = often
    vector.save(tmp_path / "v.safetensors")
    again = SteeringVector.load(tmp_path / "v.safetensors")
    states = token_states(base, traces[:1], SITE).states
    assert torch.equal(again.edit(0.7, "clamp")(states), vector.edit(0.7, "clamp")(states))
    about = {"title": "t", "question": "q", "models": ("m",)}
    file = VectorSpec(method="file", files=("f",))
    with pytest.raises(UserError, match="a clamp needs"):
        Experiment(**about, vector=VectorSpec(), apply=Apply(how="clamp"))
    with pytest.raises(UserError, match="a clamp needs"):
        Experiment(**about, vector=file, apply=Apply(how="clamp", signs=(1, -1)))
    assert Experiment(**about, vector=file, apply=Apply(how="clamp"))


def test_it_belongs_to_the_weights_it_was_sized_on(signed, base, traces, tmp_path):
    made = feature_vector(signed, base, traces[:2], 5)
    made.save(tmp_path / "v.safetensors")
    again = SteeringVector.load(tmp_path / "v.safetensors")
    assert again.origin.method == made.origin.method
    assert again.origin.items == made.origin.items
    with pytest.raises(UserError, match="extract one from this model"):
        again.check(Reasoner.load("organism:control"))
    wrong = replace(signed, site=Site("resid_post", 9))
    with pytest.raises(UserError, match="4 blocks"):
        feature_vector(wrong, base, traces[:1], 5)
