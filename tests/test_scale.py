"""The page about cost at scale is what the counting code says."""

import pytest

from mechcot.measures.registry import MEASURES
from tools import scale


def test_the_page_is_not_stale():
    text = scale.PAGE.read_text(encoding="utf-8")
    assert scale.filled(text) == text, "python -m tools.scale"


@pytest.mark.parametrize("name", MEASURES)
def test_operations_are_forwards_times_those_of_one(name):
    model = scale.Model("tiny", "", parameters=1e6, layers=2, heads=2, kv_heads=1, width=8)
    one = 2 * 1e6 * 1_000 + 4 * 2 * 16 * 1_000**2
    law = MEASURES[name].card.forwards
    forwards = law.fixed + 32 * law.step + 2 * law.layer + 64 * law.layer_step
    assert scale.operations(name, model, 1_000) == pytest.approx(forwards * one)
    assert model.cache(10) == 2 * 2 * 8 * 10 * 2
