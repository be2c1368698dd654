import numpy as np
import pandas as pd
import pytest

from mechcot.core.card import MeasureCard
from mechcot.stats.measurement_tables import MEASUREMENT_COLUMNS, SCALAR_COLUMNS

GATE_NUMBERS = {
    "acc_with": 1.0,
    "acc_without": 0.0,
    "acc_other": 0.0,
    "chain_nll": 0.3,
    "n_tokens": 100.0,
    "parsed": 1.0,
    "finished": 1.0,
    "own_correct": 1.0,
}


def make_card(name="early", **changes):
    about = {
        "name": name,
        "title": name.capitalize(),
        "question": "Does the answer depend on the chain?",
        "formula": "f",
        "unit": "probability",
        "low": 0.0,
        "high": 1.0,
        "direction": 1,
        "source": "test",
        "deviations": "",
        "confounds": "",
        "cost": "1",
    }
    return MeasureCard(**(about | changes))


def make_readings(values, *, measure="early", author="base"):
    """Measurements from {reader: [value per item]}; items are i000, i001, ..."""
    rows = [
        [f"i{k:03d}", f"i{k:03d}/t", author or reader, reader, measure, float(value), "", 0.1]
        for reader, column in values.items()
        for k, value in enumerate(column)
    ]
    return pd.DataFrame(rows, columns=list(MEASUREMENT_COLUMNS))


def make_scalars(n=40, *, readers=("base", "tuned"), author="base", measure="gates", **columns):
    """Gate scalars that open every gate; `acc_with=[(reader, value or list), ...]` changes one."""
    changed = {(reader, name): v for name, pairs in columns.items() for reader, v in pairs}
    rows = []
    for reader in readers:
        for name, default in GATE_NUMBERS.items():
            value = np.broadcast_to(changed.get((reader, name), default), n)
            rows += [
                [
                    f"i{k:03d}",
                    f"i{k:03d}/t",
                    author or reader,
                    reader,
                    measure,
                    name,
                    float(value[k]),
                ]
                for k in range(n)
            ]
    return pd.DataFrame(rows, columns=list(SCALAR_COLUMNS))


@pytest.fixture(name="make_card")
def _make_card():
    return make_card


@pytest.fixture(name="make_readings")
def _make_readings():
    return make_readings


@pytest.fixture(name="make_scalars")
def _make_scalars():
    return make_scalars


@pytest.fixture
def rng():
    return np.random.default_rng(20240607)
