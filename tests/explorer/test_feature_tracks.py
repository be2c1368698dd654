"""Features along tokens: the plain encoding of each token's state, the most selective for a kind; what does not fit is refused."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mechcot.core.errors import UserError
from mechcot.core.trace import Phase, StepKind
from mechcot.explorer.feature_tracks import feature_tracks
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.ground_truth import with_exact_kinds
from mechcot.organisms.problems import problems
from mechcot.sae.dictionary import Dictionary

SITE = Site("resid_post", 1)


def dictionary_of(reader, *, width=12, seed=0):
    """A random one-layer dictionary; anything that encodes like an SAE of SAE-Lens."""
    d_model = reader.model.config.hidden_size
    weights = torch.randn(d_model, width, generator=torch.Generator().manual_seed(seed))
    sae = SimpleNamespace(
        cfg=SimpleNamespace(d_sae=width, d_in=d_model),
        W_dec=weights.T,
        encode=lambda x: torch.relu(x @ weights - 1.0),
    )
    return Dictionary("random", SITE, sae)


@pytest.fixture(scope="module")
def readers(models):
    return [Reasoner.load(name, device="cpu") for name in models]


@pytest.fixture(scope="module")
def traces():
    base = Reasoner.load("organism:base", device="cpu")
    return [with_exact_kinds(t) for t in base.write(problems(3, seed=5, hops=(2, 2)))]


def plain(reader, dictionary, trace):
    """Features of every chain token, the slow obvious way."""
    states = reader.states(trace.ids, [SITE])[SITE]
    return dictionary.sae.encode(states)[trace.phase(Phase.CHAIN).start :].numpy()[: len(trace.phase(Phase.CHAIN))].T  # fmt: skip


def test_every_chain_token_has_the_activation_of_its_own_state(readers, traces):
    dictionary = dictionary_of(readers[0])
    found = feature_tracks(dictionary, readers, traces, features=(7, 2))
    assert set(found) == {trace.id for trace in traces}
    for trace in traces:
        strip = found[trace.id]
        assert strip.names == ("7", "2") and strip.notes == ("", "")
        assert strip.start == trace.prompt_length
        for reader in readers:
            expected = plain(reader, dictionary, trace)[[7, 2]]
            np.testing.assert_allclose(strip.by_reader[reader.name], expected, atol=1e-5)
            assert expected.any()


def test_without_names_each_kind_has_its_most_selective_feature(readers, traces):
    dictionary = dictionary_of(readers[0])
    names = dict(zip(*(getattr(next(iter(feature_tracks(dictionary, readers[:1], traces).values())), k) for k in ("names", "notes")), strict=True))  # fmt: skip
    means, kinds = [], []
    for trace in traces:
        row, start = plain(readers[0], dictionary, trace), trace.prompt_length
        for step in trace.chain_steps:
            means.append(row[:, step.tokens.start - start : step.tokens.stop - start].mean(axis=1))
            kinds.append(step.kind)
    means, wanted = np.array(means), {}
    for kind in StepKind:
        inside = np.array([k is kind for k in kinds])
        if 2 <= inside.sum() <= len(kinds) - 2:
            a, b = means[inside], means[~inside]
            spread = np.sqrt(((len(a) - 1) * a.var(axis=0, ddof=1) + (len(b) - 1) * b.var(axis=0, ddof=1)) / (len(kinds) - 2))  # fmt: skip
            d = np.divide(a.mean(0) - b.mean(0), spread, out=np.zeros(12), where=spread > 0)
            wanted.setdefault(str(d.argmax()), f"most selective for {kind}, d = {d.max():.1f}")
    assert len(wanted) >= 2
    assert names == wanted


def test_where_no_kind_is_known_the_features_that_vary_are_shown(readers, traces):
    unknown = [
        replace(t, steps=tuple(replace(s, kind=StepKind.OTHER) for s in t.steps)) for t in traces
    ]
    strip = next(iter(feature_tracks(dictionary_of(readers[0]), readers[:1], unknown).values()))
    assert len(strip.names) == 8 and set(strip.notes) == {"varies most between steps"}


def test_a_reader_that_did_not_read_a_trace_has_no_row_in_it(readers, traces):
    read_by = {traces[0].id: {readers[0].name}, traces[1].id: {r.name for r in readers}}
    found = feature_tracks(
        dictionary_of(readers[0]), readers, traces, features=(1,), read_by=read_by
    )
    assert {id: set(strip.by_reader) for id, strip in found.items()} == read_by


def test_what_does_not_fit_is_refused(readers, traces):
    dictionary = dictionary_of(readers[0])
    with pytest.raises(UserError, match="random has features 0 to 11, not 12"):
        feature_tracks(dictionary, readers, traces, features=(12,))
    with pytest.raises(UserError, match="no chain to read features on"):
        feature_tracks(dictionary, readers, [])
    far = replace(dictionary, site=Site("resid_post", 9))
    with pytest.raises(UserError, match=r"stands at .*resid_post.*, one has 2 blocks"):
        feature_tracks(far, readers, traces)
