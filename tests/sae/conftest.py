"""A planted set of sparse states, a small dictionary of them, and the shipped base with a few of its chains."""

import pytest
import torch

from mechcot.core.pair import Pair
from mechcot.model.internals.sites import Site
from mechcot.model.reasoner import Reasoner
from mechcot.organisms.problems import problems
from mechcot.sae.plants.training import Plant
from mechcot.sae.training import TrainingSettings, train
from mechcot.tasks import with_kinds

SITE = Site("resid_post", 2)
OWN = (Plant(seed=1), Plant(seed=2))
"""What the first of two models has alone, and what the second."""
CROSSED = TrainingSettings(width=48, k=4, samples=60_000, batch=256, rate=3e-3, seed=1)
"""How a crosscoder of them is trained."""


def planted_states(*, tokens: int, atoms: torch.Tensor, active: int, seed: int) -> torch.Tensor:
    """Sums of a few atoms with amplitudes in [1, 2]."""
    draw = torch.Generator().manual_seed(seed)
    which = torch.rand(tokens, len(atoms), generator=draw).topk(active).indices
    size = 1 + torch.rand(tokens, active, generator=draw)
    return torch.zeros(tokens, len(atoms)).scatter(1, which, size) @ atoms


@pytest.fixture(scope="session")
def atoms():
    draw = torch.Generator().manual_seed(1)
    return torch.nn.functional.normalize(torch.randn(24, 128, generator=draw), dim=-1)


@pytest.fixture(scope="session")
def states(atoms):
    return planted_states(tokens=4096, atoms=atoms, active=3, seed=2)


@pytest.fixture(scope="session")
def changed(states):
    """Two models' states: the same sums of atoms, one more direction in each at other tokens (`OWN`), the second three times as large."""
    draw = torch.Generator().manual_seed(8)
    sizes = 2 + torch.rand(2, len(states), 1, generator=draw)
    at = torch.rand(2, len(states), 1, generator=draw) < 0.1
    own = [
        states + size * here * spec.direction(128)
        for size, here, spec in zip(sizes, at, OWN, strict=True)
    ]
    return Pair(own[0], 3 * own[1])


@pytest.fixture(scope="session")
def small(states):
    settings = TrainingSettings(width=48, k=3, samples=60_000, batch=256, rate=3e-3)
    return train(states, site=SITE, model="planted", settings=settings)


@pytest.fixture(scope="session")
def base():
    return Reasoner.load("organism:base")


@pytest.fixture(scope="session")
def traces(base):
    asked = problems(12, seed=31, hops=(2, 3), style="random")
    return [with_kinds(t) for t in base.write(asked, max_tokens=256)]
