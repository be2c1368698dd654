"""Acting while a model writes, against the slow obvious loop."""

import pytest
import torch

from mechcot.core.errors import EditDidNotFire, UserError
from mechcot.core.trace import Phase, StepKind
from mechcot.model.generation.sampling import Sampling
from mechcot.model.generation.steering_hooks import GenerationInterventions, PositionSelector, Steer
from mechcot.model.generation.write_traces import prompt_ids, step_now, write_under
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Add, Intervention

SITE = Site("resid_post", 2)
WHERES = {
    "chain": PositionSelector(),
    "question": PositionSelector(phases=(Phase.QUESTION,)),
    "everywhere": PositionSelector(phases=tuple(Phase)),
    "late": PositionSelector(since=9, until=20),
    "from a step on": PositionSelector(from_step=2),
    "step starts": PositionSelector(step_starts=True),
}


def push(seed=0, size=6.0):
    generator = torch.Generator().manual_seed(seed)
    vector = torch.randn(128, generator=generator)
    return size * vector / vector.norm()


def means(where, trace_so_far, prompt, position):
    """The rule of `PositionSelector` said again, on a whole text: which position is meant."""
    writes = position + 1
    index = writes - prompt
    closing = trace_so_far.index("</think>") if "</think>" in trace_so_far else 10**6
    if index < 0:
        return Phase.QUESTION in where.phases
    phase = Phase.CHAIN if index <= closing else Phase.ANSWER
    if phase not in where.phases or index < where.since or index >= (where.until or 10**6):
        return False
    before = trace_so_far[:index]
    if where.step_starts and before and before[-1] != ".":
        return False
    return before.count(".") >= where.from_step


def slow(base, problem, vector, where, count):
    """No cache, no padding: one whole run per token, the positions worked out anew each time."""
    prompt = prompt_ids(base, problem)
    ids = list(prompt)
    for _ in range(count):
        words = base.decode(ids[len(prompt) :]).split()
        at = [p for p in range(len(ids)) if means(where, words, len(prompt), p)]
        under = [Intervention(SITE, tuple(at), Add(vector))] if at else []
        prefix = base.prefix(ids, under=under)
        ids.append(int(prefix.unembed(prefix.hidden[-1]).argmax()))
        if ids[-1] in base.stop_ids:
            ids.pop()
            break
    return ids


@pytest.mark.parametrize("name", WHERES)
def test_batched_decoding_equals_one_whole_run_per_token(base, asked, name):
    where, vector = WHERES[name], push()
    hand = GenerationInterventions((Steer(SITE, vector, where),))
    traces = base.write(asked[:2], max_tokens=18, under=hand)
    for trace, problem in zip(traces, asked, strict=False):
        assert list(trace.ids) == slow(base, problem, vector, where, 18)


def test_zeros_change_no_bit_and_the_batch_does_not_matter(base, asked, chains):
    keep = (SITE, Site("resid_post", 3))
    about = {"sampling": Sampling(30)}
    still = write_under(
        base, asked, GenerationInterventions((Steer(SITE, torch.zeros(128)),), keep=keep), **about
    )
    plain = write_under(base, asked, GenerationInterventions(keep=keep), **about)
    assert [t.ids for t, _ in still] == [
        t.ids[: len(s.ids)] for t, (s, _) in zip(chains, plain, strict=True)
    ]
    assert [t.ids for t, _ in still] == [t.ids for t, _ in plain]
    for (_, one), (_, other) in zip(still, plain, strict=True):
        for site in keep:
            assert torch.equal(torch.cat(one.states[site]), torch.cat(other.states[site]))
    hand = GenerationInterventions((Steer(SITE, push(size=9.0)),))
    together = base.write(asked, max_tokens=24, under=hand)
    alone = [base.write([problem], max_tokens=24, under=hand)[0] for problem in asked[:2]]
    assert [t.ids for t in together[:2]] == [t.ids for t in alone]
    assert [t.ids for t in together] != [
        t.ids[: len(s.ids)] for t, s in zip(chains, together, strict=True)
    ]


@pytest.mark.parametrize("name", ["everywhere", "step starts"])
def test_states_kept_while_decoding_equal_a_recomputation(base, asked, name):
    vector = push()
    hand = GenerationInterventions(
        (Steer(SITE, vector, WHERES[name]),), keep=(SITE, Site("resid_post", 3))
    )
    for trace, line in write_under(base, asked[:2], hand, sampling=Sampling(24)):
        ids = trace.ids if trace.finished else trace.ids[:-1]
        under = [Intervention(SITE, tuple(line.acted[0]), Add(vector))]
        again = base.states(ids, hand.keep, under=under)
        for site in hand.keep:
            kept = torch.cat(line.states[site])
            assert kept.shape == again[site].shape
            assert torch.allclose(kept, again[site], atol=2e-3, rtol=1e-4)


def test_right_padding_gives_the_same_texts_acts_and_states(base, asked):
    keep = (SITE, Site("resid_post", 3))
    steers = (Steer(SITE, push(size=3.0), WHERES["everywhere"]), Steer(SITE, push(1, 3.0)))
    hand = GenerationInterventions(steers, keep=keep)
    assert len({len(prompt_ids(base, one)) for one in asked[:3]}) > 1  # something is padded
    about = {"sampling": Sampling(20)}
    left = write_under(base, asked[:3], hand, **about)
    right = write_under(base, asked[:3], hand, padding="right", **about)
    for (one, line), (other, mirrored) in zip(left, right, strict=True):
        assert one.ids == other.ids and line.acted == mirrored.acted
        for site in keep:
            states, again = torch.cat(line.states[site]), torch.cat(mirrored.states[site])
            assert float((states - again).abs().max()) < 1e-5 * float(states.abs().max())


def test_kinds_are_read_while_writing(base, asked):
    where = PositionSelector(kinds=(StepKind.VERIFICATION,))
    steer = GenerationInterventions((Steer(SITE, torch.zeros(128), where),))
    found = 0
    for trace, line in write_under(base, asked[:2], steer, sampling=Sampling(70)):
        checks = [s.tokens for s in trace.chain_steps if s.kind is StepKind.VERIFICATION]
        for position in line.acted[0]:
            assert any(s.start <= position < s.stop for s in checks)
        found += len(line.acted[0])
    assert found > 0


class Ban:
    def __init__(self, token):
        self.token = token

    def __call__(self, written):
        assert len(written) < 220
        return {self.token: -1e4}


def test_a_logit_rule_acts_in_the_chain_only_and_is_counted(base, asked, chains):
    token = base.encode("so")[0]
    assert any(token in t.ids for t in chains)
    for trace, line in write_under(
        base, asked, GenerationInterventions(rules=(Ban(token),)), sampling=Sampling(220)
    ):
        assert token not in trace.ids
        assert (
            line.changed == len(trace.phase(Phase.CHAIN)) + 1
        )  # the closing mark is chosen under it too
        assert trace.answer.text is not None


def test_mistakes_are_told(base, asked):
    with pytest.raises(EditDidNotFire, match="never added"):
        base.write(
            asked,
            max_tokens=20,
            under=GenerationInterventions((Steer(SITE, push(), PositionSelector(since=500)),)),
        )
    with pytest.raises(UserError, match="128 wide, the vector has shape"):
        base.write(
            asked, max_tokens=5, under=GenerationInterventions((Steer(SITE, torch.ones(64)),))
        )
    with pytest.raises(UserError, match="layers 0 to 3, got 9"):
        base.write(
            asked,
            max_tokens=5,
            under=GenerationInterventions((Steer(Site("resid_post", 9), push()),)),
        )
    with pytest.raises(UserError, match="lower the dose"):
        base.write(
            asked,
            max_tokens=5,
            under=GenerationInterventions((Steer(SITE, push() * float("inf")),)),
        )
    with pytest.raises(UserError, match="0 <= since < until"):
        PositionSelector(since=4, until=4)


def test_before_anything_is_said_the_first_step_is_being_written(base, asked):
    now = step_now(base, asked[0], prompt_ids(base, asked[0]), None)
    assert now(base.encode("</think>")) == (0, None)
    assert now(base.encode("need"))[0] == 0
