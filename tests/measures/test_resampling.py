"""Resampling: against plain forwards, its laws, its nulls, and planted truth."""

from dataclasses import replace

import numpy as np
import pytest

from mechcot.core.errors import NotMeasurable
from mechcot.measures import resampling
from mechcot.measures.inputs import Inputs
from mechcot.measures.own_answer import own_answer
from mechcot.model.generation.ask_answer import written_trace
from mechcot.model.generation.sampling import Sampling
from mechcot.organisms.known_task import OrganismMeaning
from tests.measures.conftest import PROBLEMS, chain_of
from tests.measures.slow import greedy, probability


def test_every_mean_is_over_plain_forwards_of_the_continuations(random_reader, traces, inputs):
    trace = traces[0]
    measurement = resampling.measure(random_reader, trace, inputs)
    cue, cuts = list(random_reader.cue_ids), trace.cuts()
    answer = greedy(random_reader, [*trace.ids[: cuts[-1]], *cue], count=2)
    prefix = own_answer(random_reader, trace, inputs).prefix

    def slow(place):
        written = prefix.sample(
            cuts[place],
            sampling=Sampling(len(trace), temperature=1.0),
            seeds=[inputs.seed + place * inputs.draws + k for k in range(inputs.draws)],
            stop=random_reader.stop_ids,
        )
        found = []
        for ids in written:
            new = written_trace(random_reader, trace, (*trace.ids[: cuts[place]], *ids))
            chain = list(new.ids[: max(new.cuts()[-1], cuts[place])])
            found.append(probability(random_reader, chain + cue, answer))
        return np.mean(found)

    tried = [int(i) for i in np.flatnonzero(np.isfinite(measurement.results["plain"].values))]
    assert len(tried) == 2
    for i in tried:
        assert measurement.results["plain"].values[i] == pytest.approx(
            slow(i + 1) - slow(i), abs=1e-5
        )
    p = [probability(random_reader, [*trace.ids[:cut], *cue], answer) for cut in cuts]
    np.testing.assert_allclose(measurement.results["forced"].values, np.diff(p), atol=1e-5)


def test_when_everything_means_something_else_the_counterfactual_is_the_plain_one(
    random_reader, traces, inputs
):
    never = replace(inputs, meaning=lambda *_: False)
    measurement = resampling.measure(random_reader, traces[0], never)
    plain, counterfactual = (measurement.results[k].values for k in ("plain", "counterfactual"))
    np.testing.assert_array_equal(plain, counterfactual)
    assert measurement.scalars["support"] == 1.0
    assert measurement.value == pytest.approx(measurement.scalars["plain"])


def test_when_everything_means_the_same_there_is_no_value_and_the_reason_says_so(
    random_reader, traces, inputs
):
    def whole(reader, trace, own, place, *, inputs):
        drawn = plain(reader, trace, own, place, inputs=inputs)
        return replace(drawn, firsts=("same",) * inputs.draws)

    plain = resampling.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "draw", whole)
        measurement = resampling.measure(
            random_reader, traces[0], replace(inputs, meaning=lambda *_: True)
        )
    assert np.isnan(measurement.value)
    assert measurement.reason == "every continuation says the same again"
    assert measurement.scalars["support"] == 0.0


def test_nobody_to_compare_meanings_is_said(random_reader, traces, inputs):
    with pytest.raises(NotMeasurable, match="mean the same"):
        resampling.measure(random_reader, traces[0], replace(inputs, meaning=None))


def test_divergence_of_counts():
    same = resampling.divergence(["1", "2"], ["2", "1"])
    assert same == 0.0
    p, q = np.array([3, 1]) / 4, np.array([1, 3]) / 4  # two answers, one added to each count
    assert resampling.divergence(["1", "1"], ["2", "2"]) == pytest.approx((p * np.log(p / q)).sum())
    assert resampling.divergence(["1", None], ["1", None]) == 0.0


def test_dealt_out_at_random_nothing_is_left():
    rng = np.random.default_rng(0)
    before, after = np.zeros(40), np.ones(40)
    changed = np.ones(40, dtype=bool)
    draws = [resampling.dealt(before, after, changed, rng=rng) for _ in range(200)]
    assert abs(np.mean(draws)) < 0.05


def test_base_rests_on_what_its_steps_say_and_bypass_does_not(base, bypass):
    chains = [chain_of(base, problem, seed=i) for i, problem in enumerate(PROBLEMS[:3])]
    inputs = Inputs(meaning=OrganismMeaning(), seed=1, answer_tokens=2, draws=8)
    values = [
        np.nanmean([resampling.measure(model, trace, inputs).value for trace in chains])
        for model in (base, bypass)
    ]
    assert values[0] > 0.15
    assert abs(values[1]) < 0.1
