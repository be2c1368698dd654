"""The correction for distance and length: oracle, identities, and a planted effect."""

import numpy as np
import pytest

from mechcot.core.trace import Span
from mechcot.influence.expected_mass import NOWHERE, ExpectedAttention, buckets, corrected, wider

GROUPS = [Span(0, 4), Span(4, 6), Span(6, 11), Span(11, 12), Span(15, 16)]


def mass(seed: int) -> tuple[np.ndarray, np.ndarray]:
    code = buckets(GROUPS)[:-1]
    return np.random.default_rng(seed).random((2, 3, 4, 5)), code


def total(*items: tuple[np.ndarray, np.ndarray]) -> ExpectedAttention:
    every = ExpectedAttention({}, {})
    for values, code in items:
        every = every.plus(ExpectedAttention.of(values, code))
    return every


def test_pairs_are_defined_only_from_earlier_to_later_groups():
    code = buckets(GROUPS)[:-1]
    assert ((code == NOWHERE) == (np.arange(4)[:, None] >= np.arange(5)[None, :])).all()
    assert len({int(c) for c in code[:, -1]} & {int(c) for c in code[:, :-1].ravel()}) == 0


def test_an_empty_step_has_no_bucket():
    code = buckets([Span(0, 2), Span(2, 2), Span(2, 5)])
    assert (code[1] == NOWHERE).all()
    assert (code[:, 1] == NOWHERE).all()
    assert code[0, 2] != NOWHERE


def test_items_alike_are_corrected_to_one():
    values, code = mass(0)
    others = total((values, code))
    for bucket in np.unique(code[code != NOWHERE]):
        if (code == bucket).sum() == 1:
            np.testing.assert_allclose(
                corrected(values, code, others=others)[:, :, code == bucket], 1.0
            )


def test_the_expectation_is_the_mean_over_other_items():
    items = [mass(seed) for seed in range(4)]
    every = total(*items)
    got = corrected(*items[0], others=every.plus(ExpectedAttention.of(*items[0]), sign=-1))
    code = items[0][1]
    for j, i in zip(*np.where(code != NOWHERE), strict=True):
        same = code == code[j, i]
        expected = np.mean([values[:, :, same] for values, _ in items[1:]], axis=(0, 3))
        np.testing.assert_allclose(got[:, :, j, i], items[0][0][:, :, j, i] / expected)


def test_a_planted_pair_stands_out_by_its_factor():
    values, code = mass(0)
    planted = values.copy()
    planted[:, :, 1, 3] *= 5
    others = total((values, code))
    ratio = corrected(planted, code, others=others) / corrected(values, code, others=others)
    np.testing.assert_allclose(ratio[:, :, 1, 3], 5.0)
    ratio[:, :, 1, 3] = 1.0
    np.testing.assert_allclose(ratio[np.isfinite(ratio)], 1.0)


def test_without_other_items_the_own_pairs_serve():
    values, code = mass(1)
    np.testing.assert_allclose(
        np.nanmean(
            corrected(values, code, others=ExpectedAttention({}, {}))[:, :, code == code[3, 4]]
        ),
        1.0,
    )


def test_a_bucket_of_no_item_falls_back_to_its_distance():
    values, code = mass(2)
    null = ExpectedAttention.of(values, code)
    strange = int(code[0, 1]) + 9
    assert strange not in null.counts
    level = wider(strange)[1]
    got = null.expected(strange, own=ExpectedAttention({}, {}))
    np.testing.assert_allclose(got, null.sums[level] / null.counts[level])
    with pytest.raises(ValueError, match="in no item"):
        ExpectedAttention({}, {}).expected(strange, own=ExpectedAttention({}, {}))
