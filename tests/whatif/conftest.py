"""The shipped models over one chain of theirs, and a session of it."""

import pytest

import mechcot as mc
from mechcot.model.generation.write_traces import item_seed
from mechcot.tasks import with_kinds
from mechcot.whatif.pushes import Materials
from mechcot.whatif.session import PanelSession


@pytest.fixture(scope="package")
def pair():
    return mc.load_pair("organism:base", "organism:bypass")


@pytest.fixture(scope="package")
def traces(pair):
    return [with_kinds(t) for t in pair.before.write(mc.problems("mod10", n=3, seed=77))]


@pytest.fixture(scope="package")
def vector(pair):
    return mc.steering.mean_difference(
        pair.before, mc.contrast_pairs("mod10", n=8), at="resid_post.1"
    )


@pytest.fixture(scope="package")
def dictionary(pair, traces):
    settings = mc.sae.TrainingSettings(width=16, k=4, samples=4_000, batch=256)
    return mc.sae.train_on([pair.before], traces, at="resid_post.2", settings=settings)


@pytest.fixture
def session(pair, traces, vector, dictionary):
    return PanelSession.of(
        list(pair),
        traces[0],
        others=traces,
        materials=Materials({"brief": vector}, dictionary),
        seed=item_seed(0, traces[0].problem.id),
    )


@pytest.fixture(scope="package")
def firing(pair, traces, dictionary):
    """A feature that fires on the chain."""
    states = pair.before.states(traces[0].ids, [dictionary.site])[dictionary.site]
    return int(dictionary.encode(states).amax(0).argmax())
