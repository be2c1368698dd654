"""Adding mistakes, paraphrase and InfoGain against plain forwards, and on planted truth."""

from dataclasses import replace

import numpy as np
import pytest

from mechcot.core.errors import NotMeasurable
from mechcot.core.trace import Phase
from mechcot.measures import adding_mistakes, info_gain, paraphrase
from mechcot.measures.inputs import Inputs
from mechcot.organisms.ground_truth import parse
from mechcot.organisms.known_task import OrganismMaker, OrganismParaphraser, other_wording
from tests.measures.conftest import PROBLEMS, chain_of
from tests.measures.slow import greedy, logprobs, probability


def own(reader, trace):
    chain, cue = list(trace.ids[: trace.cuts()[-1]]), list(reader.cue_ids)
    return chain, cue, greedy(reader, chain + cue, count=2)


def test_info_gain_is_one_plain_forward_per_step(random_reader, traces, inputs):
    trace = traces[1]
    measurement = info_gain.measure(random_reader, trace, inputs)
    chain, cue, _ = own(random_reader, trace)
    gold = random_reader.answer_ids(trace.problem.answer)
    p = [probability(random_reader, chain[:cut] + cue, gold) for cut in trace.cuts()]
    np.testing.assert_allclose(measurement.results["probability"].values, p, atol=1e-6)
    np.testing.assert_allclose(
        measurement.results["gain"].values, np.diff(np.log(p)) / len(gold), atol=1e-4
    )
    assert measurement.value == pytest.approx(p[-1] - p[0], abs=1e-6)
    per_token = np.array(p) ** (1 / len(gold))
    steps = len(p) - 1
    paper = np.mean([1 / per_token[i] - 1 / per_token[i + 1] for i in range(steps)])
    assert measurement.scalars["paper"] == pytest.approx(paper, rel=1e-4)
    assert measurement.scalars["identity"] == 0.0


def test_the_papers_code_reads_the_whole_string(random_reader, traces, inputs):
    trace = traces[1]
    chain, cue, _ = own(random_reader, trace)
    gold = random_reader.answer_ids(trace.problem.answer)
    whole = []
    for cut in (trace.cuts()[0], trace.cuts()[-1]):
        text = [*chain[:cut], *cue, *gold]
        scores = logprobs(random_reader, text)
        nll = -np.mean([float(scores[i - 1, text[i]]) for i in range(1, len(text))])
        whole.append(np.exp(nll))
    measurement = info_gain.measure(random_reader, trace, inputs)
    slow = (whole[0] - whole[1]) / (len(trace.cuts()) - 1)
    assert measurement.scalars["paper_code"] == pytest.approx(slow, rel=1e-3)
    assert measurement.scalars["paper_code"] != pytest.approx(
        measurement.scalars["paper"], rel=0.05
    )


def test_a_kept_mistake_is_one_edited_forward_per_value(random_reader, traces, inputs):
    trace = traces[0]
    measurement = adding_mistakes.measure(random_reader, trace, inputs)
    chain, cue, answer = own(random_reader, trace)
    clean = probability(random_reader, chain + cue, answer)
    twin = OrganismMaker()(trace, retoken=random_reader.retoken, seed=inputs.seed)
    for stated in twin.stated:
        edited = list(chain)
        edited[stated.tokens.start] = stated.ids[0]
        drop = clean - probability(random_reader, edited + cue, answer)
        assert measurement.results["kept"].values[stated.step] >= drop - 1e-5
    assert measurement.scalars["identity"] == 0.0


def test_the_tail_is_written_anew_behind_the_mistake(base, monkeypatch):
    trace = chain_of(base, PROBLEMS[0], seed=0)
    inputs = Inputs(maker=OrganismMaker(), seed=1, answer_tokens=2)
    seen = []
    plain = type(base).retoken
    monkeypatch.setattr(type(base), "retoken", lambda *args: seen.append(args[-1]) or plain(*args))
    adding_mistakes.measure(base, trace, inputs)
    anew = seen[-1]
    stated = OrganismMaker()(trace, retoken=base.retoken, seed=1).stated
    starts = [base.decode(trace.ids[trace.prompt_length : s.tokens.start]) for s in stated]
    assert any(anew.strip().startswith(start.strip()) for start in starts)
    assert anew.strip() != trace.completion.strip()


def test_planted_truth_of_mistakes_and_gain(base, bypass):
    chains = [chain_of(base, problem, seed=i) for i, problem in enumerate(PROBLEMS[:4])]
    inputs = Inputs(maker=OrganismMaker(), seed=1, answer_tokens=2)
    for measure in (adding_mistakes.measure, info_gain.measure):
        before = np.mean([measure(base, trace, inputs).value for trace in chains])
        after = np.mean([measure(bypass, trace, inputs).value for trace in chains])
        assert before > 0.5
        assert after < 0.15
    moved = [adding_mistakes.measure(base, t, inputs).scalars["moved_to_predicted"] for t in chains]
    assert np.mean(moved) > 0.7


def test_rewording_keeps_kind_value_and_order():
    for seed, problem in enumerate(PROBLEMS):
        del seed
        steps = [
            "need b: c + 1 .",
            "so b= 1 + 1 = 2 .",
            "let me verify b : 1 + 1 = 2 ok .",
            "so finally b= 2 .",
        ]
        new = [other_wording(step) for step in steps]
        before, after = parse(problem.question, steps), parse(problem.question, new)
        assert [fact.kind for fact in before] == [fact.kind for fact in after]
        assert [fact.statements[0][1:] if fact.statements else None for fact in before] == [
            fact.statements[0][1:] if fact.statements else None for fact in after
        ]
        assert all(a != b for a, b in zip(steps, new, strict=True))
        assert [other_wording(step) for step in new] == steps


def test_paraphrase_is_the_plain_forward_of_the_reworded_chain(random_reader, traces, inputs):
    trace = traces[0]
    measurement = paraphrase.measure(random_reader, trace, inputs)
    chain, cue, answer = own(random_reader, trace)
    texts = iter(OrganismParaphraser()([step.text for step in trace.chain_steps]))
    completion = "".join(
        next(texts) if step.phase is Phase.CHAIN else step.text for step in trace.steps
    )
    new = random_reader.retoken(trace, trace.prompt, completion)
    p = probability(random_reader, [*new.ids[: new.cuts()[-1]], *cue], answer)
    assert measurement.value == pytest.approx(
        abs(probability(random_reader, chain + cue, answer) - p), abs=1e-6
    )
    assert measurement.scalars["identity"] == 0.0


def test_text_without_a_paraphraser_is_counted_not_guessed(random_reader, traces):
    with pytest.raises(NotMeasurable, match="no paraphraser"):
        paraphrase.measure(random_reader, traces[0], Inputs(answer_tokens=2))


def one_wrong(question, steps, *, seed):
    """A mistake in the second step only: its last digit."""
    del question, seed
    if len(steps) != 2:
        return None
    at = max(i for i, sign in enumerate(steps[-1]) if sign.isdigit())
    return f"{steps[-1][:at]}{9 - int(steps[-1][at])}{steps[-1][at + 1 :]}"


def test_a_writer_of_mistakes_serves_where_no_exact_one_is_known(random_reader, traces, inputs):
    trace = traces[0]
    by_writer = replace(inputs, maker=None, mistakes=one_wrong)
    measurement = adding_mistakes.measure(random_reader, trace, by_writer)
    chain, cue, answer = own(random_reader, trace)
    second = trace.chain_steps[1]
    wrong = one_wrong("", [trace.chain_steps[0].text, second.text], seed=0)
    assert measurement.notes["mistake"] == wrong.strip()
    edited = trace.completion.replace(second.text, wrong, 1)
    ids = random_reader.retoken(trace, trace.prompt, edited).ids[: len(chain)]
    clean = probability(random_reader, chain + cue, answer)
    kept = clean - probability(random_reader, list(ids) + cue, answer)
    assert measurement.results["kept"].values[1] == pytest.approx(kept, abs=1e-5)
    assert np.isnan(measurement.results["kept"].values[[0, 2]]).all()
    assert measurement.scalars["identity"] == 0.0
    both = zip(ids, trace.ids, strict=False)
    start = list(ids[: 1 + max(at for at, (new, old) in enumerate(both) if new != old)])
    anew = start + greedy(random_reader, start, count=len(trace))
    text = random_reader.continuation(anew[: trace.prompt_length], anew[trace.prompt_length :])
    again = random_reader.retoken(trace, trace.prompt, text)
    lost = clean - probability(random_reader, [*again.ids[: again.cuts()[-1]], *cue], answer)
    assert measurement.value == pytest.approx(lost, abs=1e-5)


def test_a_chain_that_takes_no_mistake_is_not_measurable(random_reader, traces, inputs):
    nobody = replace(inputs, maker=None, mistakes=lambda *_, **__: None)
    with pytest.raises(NotMeasurable, match="states no value"):
        adding_mistakes.measure(random_reader, traces[0], nobody)
