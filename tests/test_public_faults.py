"""One test per fault found in public code for chains of thought: our code has the right number, the fault another.

The faults and their sources stand in the modules that are guarded. Each test states the faulty formula in a line or two and
sees that it gives something else on the same input: a test that the fault would pass guards nothing.
"""

import math
import re
from random import Random

import numpy as np
import pytest
import torch
from scipy.stats import kurtosis

from mechcot.core.errors import EditDidNotFire
from mechcot.core.problem import Completion
from mechcot.core.trace import Phase
from mechcot.measures import info_gain
from mechcot.measures.counterfactual_runs import Runs
from mechcot.measures.inputs import Inputs
from mechcot.measures.receiver_heads import rank
from mechcot.model.distances import kl
from mechcot.model.internals.masks import additive, causal
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Add, Intervention, Replace
from mechcot.model.reasoner import Reasoner
from mechcot.organisms import chain_writer, problems, vocabulary
from mechcot.organisms.known_task import OrganismMaker
from mechcot.text.answers import read_answer
from mechcot.text.segment import pieces


@pytest.fixture(scope="module")
def base():
    return Reasoner.load("organism:base")


@pytest.fixture(scope="module")
def trace(base):
    problem = problems.problems(3, seed=5, hops=(2, 3), hint="answer", style="random")[2]
    chain = chain_writer.write(problem, rng=Random(2))
    text = " " + vocabulary.completion_text(chain, problem.answer).removesuffix(" <eos>")
    return base.read(Completion(problem, base.render(problem), text, "writer"))


@pytest.fixture(scope="module")
def runs(base, trace):
    return Runs.of(base, trace, OrganismMaker()(trace, retoken=base.retoken, seed=1))


def states(base, ids):
    """Hugging Face's own: the input of block l stands at index l, the output of block l at l + 1."""
    with torch.no_grad():
        return base.model(
            input_ids=torch.tensor([list(ids)]), output_hidden_states=True
        ).hidden_states


@pytest.mark.parametrize("how", ["sentence", "paragraph", "tagged"])
def test_the_last_sentence_is_kept(how):
    text = "First, 2 + 3 = 5. Then 5 + 1 = 6. So the answer is 6"
    faulty = re.findall(r"[^.]+\.\s*", text)  # only what a full stop ends
    assert "So the answer is 6" not in "".join(faulty)
    assert "".join(pieces(text, how=how)) == text
    assert pieces(text, how=how)[-1].endswith("So the answer is 6")


def test_a_repeated_sentence_stands_at_its_own_place(base, trace):
    said = trace.chain_steps[0].text
    twice = base.retoken(trace, trace.prompt, said * 2 + "</think> answer 3")
    first, second = twice.chain_steps
    faulty = [twice.completion.find(step.text.strip()) for step in (first, second)]
    assert faulty[0] == faulty[1]  # both are found at the first place
    assert first.text.strip() == second.text.strip()
    assert first.chars.stop <= second.chars.start
    assert first.tokens.stop == second.tokens.start
    assert len(second.tokens)


def test_the_last_box_is_the_answer():
    text = r"Try \boxed{3}. That is too small, we need one more. So it is \boxed{4}."
    assert re.search(r"\\boxed\{(.*?)\}", text)[1] == "3"
    assert read_answer(text).text == "4"


def test_info_gain_scores_the_answer_and_not_the_whole_string(base, trace):
    measurement = info_gain.measure(base, trace, Inputs(answer_tokens=2))
    ids, answer = trace.ids, base.answer_ids(trace.problem.answer)
    answer_only, whole = [], []
    for cut in (trace.cuts()[0], trace.cuts()[-1]):
        text = [*ids[:cut], *base.cue_ids, *answer]
        with torch.no_grad():
            logits = base.model(input_ids=torch.tensor([text])).logits[0, :-1]
        each = torch.log_softmax(logits, -1).gather(-1, torch.tensor(text[1:])[:, None])[:, 0]
        answer_only.append(math.exp(float(each[-len(answer) :].sum())))
        whole.append(math.exp(-float(each.mean())))
    steps = len(trace.cuts()) - 1
    assert measurement.value == pytest.approx(answer_only[1] - answer_only[0], abs=1e-4)
    faulty = (whole[0] - whole[1]) / steps
    assert measurement.scalars["paper_code"] == pytest.approx(faulty, abs=1e-3)
    assert abs(measurement.scalars["paper"] - faulty) > 0.1


def test_kl_is_taken_over_the_whole_vocabulary():
    rng = np.random.default_rng(0)
    p, q = (torch.log_softmax(torch.tensor(rng.normal(size=(1, 50)) * 0.01), -1) for _ in range(2))
    exact = float((p.exp() * (p - q)).sum())
    top_p, top_q = (set(each[0].topk(20).indices.tolist()) for each in (p, q))
    faulty = sum(
        float(p[0, i].exp() * (p[0, i] - (q[0, i] if i in top_q else -1e9))) for i in top_p
    )
    assert faulty > 1e6
    assert float(kl(p, q, lambda logprobs: logprobs)[0]) == pytest.approx(exact, abs=1e-9)
    assert exact < 1e-3


def test_a_position_outside_the_text_is_an_error_and_not_the_last_token(base, trace):
    prefix = base.prefix(trace.ids)
    add = Add(torch.ones(base.model.config.hidden_size))
    site = Site("resid_pre", 0)
    last = prefix.rerun_from(0, under=[Intervention(site, (len(trace) - 1,), add)])
    assert not torch.equal(last, prefix.rerun_from(0))  # what clamping would give, without a word
    for outside in (len(trace), len(trace) + 5):
        with pytest.raises(EditDidNotFire):
            prefix.rerun_from(0, under=[Intervention(site, (outside,), add)])


def test_layers_are_read_and_written_where_they_are_named(base, trace):
    ids = trace.ids
    slow = states(base, ids)
    n_layers = len(slow) - 1
    read = base.states(
        ids,
        [Site(at, layer) for at in ("resid_pre", "resid_post") for layer in range(n_layers - 1)],
    )
    for layer in range(n_layers - 1):
        torch.testing.assert_close(
            read[Site("resid_pre", layer)], slow[layer][0], atol=1e-4, rtol=1e-4
        )
        torch.testing.assert_close(
            read[Site("resid_post", layer)], slow[layer + 1][0], atol=1e-4, rtol=1e-4
        )
        assert (
            slow[layer] - slow[layer + 1]
        ).abs().max() > 0.1  # a reader that is off by one reads something else
    prefix, whole = base.prefix(ids), tuple(range(len(ids)))
    clean = prefix.rerun_from(0)
    for layer, shift in ((1, 0), (1, 1)):
        edit = Intervention(Site("resid_pre", layer), whole, Replace(slow[layer + shift][0]))
        moved = float((prefix.rerun_from(0, under=[edit]) - clean).abs().max())
        assert moved < 1e-3 if shift == 0 else moved > 0.1


def test_controls_touch_neither_the_answer_nor_what_changed(runs):
    changed = set(runs.changed())
    chain = runs.trace.phase(Phase.CHAIN)
    size = 3
    ours = [set(runs.controls(size, rng=np.random.default_rng(seed))) for seed in range(200)]
    said_or_predicted = changed | {position - 1 for position in changed} | {chain.stop - 1}
    assert not any(draw & said_or_predicted for draw in ours)
    assert all(position in chain for draw in ours for position in draw)
    anywhere = range(chain.start, len(runs.clean.ids))
    faulty = [
        set(np.random.default_rng(seed).choice(anywhere, size=size, replace=False).tolist())
        for seed in range(200)
    ]
    assert any(position >= chain.stop for draw in faulty for position in draw)
    assert any(draw & changed for draw in faulty)


def test_kurtosis_grows_with_length_without_content_and_its_rank_does_not():
    rng = np.random.default_rng(7)
    raw, ranks = [], []
    for n in (12, 120):
        found = kurtosis(rng.exponential(size=(1000, n)), axis=-1)
        raw.append(float(found.mean()))
        ranks.append(float(rank(found, n=n).mean()))
    assert raw[1] > 2.0 * raw[0]
    assert ranks == pytest.approx([0.5, 0.5], abs=0.05)


def test_later_tokens_never_reach_earlier_ones(base, trace):
    ids = list(trace.ids[:40])
    other = [*ids[:-1], next(i for i in ids if i != ids[-1])]
    kept = [base.prefix(each).rerun_from(0)[0, :-1] for each in (ids, other)]
    assert torch.equal(*kept)
    at = torch.arange(len(ids))
    mask = additive(
        base.prefix(ids).backbone, causal(queries=at, keys=at)[None], queries=at, keys=at
    )
    both_ways = torch.zeros_like(mask)
    for given, moves in ((mask, False), (both_ways, True)):
        with torch.no_grad():
            one, two = (
                base.model(
                    input_ids=torch.tensor([each]), attention_mask=given, position_ids=at[None]
                ).logits[0, :-1]
                for each in (ids, other)
            )
        assert (float((one - two).abs().max()) > 1e-3) == moves
