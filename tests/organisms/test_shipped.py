"""The shipped weights hold what they must hold, measured on held-out questions (`organism check` has 256)."""

import pytest

from mechcot.organisms.check import check_organism
from mechcot.organisms.registry import path

NAMES = ("base", "bypass", "control")
QUESTIONS = 48


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_line_holds(name):
    assert [line for line in check_organism(name, n=QUESTIONS) if not line.ok] == []


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_small_and_safe(name):
    files = list(path(name).iterdir())
    assert sum(file.stat().st_size for file in files) < 4_000_000
    assert not [file for file in files if file.suffix in {".bin", ".pt", ".pth", ".pkl"}]
