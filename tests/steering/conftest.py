import pytest

from mechcot.model.reasoner import Reasoner
from mechcot.tasks import MOD10, contrast_pairs


@pytest.fixture(scope="session")
def base():
    return Reasoner.load("organism:base")


@pytest.fixture(scope="session")
def control():
    return Reasoner.load("organism:control")


@pytest.fixture(scope="session")
def pairs():
    return contrast_pairs("mod10", 8, seed=1, depth=(2, 3))


@pytest.fixture(scope="session")
def asked():
    return MOD10.unhinted(5, seed=3, depth=(2, 4))


@pytest.fixture(scope="session")
def chains(base, asked):
    return base.write(asked, max_tokens=220)
