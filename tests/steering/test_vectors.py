"""Vectors: algebra, origin, stability on planted directions, files, mistakes."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from mechcot.core.errors import UserError
from mechcot.core.task import ContrastPair
from mechcot.core.trace import StepKind
from mechcot.model.internals.sites import Site
from mechcot.steering.contrast_vectors import (
    _MAKERS,
    pair_vectors,
    span_vectors,
    stability,
    windows,
)
from mechcot.steering.vectors import Origin, SteeringVector
from mechcot.tasks import MOD10, contrast_pairs

SITE = Site("resid_post", 1)


@pytest.fixture(scope="module")
def vector(base, pairs):
    return pair_vectors(base, pairs, sites=[SITE])[SITE]


def test_a_mean_difference_is_the_mean_of_the_differences_at_the_last_prompt_token(
    base, pairs, vector
):
    rows = []
    for pair in pairs:
        both = []
        for side in (pair.positive, pair.negative):
            output = base.model(
                torch.tensor([base.encode(base.render(side))]), output_hidden_states=True
            )
            both.append(output.hidden_states[SITE.layer + 1][0, -1])
        rows.append(both[0] - both[1])
    assert torch.allclose(vector.direction, torch.stack(rows).mean(dim=0), atol=1e-4)
    assert vector.origin.weights_hash == base.weights_hash
    assert vector.origin.items == tuple(p.item for p in pairs)
    assert vector.origin.split_half > 0.8  # the two styles differ, whichever half is read
    assert vector.origin.cone < 40


def test_swapping_the_sides_negates(base, pairs, vector):
    swapped = [ContrastPair(p.negative, p.positive) for p in pairs]
    other = pair_vectors(base, swapped, sites=[SITE])[SITE]
    assert torch.allclose(other.direction, (-vector).direction, atol=1e-5)


@pytest.mark.parametrize("method", _MAKERS)
def test_a_planted_direction_is_found_and_pure_noise_is_not_stable(method):
    generator = torch.Generator().manual_seed(0)
    planted = torch.zeros(32)
    planted[3] = 4.0
    noise = torch.randn(40, 2, 32, generator=generator)
    rows = noise.clone()
    rows[:, 0] += planted
    make = _MAKERS[method]
    assert torch.cosine_similarity(make(rows), planted, dim=0) > 0.85
    assert make(rows).norm() == pytest.approx(
        float((rows[:, 0] - rows[:, 1]).mean(0).norm()), rel=1e-4
    )
    half, cone = stability(rows, make, seed=0)
    nothing, wide = stability(noise, make, seed=0)
    assert half > 0.65 > 0.4 > abs(nothing)
    assert cone < wide


def test_span_windows_by_hand(base, chains):
    kind = StepKind.VERIFICATION
    found = span_vectors(base, chains, kind=kind, sites=[SITE])[SITE]
    rows = []
    for trace in chains:
        steps = [s for s in trace.chain_steps if s.kind is kind]
        if not steps:
            continue
        states = base.states(trace.ids, [SITE])[SITE]
        inside = [
            states[p]
            for s in steps
            for p in range(len(states))
            if s.tokens.start - 1 <= p < min(s.tokens.stop - 1, s.tokens.start + 10)
        ]
        stop = trace.chain_steps[-1].tokens.stop
        rows.append((torch.stack(inside).mean(0), states[trace.prompt_length : stop].mean(0)))
        assert sum(map(len, windows(trace, kind))) == len(inside)
    difference = torch.stack([a - b for a, b in rows]).mean(0)
    size = torch.stack([b for _, b in rows]).mean(0).norm()
    assert torch.allclose(found.direction, difference * size / difference.norm(), atol=1e-3)


def test_algebra(vector):
    assert (vector + -vector).norm == 0
    assert vector.times(3.0).norm == pytest.approx(3 * vector.norm)
    assert vector.cosine(-vector) == pytest.approx(-1, abs=1e-6)
    assert (-vector).times(2.0).origin.history == ("negated", "times 2")
    with pytest.raises(UserError, match="same weights and site"):
        vector + SteeringVector(vector.direction, Site("resid_post", 2), vector.origin)


def test_a_file_gives_the_vector_back(vector, tmp_path):
    path = tmp_path / "v.safetensors"
    vector.times(2.0).save(path)
    again = SteeringVector.load(path)
    assert torch.equal(again.direction, vector.times(2.0).direction)
    assert again.site == vector.site
    assert again.origin == vector.times(2.0).origin


def test_a_vector_of_other_weights_needs_force_and_another_width_cannot_be_forced(
    vector, base, control
):
    assert vector.check(base) == ()
    with pytest.raises(UserError, match=r"of base \(weights .*--force"):
        vector.check(control)
    (said,) = vector.check(control, force=True)
    assert said.startswith("other weights") and control.weights_hash in said
    narrow = SteeringVector(vector.direction[:64], vector.site, vector.origin)
    with pytest.raises(UserError, match="64 wide"):
        narrow.check(base, force=True)
    high = SteeringVector(vector.direction, Site("resid_post", 4), vector.origin)
    with pytest.raises(UserError, match="layers 0 to 3, got 4"):
        high.check(base, force=True)


def test_mistakes_are_told(base, pairs, chains, tmp_path):
    with pytest.raises(UserError, match="empty list"):
        pair_vectors(base, [], sites=[SITE])
    with pytest.raises(UserError, match="two sides of one question"):
        ContrastPair(pairs[0].positive, pairs[1].negative)
    with pytest.raises(UserError, match="write the chains first"):
        pair_vectors(base, pairs[:1], sites=[SITE], read="chain")
    with pytest.raises(UserError, match="none of 5 traces"):
        span_vectors(base, chains, kind=StepKind.OTHER, sites=[SITE])
    with pytest.raises(UserError, match="cannot be read"):
        SteeringVector.load(tmp_path / "absent.safetensors")
    save_file({"x": torch.ones(2)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="no steering vector"):
        SteeringVector.load(tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="not finite"):
        SteeringVector(torch.tensor([float("nan")]), SITE, Origin("m", "w", "x", "y", ()))


def test_styles_change_the_style_word_only():
    pair = contrast_pairs("mod10", 1, seed=0, depth=(2, 2))[0]
    brief, careful = pair.positive.question.split(), pair.negative.question.split()
    assert (brief[0], careful[0]) == ("brief", "careful") and brief[1:] == careful[1:]
    assert MOD10.styled(pair.positive, None).question.split() == brief[1:]
    assert MOD10.styled(MOD10.styled(pair.positive, None), "brief") == replace(pair.positive)
