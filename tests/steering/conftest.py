import pytest

from mechcot.model.reasoner import Reasoner
from mechcot.steering.style_contrasts import questions, style_pairs


@pytest.fixture(scope="session")
def base():
    return Reasoner.load("organism:base")


@pytest.fixture(scope="session")
def control():
    return Reasoner.load("organism:control")


@pytest.fixture(scope="session")
def pairs():
    return style_pairs(8, seed=1, hops=(2, 3))


@pytest.fixture(scope="session")
def asked():
    return questions(5, seed=3, hops=(2, 4))


@pytest.fixture(scope="session")
def chains(base, asked):
    return base.write(asked, max_tokens=220)
