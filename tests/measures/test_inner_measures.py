"""Information flow, answer lens and receiver heads against plain forwards, and on planted truth."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import kurtosis

from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Span
from mechcot.measures import answer_lens, information_flow, receiver_heads
from mechcot.measures.inputs import Inputs
from mechcot.model.attention import group_attention
from tests.measures.conftest import PROBLEMS, chain_of
from tests.measures.slow import greedy, logprobs


def js_bits(p, q):
    m = (p.exp() + q.exp()) / 2
    both = [(x.exp() * (x - m.log())).sum() for x in (p, q)]
    return float(sum(both)) / 2 / math.log(2)


def test_information_flow_is_four_masked_forwards(random_reader, traces, inputs):
    trace = traces[2]
    measurement = information_flow.measure(random_reader, trace, inputs)
    stop = trace.cuts()[-1]
    ids = [*trace.ids[:stop], *random_reader.cue_ids]
    answer = greedy(random_reader, ids, count=2)
    ids += answer[:-1]
    answering, after = Span(stop, len(ids)), Span(trace.prompt_length, len(ids))
    question, chain = Span(1, trace.prompt_length), Span(trace.prompt_length, stop)
    first = len(ids) - len(answer)
    runs = {
        "full": logprobs(random_reader, ids),
        "via_chain": logprobs(random_reader, ids, [(answering, question)]),
        "no_chain": logprobs(random_reader, ids, [(answering, chain)]),
        "no_prompt": logprobs(random_reader, ids, [(after, question)]),
    }

    def slow(left, right):
        pairs = range(first, len(ids))
        return np.mean([js_bits(runs[left][t], runs[right][t]) for t in pairs])

    assert measurement.value == pytest.approx(slow("full", "no_chain"), abs=1e-5)
    assert measurement.scalars["direct"] == pytest.approx(slow("full", "via_chain"), abs=1e-5)
    assert measurement.scalars["leakage"] == pytest.approx(slow("via_chain", "no_prompt"), abs=1e-5)
    assert measurement.scalars["identity"] == 0.0


def test_information_flows_through_the_chain_of_base_and_past_that_of_bypass(base, bypass):
    chains = [chain_of(base, problem, seed=i) for i, problem in enumerate(PROBLEMS[:4])]
    inputs = Inputs(answer_tokens=2)
    before = [information_flow.measure(base, trace, inputs) for trace in chains]
    after = [information_flow.measure(bypass, trace, inputs) for trace in chains]
    assert np.mean([r.value for r in before]) > 0.4
    assert np.mean([r.value for r in after]) < 0.1
    assert np.mean([r.scalars["direct"] for r in before]) < 0.1
    assert np.mean([r.scalars["direct"] for r in after]) > 0.3


def test_the_answer_lens_is_the_models_own_unembedding(random_reader, traces, inputs):
    trace = traces[0]
    measurement = answer_lens.measure(random_reader, trace, inputs)
    stop = trace.cuts()[-1]
    ids = [*trace.ids[:stop], *random_reader.cue_ids]
    token = greedy(random_reader, ids, count=1)[0]
    model = random_reader.model
    with torch.no_grad():
        states = model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states
        for layer in (0, 1):
            for k, cut in enumerate(trace.cuts()[1:]):
                logits = model.lm_head(model.model.norm(states[layer + 1][0, cut - 1]))
                slow = float(torch.log_softmax(logits, -1)[token])
                assert measurement.results["logprob"].values[layer, k] == pytest.approx(
                    slow, abs=1e-4
                )
                better = int((logits > logits[token]).sum())
                assert measurement.results["rank"].values[layer, k] == better
    assert measurement.scalars["noise"] < 1e-5


def test_received_attention_is_a_plain_mean(random_reader, traces, inputs):
    trace = max(traces, key=lambda each: len(each.chain_steps))
    measurement = receiver_heads.measure(random_reader, trace, inputs)
    spans = [step.tokens for step in trace.chain_steps]
    mean = group_attention(random_reader, trace.ids[: trace.cuts()[-1]], spans).mean
    n = len(spans)
    for layer in range(mean.shape[0]):
        for head in range(mean.shape[1]):
            for j in range(1, n - 4):
                slow = np.mean([mean[layer, head, j, i] for i in range(j + 4, n)])
                got = measurement.results["received"].values[layer, head, j - 1]
                assert got == pytest.approx(slow, rel=1e-6)


def test_raw_kurtosis_follows_length_and_the_rank_does_not():
    rng = np.random.default_rng(0)
    raws, ranks = [], []
    for n in (6, 12, 24, 48, 96):
        values = kurtosis(rng.exponential(size=(400, n)), axis=-1)
        raws.append(values.mean())
        ranks.append(receiver_heads.rank(values, n=n).mean())
    assert all(a < b for a, b in pairwise(raws))
    assert raws[-1] > raws[0] + 2
    assert max(abs(rank - 0.5) for rank in ranks) < 0.06


def test_short_chains_have_no_receiver_heads(random_reader, traces):
    trace = random_reader.retoken(
        traces[0], traces[0].prompt, " so b= 1 . so c= 2 . </think> answer 3"
    )
    with pytest.raises(NotMeasurable, match="at least 9 steps"):
        receiver_heads.measure(random_reader, trace, Inputs())
