"""Answer entropy: a slow oracle, the bounds of an entropy, an identity, and a planted narrowing."""

import math

import numpy as np
import pytest
import torch

from mechcot.core.errors import NotMeasurable
from mechcot.measures import answer_entropy
from mechcot.measures.answer_entropy import entropies
from mechcot.measures.inputs import Inputs
from tests.measures.conftest import PROBLEMS, chain_of, measurable

INPUTS = Inputs(answer_tokens=2)


def test_equal_candidates_are_log_of_their_number_and_a_sure_one_is_nothing():
    scores = np.log(np.array([[0.1, 1.0], [0.1, 1e-300], [0.1, 1e-300]]))
    found = entropies(scores)
    assert found[0] == pytest.approx(math.log(3))
    assert found[1] == pytest.approx(0.0, abs=1e-12)
    assert entropies(scores - 5.0) == pytest.approx(found)  # only shares count


def test_it_equals_one_plain_forward_per_candidate_and_cut(random_reader, traces):
    trace, measurement = measurable(answer_entropy, random_reader, traces, INPUTS)[0]
    curve = measurement["entropy"].values
    cue = tuple(random_reader.cue_ids)
    given = {int(_logits(random_reader, (*trace.ids[:cut], *cue)).argmax()) for cut in trace.cuts()}
    candidates = given | {random_reader.answer_ids(trace.problem.answer)[0]}
    assert len(candidates) == measurement.scalars["candidates"]
    for cut, ours in zip(trace.cuts(), curve, strict=True):
        logits = _logits(random_reader, (*trace.ids[:cut], *cue))
        probabilities = torch.softmax(logits, -1)[sorted(candidates)]
        shares = probabilities / probabilities.sum()
        assert ours == pytest.approx(float(-(shares * shares.log()).sum()), abs=1e-4)


def _logits(reader, ids):
    with torch.no_grad():
        return reader.model(input_ids=torch.tensor([ids])).logits[0, -1].double()


def test_asking_again_changes_nothing_and_bounds_hold(random_reader, traces):
    for trace, measurement in measurable(answer_entropy, random_reader, traces, INPUTS):
        curve = measurement["entropy"].values
        assert measurement.scalars["identity"] == 0.0
        assert len(curve) == len(trace.chain_steps) + 1
        assert (curve >= 0).all()
        assert (curve <= math.log(measurement.scalars["candidates"]) + 1e-9).all()


def test_the_chain_narrows_the_answer_of_a_model_that_reads_it(base, bypass):
    chains = [chain_of(base, problem, seed=i) for i, problem in enumerate(PROBLEMS)]
    read = {}
    for reader in (base, bypass):
        values = []
        for trace in chains:
            try:
                values.append(answer_entropy.measure(reader, trace, INPUTS).value)
            except NotMeasurable as reason:
                assert "nothing to choose among" in str(reason)
                values.append(0.0)
        read[reader.name] = float(np.mean(values))
    assert read["base"] > 0.5
    assert abs(read["bypass"]) < 0.1


def test_a_chain_without_steps_is_not_measurable(base):
    trace = chain_of(base, PROBLEMS[0], seed=0)
    empty = base.retoken(trace, trace.prompt, "</think> answer 3")
    with pytest.raises(NotMeasurable, match="no steps"):
        answer_entropy.measure(base, empty, INPUTS)
