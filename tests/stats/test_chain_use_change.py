"""What changed between two models on their own chains: words, identity, null, planted changes, symmetry."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mechcot.stats.chain_use_change import AXES, paired, use_change

WORDS = ("used", "followed, not needed", "not used")


def values(level: float, *, n: int = 64, noise: float = 0.02, seed: int = 0) -> dict:
    rng = np.random.default_rng(seed)
    return {
        name: {f"i{k}": float(level + noise * rng.standard_normal()) for k in range(n)}
        for name in AXES
    }


def test_a_model_against_itself_differs_by_exactly_nothing():
    same = values(0.9, n=24)
    change = use_change("used", "used", (same, same), same_model=True)
    assert (change.word, change.verdict) == ("used as before", "no change")
    assert {(one.mean, one.low, one.high) for one in change.differences.values()} == {
        (0.0, 0.0, 0.0)
    }


@pytest.mark.parametrize("word", [*WORDS, "unclear"])
def test_the_same_model_is_as_before_whatever_its_verdict(word):
    same = values(0.5, n=24, noise=0.4)
    assert use_change(word, word, (same, same), same_model=True).verdict == "no change"


@pytest.mark.parametrize("before", WORDS)
@pytest.mark.parametrize("after", WORDS)
def test_verdicts_that_differ_are_the_change(before, after):
    change = use_change(before, after, (values(0.5), values(0.5, seed=1)))
    if before == after:
        comma = "" if before == "used" else ","
        assert (change.word, change.verdict) == (f"{before}{comma} as before", "no change")
        return
    assert change.word == f"{before} → {after}"
    assert change.verdict == ("less" if WORDS.index(after) > WORDS.index(before) else "more")


def test_a_planted_loss_of_half_is_found_though_both_use_their_chain():
    change = use_change("used", "used", (values(0.95), values(0.5, seed=1)))
    assert (change.word, change.verdict) == ("used, but less", "less")
    assert all(one.high < -0.3 for one in change.differences.values())
    back = use_change("used", "used", (values(0.5, seed=1), values(0.95)))
    assert (back.word, back.verdict) == ("used, and more", "more")


def test_as_before_needs_the_test_of_equivalence():
    few = (values(0.9, n=24), values(0.9, n=24, seed=1))
    change = use_change("used", "used", few)
    assert (change.word, change.verdict) == ("used before and after", "inconclusive")
    assert 24 < change.decides <= 64
    wide = (values(0.6, noise=0.5), values(0.6, noise=0.5, seed=1))
    assert use_change("used", "used", wide).verdict != "no change"
    assert use_change("not used", "not used", few).word == "not used, as before"


def test_what_is_not_judged_or_unclear_says_so():
    pair = (values(0.9), values(0.0, seed=1))
    assert use_change("used", "not judged", pair).verdict == "not judged"
    assert use_change("not judged", "used", pair).word == "not judged"
    unclear = use_change("used", "unclear", pair)
    assert (unclear.word, unclear.verdict) == ("used → unclear, clearly less", "less")
    assert use_change("used", "unclear", (values(0.9), values(0.9))).verdict == "inconclusive"


@pytest.mark.parametrize(
    ("content", "alone", "way"),
    [
        ((-0.9, -0.9), 0.4, "less"),  # it comes to wait for a finished chain, whatever it says
        ((0.4, 0.4), -0.4, "more"),
        ((-0.5, 0.5), -0.5, "inconclusive"),
        ((0.0, 0.0), -0.5, "less"),
        ((0.0, 0.0), 0.0, "inconclusive"),
    ],
)
@pytest.mark.parametrize("after", ["used", "unclear"])
def test_the_content_says_which_way_and_the_loss_without_a_chain_where_it_is_silent(
    content, alone, way, after
):
    """The second model's values are the first one's, each axis moved by its own step."""
    before = values(0.5)
    steps = dict(zip(("followed", "swapped", "alone"), (*content, alone), strict=True))
    moved = {n: {i: v + steps[n] for i, v in before[n].items()} for n in AXES}
    verdict = use_change("used", after, (before, moved)).verdict
    unmoved = after == "used" and not any(steps.values())
    assert verdict == ("no change" if unmoved else way)


def test_items_are_paired_by_name_and_the_rest_is_left_out():
    before = {"followed": {"a": 0.2, "b": 0.4, "c": float("nan")}}
    after = {"followed": {"b": 0.1, "a": 0.5, "c": 0.3, "d": 1.0}}
    (followed, swapped, _) = paired((before, after)).values()
    assert (followed.n, followed.mean) == (2, pytest.approx(0.0))
    assert (swapped.n, swapped.verdict) == (0, "not judged")


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=2, max_size=30))
def test_swapping_the_models_turns_every_sign(pairs):
    sides = [
        {name: {str(k): pair[side] for k, pair in enumerate(pairs)} for name in AXES}
        for side in (0, 1)
    ]
    there, back = paired((sides[0], sides[1])), paired((sides[1], sides[0]))
    turned = {"less": "more", "more": "less"}
    for name in AXES:
        assert there[name].mean == -back[name].mean
        assert there[name].low == pytest.approx(-back[name].high, abs=1e-12)
        assert turned.get(there[name].verdict, there[name].verdict) == back[name].verdict


def test_false_changes_are_rare():
    """Two samples of one distribution, half of the items at 1: no change may be claimed in more than 5 % of cases."""
    rng = np.random.default_rng(0)
    wrong = 0
    for seed in range(60):
        draws = [
            {
                name: {str(k): float(v) for k, v in enumerate(rng.integers(0, 2, 40))}
                for name in AXES
            }
            for _ in range(2)
        ]
        wrong += use_change("used", "used", (draws[0], draws[1]), seed=seed).verdict in {
            "less",
            "more",
        }
    assert wrong <= 0.05 * 60 + 3 * (0.05 * 0.95 * 60) ** 0.5
