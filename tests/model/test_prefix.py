from collections.abc import Iterator
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.trace import Span
from mechcot.model.internals import self_test
from mechcot.model.internals.masks import additive, causal
from mechcot.model.internals.self_test import backbone_of
from mechcot.model.internals.sites import Site
from mechcot.model.interventions import Add, AttentionKnockout, Intervention, Zero
from mechcot.model.prefix import (
    batch_requests,
    branches as forks_module,
    cached_run,
    layer_rows as layer_rows_module,
    packed_branches,
)
from mechcot.model.prefix.layer_rows import layer_rows, run_with_inputs
from mechcot.model.prefix.prefix import Prefix
from tests.model.families import EVERY, WINDOW, make, plain_logprobs, tokens

IDS = tokens(24)
CUTS = (3, 9, 17, 24)
SUFFIXES = ((5, 6, 7), (8,), (9, 10), (1, 2, 3, 4))
ANSWERS = ((11,), (12, 13), (14, 15, 16), (17,))
HIDDEN = ((), (Span(2, 5),), (Span(1, 5), Span(7, 9)), (Span(0, 20),))
CLOSE = {"atol": 1e-4, "rtol": 1e-4}


@pytest.fixture
def whole() -> Iterator[Any]:
    """`whole(reasoner)` -> nothing; from then on its cache cannot be cropped (the slow path)."""
    known = dict(self_test._KNOWN)

    def force(reasoner: Any) -> None:
        self_test._KNOWN[reasoner.model] = replace(backbone_of(reasoner.model), forkable=False)

    yield force
    self_test._KNOWN.update(known)


def masked_run(reasoner: Any, ids: list[int], hides: list[AttentionKnockout]) -> torch.Tensor:
    """The oracle: the whole sequence under one explicit mask, no cache."""
    backbone = backbone_of(reasoner.model)
    positions = torch.arange(len(ids))
    seen = causal(queries=positions, keys=positions)
    for hide in hides:
        by, keys = hide.by.positions(), hide.keys.positions()
        seen &= torch.tensor(
            [[q not in by or k not in keys for k in positions.tolist()] for q in positions.tolist()]
        )
    mask = additive(backbone, seen[None], queries=positions, keys=positions)
    with torch.no_grad():
        output = reasoner.model(
            input_ids=torch.tensor([ids]), attention_mask=mask, position_ids=positions[None]
        )
    return torch.log_softmax(output.logits[0].float() * reasoner.logit_scale, dim=-1)


def noting(sizes: list[int]) -> Any:
    """`additive`, and the numbers of each mask that it was asked for."""

    def noted(backbone: Any, seen: torch.Tensor, **kwargs: Any) -> Any:
        sizes.append(seen.numel())
        return additive(backbone, seen, **kwargs)

    return noted


@pytest.mark.parametrize("family", [*EVERY, "cohere", "granite", "bloom"])
def test_unembedding_is_that_of_hugging_face(family):
    reasoner = make(family)
    prefix = Prefix.of(reasoner, IDS)
    theirs = plain_logprobs(reasoner, IDS)
    torch.testing.assert_close(prefix.unembed(prefix.hidden), theirs, **CLOSE)
    scores = prefix.logprobs()
    assert torch.isnan(scores[0])
    torch.testing.assert_close(
        scores[1:], theirs[:-1].gather(1, torch.tensor(IDS)[1:, None])[:, 0], **CLOSE
    )


def test_gemma_2_caps_its_logits():
    reasoner = make("gemma2")
    backbone = backbone_of(reasoner.model)
    assert backbone.softcap == 30.0
    prefix = Prefix.of(reasoner, IDS)
    uncapped = torch.log_softmax(backbone.head(prefix.hidden), dim=-1)
    assert (prefix.unembed(prefix.hidden) - uncapped).abs().max() > 1e-3


@pytest.mark.parametrize("family", ["llama", "gemma2", "granite"])
def test_the_logit_scale_multiplies_logits_everywhere(family):
    reasoner = make(family)
    reasoner.logit_scale = 1.5
    prefix = Prefix.of(reasoner, IDS)
    theirs = plain_logprobs(reasoner, IDS)
    torch.testing.assert_close(prefix.unembed(prefix.hidden), theirs, **CLOSE)
    branches = prefix.branches([24], [[3]])
    torch.testing.assert_close(
        branches.next_logprobs()[0], plain_logprobs(reasoner, [*IDS, 3])[-1], **CLOSE
    )
    plain = make(family)
    assert Prefix.of(plain, IDS).branches([24], [[3]]).greedy(4, ()) == branches.greedy(4, ())


@pytest.mark.parametrize("family", [*EVERY, "bloom"])
def test_forks_are_truncated_runs(family):
    reasoner = make(family)
    branches = Prefix.of(reasoner, IDS).branches(CUTS, SUFFIXES)
    scores = branches.score(ANSWERS)
    for branch, (cut, suffix, answer) in enumerate(zip(CUTS, SUFFIXES, ANSWERS, strict=True)):
        ids = [*IDS[:cut], *suffix, *answer]
        theirs = plain_logprobs(reasoner, ids)
        end = cut + len(suffix)
        torch.testing.assert_close(
            branches.unembed(branches.hidden(branch)), theirs[cut:end], **CLOSE
        )
        torch.testing.assert_close(branches.next_logprobs()[branch], theirs[end - 1], **CLOSE)
        expected = sum(theirs[end - 1 + i, token].item() for i, token in enumerate(answer))
        assert scores[branch] == pytest.approx(expected, abs=1e-3)
    assert scores.dtype == np.float64


@pytest.mark.parametrize("family", EVERY)
def test_forks_do_not_see_hidden_spans(family):
    reasoner = make(family)
    branches = Prefix.of(reasoner, IDS).branches(CUTS, SUFFIXES, hide=HIDDEN)
    for branch, (cut, suffix) in enumerate(zip(CUTS, SUFFIXES, strict=True)):
        ids = [*IDS[:cut], *suffix]
        hides = [AttentionKnockout(span, Span(cut, len(ids))) for span in HIDDEN[branch]]
        theirs = masked_run(reasoner, ids, hides)
        torch.testing.assert_close(branches.unembed(branches.hidden(branch)), theirs[cut:], **CLOSE)
    seeing = Prefix.of(reasoner, IDS).branches(CUTS, SUFFIXES)
    assert torch.equal(branches.hidden(0), seeing.hidden(0))
    assert not torch.allclose(branches.hidden(3), seeing.hidden(3), atol=1e-2)


@pytest.mark.parametrize("family", EVERY)
def test_greedy_continuations_are_those_of_whole_runs(family):
    reasoner = make(family)
    branches = Prefix.of(reasoner, IDS).branches(CUTS, SUFFIXES)
    written = branches.greedy(6, ())
    for branch, (cut, suffix) in enumerate(zip(CUTS, SUFFIXES, strict=True)):
        ids = [*IDS[:cut], *suffix]
        for token in written[branch]:
            log_p = plain_logprobs(reasoner, ids)[-1]
            assert log_p.max() - log_p[token] < 1e-4
            ids.append(token)
        assert len(written[branch]) == 6
    stop = written[1][2]
    cut_at = [row[: row.index(stop)] if stop in row else row for row in written]
    assert branches.greedy(6, {stop}) == cut_at
    assert branches.greedy(0, ()) == [[], [], [], []]


def test_many_branches_are_packed_in_groups(monkeypatch: pytest.MonkeyPatch):
    reasoner = make("llama")
    prefix = Prefix.of(reasoner, IDS)
    at_once = prefix.branches(CUTS, SUFFIXES)
    monkeypatch.setattr(forks_module, "PACKED_TOKENS", 4)
    apart = prefix.branches(CUTS, SUFFIXES)
    sizes: list[int] = []
    plain = batch_requests.forward
    monkeypatch.setattr(
        batch_requests, "forward", lambda *a, **k: sizes.append(a[1].shape[1]) or plain(*a, **k)
    )
    apart.hidden(0)
    assert sizes == [4, 2, 4]
    np.testing.assert_allclose(apart.score(ANSWERS), at_once.score(ANSWERS), atol=1e-5)
    assert apart.greedy(5, ()) == at_once.greedy(5, ())


def test_what_branches_begin_with_is_run_once(monkeypatch: pytest.MonkeyPatch):
    prefix = Prefix.of(make("qwen3"), IDS)
    long, other = [3, 1, 4, 1, 5], [3, 1, 7]
    cuts, suffixes = [9, 9, 9, 9, 6], [long, other, long, long[:2], long]
    hide = [[], [], [], [], [Span(2, 4)]]
    sizes: list[int] = []
    plain = batch_requests.forward
    monkeypatch.setattr(
        batch_requests, "forward", lambda *a, **k: sizes.append(a[1].shape[1]) or plain(*a, **k)
    )
    branches = prefix.branches(cuts, suffixes, hide=hide)
    assert torch.equal(branches.hidden(0), branches.hidden(2))
    assert torch.equal(branches.hidden(3), branches.hidden(0)[:2])
    assert sizes == [5 + 1 + 5]
    for each, (cut, suffix) in enumerate(zip(cuts, suffixes, strict=True)):
        alone = prefix.branches([cut], [suffix], hide=[hide[each]])
        torch.testing.assert_close(branches.hidden(each), alone.hidden(0), **CLOSE)
        assert branches.greedy(5, ())[each] == alone.greedy(5, ())[0]
    answers = [[8, 2], [8, 2], [9, 9], [8], [8, 2]]
    alone = [
        prefix.branches([c], [s], hide=[h]).score([a])[0]
        for c, s, h, a in zip(cuts, suffixes, hide, answers, strict=True)
    ]
    np.testing.assert_allclose(branches.score(answers), alone, atol=1e-5)


def test_an_empty_suffix_reads_the_prefix_itself():
    reasoner = make("qwen3")
    prefix = Prefix.of(reasoner, IDS)
    branches = prefix.branches([7, 9], [[], [4]])
    assert branches.hidden(0).shape == (0, 32)
    own = prefix.unembed(prefix.hidden[6])
    torch.testing.assert_close(branches.next_logprobs()[0], own, **CLOSE)
    log_p = plain_logprobs(reasoner, [*IDS[:7], 5])
    assert branches.score([[5, 6], [5, 6]])[0] == pytest.approx(
        (log_p[6, 5] + log_p[7, 6]).item(), abs=1e-4
    )
    assert branches.greedy(3, ())[0] == prefix.decode(6, [[IDS[6]]], max_new=3, stop=())[0]


def test_what_forks_refuse():
    prefix = Prefix.of(make("llama"), IDS)
    with pytest.raises(UserError, match="2 cuts, 1 suffixes"):
        prefix.branches([1, 2], [[1]])
    with pytest.raises(UserError, match=r"branch 1: expected a cut in \[0, 24\], got 25"):
        prefix.branches([1, 25], [[1], [1]])
    with pytest.raises(UserError, match="branch 0: an empty suffix"):
        prefix.branches([0], [[]])
    with pytest.raises(UserError, match="before its cut at 4"):
        prefix.branches([4], [[1]], hide=[[Span(2, 6)]])
    with pytest.raises(UserError, match="one answer of at least one token for each of 1 branches"):
        prefix.branches([4], [[1]]).score([[]])


@pytest.mark.parametrize("family", EVERY)
def test_the_rest_is_the_full_masked_run(family):
    reasoner = make(family)
    prefix = Prefix.of(reasoner, IDS)
    hides = [AttentionKnockout(Span(2, 9)), AttentionKnockout(Span(10, 12), Span(15, 20))]
    theirs = masked_run(reasoner, IDS, hides[:1])
    torch.testing.assert_close(
        prefix.unembed(prefix.rerun_from(9, hide=hides[:1])[0]), theirs[9:], **CLOSE
    )
    both = masked_run(reasoner, IDS, hides)
    torch.testing.assert_close(prefix.unembed(prefix.rerun_from(0, hide=hides)[0]), both, **CLOSE)
    assert not torch.allclose(both, plain_logprobs(reasoner, IDS), atol=1e-2)


@pytest.mark.parametrize("family", EVERY)
def test_a_clean_rest_is_the_run_itself(family):
    prefix = Prefix.of(make(family), IDS)
    for start in (0, 1, 10, 23):
        rest = prefix.rerun_from(start)
        assert rest.shape == (1, 24 - start, 32)
        torch.testing.assert_close(rest[0], prefix.hidden[start:], **CLOSE)


@pytest.mark.parametrize("family", ["llama", "gemma2", "qwen2_window", "gpt2"])
def test_rows_may_hold_other_text_and_go_beyond_the_prefix(family):
    reasoner = make(family)
    prefix = Prefix.of(reasoner, IDS)
    rows = [tokens(18, seed=s) for s in (1, 2)]
    rest = prefix.rerun_from(10, rows)
    for row, ids in enumerate(rows):
        theirs = plain_logprobs(reasoner, [*IDS[:10], *ids])
        torch.testing.assert_close(prefix.unembed(rest[row]), theirs[10:], **CLOSE)


@pytest.mark.parametrize("family", EVERY)
def test_the_future_cannot_move_the_past(family):
    reasoner = make(family)
    other = [*IDS[:15], *(1 + (i % 60) for i in IDS[15:])]
    one, two = Prefix.of(reasoner, IDS), Prefix.of(reasoner, other)
    assert torch.equal(one.hidden[:15], two.hidden[:15])
    assert not torch.equal(one.hidden[15:], two.hidden[15:])
    assert torch.equal(one.rerun_from(5)[0, :10], two.rerun_from(5)[0, :10])
    assert torch.equal(one.rerun_from(5, [other[5:]])[0], two.rerun_from(5)[0])
    cuts, suffixes = (3, 9, 15), SUFFIXES[:3]
    left, right = one.branches(cuts, suffixes), two.branches(cuts, suffixes)
    for branch in range(3):
        assert torch.equal(left.hidden(branch), right.hidden(branch))


def test_nothing_writes_to_what_is_kept():
    prefix = Prefix.of(make("llama"), IDS)
    before = [(k.clone(), v.clone()) for k, v in prefix.prefix_cache.tensors]
    hidden = prefix.hidden.clone()
    prefix.branches(CUTS, SUFFIXES).greedy(3, ())
    act = Intervention(Site("resid_mid", 0), (9,), Zero())
    prefix.rerun_from(8, under=[[act], []])
    prefix.decode(8, [IDS[8:]], under=[act], max_new=3, stop=())
    assert torch.equal(prefix.hidden, hidden)
    for (keys, values), (old_keys, old_values) in zip(
        prefix.prefix_cache.tensors, before, strict=True
    ):
        assert torch.equal(keys, old_keys)
        assert torch.equal(values, old_values)


@pytest.mark.parametrize("family", ["llama", "neox", "gemma2", "qwen2_window"])
def test_decoding_under_an_edit_keeps_it_in_the_cache(family):
    reasoner = make(family)
    prefix = Prefix.of(reasoner, IDS)
    act = Intervention(Site("resid_post", 0), (20,), Add(torch.linspace(-2, 3, 32)))
    hide = AttentionKnockout(Span(14, 17))
    (written,) = prefix.decode(18, under=[act], hide=[hide], max_new=5, stop=())
    ids = list(IDS)
    late = AttentionKnockout(Span(14, 17), Span(18, 99))
    for token in written:
        longer = Prefix.of(reasoner, ids, under=[act, late])
        log_p = longer.unembed(longer.hidden[-1:])[0]
        assert log_p.max() - log_p[token] < 1e-4
        ids.append(token)
    assert written != prefix.decode(18, max_new=5, stop=())[0]


def test_an_edit_may_name_a_position_that_is_still_to_be_written():
    prefix = Prefix.of(make("llama"), IDS)
    late = Intervention(Site("resid_post", 1), (25,), Add(5 * torch.linspace(-2, 3, 32)))
    clean, steered = prefix.decode(20, [IDS[20:]] * 2, under=[[], [late]], max_new=6, stop=())
    assert clean[:2] == steered[:2]
    assert clean[2:] != steered[2:]


def test_rows_stop_on_their_own():
    prefix = Prefix.of(make("llama"), IDS)
    rows = [tokens(4, seed=s) for s in range(3)]
    free = prefix.decode(20, rows, max_new=6, stop=())
    stop = free[0][1]
    stopped = prefix.decode(20, rows, max_new=6, stop={stop})
    assert stopped == [row[: row.index(stop)] if stop in row else row for row in free]


def test_a_prefix_under_an_edit_hands_it_on():
    reasoner = make("llama")
    act = Intervention(Site("resid_post", 0), (4, 12), Add(torch.linspace(-2, 3, 32)))
    early = Intervention(Site("resid_post", 0), (4,), act.edit)
    edited = Prefix.of(reasoner, IDS, under=[act])
    half = Prefix.of(reasoner, IDS, under=[early])
    torch.testing.assert_close(edited.rerun_from(10), half.rerun_from(10), **CLOSE)
    assert not torch.allclose(edited.rerun_from(10)[0], edited.hidden[10:], atol=1e-3)


@pytest.mark.parametrize("family", [*EVERY, "cohere"])
def test_long_runs_go_in_parts_whose_masks_are_small(family, monkeypatch: pytest.MonkeyPatch):
    reasoner = make(family)
    prefix = Prefix.of(reasoner, IDS)
    edits = [Intervention(Site("resid_pre", layer), (4, 17), Zero()) for layer in (0, 1)]
    acts = [[], [*edits, AttentionKnockout(Span(5, 8))], [AttentionKnockout(Span(3, 4))]]
    _, inputs = run_with_inputs(reasoner, IDS)

    def everything() -> list[torch.Tensor]:
        branches = prefix.branches(CUTS, SUFFIXES, hide=HIDDEN)
        written = prefix.decode(3, under=acts, max_new=3, stop=())
        return [
            prefix.rerun_from(3, under=acts),
            prefix.rerun_from(0, rows=[IDS]),
            layer_rows(prefix, 2, edits, inputs=inputs),
            torch.from_numpy(branches.score(ANSWERS)),
            torch.tensor(written + branches.greedy(3, stop=())),
        ]

    whole = everything()
    masks: list[int] = []
    monkeypatch.setattr("mechcot.model.internals.masks.MOST_PAIRS", 120)
    monkeypatch.setattr(cached_run, "additive", noting(masks))
    monkeypatch.setattr(packed_branches, "additive", noting(masks))
    monkeypatch.setattr(layer_rows_module, "additive", noting(masks))
    for part, all_ in zip(everything(), whole, strict=True):
        torch.testing.assert_close(part, all_, **CLOSE)
    assert max(masks) <= 120 or not backbone_of(reasoner.model).forkable
    assert torch.equal(*prefix.rerun_from(3, under=[acts[0], acts[0]]))


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt2", "mistral"])
def test_families_without_a_croppable_cache_give_the_same_numbers(family, whole):
    reasoner = make(family)
    acts = [
        Intervention(Site("resid_post", 0), (2, 12), Add(torch.linspace(-2, 3, 32))),
        AttentionKnockout(Span(1, 3), Span(4, 20)),
    ]
    inside = Intervention(Site("attn_out", 1), (13,), Zero())
    hide = AttentionKnockout(Span(3, 8))

    def everything() -> Iterator[Any]:
        prefix = Prefix.of(reasoner, IDS, under=acts)
        branches = prefix.branches(CUTS, SUFFIXES, hide=HIDDEN)
        yield torch.cat([branches.hidden(b) for b in range(4)])
        yield torch.tensor(branches.score(ANSWERS))
        yield torch.tensor(branches.greedy(4, ()))
        yield prefix.rerun_from(10, under=[[inside], []], hide=[hide])
        yield torch.tensor(prefix.decode(10, under=[inside], hide=[hide], max_new=4, stop=()))

    fast = list(everything())
    whole(reasoner)
    assert not backbone_of(reasoner.model).forkable
    slow = list(everything())
    assert Prefix.of(reasoner, IDS).prefix_cache.tensors == ()
    for left, right in zip(fast, slow, strict=True):
        torch.testing.assert_close(left, right, atol=1e-3, rtol=1e-3)


def test_what_cannot_be_cropped_or_masked_is_found_out():
    bloom = make("bloom")
    assert not backbone_of(bloom.model).forkable
    with pytest.raises(
        UserError, match="takes no explicit attention mask, so nothing can be hidden"
    ):
        Prefix.of(bloom, IDS).rerun_from(5, hide=[AttentionKnockout(Span(1, 3))])
    with pytest.raises(UserError, match="takes no explicit attention mask"):
        Prefix.of(bloom, IDS).branches([5], [[1]], hide=[[Span(1, 3)]])


def test_windows_are_found_and_shorter_than_these_texts():
    windows = backbone_of(make("gemma2").model).windows
    assert windows == (WINDOW, None, WINDOW)
    assert backbone_of(make("qwen2_window").model).windows == (None, WINDOW, WINDOW)
    assert backbone_of(make("mistral").model).windows == (WINDOW,) * 3
    assert len(IDS) > 3 * WINDOW


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt2"])
def test_bfloat16_runs_within_its_precision(family):
    reasoner = make(family, dtype=torch.bfloat16)
    prefix = Prefix.of(reasoner, IDS)
    branches = prefix.branches(CUTS, SUFFIXES, hide=HIDDEN)
    assert branches.next_logprobs().dtype is torch.float32
    for branch, (cut, suffix) in enumerate(zip(CUTS, SUFFIXES, strict=True)):
        ids = [*IDS[:cut], *suffix]
        hides = [AttentionKnockout(span, Span(cut, len(ids))) for span in HIDDEN[branch]]
        theirs = masked_run(reasoner, ids, hides)[cut:]
        assert (branches.unembed(branches.hidden(branch)) - theirs).abs().max() < 0.3
    assert torch.equal(
        prefix.rerun_from(9), prefix.rerun_from(9, hide=[AttentionKnockout(Span(2, 2))])
    )


def test_bad_input_is_named():
    reasoner = make("llama")
    prefix = Prefix.of(reasoner, IDS)
    with pytest.raises(UserError, match="got an empty sequence"):
        Prefix.of(reasoner, [])
    with pytest.raises(UserError, match=r"expected a start in \[0, 24\], got 25"):
        prefix.rerun_from(25)
    with pytest.raises(UserError, match=r"one length of at least 1, got lengths \[0\]"):
        prefix.rerun_from(24)
    with pytest.raises(UserError, match=r"got lengths \[1, 2\]"):
        prefix.rerun_from(3, [[1], [1, 2]])
    with pytest.raises(UserError, match=r"one sequence per row \(3\), got 2"):
        prefix.rerun_from(3, [[1]] * 3, under=[[], []])
    act = Intervention(Site("resid_pre", 0), (4,), Zero())
    with pytest.raises(UserError, match="a mixture"):
        prefix.rerun_from(3, under=[act, [act]])
    with pytest.raises(UserError, match="leaves a query with nothing to attend to"):
        prefix.rerun_from(3, hide=[AttentionKnockout(Span(0, 24), Span(3, 24))])


@pytest.mark.parametrize("family", ["mistral", "gemma2", "llama"])
def test_a_window_whose_keys_are_all_hidden_is_refused(family):
    """Rows of equal scores would attend to all keys, later ones too."""
    prefix = Prefix.of(make(family), IDS)
    hide = AttentionKnockout(Span(4, 5 + WINDOW), Span(4 + WINDOW, 24))
    windowed = any(size is not None for size in prefix.backbone.windows)
    with pytest.raises(UserError, match="nothing to attend to") if windowed else nullcontext():
        assert prefix.rerun_from(3, under=[hide]).isfinite().all()
    assert windowed == (family != "llama")


def test_states_that_are_not_finite_cannot_be_measured():
    reasoner = make("llama")
    act = Intervention(Site("resid_post", 2), (3,), Add(torch.full((32,), torch.nan)))
    with pytest.raises(NotMeasurable, match="not finite"):
        Prefix.of(reasoner, IDS, under=[act])


@pytest.mark.parametrize("path", ["packed", "whole"])
@pytest.mark.parametrize("place", ["embedding", "head"])
def test_a_branch_that_is_not_finite_cannot_be_measured(place, path, whole):
    """One damaged token, or a damaged head, is noticed in a branch as it is in a text of its own, given or written."""
    reasoner = SimpleNamespace(**vars(make("llama")))
    reasoner.model = deepcopy(reasoner.model)
    if path == "whole":
        whole(reasoner)
    prefix, damaged = Prefix.of(reasoner, IDS), SUFFIXES[2][0]
    what = "not finite" if place == "embedding" else "logits"
    assert np.isfinite(prefix.branches(CUTS, SUFFIXES).score(ANSWERS)).all()
    weights = (
        reasoner.model.get_input_embeddings() if place == "embedding" else reasoner.model.lm_head
    )
    with torch.no_grad():
        weights.weight[damaged] = torch.nan
    with pytest.raises(NotMeasurable, match=what):
        prefix.branches(CUTS, SUFFIXES).score(ANSWERS)
    with pytest.raises(NotMeasurable, match=what):
        prefix.branches(CUTS, SUFFIXES).greedy(max_new=3, stop=())
    with pytest.raises(NotMeasurable, match=what):
        prefix.decode(9, [SUFFIXES[2]], max_new=3, stop=())
