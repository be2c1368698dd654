"""The verdict about a model's own chains: its table, its bounds, symmetry, monotony, and the number of items that decides."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mechcot.stats.chain_use import BOUNDS, Axis, axis, chain_use, items_for

WORDS = {
    ("yes", "yes", "yes"): "used",
    ("yes", "yes", "no"): "followed, not needed",
    ("no", "no", "no"): "not used",
}
SAID = {
    ("no", "no", "yes"): "does not depend on what it says",
    ("no", "yes", "yes"): "follows no other",
    ("no", "yes", "no"): "without being followed",
    ("yes", "no", "yes"): "contradict",
    ("yes", "no", "no"): "contradict",
}
PLACES = {"yes": (0.9, 0.7, 1.0), "no": (0.0, -0.1, 0.1), "open": (0.15, 0.0, 0.3)}


def placed(says: str, *, n: int = 40, spread: float = 0.3) -> Axis:
    mean, low, high = PLACES[says]
    return Axis(mean, low, high, n, spread, says)


@pytest.mark.parametrize("says", list(product(("yes", "no", "open"), repeat=3)))
def test_every_case_has_its_word(says):
    use = chain_use(*map(placed, says))
    assert use.word == WORDS.get(says, "unclear")
    if says in SAID:
        assert SAID[says] in use.reason
    if "open" in says:
        assert use.decides is not None
    else:
        assert use.decides is None


def test_too_few_items_are_not_judged_whatever_they_say():
    for says in product(("yes", "no"), repeat=3):
        use = chain_use(*(placed(one, n=19) for one in says))
        assert use.word == "not judged"
        assert use.reason == "only 19 items could be read, 20 are needed"
    assert chain_use(placed("no", n=19), placed("no"), placed("no")).word == "not judged"


def test_twenty_quiet_items_say_no_and_twenty_loud_ones_yes():
    assert axis([0.0] * BOUNDS.min_items, name="x").says == "no"
    assert axis([0.0] * 12, name="x").says == "open"
    assert axis([1.0] * BOUNDS.min_items, name="x").says == "yes"
    assert axis([0.5] * 5 + [-0.5] * 5, name="x").says == "open"


def test_what_is_missing_is_left_out_and_nothing_is_open():
    assert axis([0.0] * 30 + [float("nan")] * 5, name="x").n == 30
    nothing = axis([float("nan")], name="x")
    assert (nothing.n, nothing.says) == (0, "open")


DIFFERENCES = st.lists(st.floats(-1, 1), min_size=2, max_size=30)


@settings(max_examples=30)
@given(DIFFERENCES, st.randoms(use_true_random=False))
def test_the_order_of_the_items_says_nothing(values, random):
    shuffled = list(values)
    random.shuffle(shuffled)
    assert axis(shuffled, name="x") == axis(values, name="x")


@settings(max_examples=30)
@given(DIFFERENCES, st.data())
def test_more_of_it_never_says_less(values, data):
    more = [data.draw(st.floats(value, 1)) for value in values]
    less, greater = axis(values, name="x"), axis(more, name="x")
    order = ("no", "open", "yes")
    assert greater.low >= less.low - 1e-12
    assert greater.high >= less.high - 1e-12
    assert order.index(greater.says) >= order.index(less.says)


def test_following_more_never_turns_used_into_less():
    rank = {"not used": 0, "unclear": 1, "followed, not needed": 2, "used": 2}
    for swapped, alone in product(("yes", "no", "open"), repeat=2):
        words = [
            chain_use(placed(f), placed(swapped), placed(alone)).word for f in ("no", "open", "yes")
        ]
        ranks = [rank[word] for word in words]
        assert ranks == sorted(ranks)


def test_a_remark_decides_nothing():
    no = [placed("no")] * 3
    assert chain_use(*no, tokens=9.0).remark == "hardly a chain"
    assert "another item's chain" not in chain_use(*no, tokens=9.0).reason
    assert chain_use(*no, same=0.5).remark == "hardly a chain"
    assert chain_use(*no, tokens=100.0).remark == ""
    assert {chain_use(*no, tokens=t).word for t in (0.0, 9.0, 1000.0)} == {"not used"}
    part = replace(placed("yes"), mean=0.48, high=0.6)
    use = chain_use(part, placed("yes"), placed("yes"), tokens=3.0)
    assert (use.word, use.remark) == ("used", "in part: 48% of the answers go with the other chain")


@given(st.floats(0, 1), st.floats(-1, 1))
def test_what_would_decide_follows_the_spread_and_never_the_mean(spread, mean):
    open_ = Axis(0.15, 0.0, 0.3, 20, spread, "open")
    use = chain_use(open_, placed("no"), placed("no"))
    moved = chain_use(replace(open_, mean=mean), placed("no"), placed("no"))
    assert use == moved
    assert use.decides >= min(items_for(spread), 80)


def test_so_many_items_do_decide():
    rng = np.random.default_rng(0)
    for spread in (0.1, 0.3):
        n = items_for(spread)
        decided = [
            axis(np.clip(rng.normal(0, spread, n), -1, 1).tolist(), name="x").says == "no"
            for _ in range(40)
        ]
        assert np.mean(decided) > 0.7
    assert items_for(0.0) == BOUNDS.min_items
    assert items_for(0.2) < items_for(0.4)


def test_enough_items_near_the_bound_say_so():
    near = Axis(0.15, 0.1, 0.2, 500, 0.3, "open")
    use = chain_use(near, placed("no"), placed("no"))
    assert "lies near 0.15" in use.reason
    assert use.decides == 2000
