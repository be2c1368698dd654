import math

from mechcot.stats.length_matching import match_lengths


def own(make_scalars, first, second):
    import pandas as pd

    n = len(first)
    parts = [
        make_scalars(n, readers=("base",), author=None, n_tokens=[("base", first)]),
        make_scalars(n, readers=("tuned",), author=None, n_tokens=[("tuned", second)]),
    ]
    return pd.concat(parts, ignore_index=True)


def test_items_of_agreeing_length_are_kept(make_scalars):
    scalars = own(make_scalars, [100, 100, 100, 80], [80, 74, 125, 100])
    found = match_lengths(scalars, before="base", after="tuned", tolerance=0.2, needed=3)
    assert found.items == ("i000", "i002", "i003")
    assert found.ok
    assert found.reason == (
        "3 of 4 items have own chains whose lengths agree within 20% (mean 95 tokens before, 95 after)"
    )


def test_matching_does_not_depend_on_which_side_is_first(make_scalars):
    scalars = own(make_scalars, [100, 60, 99], [70, 100, 110])
    one = match_lengths(scalars, before="base", after="tuned")
    other = match_lengths(scalars, before="tuned", after="base")
    assert one.items == other.items


def test_lengths_that_cannot_be_matched_say_so(make_scalars):
    found = match_lengths(own(make_scalars, [100] * 30, [20] * 30), before="base", after="tuned")
    assert not found.ok
    assert found.items == ()
    assert found.reason.endswith(
        "(mean 100 tokens before, 20 after); 20 are needed, so lengths cannot be matched"
    )


def test_no_own_chains_at_all(make_scalars):
    found = match_lengths(make_scalars(30), before="base", after="tuned")
    assert not found.ok
    assert math.isnan(found.after)
    assert found.reason.startswith("no item has a chain of its own on both sides")
