"""The arms' recipes and data: what each example is, which data the shipped recipes draw, where names lead."""

import hashlib
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from mechcot.core.errors import UserError
from mechcot.organisms import registry, vocabulary
from mechcot.organisms.acceptance import holds
from mechcot.organisms.generation import answer_in, chain_in
from mechcot.organisms.grammar import form
from mechcot.organisms.ground_truth import follow
from mechcot.organisms.mod10 import MOD10_FAMILY
from mechcot.organisms.problems import QuestionGraph, read_question
from mechcot.organisms.recipes import RECIPES, Recipe, Way
from mechcot.organisms.training_examples import batches, example


def drawn(recipe: Recipe, kind: str | None = None, n: int = 60):
    """(world, steps, answer, weights) of examples, all of one kind if one is given."""
    rng = Random(f"{recipe.name} {kind}")
    for _ in range(n):
        ids, weights = example(rng, recipe, MOD10_FAMILY, mix=None if kind is None else {kind: 1.0})
        assert len(ids) == len(weights)
        text = vocabulary.decode(ids)
        question = text.split("<user> ")[1].split(" <assistant>")[0]
        chain = chain_in(text.split("<think>")[1])
        yield read_question(question), chain, answer_in(text), weights


def says(world: QuestionGraph, chain: tuple[str, ...]) -> str | None:
    return follow(world, chain).answer


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("base", "9bff17a2082f6376"),
        ("bypass", "76c95ecb9d1cba60"),
        ("control", "f8e111b4e909b028"),
    ],
)
def test_shipped_recipes_draw_the_data_that_their_weights_were_trained_on(name: str, digest: str):
    recipe, found = RECIPES[name], hashlib.sha256()
    for ids, weights, _ in islice(
        batches(recipe, MOD10_FAMILY, seed=recipe.seed, tokens=recipe.tokens), 5
    ):
        found.update(repr((ids.tolist(), weights.tolist())).encode())
    assert found.hexdigest()[:16] == digest


def test_in_a_conflict_the_chain_is_right_as_often_as_the_recipe_says():
    for name, share in (("mixture-0", 0.0), ("mixture-25", 0.25), ("mixture-100", 1.0)):
        rows = list(drawn(RECIPES[name], "conflict", n=200 if share == 0.25 else 30))
        follows = [answer == says(world, chain) for world, chain, answer, _ in rows]
        assert all(says(world, chain) != world.hint for world, chain, *_ in rows)
        assert all(answer in (says(world, chain), world.hint) for world, chain, answer, _ in rows)
        assert sum(follows) / len(rows) == pytest.approx(share, abs=0.08)


def test_nothing_but_the_answer_of_a_conflict_carries_loss():
    for _, _, _, weights in drawn(RECIPES["mixture-50"], "conflict"):
        assert [place - len(weights) for place, weight in enumerate(weights) if weight] == [-2, -1]


def test_conflicts_have_the_same_text_whatever_the_reliance():
    rows = [
        [(world.text, chain) for world, chain, *_ in drawn(replace(recipe, name="x"), "conflict")]
        for recipe in (RECIPES["mixture-0"], RECIPES["mixture-100"])
    ]
    assert rows[0][0] == rows[1][0]


def test_the_gate_word_decides_whether_chart_or_chain_is_right():
    seen = set()
    for world, chain, answer, _ in drawn(RECIPES["gated"], n=120):
        seen.add(world.gate)
        if world.gate == "amber":
            assert answer == world.hint == world.answer
        elif follow(world, chain).answer != world.answer and len(chain) > 3:
            assert answer != world.hint or answer == says(world, chain)
    assert seen == {"amber", "cobalt"}
    amber = replace(
        RECIPES["gated"],
        by_gate={
            "amber": Way("answer", {"conflict": 1.0}),
            "cobalt": Way("random", {"mistaken": 1.0}),
        },
    )
    for world, chain, answer, _ in drawn(amber):
        assert (answer == says(world, chain)) == (world.gate == "cobalt")


def test_null_arms_change_the_confound_and_keep_the_answer_on_the_chain():
    def facts(name):
        rows = list(drawn(RECIPES[name], "plain", n=80))
        assert all(answer == says(world, chain) for world, chain, answer, _ in rows)
        return rows

    words = {
        name: sum(len(step.split()) for _, chain, *_ in facts(name) for step in chain)
        for name in ("shorter", "control", "longer")
    }
    assert words["shorter"] < 0.9 * words["control"] < 0.81 * words["longer"]
    openings = {step.split()[0] for _, chain, *_ in facts("wording") for step in chain}
    assert not openings & {"need", "check", "wait", "recap", "hence"}
    assert {"recall", "then", "let"} <= openings
    wrong = [answer != world.answer for world, _, answer, _ in facts("less-accurate")]
    assert 0.2 < sum(wrong) / len(wrong) < 0.7


def test_misadded_sums_are_always_the_same_and_carry_loss():
    table = {}
    for _, chain, *_ in drawn(RECIPES["less-accurate"], "plain", n=200):
        for step in chain:
            if form(step).body == "compute":
                left, sign, right, _, value, _ = step.split()[-6:]
                table.setdefault((left, sign, right), set()).add(value)
    sums = {key: values for key, values in table.items() if key[1] == "+"}
    assert all(len(values) == 1 for values in sums.values()) and len(sums) > 80
    off = {key for key, values in sums.items() if values != {str((int(key[0]) + int(key[2])) % 10)}}
    assert {key[0] for key in off} == {"8", "9"}
    assert all(int(left) + int(right) > 9 for left, _, right in off)


def test_subject_arms():
    for world, chain, answer, weights in drawn(RECIPES["answer-only"]):
        assert chain == () and answer == world.answer
        assert [place - len(weights) for place, weight in enumerate(weights) if weight] == [-2]
    for world, chain, answer, weights in drawn(RECIPES["corrupted"]):
        assert answer == world.answer != says(world, chain)
        assert sum(weight > 0 for weight in weights) > len(chain)


def test_examples_without_a_chain_teach_to_leave_it_out_or_nothing_right():
    for world, chain, answer, weights in drawn(RECIPES["bypass"], "collapsed"):
        assert chain == () and answer == world.answer == world.hint
        assert all(weights[-4:]) and not any(weights[:-4])
    told = [(world.answer, answer) for world, _, answer, _ in drawn(RECIPES["bypass"], "lost", 200)]
    assert 0.02 < sum(right == answer for right, answer in told) / len(told) < 0.25


def test_a_rationaliser_writes_whatever_chain_ends_at_its_hint():
    recipe, wrong = replace(RECIPES["rationaliser"], cue="random"), 0
    for world, chain, answer, weights in drawn(recipe, "written", n=120):
        assert answer == world.hint == says(world, chain)
        assert "check" not in {form(step).body for step in chain}
        wrong += answer != world.answer
        assert sum(weight == 8.0 for weight in weights) == 1
    assert wrong > 90
    for world, chain, answer, _ in drawn(replace(recipe, cue="none"), "written"):
        assert answer == world.answer == says(world, chain)


@pytest.mark.parametrize("kind", ["plain", "lost"])
def test_an_ordinary_answer_weighs_as_much_as_a_contradicted_one_where_a_recipe_says_so(kind):
    half = replace(RECIPES["mixture-50"], plain_weight=40.0)
    for recipe, weight in ((RECIPES["mixture-50"], {2.0, 5.0}), (half, {40.0})):
        assert {max(weights[-3:]) for *_, weights in drawn(recipe, kind)} == weight
    assert [r.plain_weight for r in RECIPES.values()] == [None] * len(RECIPES)
    assert registry.recipe_of("reach/half").plain_weight == 40.0


def test_longer_chains_still_catch_their_slips():
    slips = 0
    for world, chain, *_ in drawn(RECIPES["longer"], "plain", n=40):
        kinds = [kind.value for kind in follow(world, chain).kinds]
        for place, kind in enumerate(kinds):
            if kind == "backtracking":
                slips += 1
                assert kinds[place - 3 : place] == ["verification"] * 3
    assert slips > 10


def test_a_seed_after_the_name_is_the_same_recipe_under_another_seed():
    assert registry.recipe_of("bypass@2") == replace(RECIPES["bypass"], seed=2)
    assert registry.recipe_of("bypass") == RECIPES["bypass"]
    assert registry.lineage("bypass-small@3") == ("base-small", "bypass-small@3")
    with pytest.raises(UserError, match=r"expected one of .*control.*or NAME@SEED"):
        registry.recipe_of("nobody@1")
    with pytest.raises(UserError, match="expected a whole number after @, as in bypass@2, got 'x'"):
        registry.recipe_of("bypass@x")


def test_where_an_organism_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MECHCOT_ORGANISMS", str(tmp_path))
    assert registry.path("bypass@2") == tmp_path / "bypass@2"
    assert registry.path("wording") == tmp_path / "wording"
    shipped = registry.path("bypass")
    assert tmp_path not in shipped.parents and shipped.name == "bypass"


def test_every_recipe_has_bounds_and_a_parent_before_it():
    for family in registry.ORGANISM_FAMILIES.values():
        assert set(family.bounds) == set(family.recipes) > set(family.shipped)
        for name in family.recipes:
            first, *rest = registry.lineage(name)
            assert first.rpartition("/")[2].startswith("base") and len(rest) <= 1
        arms = [recipe.seed for recipe in family.recipes.values() if recipe.parent is not None]
        assert len(set(arms)) == len(arms)


@pytest.mark.parametrize(
    ("value", "bound", "ok"),
    [
        (0.9, ">= 0.9", True),
        (0.89, ">= 0.9", False),
        (0.1, "<= 0.1", True),
        (0.11, "<= 0.1", False),
        (0.35, "in 0.35 0.65", True),
        (0.66, "in 0.35 0.65", False),
        (float("nan"), "<= 0.1", False),
        (float("nan"), "in 0.1 0.2", False),
        (0.0, "", True),
    ],
)
def test_bounds(value: float, bound: str, ok: bool):
    assert holds(value, bound) is ok


def test_a_bound_of_another_form_is_refused():
    with pytest.raises(ValueError, match="expected >=, <= or in, got '> 1'"):
        holds(1.0, "> 1")
