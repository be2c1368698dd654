"""While the tests run, the axes of arrays are checked at every call of the package: of arguments, results and fields."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from beartype import beartype
from jaxtyping import Float, Int, TypeCheckError
from jaxtyping._storage import get_shape_memo, pop_shape_memo, push_shape_memo

from mechcot.stats.proportions import _phi
from tests import typecheck
from tests.typecheck import checked

LINE = Float[np.ndarray, " item"]


def moved(values: LINE, by: int, then: Callable[[LINE], LINE]) -> LINE:
    return then(values + by)


def each(values: LINE, others: LINE) -> Iterator[tuple[float, float]]:
    yield from zip(values, others, strict=True)


@dataclass
class Two:
    name: str
    one: LINE
    other: LINE


def test_two_arrays_of_one_axis_have_one_length():
    assert np.isfinite(_phi(np.array([0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0])))
    with pytest.raises(TypeCheckError, match="item=3"):
        _phi(np.zeros(3), np.zeros(4))


def test_a_result_has_the_axes_of_the_arguments():
    check = checked(typechecker=beartype)(moved)
    assert check(np.zeros(3), 1, lambda v: v).tolist() == [1, 1, 1]
    with pytest.raises(TypeCheckError, match="item=3"):
        check(np.zeros(3), 1, lambda v: v[1:])


def test_a_call_within_a_call_has_its_own_lengths():
    check = checked(typechecker=beartype)(moved)
    shorter = lambda v: check(v[1:], 1, lambda w: w).repeat(2)[:3]  # noqa: E731
    assert check(np.zeros(3), 1, shorter).tolist() == [2, 2, 2]


def test_what_yields_is_checked_when_it_is_called():
    check = checked(typechecker=beartype)(each)
    assert list(check(np.zeros(2), np.ones(2))) == [(0, 1), (0, 1)]
    with pytest.raises(TypeCheckError, match="item=2"):
        check(np.zeros(2), np.ones(3))


def test_the_fields_of_a_value_are_checked():
    made = checked(typechecker=beartype)(Two)
    assert made("a", np.zeros(2), np.ones(2)).other.sum() == 2
    with pytest.raises(TypeCheckError, match="item=2"):
        made("a", np.zeros(2), np.ones(3))


@pytest.mark.parametrize("axes", ["a b", "a a", "*a b", "#a b", "2 b", "_ b", "... b"])
@pytest.mark.parametrize("kind", [Float, Int])
def test_the_short_way_says_what_jaxtyping_says(axes, kind):
    hint = kind[np.ndarray, axes]
    shapes = [(2, 3), (3, 3), (3,), (2, 3), (2, 4), (1, 3), (2, 2, 3), ()]
    values = [np.zeros(shape, dtype) for shape in shapes for dtype in (float, int)]
    for first, second in product([*values, 2.0], repeat=2):
        said = []
        for way in (isinstance, lambda value, hint: typecheck._slowly(hint, value)):
            push_shape_memo({})
            try:
                said.append([way(first, hint), way(second, hint), get_shape_memo()[:2]])
            finally:
                pop_shape_memo()
        assert said[0] == said[1], (first, second)
