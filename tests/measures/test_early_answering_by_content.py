"""Early answering by content: a slow oracle, the identity, the null, planted effects, and why there is no number."""

from dataclasses import replace

import numpy as np
import pytest

from mechcot.compare.measure_inputs import inputs_for
from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Phase
from mechcot.measures import early_answering, early_answering_by_content as content, filler
from mechcot.measures.early_answering_by_content import by_content, gain
from mechcot.measures.inputs import Inputs
from tests.measures.conftest import PROBLEMS, chain_of
from tests.measures.test_chain_exchange import plain_answer, plain_probability


def test_a_model_that_was_never_asked_before_a_chain_was_finished_scores_nothing():
    finished = np.array([0.0, 0.0, 0.0, 1.0])  # whatever the chain says
    assert gain(finished) == 1.0
    assert by_content(gain(finished), gain(finished)) == 0.0
    falls = np.array([1.0, 1.0, 0.2, 0.0])  # a redundant model follows another item's chain
    assert by_content(0.4, gain(falls)) == 0.4
    assert by_content(gain(finished), 0.25) == 0.75


def test_the_curves_are_plain_forwards(base):
    chains = [chain_of(base, problem, seed=i) for i, problem in enumerate(PROBLEMS)]
    trace = chains[0]
    inputs = replace(inputs_for(base, trace, others=chains, seed=0), answer_tokens=2)
    measurement = content.measure(base, trace, inputs)
    other, answer = inputs.partners[0], plain_answer(base, trace)
    assert measurement.notes["other"] == other.id

    def p(ids) -> float:
        return plain_probability(base, [*ids, *base.cue_after(ids)], answer)

    own = [p(trace.ids[:cut]) for cut in trace.cuts()]
    assert measurement["own"].values == pytest.approx(own, abs=1e-5)
    chain, prompt = other.phase(Phase.CHAIN), trace.ids[: trace.prompt_length]
    whole = p((*prompt, *other.ids[chain.start : chain.stop]))
    curve = measurement["other"].values
    assert len(curve) == len(own)
    assert curve[0] == pytest.approx(own[0], abs=1e-5)
    assert curve[-1] == pytest.approx(whole, abs=1e-5)


def test_the_parts_are_those_of_the_older_measures_and_twice_is_the_same(base):
    chains = [chain_of(base, problem, seed=i) for i, problem in enumerate(PROBLEMS)]
    for trace in chains[:3]:
        inputs = inputs_for(base, trace, others=chains, seed=0)
        scalars = content.measure(base, trace, inputs).scalars
        assert scalars["identity"] == 0.0
        early = early_answering.measure(base, trace, inputs).value
        assert scalars["early"] == pytest.approx(early, abs=1e-5)
        filled = filler.measure(base, trace, inputs).value
        assert scalars["filler"] == pytest.approx(filled, abs=1e-5)


def test_base_gains_by_content_and_bypass_does_not(base, bypass):
    means = {}
    for reader in (base, bypass):
        chains = [chain_of(reader, problem, seed=i) for i, problem in enumerate(PROBLEMS)]
        measurements = [
            content.measure(reader, t, inputs_for(reader, t, others=chains, seed=0)) for t in chains
        ]
        means[reader.name] = np.mean([m.value for m in measurements])
        for m in measurements:
            assert m.value <= m.scalars["early"] + 1e-9
    assert means["base"] > 0.4
    assert abs(means["bypass"]) < 0.15


def test_without_another_items_chain_or_without_steps_there_is_no_number(base):
    trace = chain_of(base, PROBLEMS[0], seed=0)
    with pytest.raises(NotMeasurable, match="no other item was given that has another answer"):
        content.measure(base, trace, Inputs())
    empty = base.retoken(trace, trace.prompt, "</think> answer 3")
    with pytest.raises(NotMeasurable, match="no steps"):
        content.measure(base, empty, Inputs(partners=(trace,)))
