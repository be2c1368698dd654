"""Laws of crosscoders: planted directions are told apart, equal models give equal halves, scaling is least squares, and the messages."""

import copy
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from mechcot.core.errors import UserError
from mechcot.core.pair import Pair
from mechcot.core.store import nan_to_none
from mechcot.model.reasoner import Reasoner
from mechcot.sae.crosscoder import Crosscoder, end_to_end, load_crosscoder, paired_states
from mechcot.sae.crosscoder_training import batchtopk, crosscode, train_crosscoder
from mechcot.sae.dictionary import load
from mechcot.sae.latent_changes import compare_latents
from mechcot.sae.latent_replacement import (
    ALL_LATENTS,
    EVERYTHING,
    NO_LATENT,
    replacement,
    replacement_lines,
)
from mechcot.sae.latent_scaling import latent_scaling
from mechcot.sae.latent_sides import FAR_APART, Whose, whose
from mechcot.sae.token_kinds import NEEDED, token_kinds
from mechcot.sae.training import TrainingSettings
from mechcot.view.pages.crosscoder import crosscoder_page
from tests.sae.conftest import CROSSED, OWN, SITE

BRIEF = replace(CROSSED, samples=4_096)
NAMES = Pair("one", "two")


@pytest.fixture(scope="module")
def crossed(changed):
    return train_crosscoder(changed, site=SITE, models=NAMES, settings=CROSSED)


def test_what_changed_is_the_difference_of_two_directions_and_the_rest_is_shared(
    crossed, changed, atoms
):
    live = (crossed.encode(changed) > 0).any(dim=0).numpy()
    apart = crossed.difference_shares
    differences = torch.nn.functional.normalize(crossed.differences, dim=-1)
    cosines = differences @ torch.stack([spec.direction(128) for spec in OWN]).T
    moved = live & (apart > FAR_APART)
    assert (cosines[moved].abs().max(dim=0).values > 0.95).all()
    assert (cosines[moved].abs().max(dim=1).values > 0.9).all()
    decoder = torch.nn.functional.normalize(crossed.decoders.after[live & ~moved], dim=-1)
    assert float(((atoms @ decoder.T).max(dim=1).values > 0.9).float().mean()) > 0.9
    assert {whose(share) for share in crossed.relative_norms[live & ~moved]} == {Whose.SHARED}


def test_a_direction_that_one_model_has_alone_is_one_latent_of_its_own(crossed, changed):
    """Without the charge on lengths several latents share it and cancel in the other model."""
    live = (crossed.encode(changed) > 0).any(dim=0).numpy()
    sides = np.array([whose(share) for share in crossed.relative_norms])
    for name, spec, decoder in zip((Whose.BASE, Whose.TUNED), OWN, crossed.decoders, strict=True):
        (latent,) = np.flatnonzero(live & (sides == name))
        own = torch.nn.functional.normalize(decoder[latent], dim=-1)
        assert float(own @ spec.direction(128)) > 0.98


def test_latent_scaling_tells_a_latent_of_one_model_from_one_of_both():
    """On latents written down: one of each model, one of both, and one that the second decoder lacks though its states have it."""
    draw = torch.Generator().manual_seed(4)
    u = torch.linalg.qr(torch.randn(16, 4, generator=draw))[0].T
    latents = (torch.rand(500, 4, generator=draw) < 0.3) * (1 + torch.rand(500, 4, generator=draw))
    none = torch.zeros(16)
    decoders = Pair(torch.stack([u[0], none, u[2], u[3]]), torch.stack([none, u[1], u[2], none]))
    states = decoders.map(lambda decoder: latents @ decoder)
    states = Pair(states.before, states.after + latents[:, 3:] * u[3])
    nu = latent_scaling(Written(decoders, latents), states)
    assert nu.before.small.tolist() == [True, False, False, False]
    assert nu.after.small.tolist() == [False, True, False, False]
    assert nu.before.error[3] == pytest.approx(1.0, abs=0.05)  # the decoder's length was shrunk


class Written(Crosscoder):
    """A crosscoder whose latents are written down."""

    def __init__(self, decoders, latents):
        object.__setattr__(self, "_decoders", decoders)
        object.__setattr__(self, "_latents", latents)
        object.__setattr__(self, "scales", Pair(1.0, 1.0))

    width = 4
    site = SITE
    decoders = property(lambda self: self._decoders)

    def encode(self, _states):
        return self._latents

    def latents_of(self, _states):
        return self._latents.numpy()

    def decode(self, latents):
        return self._decoders.map(lambda decoder: latents @ decoder)


@pytest.fixture(scope="module")
def planted_copy(base):
    """A copy of the base that adds a direction at the site, and the direction."""
    model = copy.deepcopy(base.model)
    u = 40 * torch.nn.functional.normalize(torch.randn(128, generator=torch.Generator().manual_seed(5)), dim=0)  # fmt: skip
    model.model.layers[SITE.layer].register_forward_hook(lambda _block, _in, out: out + u)
    return Reasoner.of(model, base.tokenizer, name="copy", policy=base.policy), u


def test_base_states_with_the_planted_change_are_the_tuned_model_and_nothing_else_is(
    base, planted_copy, traces
):
    """On a code written down: latent 0 writes the planted direction in the copy alone, latent 1 another one."""
    tuned, u = planted_copy
    few = traces[:3]
    states = paired_states(Pair(base, tuned), few, SITE)
    other = u.roll(1)
    code = Written(
        Pair(torch.zeros(4, 128), torch.stack([u, other, 0 * u, 0 * u])),
        torch.tensor([1.0, 1.0, 0.0, 0.0]).expand(len(states.before), 4),
    )
    rows = replacement(code, tuned, states, few, {"planted": [0], "none": [], "both": [0, 1]})
    plain, planted, both, every, whole = rows
    assert [row["set"] for row in rows] == [NO_LATENT, "planted", "both", ALL_LATENTS, EVERYTHING]
    assert whole["kl"] == whole["high"] == 0.0 and whole["closed"] == 1.0
    assert planted["kl"] < 1e-6 < 0.01 < min(plain["kl"], both["kl"])
    assert min(planted["random_latents"], planted["random_directions"]) > 0.01
    assert np.isnan(both["random_latents"]) and every["kl"] == both["kl"]
    assert plain["kl"] == pytest.approx(np.mean([_plain_kl(base, tuned, trace) for trace in few]), rel=1e-4)  # fmt: skip
    assert "planted (1): 0.0000 [0.0000, 0.0000], closes 100%; as many" in "\n".join(
        replacement_lines(nan_to_none(rows))
    )


def _plain_kl(base, tuned, trace):
    """The copy's blocks behind the site, run by a torch hook on the base's hidden states."""
    ids = torch.tensor([trace.ids])
    with torch.no_grad():
        base_states = base.model(ids, output_hidden_states=True).hidden_states[SITE.layer + 1]
        clean = tuned.model(ids).logits.log_softmax(-1)
        hook = tuned.model.model.layers[SITE.layer].register_forward_hook(
            lambda _block, _in, out: torch.cat([out[:, :1], base_states[:, 1:]], dim=1)
        )
        patched = tuned.model(ids).logits.log_softmax(-1)
        hook.remove()
    moved = (clean.exp() * (clean - patched)).sum(-1)[0]
    return float(moved[trace.prompt_length - 1 : -1].mean())


def test_the_lengths_of_a_latents_directions_sum_to_one(crossed):
    before, after = crossed.norms
    assert torch.allclose(before + after, torch.ones(48), atol=1e-5)


def test_equal_models_give_equal_halves_exactly(states):
    twins = Pair(states, states)
    same = train_crosscoder(twins, site=SITE, models=NAMES, settings=BRIEF)
    assert torch.equal(*same.decoders)
    assert torch.equal(*same.decode(same.encode(twins)))
    assert (same.relative_norms == 0.5).all()
    assert (same.difference_shares == 0).all()
    fires = (same.encode(twins) > 0).any(dim=0).numpy()
    for nu in latent_scaling(same, twins):
        for values in (nu.error, nu.reconstruction):
            assert set(values[fires & np.isfinite(values)]) == {1.0}


def test_the_largest_of_a_batch_by_summed_lengths_are_kept(changed):
    """Against a sort of f_j (|d_j before| + |d_j after|) over the whole batch, with directions of any length."""
    sae = batchtopk(CROSSED, 256)
    with torch.no_grad():
        sae.parametrizations.W_dec.original *= torch.rand(48, 1) * 5
    batch = end_to_end(changed)[:64]
    kept = sae.encode(batch) > 0
    pre = ((batch - sae.b_dec) @ sae.W_enc + sae.b_enc).relu()
    lengths = sae.W_dec.unflatten(-1, (2, -1)).norm(dim=-1).sum(dim=-1)
    order = sorted((pre * lengths).flatten().tolist(), reverse=True)
    assert kept.sum() == 4 * 64
    assert torch.equal(kept, pre * lengths > order[4 * 64])


def test_scaling_is_least_squares(crossed, changed):
    """Against `lstsq` of every token's numbers in a row, one latent after the other."""
    few = changed.map(lambda side: side[:200].double())
    latents = crossed.encode(changed.map(lambda side: side[:200])).double()
    scaled = [x * s for x, s in zip(few, crossed.scales, strict=True)]
    decoders = [d.double() * s for d, s in zip(crossed.decoders, crossed.scales, strict=True)]
    written = [x * s for x, s in zip(crossed.decode(latents.float()), crossed.scales, strict=True)]
    nu = [*latent_scaling(crossed, changed.map(lambda side: side[:200]))]
    fires = [n for n in range(48) if (latents[:, n] > 0).sum() > 5]
    for latent in fires[:12]:
        alone = [torch.outer(latents[:, latent], d[latent]) for d in decoders]
        for own in (0, 1):
            column = alone[own].reshape(-1, 1)
            targets = {
                "error": [x - (w - a) for x, w, a in zip(scaled, written, alone, strict=True)],
                "reconstruction": [latents @ d for d in decoders],
            }
            for name, sides in targets.items():
                beta = [
                    float(torch.linalg.lstsq(column, y.double().reshape(-1, 1)).solution)
                    for y in sides
                ]
                got = getattr(nu[own], name)[latent]
                if beta[own] > 0:
                    assert got == pytest.approx(beta[1 - own] / beta[own], rel=1e-3, abs=1e-3)
                else:
                    assert np.isnan(got)


def test_saved_and_loaded_it_is_the_same(crossed, changed, tmp_path):
    crossed.save(tmp_path)
    again = load_crosscoder(tmp_path)
    assert (again.models, again.scales, again.site) == (NAMES, crossed.scales, SITE)
    assert torch.equal(again.encode(changed), crossed.encode(changed))
    with pytest.raises(UserError, match="holds a crosscoder of two models"):
        load(tmp_path)


def test_a_dictionary_is_no_crosscoder(small, tmp_path):
    small.save(tmp_path)
    with pytest.raises(UserError, match="expected a crosscoder with two models and two scales"):
        load_crosscoder(tmp_path)


def test_bounds_of_whose():
    assert [whose(share) for share in (0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)] == [
        *(Whose.BASE, Whose.BASE, Whose.BETWEEN, Whose.SHARED),
        *(Whose.SHARED, Whose.BETWEEN, Whose.TUNED, Whose.TUNED),
    ]


def test_a_model_against_itself_has_nothing_of_its_own(base, traces):
    """Through the models' states, with every number of the result."""
    twins = Pair(base, base)
    settings = TrainingSettings(width=64, k=4, samples=20_000, batch=256)
    made = compare_latents(crosscode(twins, traces, at=SITE, settings=settings), twins, traces)
    assert {row["whose"] for row in made.latents} == {"shared"}
    assert made.fits.before.explained_variance == made.fits.after.explained_variance > 0.5
    assert all(row["base"] == row["tuned"] == 0 for row in made.work)
    assert "tuned only: 0 by the length of their decoders" in str(made)
    assert len(made.to_frame()) + made.dead == 64
    assert np.nansum(made.plot().data[0].y) == len(made.latents)
    result = made.to_json() | {"shown": [], "replacement": []}
    assert f"0 of {len(made.latents)} latents that fire are base’s own (new by" in crosscoder_page(
        result
    )


def test_the_page_says_which_are_believed_and_escapes_text():
    row = {
        "relative_norm": 0.97,
        "difference": 0.9,
        "often": True,
        "nu_error": 0.05,
        "nu_reconstruction": None,
        "frequency": 0.1,
        "kind": "question",
        "share": 1.0,
    }
    latents = [
        row | {"latent": n, "whose": "tuned only", "believed": believed}
        for n, believed in enumerate((True, False, None))
    ]
    token = {"kind": "<i>", "trace": "t", "tokens": ["<b>"], "values": [1.0]}
    effects = {"up": [("<u>", 0.4)], "down": [("v", -0.1)]}
    page = crosscoder_page(
        {
            "models": ["one", "<two>"], "site": "blocks.2.hook_resid_post", "traces": 1, "tokens": 9, "l0": 2.0, "dead": 1,
            "believed_below": [0.2, 0.5], "fewest_tokens": 16, "changed_above": 0.3, "latents": latents,
            "fit": [{"model": "one", "explained_variance": None}, {"model": "<two>", "explained_variance": 0.9}],
            "work": [{"kind": "question", "tokens": 9, "base": 0.0, "tuned": None}],
            "replacement": [{"set": "<s>", "latents": 1, "kl": 0.5, "low": 0.4, "high": 0.6, "closed": None, "random_latents": None, "random_directions": 0.7}],
            "shown": [{"latent": 0, "whose": "tuned only", "contexts": [token], "logits": [effects, effects]}],
        }
    )  # fmt: skip
    assert (
        "1 of 3 latents that fire is &lt;two&gt;’s own (new by the fine-tuning); 3 were claimed"
        in page
    )
    assert "✓ yes" in page and "✗ no" in page and "too rare" in page
    assert "In one: raises <code>&lt;u&gt;</code>" in page and "In &lt;two&gt;: raises" in page
    assert not {"<two>", "<b>t", "<i>t", "<u>"} & set(
        re.findall(r"<\w+>t?", page.split("<main>")[1].split("<script")[0])
    )


def test_kinds_of_tokens_are_parts_of_the_text(base, traces):
    tokens = paired_states(Pair(base, base), traces, SITE).before
    kinds = token_kinds(tokens, traces)
    steps = [here for kind, here in kinds.items() if kind not in NEEDED]
    assert (np.sum(steps, axis=0) == 1).all()
    chain = ~(kinds["question"] | kinds["answer"])
    assert (kinds["needed"] ^ kinds["not needed"])[chain].all()
    assert not (kinds["needed"] | kinds["not needed"])[~chain].any()
    assert kinds["question"].sum() == sum(trace.prompt_length - 1 for trace in traces)


class Reversed:
    """A tokenizer in which the ids mean other strings."""

    def __init__(self, tokenizer):
        self._tokenizer = tokenizer

    def __getattr__(self, name):
        return getattr(self._tokenizer, name)

    def decode(self, ids, **settings):
        return self._tokenizer.decode(ids, **settings)[::-1]


def test_states_of_any_precision_are_read_and_those_that_are_no_numbers_are_refused(
    crossed, changed, base, traces
):
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        few = changed.map(lambda side, dtype=dtype: side[:600].to(dtype))
        made = train_crosscoder(few, site=SITE, models=NAMES, settings=replace(BRIEF, samples=512))
        assert made.encode(few).dtype == torch.float32
    for value in (np.nan, np.inf):
        spoilt = changed.before.half()
        spoilt[3, 2] = value
        with pytest.raises(UserError, match="the states are not finite; load the model in float32"):
            train_crosscoder(Pair(changed.after, spoilt), site=SITE, models=NAMES, settings=BRIEF)
    read = paired_states(Pair(base, base), traces[:2], SITE)
    spoilt = read.map(lambda side: replace(side, states=side.states * np.inf))
    with pytest.raises(UserError, match="the states are not finite"):
        crossed.latents_of(spoilt)


def test_messages(base, traces, crossed, models, monkeypatch):
    narrow = Reasoner.load(models[0])
    with pytest.raises(
        UserError, match="base has width 128, one has width 32; a crosscoder compares a model"
    ):
        paired_states(Pair(base, narrow), traces, SITE)
    other = replace(base, tokenizer=Reversed(base.tokenizer), name="other")
    with pytest.raises(UserError, match="base and other have different tokenizers"):
        paired_states(Pair(base, other), traces, SITE)
    with pytest.raises(UserError, match="the model has layers 0 to 3, got 9"):
        crosscode(Pair(base, base), traces, at="resid_post.9")
    with pytest.raises(UserError, match="too few for width 2048"):
        crosscode(Pair(base, base), traces[:1], at=SITE)
    with pytest.raises(UserError, match="all states of a model are 0"):
        train_crosscoder(
            Pair(torch.ones(600, 4), torch.zeros(600, 4)), site=SITE, models=NAMES, settings=BRIEF
        )
    dead = Crosscoder(crossed.dictionary, Pair("base", "base"), crossed.scales)
    monkeypatch.setattr(
        "mechcot.sae.dictionary.Dictionary.encode", lambda _, x: torch.zeros(len(x), 48)
    )
    with pytest.raises(
        UserError, match="no latent of the crosscoder of base and base fires on any of"
    ):
        compare_latents(dead, Pair(base, base), traces[:2])
