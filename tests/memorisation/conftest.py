"""The shipped base, loaded once."""

import pytest

from mechcot.model.reasoner import Reasoner


@pytest.fixture(scope="package")
def base() -> Reasoner:
    return Reasoner.load("organism:base")
