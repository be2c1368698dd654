import pytest
import torch

from mechcot.core.errors import EditDidNotFire, UserError
from mechcot.core.trace import Span
from mechcot.model.activations.capture import capture
from mechcot.model.internals.hooks import tapped
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import (
    Add,
    AttentionKnockout,
    Erase,
    Identity,
    Intervention,
    Mean,
    Replace,
    Zero,
)
from mechcot.model.prefix.prefix import Prefix
from tests.model.families import EVERY, NAMED, make, tokens

WHICH = torch.tensor([0, 2])
STATES = torch.tensor([[1.0, 2.0], [3.0, 4.0]])


def test_edits_are_what_their_names_say():
    vector = torch.tensor([1.0, -1.0])
    assert Identity()(STATES, WHICH) is STATES
    assert torch.equal(Zero()(STATES, WHICH), torch.zeros(2, 2))
    assert torch.equal(Add(vector)(STATES, WHICH), torch.tensor([[2.0, 1.0], [4.0, 3.0]]))
    assert torch.equal(Mean(vector)(STATES, WHICH), torch.stack([vector, vector]))
    rows = torch.tensor([[5.0, 5.0], [6.0, 6.0], [7.0, 7.0]])
    assert torch.equal(Replace(rows)(STATES, WHICH), rows[[0, 2]])
    erased = Erase(torch.tensor([3.0, 0.0]))(STATES, WHICH)
    assert torch.equal(erased, torch.tensor([[0.0, 2.0], [0.0, 4.0]]))
    assert torch.equal(STATES, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))


def test_positions_must_be_distinct_and_fit_the_rows():
    with pytest.raises(UserError, match="distinct"):
        Intervention(Site("resid_pre", 0), (1, 1), Zero())
    with pytest.raises(UserError, match="Replace has 1 rows for 2 positions"):
        Intervention(Site("resid_pre", 0), (1, 2), Replace(torch.zeros(1, 4)))


def test_an_intervention_can_be_cut_at_a_position():
    whole = Intervention(Site("resid_pre", 0), (7, 2, 5), Replace(torch.eye(3)))
    part = whole.before(6)
    assert part is not None
    assert part.at == (2, 5)
    edited = part.edit(torch.zeros(2, 3), torch.tensor([0, 1]))
    assert torch.equal(edited, torch.eye(3)[1:])
    assert whole.before(2) is None


def test_a_hide_can_be_cut_at_a_position():
    hide = AttentionKnockout(Span(2, 4))
    assert hide.by.start == 4
    assert hide.since(9).by.start == 9
    assert hide.before(9).by == Span(4, 9)
    assert len(hide.before(3).by) == 0


@pytest.mark.parametrize("family", EVERY)
def test_the_identity_edit_gives_exactly_zero(family):
    reasoner, ids = make(family), tokens(14)
    backbone = backbone_of(reasoner.model)
    clean = Prefix.of(reasoner, ids)
    sites = [Site(s, layer) for s in backbone.streams for layer in range(backbone.n_layers)]
    own = capture(reasoner, ids, sites)
    keep = [Intervention(site, (3, 9), Identity()) for site in sites]
    same = [Intervention(site, (3, 9), Replace(own[site][[3, 9]])) for site in sites]
    for acts in (keep, same):
        assert torch.equal(Prefix.of(reasoner, ids, under=acts).hidden, clean.hidden)
        assert torch.equal(clean.rerun_from(2, under=acts), clean.rerun_from(2))
    nothing = AttentionKnockout(Span(4, 4))
    assert torch.equal(clean.rerun_from(2, hide=[nothing]), clean.rerun_from(2))


@pytest.mark.parametrize("family", EVERY)
def test_every_site_can_be_edited_and_moves_only_what_follows(family):
    reasoner, ids = make(family), tokens(14)
    backbone = backbone_of(reasoner.model)
    clean = Prefix.of(reasoner, ids).hidden
    for stream in backbone.streams:
        act = Intervention(Site(stream, 1), (6,), Add(torch.linspace(-1, 2, 32)))
        edited = Prefix.of(reasoner, ids, under=[act]).hidden
        assert torch.equal(edited[:6], clean[:6]), stream
        assert (edited[6:9] - clean[6:9]).abs().amax(dim=1).min() > 1e-3, stream


@pytest.mark.parametrize("family", NAMED)
def test_a_patch_at_the_embedding_is_a_change_of_text(family):
    # GPT-2 adds learned positions before its first block: a twin at the same position carries them too
    reasoner, ids = make(family), tokens(14)
    twin = list(ids)
    twin[5], twin[6] = 7, 8
    site = Site("resid_pre", 0)
    states = capture(reasoner, twin, [site])[site]
    act = Intervention(site, (5, 6), Replace(states[5:7]))
    patched = Prefix.of(reasoner, ids, under=[act])
    assert torch.equal(patched.hidden, Prefix.of(reasoner, twin).hidden)
    clean = Prefix.of(reasoner, ids)
    torch.testing.assert_close(clean.rerun_from(5, under=[act])[0], patched.hidden[5:])


@pytest.mark.parametrize("family", ["llama", "gpt2", "neox_sequential", "gemma2", "olmo2"])
def test_an_edit_between_attention_and_mlp_moves_the_residual_stream_too(family):
    reasoner, ids = make(family), tokens(10)
    vector = torch.linspace(-1, 1, 32)
    middle = Intervention(Site("resid_mid", 1), (4,), Add(vector))
    attention = Intervention(Site("attn_out", 1), (4,), Add(vector))
    torch.testing.assert_close(
        Prefix.of(reasoner, ids, under=[middle]).hidden,
        Prefix.of(reasoner, ids, under=[attention]).hidden,
        atol=1e-4,
        rtol=1e-4,
    )


def test_edits_of_one_site_act_in_order_and_captures_see_them():
    reasoner, ids = make("llama"), tokens(10)
    site = Site("resid_post", 1)
    vector = torch.ones(32)
    acts = [Intervention(site, (4,), Zero()), Intervention(site, (4, 5), Add(vector))]
    clean, edited = (capture(reasoner, ids, [site], under=under)[site] for under in ((), acts))
    assert torch.equal(edited[4], vector)
    assert torch.equal(edited[5], clean[5] + vector)
    assert torch.equal(edited[6], clean[6])


def test_captured_states_are_not_changed_by_later_edits():
    reasoner, ids = make("llama"), tokens(10)
    sites = [Site(s, 1) for s in ("resid_pre", "attn_out", "resid_mid", "mlp_out")]
    act = Intervention(Site("resid_mid", 1), (4,), Zero())
    clean = capture(reasoner, ids, sites)
    edited = capture(reasoner, ids, sites, under=[act])
    assert torch.equal(edited[sites[0]], clean[sites[0]])
    assert torch.equal(edited[sites[1]], clean[sites[1]])
    assert torch.equal(edited[sites[2]][4], torch.zeros(32))


def test_an_edit_that_does_not_fire_raises():
    reasoner, ids = make("llama"), tokens(10)
    clean = Prefix.of(reasoner, ids)

    def act(*at: int) -> Intervention:
        return Intervention(Site("resid_pre", 1), at, Zero())

    with pytest.raises(EditDidNotFire, match="has no positions"):
        Prefix.of(reasoner, ids, under=[act()])
    with pytest.raises(
        EditDidNotFire, match=r"did not fire at positions \[10\]: this run covers \[0, 10\)"
    ):
        Prefix.of(reasoner, ids, under=[act(9, 10)])
    with pytest.raises(
        EditDidNotFire,
        match=r"positions \[3\]: this run covers \[4, 10\); start the run at or before 3",
    ):
        clean.rerun_from(4, under=[act(3, 5)])
    with pytest.raises(EditDidNotFire, match=r"positions \[3\].*\[4, end\)"):
        clean.decode(4, under=[act(3)], max_new=2, stop=())
    with pytest.raises(EditDidNotFire, match=r"positions \(30,\), did not fire"):
        clean.decode(4, under=[act(30)], max_new=2, stop=())
    with pytest.raises(
        EditDidNotFire, match=r"hiding keys \[8, 10\) from all later queries did not fire"
    ):
        clean.rerun_from(4, hide=[AttentionKnockout(Span(8, 10))])
    with pytest.raises(UserError, match="layers 0 to 2, got 9"):
        clean.rerun_from(4, under=[Intervention(Site("resid_pre", 9), (5,), Zero())])


def test_a_site_that_is_never_visited_raises():
    from dataclasses import replace

    from torch import nn

    from mechcot.model.internals.hooks import HookPoint
    from mechcot.model.prefix.cached_run import Run

    backbone = backbone_of(make("llama").model)
    places = tuple({**p, "attn_out": HookPoint(nn.Identity(), "output")} for p in backbone.places)
    act = Intervention(Site("attn_out", 0), (1,), Zero())
    run = Run(replace(backbone, places=places), start=0, rows=[[1, 2, 3]], acts=[[act]])
    with pytest.raises(EditDidNotFire, match=r"hook_attn_out, positions \(1,\), did not fire"):
        run.go(cache=None)


def test_hooks_are_gone_after_a_run_and_after_an_error():
    reasoner, ids = make("llama"), tokens(6)
    modules = list(reasoner.model.modules())

    def count() -> int:
        return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in modules)

    before = count()
    act = Intervention(Site("resid_mid", 1), (2,), Zero())
    Prefix.of(reasoner, ids, under=[act])
    assert count() == before
    place = backbone_of(reasoner.model).place(Site("resid_post", 0))
    with pytest.raises(ZeroDivisionError), tapped([(place, lambda states: states)]):
        raise ZeroDivisionError
    assert count() == before


def test_rows_have_their_own_edits():
    reasoner, ids = make("qwen2"), tokens(12)
    clean = Prefix.of(reasoner, ids)
    site = Site("resid_post", 0)
    acts = [[Intervention(site, (5,), Zero())], [], [Intervention(site, (7,), Zero())]]
    rows = clean.rerun_from(4, under=acts)
    for row, under in enumerate(acts):
        torch.testing.assert_close(rows[row], clean.rerun_from(4, under=under)[0])
    assert torch.equal(rows[1, :1], rows[0, :1])
    assert not torch.equal(rows[1], rows[0])
