"""Arrays that stay on disk are those that were measured; their table is written in parts and is the whole one."""

import numpy as np
import pandas as pd
import pytest

from mechcot.compare import arrays_on_disk
from mechcot.compare.arrays_on_disk import on_disk, write_values
from mechcot.compare.measurements import measurements_of
from mechcot.core.measurement import Measurement
from mechcot.core.step_arrays import Curve, StepMatrix, StepVector, tidy


def measurement(number: int) -> Measurement:
    about = {"measure": "m", "unit": "u", "trace": f"t{number}", "reader": "r", "tokens": "x"}
    steps = number + 1
    kinds = {"a": StepVector, "b": StepMatrix, "c": Curve}
    results = {
        name: kind(values=np.arange(steps ** len(kind.axes)).reshape([steps] * len(kind.axes)) + number, name=name, **about)
        for name, kind in list(kinds.items())[: number % 4]
    }  # fmt: skip
    return Measurement("m", f"t{number}", f"i{number}", "author", "r", 0.5, results=results)


@pytest.fixture
def stored(tmp_path):
    items = measurements_of(tmp_path, "r", "m")
    whole = [measurement(number) for number in range(8)]
    for number, one in enumerate(whole):
        items.put(str(number), one)
    return whole, [on_disk(items, str(number)) for number in range(8)]


def test_arrays_are_read_when_they_are_asked_for(stored, monkeypatch):
    whole, kept = stored
    for one, other in zip(whole, kept, strict=True):
        assert (list(one.results), one.value) == (list(other.results), other.value)
        for name, result in one.results.items():
            assert repr(other[name]) == repr(result)
            np.testing.assert_array_equal(other.results[name].values, result.values)
        assert [repr(r) for r in other.results.values()] == [repr(r) for r in one.results.values()]
        assert other.results.get("none") is None
    monkeypatch.setattr(type(kept[0].results), "__getitem__", lambda *_: pytest.fail("read"))
    assert [name in one.results for one in kept for name in "abc"].count(True) == 12


@pytest.mark.parametrize("at_once", [1, 20, 10**6])
def test_the_table_is_that_of_all_arrays_at_once(stored, tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(arrays_on_disk, "_AT_ONCE", at_once)
    whole, kept = stored
    results = [result for one in whole for result in one.results.values()]
    expected = tidy(results, author=["author"] * len(results))
    for measurements in (whole, kept):
        write_values(tmp_path / "values.parquet", measurements)
        table = pd.read_parquet(tmp_path / "values.parquet")
        pd.testing.assert_frame_equal(table[expected.columns], expected, check_dtype=False)
        assert set(table) == set(expected)
    write_values(tmp_path / "none.parquet", [measurement(0)])
    assert pd.read_parquet(tmp_path / "none.parquet").empty
