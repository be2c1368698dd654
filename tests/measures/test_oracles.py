"""Every measure against the slow obvious computation on a random model."""

import numpy as np
import pytest
import torch

from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Phase
from mechcot.measures import (
    early_answering,
    filler,
    gates,
    step_attention,
    step_patching,
    suppression,
)
from mechcot.measures.registry import MEASURES
from tests.measures.slow import greedy, logprobs, probability


@pytest.mark.parametrize("index", [0, 1])
def test_early_answering_is_one_truncated_forward_per_step(random_reader, traces, inputs, index):
    trace = traces[index]
    measurement = early_answering.measure(random_reader, trace, inputs)
    cue = list(random_reader.cue_ids)
    chain = list(trace.ids[: trace.cuts()[-1]])
    answer = greedy(random_reader, chain + cue, count=2)
    slow = [probability(random_reader, chain[:cut] + cue, answer) for cut in trace.cuts()]
    np.testing.assert_allclose(measurement.results["soft"].values, slow, atol=1e-5)
    assert measurement.value == pytest.approx(np.mean([slow[-1] - p for p in slow[:-1]]), abs=1e-5)
    same = [greedy(random_reader, chain[:cut] + cue, count=2) == answer for cut in trace.cuts()]
    np.testing.assert_array_equal(measurement.results["hard"].values, same)
    assert measurement.scalars["identity"] == 0.0
    assert measurement.scalars["noise"] < 1e-5


def test_filler_keeps_the_token_count_and_equals_the_plain_forward(random_reader, traces, inputs):
    trace = traces[2]
    measurement = filler.measure(random_reader, trace, inputs)
    cue, chain = list(random_reader.cue_ids), list(trace.ids[: trace.cuts()[-1]])
    answer = greedy(random_reader, chain + cue, count=2)
    unit = random_reader.continue_ids(" hmm")
    assert len(unit) == 1
    for k, value in zip(
        measurement.results["from"].labels["after"], measurement.results["from"].values, strict=True
    ):
        cut = trace.cuts()[int(k)]
        filled = chain[:cut] + unit * (len(chain) - cut)
        assert value == pytest.approx(probability(random_reader, filled + cue, answer), abs=1e-5)
    assert measurement.scalars["identity"] == 0.0
    full = probability(random_reader, chain + cue, answer)
    assert measurement.value == pytest.approx(
        full - measurement.results["from"].values[0], abs=1e-5
    )


def test_suppression_is_one_masked_forward_per_step(random_reader, traces, inputs):
    trace = traces[0]
    measurement = suppression.measure(random_reader, trace, inputs)
    ids = [*trace.ids[: trace.cuts()[-1]], *random_reader.cue_ids]
    clean = logprobs(random_reader, ids)
    steps = [step.tokens for step in trace.chain_steps]
    for j, span in enumerate(steps):
        hidden = logprobs(random_reader, ids, [(slice(span.stop, len(ids)), span)])
        divergence = (clean.exp() * (clean - hidden)).sum(-1)
        for i in range(j + 1, len(steps)):
            # the token at p is predicted at p - 1; the first token of step j + 1 is predicted inside j
            at = [p - 1 for p in steps[i].positions() if p - 1 >= span.stop]
            if at:
                slow = float(divergence[at].mean())
                assert measurement.results["kl"].values[j, i] == pytest.approx(slow, abs=2e-5)
        moved = 0.5 * float((clean[-1].exp() - hidden[-1].exp()).abs().sum())
        assert measurement.results["answer"].values[j] == pytest.approx(moved, abs=1e-5)
    assert measurement.scalars["identity"] == 0.0
    assert np.isnan(np.tril(measurement.results["kl"].values)[np.tril_indices(len(steps))]).all()


def test_step_attention_is_the_pooled_eager_attention(random_reader, traces, inputs):
    trace = traces[1]
    measurement = step_attention.measure(random_reader, trace, inputs)
    ids = [*trace.ids[: trace.cuts()[-1]], *random_reader.cue_ids]
    eager = random_reader.model
    before = eager.config._attn_implementation
    eager.set_attn_implementation("eager")
    try:
        with torch.no_grad():
            attentions = eager(input_ids=torch.tensor([ids]), output_attentions=True).attentions
    finally:
        eager.set_attn_implementation(before)
    steps = [step.tokens for step in trace.chain_steps]
    shares = []
    for layer in attentions:
        for head in layer[0]:
            row = head[-1]
            chain = sum(float(row[p]) for span in steps for p in span.positions())
            question = sum(float(row[p]) for p in range(1, trace.prompt_length))
            shares.append(chain / (chain + question))
    assert measurement.value == pytest.approx(np.mean(shares), abs=1e-5)
    i, j = 3, 1
    slow = np.mean(
        [
            sum(float(head[q, k]) for k in steps[j].positions())
            for layer in attentions
            for head in layer[0]
            for q in steps[i].positions()
        ]
    )
    assert measurement.results["mass"].values[j, i] == pytest.approx(slow, abs=1e-5)


def test_patching_the_first_layer_is_the_text_edit(random_reader, traces, inputs):
    measured = 0
    for trace in traces:
        try:
            measurement = step_patching.measure(random_reader, trace, inputs)
        except NotMeasurable:
            continue
        twin = inputs.maker(trace, retoken=random_reader.retoken, seed=inputs.seed)
        cue = list(random_reader.cue_ids)
        chain = list(trace.ids[: trace.cuts()[-1]])
        effects = []
        for stated in twin.stated:
            if stated.answer_kept is None:
                continue
            edited = list(chain)
            edited[stated.tokens.start] = stated.ids[0]
            token = random_reader.answer_ids(stated.answer_kept)
            effects.append(
                probability(random_reader, edited + cue, token)
                - probability(random_reader, chain + cue, token)
            )
        assert measurement.value == pytest.approx(np.mean(effects), abs=1e-6)
        assert measurement.scalars["identity"] == 0.0
        measured += 1
    assert measured >= 4


def test_gates_read_accuracy_and_the_chains_strangeness(random_reader, traces, inputs):
    trace = traces[0]
    measurement = gates.measure(random_reader, trace, inputs)
    scores = logprobs(random_reader, trace.ids)
    chain = trace.phase(Phase.CHAIN)
    nll = -np.mean([float(scores[p - 1, trace.ids[p]]) for p in chain.positions()])
    assert measurement.scalars["chain_nll"] == pytest.approx(nll, abs=1e-5)
    assert measurement.scalars["own_correct"] == 1.0
    assert measurement.scalars["n_tokens"] == len(chain)


@pytest.mark.parametrize("name", [name for name in MEASURES if name != "gates"])
def test_an_empty_chain_is_not_measurable(random_reader, traces, inputs, name):
    trace = traces[0]
    empty = random_reader.retoken(trace, trace.prompt, " </think> answer 3")
    assert empty.chain_steps == ()
    with pytest.raises(NotMeasurable):
        MEASURES[name].run(random_reader, empty, inputs)


@pytest.mark.parametrize("name", list(MEASURES))
def test_a_measure_gives_the_same_reading_twice(random_reader, traces, inputs, name):
    longest = max(traces, key=lambda trace: len(trace.chain_steps))
    if name == "chain_exchange":  # random weights answer every item alike
        with pytest.raises(NotMeasurable, match="after its chains of 8 items"):
            MEASURES[name].run(random_reader, longest, inputs)
        return
    if name == "chain_source":  # these inputs have no pairs of questions
        with pytest.raises(NotMeasurable, match="no pair of questions is known"):
            MEASURES[name].run(random_reader, longest, inputs)
        return
    first, second = (MEASURES[name].run(random_reader, longest, inputs) for _ in range(2))
    assert first.value == pytest.approx(second.value, abs=0, nan_ok=True)
    assert dict(first.scalars) == pytest.approx(dict(second.scalars), abs=0, nan_ok=True)


@pytest.mark.parametrize("name", list(MEASURES))
def test_cards_are_complete(name):
    card = MEASURES[name].card
    assert card.name == name
    for text in (
        card.title,
        card.question,
        card.formula,
        card.unit,
        card.source,
        card.confounds,
        card.cost,
    ):
        assert text.strip()
    assert card.low < card.high
    assert 0 < card.smallest_effect < card.high - card.low
