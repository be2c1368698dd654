"""Bounds on the tokens that measures run, from counting: laws, not times."""

import numpy as np
import pytest

from mechcot.core.errors import NotMeasurable
from mechcot.measures import (
    cross_model_patching,
    early_answering,
    filler,
    gates,
    information_flow,
    mediation_index,
    step_attention,
    step_patching,
    suppression,
)
from mechcot.model.token_count import counted


def tokens_of(module, reader, trace, inputs):
    """Tokens that a measure runs, tried once before so that what is tried once a model is not counted."""
    module.measure(reader, trace, inputs)
    with counted(reader) as count:
        module.measure(reader, trace, inputs)
    return count.tokens


def asked(reader, trace):
    """Tokens of prompt, chain and the question for the answer."""
    chain = trace.ids[: trace.cuts()[-1]]
    return len(chain) + len(reader.cue_after(chain))


def test_a_run_counts_its_tokens_and_a_rerun_only_those_behind_its_start(random_reader, traces):
    ids = traces[0].ids
    with counted(random_reader) as count:
        prefix = random_reader.prefix(ids)
    assert (count.tokens, count.runs) == (len(ids), 1)
    with counted(random_reader) as count:
        prefix.rerun_from(len(ids) - 5, rows=[ids[-5:]] * 3)
    assert (count.tokens, count.runs, count.unembedded) == (15, 1, 0)
    with counted(random_reader) as count:
        prefix.unembed(prefix.hidden[:7])
    assert (count.tokens, count.unembedded) == (0, 7)


@pytest.mark.parametrize("index", range(4))
def test_suppression_runs_half_a_trace_a_step_and_two(random_reader, traces, inputs, index):
    trace = traces[index]
    steps, size = len(trace.chain_steps), asked(random_reader, trace)
    with counted(random_reader) as count:
        suppression.measure(random_reader, trace, inputs)
    assert count.tokens <= (0.5 * steps + 2) * size
    # the clean side is one run: one plain run, one rerun a step, and three to check against chance and noise
    assert count.runs == 1 + steps + 3
    assert count.unembedded <= (0.5 * steps + 3) * size


def test_the_clean_side_is_the_same_where_it_is_not_held(
    random_reader, traces, inputs, monkeypatch
):
    held = suppression.measure(random_reader, traces[0], inputs)
    monkeypatch.setattr(suppression, "HELD_NUMBERS", 0)
    anew = suppression.measure(random_reader, traces[0], inputs)
    assert anew.scalars == pytest.approx(dict(held.scalars), abs=1e-6, nan_ok=True)
    left, right = (reading.results["kl"].values for reading in (held, anew))
    np.testing.assert_allclose(left, right, atol=1e-6)


def test_no_step_is_named_below_three_noise_floors(random_reader, traces, inputs, monkeypatch):
    measurement = suppression.measure(random_reader, traces[0], inputs)
    assert measurement.scalars["noise"] < 1e-5
    assert measurement.scalars["top_step"] == np.argmax(measurement.results["answer"].values)
    floor = measurement.value / 2
    monkeypatch.setattr(suppression._Suppression, "null_edit", lambda *_: (0.0, floor, floor))
    hushed = suppression.measure(random_reader, traces[0], inputs)
    assert (hushed.value, hushed.scalars["noise"]) == (measurement.value, floor)
    assert np.isnan(hushed.scalars["top_step"])


@pytest.mark.parametrize("index", range(3))
def test_short_questions_are_asked_on_one_run_of_the_chain(random_reader, traces, inputs, index):
    trace = traces[index]
    cuts = trace.cuts()
    chain, prompt, cut_count = cuts[-1], cuts[0], len(cuts)
    question = len(random_reader.cue_after(trace.ids[:chain])) + inputs.answer_tokens
    counts = {
        module: tokens_of(module, random_reader, trace, inputs)
        for module in (gates, early_answering, filler, information_flow, step_attention)
    }
    other = len(inputs.other.ids)
    assert counts[gates] <= chain + prompt + other + 3 * question
    # greedily, and the answer scored twice; and one plain run for the noise floor
    assert counts[early_answering] <= 2 * chain + question + 3 * cut_count * question
    tails = sorted(chain - cut for cut in cuts)
    filled = [tails[round(x)] for x in np.linspace(0, cut_count - 1, min(9, cut_count))]
    assert counts[filler] <= chain + sum(filled) + (len(filled) + 4) * question + 2 * tails[1]
    assert counts[information_flow] <= 2 * chain - prompt + 6 * question
    assert counts[step_attention] <= len(trace)


def test_patching_runs_half_of_the_layers_a_place(random_reader, traces, inputs, monkeypatch):
    monkeypatch.setattr(step_patching, "_regenerated_choice", lambda *_, **__: None)
    half = (random_reader.model.config.num_hidden_layers + 1) / 2
    patched = 0
    for trace in traces:
        size = asked(random_reader, trace)
        try:
            tokens = tokens_of(step_patching, random_reader, trace, inputs)
        except NotMeasurable:
            continue
        twin = inputs.maker(trace, retoken=random_reader.retoken, seed=inputs.seed)
        places = [each.tokens.start for each in twin.stated]
        last = [each.tokens.start for each in twin.stated if each.answer_kept is not None][-1]
        # the two texts; every stated value; two null edits, the fact in the question, and random places
        places += [last, last, twin.fact.start, trace.prompt_length]
        assert tokens <= 2 * size + half * sum(size - start for start in places)
        patched += 1
    assert patched >= 4


def test_other_patches_run_half_of_the_layers_a_place(random_reader, traces, inputs):
    trace = traces[2]
    half = (random_reader.model.config.num_hidden_layers + 1) / 2
    size, question = asked(random_reader, trace), inputs.answer_tokens
    mediated = tokens_of(mediation_index, random_reader, trace, inputs)
    places = 1 + mediation_index._DRAWS + 2
    assert mediated <= 3 * size + question + half * places * size
    # both ways, donor and own states: up to eight steps, the whole chain and a control; an identity edit
    crossed = tokens_of(cross_model_patching, random_reader, trace, inputs)
    steps = min(8, len(trace.chain_steps))
    assert crossed <= 4 * size + question + half * (4 * (steps + 2) + 2) * size
