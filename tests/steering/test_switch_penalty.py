"""The switch penalty by hand, on planted texts and in a model."""

from random import Random

import pytest

from mechcot.core.errors import UserError
from mechcot.core.problem import Completion
from mechcot.core.trace import Span, StepKind
from mechcot.model.generation.sampling import Sampling
from mechcot.model.generation.steering_hooks import GenerationInterventions
from mechcot.model.generation.write_traces import write_under
from mechcot.organisms import chain_writer
from mechcot.steering.switch_penalty import (
    SwitchPenalty,
    ThoughtCounts,
    matched_tokens,
    switches,
    think,
    thoughts,
)
from mechcot.steering.text_readout import row
from mechcot.tasks import MOD10, is_correct_thought

PHRASES = ((7,), (8, 9))


def test_phrases_are_found_whole_and_the_longest_wins():
    assert switches([1, 7, 8, 8, 9, 9, 7], PHRASES) == [2, 5, 7]
    assert switches([8, 1, 9], PHRASES) == []
    assert switches([8, 9, 1], ((8,), (8, 9))) == [2]


def test_the_penalty_lasts_beta_tokens_of_each_thought_and_opens_only():
    rule = SwitchPenalty(PHRASES, alpha=2.0, beta=3)
    text = [1, 2, 3, 4, 7, 1, 2, 3, 8, 9, 1]
    under = [bool(rule(text[:n])) for n in range(len(text) + 1)]
    #        0     1     2     3      4      [7]   1     2     3      8      [9]   1
    assert under == [
        True, True, True, False, False, True, True, True, False, False, True, True,
    ]  # fmt: skip
    assert rule([]) == {7: -2.0, 8: -2.0}
    assert SwitchPenalty(PHRASES, opening=(5,))([]) == {5: -3.0}
    with pytest.raises(UserError, match="at least one token"):
        SwitchPenalty(((),))
    with pytest.raises(UserError, match="alpha >= 0"):
        SwitchPenalty(PHRASES, alpha=-1.0)


def test_rows_of_a_batch_keep_apart_and_alpha_zero_changes_nothing(base, asked, chains):
    phrases = tuple(tuple(base.encode(p)) for p in ("wait", "no ,"))
    none = base.write(
        asked, max_tokens=220, under=GenerationInterventions(rules=(SwitchPenalty(phrases, 0.0),))
    )
    assert [t.ids for t in none] == [t.ids for t in chains]
    hand = GenerationInterventions(rules=(SwitchPenalty(phrases, alpha=50.0),))
    both = write_under(base, asked, hand, sampling=Sampling(120))
    alone = base.write(asked[:1], max_tokens=120, under=hand)
    assert both[0][0].ids == alone[0].ids
    for trace, line in both:
        assert not switches(trace.ids, phrases)
        assert line.changed > 0


def planted(base, problem, *, seed):
    text = " " + chain_writer.write(problem, rng=Random(seed))
    return base.read(
        Completion(problem, base.render(problem), f"{text} </think> answer {problem.answer}", "w")
    )


def test_thoughts_partition_the_chain_and_a_mended_slip_is_a_wrong_thought(base, asked):
    phrases = tuple(tuple(base.encode(p)) for p in ("wait", "no ,"))
    found = 0
    for seed in range(40):
        trace = planted(base, MOD10.styled(asked[seed % 5], "careful"), seed=seed)
        spans = thoughts(trace, phrases)
        chain = Span(trace.prompt_length, trace.chain_steps[-1].tokens.stop)
        assert [p for s in spans for p in s.positions()] == list(chain.positions())
        told = think(trace, phrases, is_correct_thought, right=True)
        marked = [s for s in trace.chain_steps if s.text.split()[0] in {"wait", "no"}]
        assert told.thoughts == len(marked) + 1
        slips = " bad " in trace.completion
        if not slips:
            assert (told.thoughts, told.correct, told.first) == (1, 1, len(chain))
        elif marked:
            assert told.correct < told.thoughts
            found += 1
    assert found > 3


def test_underthinking_by_its_definition():
    assert ThoughtCounts(3, 1, 20, 80, right=False).underthinking == pytest.approx(0.75)
    assert ThoughtCounts(3, 0, None, 80, right=False).underthinking == 0
    assert ThoughtCounts(3, 1, 20, 80, right=True).underthinking is None


def test_the_control_takes_other_tokens_of_about_the_same_frequency():
    chain = [7] * 10 + [8] * 3 + [1] * 9 + [2] * 11 + [3] * 3 + [4] * 2 + list(range(20, 40))
    taken = matched_tokens(PHRASES, [chain], spare=frozenset({2}), seed=0)
    assert len(set(taken)) == 2
    assert not set(taken) & {7, 8, 9, 2}
    near = {matched_tokens(((7,),), [chain], spare=frozenset(), seed=s)[0] for s in range(20)}
    assert near <= {1, 2, 3, 4, 20, 8} and {1, 2} & near
    with pytest.raises(UserError, match="no other token"):
        matched_tokens(((7,),), [[7, 7]], spare=frozenset(), seed=0)


def test_a_row_counts_what_stands_in_the_text(base, chains):
    trace = chains[0]
    told = row(base, trace, tuple(tuple(base.encode(p)) for p in ("wait", "no ,")))
    assert told["steps"] == len(trace.chain_steps) == sum(told[str(k)] for k in StepKind)
    assert told["tokens"] == sum(len(s.tokens) for s in trace.chain_steps)
    assert told["correct"] == float(trace.answer.text == trace.problem.answer)
    scores = base.prefix(trace.ids).logprobs()
    mean = -scores[trace.prompt_length : trace.chain_steps[-1].tokens.stop].mean()
    assert told["nats_per_token"] == pytest.approx(float(mean))
