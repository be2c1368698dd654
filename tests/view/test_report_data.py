from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mechcot.view.pages.report_data import GateRow, contrast_rows, gate_rows
from tests.view import view_fixtures

NUMBERS = ("before", "after", "delta", "low", "high", "p", "p_holm", "p_equivalence", "effect_size")


def frame(**changes):
    record = {
        "measure": "filler",
        "n": np.int64(38),
        "dropped": np.int64(2),
        "verdict": "less",
        "reason": None,
        "status": None,
    }
    record |= {name: np.float64(0.25) for name in NUMBERS} | changes
    return pd.DataFrame([record])


@pytest.mark.parametrize("as_index", [str, lambda table: table.set_index("measure")])
def test_contrast_rows_take_title_unit_and_band_from_the_card(as_index):
    table = frame() if as_index is str else as_index(frame())
    (row,) = contrast_rows(table, view_fixtures.CARDS)
    assert (row.title, row.unit, row.smallest_effect, row.status) == (
        "Filler",
        "probability",
        0.1,
        "provisional",
    )
    assert (row.n, row.dropped, row.reason) == (38, 2, "")
    assert all(getattr(row, name) == 0.25 for name in NUMBERS)


def test_an_unknown_verdict_is_refused():
    with pytest.raises(ValueError, match=r"expected a verdict among .* got 'maybe'"):
        contrast_rows(frame(verdict="maybe"), view_fixtures.CARDS)


def test_gate_rows():
    gate = SimpleNamespace(
        name="one_sided_drop",
        side="base",
        measure="",
        value=np.float64(1.0),
        bound=0.95,
        ok=np.True_,
        reason="fine",
    )
    (row,) = gate_rows([gate], view_fixtures.CARDS)
    assert row == GateRow("one sided drop", "base", 1.0, 0.95, ok=True, reason="fine")
    name, card = next(iter(view_fixtures.CARDS.items()))
    gate.measure = name
    assert gate_rows([gate], view_fixtures.CARDS)[0].side == f"{card.title}, base"


def test_a_comparison_must_name_models_of_the_report(data):
    stray = replace(data.comparisons[0], after="nobody")
    with pytest.raises(ValueError, match=r"expected a model among .* got 'nobody'"):
        replace(data, comparisons=(stray,))
