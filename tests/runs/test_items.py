"""Finished items: written once, found again, damaged ones named, the same bytes by any number of processes."""

from functools import partial

import pytest

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.runs.executor import Failed, executor_of
from mechcot.runs.items import Items


def square(offset: int, x: int) -> dict[str, int]:
    if x == 3:
        raise NotMeasurable("three is left out")
    return {"value": x * x + offset}


def fill(items: Items, tasks: dict[str, int], *, workers: int = 1) -> dict[str, Failed | None]:
    compute = partial(square, 1)
    return dict(
        items.fill(tasks, compute, executor=executor_of(workers), desc="numbers", unit="number")
    )


def test_an_item_is_computed_once(tmp_path):
    items = Items(tmp_path / "new" / "folder")
    assert items.get("a", lambda: {"x": 1}) == {"x": 1}
    assert items.get("a", lambda: pytest.fail("computed again")) == {"x": 1}
    assert "a" in items
    assert "b" not in items


def test_nothing_is_left_of_an_item_that_could_not_be_computed(tmp_path):
    items = Items(tmp_path)
    with pytest.raises(ZeroDivisionError):
        items.get("a", lambda: 1 / 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[1]", "null"])
def test_a_damaged_item_is_named_with_what_to_do(tmp_path, text):
    items = Items(tmp_path)
    items.path("a").write_text(text)
    with pytest.raises(
        UserError, match=r"a\.json: expected a finished item.*remove it and run again"
    ):
        items.get("a", dict)


def test_an_item_of_an_earlier_version_is_computed_again(tmp_path):
    Items(tmp_path).put("a", {"version": 1})
    items = Items(tmp_path, current=lambda item: item["version"] == 2)
    assert items.get("a", lambda: {"version": 2}) == {"version": 2}


@pytest.mark.parametrize("workers", [1, 3])
def test_what_is_missing_is_filled_in(tmp_path, workers):
    items = Items(tmp_path)
    items.put("two", {"value": "from before"})
    done = fill(items, {"one": 1, "two": 2, "three": 3, "four": 4}, workers=workers)
    assert done == {"one": None, "two": None, "three": Failed("three is left out"), "four": None}
    assert {path.stem for path in tmp_path.iterdir()} == {"one", "two", "four"}
    assert items.read("two") == {"value": "from before"}
    assert items.read("four") == {"value": 17}


def test_any_number_of_processes_writes_the_same_bytes(tmp_path):
    tasks = {f"k{x}": x for x in range(9)}
    written = []
    for workers in (1, 2):
        items = Items(tmp_path / str(workers))
        assert fill(items, tasks, workers=workers)["k3"] == Failed("three is left out")
        written.append({path.name: path.read_bytes() for path in items.folder.iterdir()})
    assert written[0] == written[1]
