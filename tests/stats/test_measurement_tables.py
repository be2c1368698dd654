import json

import numpy as np
import pandas as pd
import pytest

from mechcot.core.measurement import Measurement
from mechcot.stats.bootstrap import cluster_numbers
from mechcot.stats.measurement_tables import (
    item_means,
    json_rows,
    measurements_table,
    need_columns,
    pair_values,
    scalars_table,
)

NAN = float("nan")


def pair(table, **changes):
    return pair_values(table, **({"before": "base", "after": "tuned", "author": "base"} | changes))


def test_pairs_align_by_item_whatever_the_order_of_rows(make_readings):
    table = make_readings({"base": [0.1, 0.2, 0.3], "tuned": [0.4, 0.5, 0.6]})
    pairs = pair(table.sample(frac=1, random_state=1))
    assert pairs.items == ("i000", "i001", "i002")
    np.testing.assert_array_equal(pairs.before, [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(pairs.after, [0.4, 0.5, 0.6])
    np.testing.assert_allclose(pairs.differences, 0.3)


def test_items_without_both_values_are_dropped_as_pairs_and_counted_with_reasons(make_readings):
    table = make_readings(
        {"base": [0.1, NAN, 0.3, np.inf, NAN], "tuned": [0.4, 0.5, NAN, 0.2, NAN]}
    )
    table.loc[(table["reader"] == "base") & (table["item"] == "i001"), "reason"] = "answer not read"
    table.loc[(table["item"] == "i004"), "reason"] = "answer not read"
    pairs = pair(table)
    assert pairs.items == ("i000",)
    assert (pairs.dropped, pairs.only_before, pairs.only_after) == (4, 1, 2)
    assert pairs.reasons == "answer not read (2); value not finite (2)"


def test_an_item_that_one_reader_never_read_is_dropped(make_readings):
    table = make_readings({"base": [0.1, 0.2], "tuned": [0.3]})
    pairs = pair(table)
    assert pairs.dropped == pairs.only_before == 1
    assert pairs.reasons == "no measurement on one side (1)"


def test_several_traces_are_paired_by_trace_and_averaged_inside_the_item(make_readings):
    table = pd.concat(
        [
            make_readings({"base": [0.0], "tuned": [1.0]}),
            make_readings({"base": [0.5], "tuned": [0.7]}).assign(trace="second"),
            make_readings({"base": [0.9], "tuned": [NAN]}).assign(trace="third"),
        ]
    )
    pairs = pair(table)
    assert pairs.before.tolist() == [0.25]
    assert pairs.after.tolist() == [0.85]
    assert pairs.dropped == 0


def test_own_chains_are_paired_by_item(make_readings):
    table = pd.concat(
        [
            make_readings({"base": [0.2, 0.4]}, author="base"),
            make_readings({"tuned": [0.3, 0.6]}, author="tuned").assign(trace="elsewhere"),
            make_readings({"base": [9.0, 9.0]}, author="tuned"),
        ]
    )
    table["trace"] = table["author"] + "/" + table["item"]
    pairs = pair(table, author=None)
    assert pairs.before.tolist() == [0.2, 0.4]
    assert pairs.after.tolist() == [0.3, 0.6]


def test_only_asked_items_are_looked_at(make_readings):
    table = make_readings({"base": [0.1, NAN], "tuned": [0.4, 0.5]})
    pairs = pair(table, items={"i000"})
    assert pairs.items == ("i000",)
    assert pairs.dropped == 0
    assert pair(table, items=()).items == ()


def test_an_empty_table_gives_no_pairs(make_readings):
    pairs = pair(make_readings({}))
    assert pairs.items == ()
    assert pairs.dropped == 0
    assert pairs.differences.shape == (0,)


def test_a_key_with_two_values_is_an_error(make_readings):
    table = make_readings({"base": [0.1], "tuned": [0.2]})
    with pytest.raises(ValueError, match=r"two values for item i000.*reader base"):
        pair(pd.concat([table, table]))


def test_readings_become_tables_in_a_stable_order():
    measurements = [
        Measurement("early", "t", item, "base", "base", value, scalars={"b": 1.0, "a": NAN})
        for item, value in (("y", 0.2), ("x", NAN))
    ]
    table, scalars = measurements_table(measurements), scalars_table(measurements)
    assert table["item"].tolist() == ["x", "y"]
    assert scalars[["item", "name"]].to_numpy().tolist() == [
        ["x", "a"],
        ["x", "b"],
        ["y", "a"],
        ["y", "b"],
    ]
    pd.testing.assert_frame_equal(table, measurements_table(measurements[::-1]))
    assert measurements_table([]).empty
    assert scalars_table([]).empty


def test_item_means_skip_nan(make_scalars):
    scalars = make_scalars(4, acc_with=[("tuned", [1.0, 0.0, NAN, 1.0])])
    rows = scalars[scalars["name"] == "acc_with"]
    assert item_means(rows, reader="tuned", author="base").to_dict() == {
        "i000": 1.0,
        "i001": 0.0,
        "i003": 1.0,
    }


def test_records_are_json():
    table = pd.DataFrame(
        {
            "a": [np.int64(3)],
            "b": [NAN],
            "c": [np.bool_(True)],
            "d": ["x"],
            "e": [None],
            "f": [np.inf],
        }
    )
    assert json.dumps(json_rows(table), allow_nan=False) == (
        '[{"a": 3, "b": null, "c": true, "d": "x", "e": null, "f": null}]'
    )


def test_missing_columns_are_named():
    with pytest.raises(
        ValueError, match="the readings table needs the columns item, value; missing: value"
    ):
        need_columns(pd.DataFrame({"item": []}), ["item", "value"], what="readings")


def test_cluster_numbers_follow_names_and_every_item_needs_one():
    assert cluster_numbers(["a", "b", "c"], None) is None
    assert cluster_numbers(["a", "b", "c"], {"a": "z", "b": "k", "c": "z"}).tolist() == [1, 0, 1]
    with pytest.raises(ValueError, match="1 have none, the first is 'b'"):
        cluster_numbers(["a", "b"], {"a": "z"})
