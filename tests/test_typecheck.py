"""While the tests run, every call of the package is checked: names of axes, plain types, and the fields of a value."""

import numpy as np
import pytest
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import TypeCheckError

from mechcot.core.problem import Problem
from mechcot.core.store import file_digest
from mechcot.stats.proportions import _phi


def test_two_arrays_of_one_axis_have_one_length():
    assert np.isfinite(_phi(np.array([0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0])))
    with pytest.raises(TypeCheckError, match="item"):
        _phi(np.zeros(3), np.zeros(4))


def test_plain_types_and_fields_are_checked():
    with pytest.raises(BeartypeCallHintViolation):
        file_digest(3)
    with pytest.raises(BeartypeCallHintViolation):
        Problem(1, "q", "a")
