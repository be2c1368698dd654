"""Laws of the splice, recovery of planted atoms, the fit, and the messages."""

from dataclasses import replace
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
import torch

from mechcot.core.errors import UserError
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Intervention
from mechcot.sae import evaluation as fitting
from mechcot.sae.dictionary import Reconstruct, Splice, load
from mechcot.sae.token_states import token_states
from mechcot.sae.training import ARCHITECTURES, TrainingSettings, train
from tests.sae.conftest import SITE, planted_states


def test_planted_atoms_are_found_and_explain_fresh_states(small, atoms):
    decoder = torch.nn.functional.normalize(small.decoder, dim=-1)
    best = (atoms @ decoder.T).max(dim=1).values
    assert float((best > 0.9).float().mean()) >= 0.9
    fresh = planted_states(tokens=512, atoms=atoms, active=3, seed=9)
    error = fresh - small.decode(small.encode(fresh))
    assert float(1 - error.square().sum() / (fresh - fresh.mean(0)).square().sum()) > 0.9


def test_an_edit_of_nothing_is_exactly_nothing(small, states):
    which = torch.arange(len(states))
    kept = Splice(small, lambda features, _: features)(states, which)
    assert torch.equal(kept, states)
    assert not torch.allclose(Reconstruct(small)(states, which), states)


def test_a_splice_keeps_the_error_and_writes_the_decoder(small, states):
    which = torch.arange(len(states))
    raised = Splice(small, lambda f, _: f + torch.eye(small.width)[5])(states, which)
    assert torch.allclose(raised - states, small.decoder[5].expand_as(states), atol=1e-4)


def test_an_edit_of_nothing_moves_no_logit(base, traces, small):
    trace = traces[0]
    at = tuple(range(1, len(trace)))
    keep = Intervention(SITE, at, Splice(small, lambda f, _: f))
    edited, plain = (base.prefix(trace.ids, under=u).hidden for u in ([keep], []))
    assert torch.equal(edited, plain)


def test_saved_and_loaded_it_is_the_same(small, states, tmp_path):
    small.sae.save_model(tmp_path)
    again = load(str(tmp_path))
    assert again.site == SITE
    assert again.width == small.width
    assert torch.equal(again.encode(states[:64]), small.encode(states[:64]))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_trains_and_loads(architecture, states, tmp_path):
    settings = TrainingSettings(architecture=architecture, width=32, k=3, samples=2048, batch=256)
    made = train(states, site=SITE, model="m", settings=settings)
    made.sae.save_model(tmp_path)
    loaded = load(str(tmp_path))
    features = loaded.encode(states[:64])
    assert features.shape == (64, 32)
    sent = ForkingPickler.loads(ForkingPickler.dumps(loaded))  # to another process
    assert (sent.name, sent.site) == (loaded.name, loaded.site)
    assert torch.equal(sent.encode(states[:64]), features)
    if architecture == "topk":
        assert int((features > 0).sum(dim=1).max()) <= 3


@pytest.mark.parametrize("architecture", ["jumprelu", "standard"])
def test_the_default_penalty_is_sparse_and_fits(architecture, base, traces):
    states = token_states(base, traces, SITE).states
    settings = TrainingSettings(architecture=architecture, width=96, samples=60_000, batch=256)
    made = train(states, site=SITE, model="m", settings=settings)
    features = made.encode(states)
    error = states - made.decode(features)
    spread = (states - states.mean(0)).square().sum()
    assert float(1 - error.square().sum() / spread) > 0.85
    assert float((features > 0).sum(dim=1).float().mean()) < 16
    assert TrainingSettings(architecture=architecture, penalty=2.0).penalty == 2.0


def test_training_is_deterministic_and_leaves_the_global_seed_alone(states):
    settings = TrainingSettings(width=16, k=2, samples=1024, batch=256)
    torch.manual_seed(5)
    one = train(states, site=SITE, model="m", settings=settings)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(1))
    two = train(states, site=SITE, model="m", settings=settings)
    assert torch.equal(one.decoder, two.decoder)


def test_token_states_are_the_states_of_their_positions(base, traces):
    tokens = token_states(base, traces[:2], SITE)
    assert (tokens.position > 0).all()
    assert len(tokens) == sum(len(t) - 1 for t in traces[:2])
    row = 37
    trace = traces[tokens.trace[row]]
    whole = base.states(trace.ids, [SITE])[SITE]
    assert torch.allclose(tokens.states[row], whole[tokens.position[row]], atol=1e-5)
    step = tokens.step[row]
    assert step == -1 or tokens.position[row].item() in trace.steps[step].tokens


def test_the_fit_of_a_perfect_and_of_a_useless_dictionary(base, traces, small):
    perfect = fitting.evaluate(replace(small, sae=_Identity()), base, traces[:3])
    assert perfect.explained_variance == pytest.approx(1.0)
    assert perfect.recovered_mean == pytest.approx(1.0, abs=1e-4)
    useless = fitting.evaluate(small, base, traces[:3])
    assert useless.explained_variance < 0.5
    assert useless.recovered_zero < 0.9


def test_where_a_baseline_changes_nothing_there_is_no_loss_to_recover(
    base, traces, small, monkeypatch
):
    monkeypatch.setattr(fitting, "loss", lambda *_: 0.5)
    found = fitting.evaluate(small, base, traces[:1])
    assert np.isnan(found.recovered_zero)
    assert found.to_json()["recovered_mean"] is None
    assert "loss recovered nan" in str(found)


def test_exact_kinds_know_more_than_words(traces):
    kinds = {step.kind for trace in traces for step in trace.chain_steps}
    assert len(kinds) >= 5
    so = {s.kind for t in traces for s in t.chain_steps if s.text.split()[0] == "so"}
    assert len(so) >= 2  # the word alone does not tell


def test_messages(base, small, states, tmp_path):
    with pytest.raises(UserError, match="too few for width 1024: at least 10240"):
        train(states, site=SITE, model="m", settings=TrainingSettings(width=1024))
    with pytest.raises(UserError, match=r"between 1 and the width 16, got 17"):
        train(states, site=SITE, model="m", settings=TrainingSettings(width=16, k=17))
    with pytest.raises(UserError, match="4 blocks, counted from 0"):
        replace(small, site=Site("resid_post", 7)).check(base)
    narrow = train(
        states[:, :64], site=SITE, model="m", settings=TrainingSettings(width=16, k=2, samples=512)
    )
    with pytest.raises(UserError, match="width 64, base has width 128"):
        narrow.check(base)
    with pytest.raises(UserError, match=r"expected cfg.json"):
        load(str(tmp_path))
    with pytest.raises(UserError, match="neither a folder"):
        load("no-such-folder")


def test_a_dead_dictionary_is_refused(base, traces, small):
    with pytest.raises(UserError, match="no feature of planted fires"):
        fitting.evaluate(replace(small, sae=_Dead()), base, traces[:1])


class _Identity:
    """A dictionary that gives every state back: features are its positive and negative parts."""

    W_dec = torch.cat([torch.eye(128), -torch.eye(128)])

    class cfg:  # noqa: N801 - named as in SAE-Lens
        d_in, d_sae = 128, 256

    def encode(self, x):
        return torch.cat([x.clamp_min(0), (-x).clamp_min(0)], dim=-1)

    def decode(self, f):
        return f @ self.W_dec


class _Dead(_Identity):
    def encode(self, x):
        return torch.zeros(*x.shape[:-1], 256)
