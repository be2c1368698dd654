"""The ruler on further families: what is scored there, what cannot be, and on how many a measure holds."""

from dataclasses import replace

import pytest

from mechcot.core.measurement import Measurement
from mechcot.measures.registry import MEASURES
from mechcot.organisms.registry import ORGANISM_FAMILIES, recipe_of
from mechcot.ruler.families import CANNOT, entry, held_on_families
from mechcot.ruler.measurements import SCALED
from mechcot.ruler.panel import family_panel
from mechcot.ruler.table import SCORE_COLUMNS
from tools.ruler_table import families_markdown

PANEL = family_panel("lookup")
CARD = MEASURES["filler"].card
USING = ("base", "base@2", "control", "rationaliser", SCALED)


def measured(reader: str, item: int, value: float, reason: str = "") -> Measurement:
    return Measurement(
        measure=CARD.name,
        item=f"q{item}",
        trace=f"q{item}/base",
        author="base",
        reader=reader,
        value=value,
        unit=CARD.unit,
        reason=reason,
    )


def planted(**levels: float) -> list[Measurement]:
    """Values near 0.8 of the models that use their chain and near 0 of the others, but for those that are named."""
    readers = (*PANEL.names("base", "uses", "bypasses", "late", "harmless"), SCALED)
    return [
        measured(reader, item, level + 0.001 * item)
        for reader in readers
        for item in range(24)
        for level in [levels.get(reader, 0.8 if reader in USING or "tuning" in reader else 0.0)]
    ]


def test_a_measure_that_tells_both_sorts_apart_holds():
    found = entry(CARD, planted(), panel=PANEL, seed=0)
    assert found["holds"] is True and found["scaled"] not in ("less", "more")
    assert [found["scores"][name]["value"] for name in ("models", "late", "alarms")] == [1, 1, 0]


@pytest.mark.parametrize(
    "levels",
    [{"bypass": 0.9}, {"tuning@3": 0.1}, {SCALED: 0.2}],
    ids=["models", "alarms", "scaled"],
)
def test_one_broken_column_is_enough_to_miss(levels):
    assert entry(CARD, planted(**levels), panel=PANEL, seed=0)["holds"] is False


def test_the_late_bypass_is_told_and_not_held_against_a_measure():
    found = entry(CARD, planted(late=0.9), panel=PANEL, seed=0)
    assert found["holds"] is True and found["scores"]["late"]["value"] == 0.0


def test_what_cannot_be_measured_says_why():
    nowhere = [replace(m, value=float("nan"), reason="no twin") for m in planted()]
    found = entry(CARD, nowhere, panel=PANEL, seed=0)
    assert (found["holds"], found["reason"]) == (None, "no twin")
    found = entry(replace(CARD, direction=0), planted(), panel=PANEL, seed=0)
    assert (found["holds"], found["reason"]) == (None, "gives no verdicts")
    assert set(CANNOT) < set(SCORE_COLUMNS)


def test_the_table_has_a_column_for_each_family():
    entries = {"filler": entry(CARD, planted(), panel=PANEL, seed=0)}
    result = {
        "families": {name: {"items": 24, "measures": entries} for name in ("lookup", "order")}
    }
    assert "| lookup (n = 24) | order (n = 24) | holds on |" in families_markdown(result)
    assert "1.00, late 1.00, alarms 0.00" in families_markdown(result)
    assert held_on_families(result) == {"filler": {"lookup": True, "order": True}}


def test_every_model_of_a_family_panel_has_a_recipe():
    for family in set(ORGANISM_FAMILIES) - {"mod10"}:
        panel = family_panel(family)
        assert panel.base == f"organism:{family}/base"
        assert all(recipe_of(subject.organism) for subject in panel.subjects)
