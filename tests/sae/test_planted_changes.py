"""How claims about planted changes are found and counted, on states where the truth is written down."""

import json

import pytest
import torch
from typer.testing import CliRunner

from mechcot.cli.sae import app
from mechcot.core.pair import Pair
from mechcot.sae.latent_sides import Whose
from mechcot.sae.plants.change_finders import Claim, Finding, by_components, by_mean, findings
from mechcot.sae.plants.marked_steps import places, writer_chains
from mechcot.sae.plants.planted_changes import (
    _with_plants,
    change_scores,
    count_claims,
    markdown_scores,
)
from mechcot.sae.plants.training import SITE, Plant
from mechcot.sae.token_states import token_states
from tests.sae.conftest import CROSSED, OWN

HOW = ("by norm", "and scaling", "by difference")
TRUTH = {Whose.BASE: [OWN[0]], Whose.TUNED: [OWN[1]]}


def test_components_and_the_mean_are_given_to_the_model_that_has_them(states):
    u, v = (spec.direction(128) for spec in OWN)
    draw = torch.Generator().manual_seed(3)
    at = torch.rand(2, len(states), 1, generator=draw) < torch.tensor([0.2, 0.1])[:, None, None]
    both = Pair(states + 3 * at[0] * u, states + 3 * at[1] * v)
    counts = count_claims(by_components(both), TRUTH)
    for side in ("base only", "tuned only"):
        assert (counts[side]["met"], counts[side]["claims"], counts[side]["right"]) == (1, 1, 1)
    (claim,) = by_mean(both).claims
    mean = (both.after - both.before).mean(dim=0)
    assert abs(float(claim.direction @ mean)) == pytest.approx(float(mean.norm()), rel=1e-4)
    same = Pair(states, states)
    assert by_components(same).claims == by_mean(same).claims == ()


@pytest.fixture(scope="module")
def said(changed):
    return findings(changed, changed, CROSSED)


def test_every_method_is_asked_and_a_crosscoder_meets_both_changes(said):
    assert [*said] == [
        *(
            f"{name}, {how}"
            for name in ("crosscoder", "L1 crosscoder", "concatenation")
            for how in HOW
        ),
        *("PCA of differences", "mean difference"),
    ]
    changed = said["crosscoder, by difference"]
    for spec in OWN:
        assert max(claim.cosine(spec.direction(128)) for claim in changed.claims) > 0.95
    assert min(changed.explained) > 0.95
    for name in ("crosscoder", "L1 crosscoder", "concatenation"):
        wide, narrow = said[f"{name}, by norm"], said[f"{name}, and scaling"]
        assert len(narrow.claims) <= len(wide.claims)  # scaling only takes away


def test_a_plant_in_the_states_is_added_where_a_tuned_copy_has_it(base):
    traces = writer_chains(base, 3, seed=3)
    states = token_states(base, traces, SITE).states
    specs = [Plant(mark="restated", seed=4), Plant(mark="early", seed=5)]
    plain, one, two = _with_plants(states, traces, specs, size=2.0)
    assert plain is states
    for before, after, spec in ((plain, one, specs[0]), (one, two, specs[1])):
        at = torch.cat([places(trace, spec.mark)[1:] for trace in traces])
        assert torch.equal((after != before).any(dim=1), at)
        assert torch.allclose((after - before)[at], 2 * spec.direction(128), atol=1e-4)


def test_claims_of_the_wrong_model_or_direction_are_wrong():
    u, v = (spec.direction(8) for spec in OWN)
    claims = (
        Claim(Whose.TUNED, u),
        Claim(Whose.TUNED, -v),
        Claim(Whose.TUNED, v),
        Claim(Whose.BASE, -u, signed=False),
    )
    counts = count_claims(Finding(claims, shared=(Pair(u, v), Pair(u, u))), TRUTH | {Whose.SHARED: [*OWN]})  # fmt: skip
    assert counts["tuned only"]["claims"] == 3
    assert (counts["tuned only"]["met"], counts["tuned only"]["right"]) == (1, 1)
    assert (counts["base only"]["met"], counts["base only"]["right"]) == (1, 1)
    assert counts["kept"] == {"planted": 2, "met": 1}  # u alone lies along one latent in both


def test_scores_add_up_and_leave_out_seeds_whose_plants_do_not_stand():
    side = {"planted": 1, "met": 1, "claims": 2, "right": 1, "best": [0.95]}
    none = {"planted": 0, "met": 0, "claims": 0, "right": 0, "best": []}
    pair = {"live": 50, "l0": 4.0, "explained": [0.9, 0.8], "kept": {"planted": 1, "met": 0}}
    null = {"tuned only": none | {"claims": 1}, "base only": none}
    seed = {
        "seed": 1,
        "plants": [{"stands": True}],
        "pairs": {"added": {"m": pair | {"tuned only": side, "base only": none}}, "rotated": {"m": pair | null}},
    }  # fmt: skip
    result = change_scores([seed, seed, seed | {"seed": 7, "plants": [{"stands": False}]}])
    (row,) = result["methods"]
    assert (row["tuned only"]["recall"]["share"], row["tuned only"]["recall"]["of"]) == (1.0, 2)
    assert (row["tuned only"]["precision"]["share"], row["tuned only"]["precision"]["of"]) == (
        0.5,
        4,
    )
    assert row["base only"]["precision"]["of"] == 0
    assert (row["null"]["hits"], row["null"]["of"]) == (2, 100)
    assert (row["l0"], row["explained"]) == (4.0, 0.8)
    assert (row["kept"]["hits"], row["kept"]["of"], row["kept"]["low"]) == (0, 2, 0.0)
    assert row["kept"]["high"] == pytest.approx(1 - 0.025**0.5)  # Clopper-Pearson of none of two
    lines = markdown_scores(result)
    assert "| 0 of 2: 0.00 [0.00, 0.84] |" in lines[2]
    assert "| m | 2 of 2: 1.00" in lines[2] and "no claim" in lines[2]
    assert lines[-1] == "left out, a plant does not stand: seeds 7"


def test_a_seed_that_is_done_is_not_done_again(tmp_path, monkeypatch):
    asked = []
    pair = {"m": count_claims(Finding(()), {})}

    def changed_pairs(_base, seed, **_):
        if len(asked) == 1:
            asked.append("killed")
            raise RuntimeError("killed")
        asked.append(seed)
        return {
            "seed": seed,
            "plants": [{"stands": True}],
            "pairs": {"added": pair, "rotated": pair},
        }

    monkeypatch.setattr("mechcot.sae.plants.planted_changes.changed_pairs", changed_pairs)
    command = ["plant-changes", "--seeds", "2", "--out", str(tmp_path)]
    assert CliRunner().invoke(app, command).exit_code != 0
    assert CliRunner().invoke(app, command).exit_code == 0
    assert asked == [0, "killed", 1]
    assert json.loads((tmp_path / "change.json").read_text())["seeds"] == 2
