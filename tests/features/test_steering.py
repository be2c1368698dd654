"""A feature as a steering vector: its size, its origin, its way through an experiment file."""

from dataclasses import replace

import pytest
import torch

from mechcot.core.errors import UserError
from mechcot.features.dictionary import Dictionary
from mechcot.features.reads import read_features
from mechcot.features.steering import feature_vector
from mechcot.model.reasoner import Reasoner
from mechcot.model.sites import Site
from mechcot.steer.arms import arms
from mechcot.steer.run import Lab
from mechcot.steer.spec import Apply, Compare, Experiment, Items, VectorSpec
from mechcot.steer.vectors import SteeringVector
from tests.features.conftest import SITE


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
        items=Items(n=1, hops=(2, 2)),
        vector=VectorSpec(site="resid_post.2", method="file", files=(str(path),)),
        apply=Apply(nats=(0.05,), chains=1),
        compare=Compare(controls=("random",)),
    )
    lab = Lab(about, {"organism:base": base})
    arm = next(arm for arm in arms(about) if arm.role == "vector")
    assert torch.equal(lab.steered(arm).direction, made.direction)
    assert lab.steered(replace(arm, role="random")).norm == pytest.approx(made.norm, rel=1e-4)
    elsewhere = replace(about, vector=replace(about.vector, site="resid_post.1"))
    with pytest.raises(UserError, match=r"expected blocks.2.hook_resid_post.*got blocks.1"):
        Lab(elsewhere, {"organism:base": base}).vector("organism:base", "resid_post.1")
    with pytest.raises(UserError, match=r"vector.files: expected 1"):
        replace(about, vector=replace(about.vector, files=()))
    with pytest.raises(UserError, match=r"vector.files: expected 0"):
        replace(about, vector=replace(about.vector, method="pca"))
    with pytest.raises(UserError, match=r"compare.sweep needs vectors"):
        replace(about, compare=Compare(sweep=("resid_post.1",)))


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
