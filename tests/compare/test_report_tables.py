"""What stands in the page's tables of accuracy and of nulls, and what is said about steps."""

import pandas as pd
import pytest

from mechcot.compare.report_tables import accuracy_frame, null_frame
from mechcot.compare.settings import Study
from mechcot.compare.tables import Tables, nulls


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
    (row,) = null_frame(study, table, [], reference="one").to_dict("records")
    assert (row["ok"], row["expected"], row["mean"]) == (ok, words, null)


def scalar(name, item, value, *, trace="", author="one", reader="one", measure="gates"):
    about = {"measure": measure, "name": name, "item": item, "trace": f"{item}/{author}{trace}"}
    return about | {"author": author, "reader": reader, "value": value}


def test_an_accuracy_of_one_hundred_percent_has_an_interval():
    scalars = pd.DataFrame([scalar("acc_with", str(i), 1.0) for i in range(64)])
    (row,) = accuracy_frame(
        ["one"], Tables(pd.DataFrame(), scalars, {}), author="one", seed=0
    ).to_dict("records")
    assert (row["mean"], row["high"], row["n"]) == (1.0, 1.0, 64)
    assert 0.94 < row["low"] < 0.95


def test_several_chains_of_an_item_count_as_one():
    rows = [scalar("acc_with", "a", 0.0, trace=f"/{i}") for i in range(9)]
    scalars = pd.DataFrame([*rows, scalar("acc_with", "b", 1.0)])
    (row,) = accuracy_frame(
        ["one"], Tables(pd.DataFrame(), scalars, {}), author="one", seed=0
    ).to_dict("records")
    assert (row["mean"], row["n"]) == (0.5, 2)


def test_the_own_value_beside_a_null_is_a_mean_over_items_on_the_same_chains():
    about = {"measure": "suppression", "reader": "one", "reason": ""}
    measurements = [
        about | {"item": "a", "trace": f"a/{i}", "author": "one", "value": 0.0} for i in range(9)
    ]
    measurements += [about | {"item": "b", "trace": "b", "author": "one", "value": 1.0}]
    measurements += [about | {"item": "c", "trace": "c", "author": "two", "value": 9.0}]
    kept = {"measure": "suppression", "reader": "one"}
    scalars = [scalar("null_random", "a", 0.1, trace=f"/{i}", **kept) for i in range(9)]
    scalars += [
        scalar("null_random", "b", 0.3, **kept),
        scalar("null_random", "c", -5.0, author="two", **kept),
    ]
    tables = Tables(pd.DataFrame(measurements), pd.DataFrame(scalars), {})
    for author in ("one", None):
        (row,) = nulls(tables, author=author).to_dict("records")
        assert (row["own"], row["n"], row["largest"]) == (0.5, 2, 0.3)
        assert row["mean"] == pytest.approx(0.2)
