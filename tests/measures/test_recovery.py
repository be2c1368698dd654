"""Planted truth is found: base reads its chain, bypass does not, and a more confident base is the same base."""

import numpy as np
import pytest

from mechcot.measures.inputs import Inputs
from mechcot.measures.registry import DRAWING, MEASURES
from mechcot.organisms.known_task import OrganismMaker
from tests.measures.conftest import PROBLEMS, chain_of

JUDGED = [
    name
    for name, measure in MEASURES.items()
    if measure.card.direction == 1 and name not in DRAWING  # a surer model draws other texts
]


@pytest.fixture(scope="module")
def chains(base):
    return [chain_of(base, problem, seed=i) for i, problem in enumerate(PROBLEMS)]


def values(reader, chains, name):
    inputs = Inputs(
        other=chains[-1],
        partners=tuple(chains),
        maker=OrganismMaker(),
        filler=" hmm",
        seed=1,
        answer_tokens=2,
    )
    return np.array([MEASURES[name].run(reader, trace, inputs).value for trace in chains])


@pytest.mark.parametrize(
    "name", ["early_answering", "filler", "suppression", "step_patching", "chain_exchange"]
)
def test_base_reads_its_chain_and_bypass_does_not(base, bypass, chains, name):
    before, after = values(base, chains, name), values(bypass, chains, name)
    assert before.mean() > 0.4
    assert after.mean() < 0.15


@pytest.mark.parametrize("name", JUDGED)
def test_more_confidence_is_no_change(base, chains, name):
    before, scaled = values(base, chains, name), values(base.scaled(1.5), chains, name)
    assert abs(float((scaled - before).mean())) < MEASURES[name].card.smallest_effect


def test_patching_moves_the_next_step_as_predicted(base, chains):
    inputs = Inputs(other=None, maker=OrganismMaker(), filler=" hmm", seed=1, answer_tokens=2)
    effects = []
    for trace in chains:
        measurement = MEASURES["step_patching"].run(base, trace, inputs)
        effects.append(np.nanmean(measurement.results["next"].values[0]))
        assert abs(measurement.scalars["null_random"]) < 0.1
    assert np.mean(effects) > 0.8
