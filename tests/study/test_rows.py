"""What stands in the page's tables of accuracy and of nulls, and what is said about steps."""

import pandas as pd
import pytest

from mechcot.study.findings import Tables
from mechcot.study.plan import Study
from mechcot.study.rows import accuracy_rows, null_rows


@pytest.mark.parametrize(
    ("own", "null", "ok", "words"),
    [
        (0.6, 0.01, True, "under half of the measure's own value, 0.60"),
        (0.6, 0.4, False, "under half of the measure's own value, 0.60"),
        (0.6, -0.4, False, "under half of the measure's own value, 0.60"),
        (0.002, 0.01, None, "no effect to compare it with: the measure's own value is 2e−3"),
    ],
)
def test_random_positions_are_held_against_the_measures_own_value(tmp_path, own, null, ok, words):
    table = pd.DataFrame(
        [{"measure": "suppression", "name": "null_random", "reader": "one", "mean": null, "largest": 1.0, "n": 20, "own": own}]
    )  # fmt: skip
    study = Study(models=("organism:base", "organism:bypass"), out=tmp_path, problems="x")
    (row,) = null_rows(study, table, [], reference="one")
    assert (row.ok, row.expected, row.value) == (ok, words, null)


def test_an_accuracy_of_one_hundred_percent_has_an_interval():
    cell = {"name": "acc_with", "author": "one", "reader": "one", "value": 1.0}
    scalars = pd.DataFrame([cell | {"item": str(i)} for i in range(64)])
    (row,) = accuracy_rows(["one"], Tables(pd.DataFrame(), scalars, {}), author="one", seed=0)
    assert (row.value, row.high, row.n) == (1.0, 1.0, 64)
    assert 0.94 < row.low < 0.95
