"""Shards: items of many processes in a handful of files; a torn end is dropped, a changed one is made anew, files of earlier versions still serve."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from mechcot.core.errors import UserError
from mechcot.runs import shards as shards_module
from mechcot.runs.executor import executor_of
from mechcot.runs.items import Items
from mechcot.runs.shards import Shards, shards_of


def items_of(root) -> Items:
    return Items(root / "one" / "filler", shards=root)


def square(x: int) -> dict[str, int]:
    return {"value": x * x}


def reread(root) -> dict[str, bytes]:
    """What another process finds."""
    shards = Shards(root)
    assert "" not in shards
    return {name: shards.read(name) for name in shards.places}


def test_a_thousand_items_are_one_file_that_only_grows(tmp_path):
    items = items_of(tmp_path)
    before = b""
    for x in range(1000):
        items.put(f"k{x}", square(x))
        if x % 100 == 0:
            (shard,) = tmp_path.rglob("*.*")
            assert shard.read_bytes().startswith(before)
            before = shard.read_bytes()
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["00001.items"]
    assert len(reread(tmp_path)) == 1000
    assert [items.read(f"k{x}") for x in (0, 999)] == [square(0), square(999)]
    content = sum(map(len, reread(tmp_path).values()))
    assert (tmp_path / "00001.items").stat().st_size <= content + 60 * 1000


def test_every_process_has_a_shard_and_this_one_sees_them_all(tmp_path):
    items = items_of(tmp_path)
    assert "k1" not in items
    tasks = {f"k{x}": x for x in range(12)}
    list(items.fill(tasks, square, executor=executor_of(3), desc="d", unit="u"))
    assert 1 <= len(list(tmp_path.glob("*.items"))) <= 3
    assert {key: items.read(key) for key in tasks} == {k: square(x) for k, x in tasks.items()}
    items.put("mine", square(5))
    assert len(reread(tmp_path)) == 13
    assert len(list(tmp_path.glob("*.items"))) <= 4


@pytest.mark.parametrize("cut", [1, 2, 7, 30])
def test_a_torn_end_is_dropped_and_nobody_writes_behind_it(tmp_path, cut):
    items = items_of(tmp_path)
    for x in range(3):
        items.put(f"k{x}", square(x))
    shard = tmp_path / "00001.items"
    torn = shard.read_bytes()[:-cut]
    shard.write_bytes(torn)
    assert [f"k{x}" in items for x in range(3)] == [True, True, False]
    with pytest.raises(UserError, match=r"k2\.json: expected a finished item, there is no such"):
        items.read("k2")
    items.put("k2", {"value": "anew"})
    assert shard.read_bytes() == torn
    assert (tmp_path / "00002.items").is_file()
    assert json.loads(reread(tmp_path)["one/filler/k2.json"]) == {"value": "anew"}
    assert len(reread(tmp_path)) == 3


@pytest.mark.parametrize("part", ["content", "name", "size", "checksum", "line end"])
@pytest.mark.parametrize("hurt", [0, 1, 2])
def test_a_damaged_item_is_made_anew_and_costs_no_other(tmp_path, caplog, hurt, part):
    items = items_of(tmp_path)
    starts = []
    for x in range(3):
        starts.append((tmp_path / "00001.items").stat().st_size if x else 0)
        items.put(f"k{x}", {"value": 12345, "more": '\n["k9.json", 3, "0"]\nabc\n'})
    shard = tmp_path / "00001.items"
    content = bytearray(shard.read_bytes())
    record = content[starts[hurt] :]
    head = record.index(b"\n")
    at = {"content": record.index(b"12345"), "name": 5, "size": record.index(b", ") + 2, "checksum": head - 4, "line end": head}  # fmt: skip
    content[starts[hurt] + at[part]] ^= 1
    shard.write_bytes(content)
    whole = [x for x in range(3) if x != hurt]
    names = [f"one/filler/k{x}.json" for x in range(3)]
    other, own = Shards(tmp_path), shards_of(tmp_path)  # the one that wrote them knows its heads
    for seen in (other, own) if part == "content" else (other,):
        for x in whole:
            assert json.loads(seen.read(names[x]))["value"] == 12345
        with pytest.raises(UserError, match=rf"item {names[hurt]} is missing or damaged; run the same command again"):  # fmt: skip
            seen.read(names[hurt])
        assert [x for x in range(3) if names[x] in seen] == whole
    if part == "content":
        assert f"00001.items (item {names[hurt]})" in caplog.text and "made anew" in caplog.text
        assert items.get(f"k{hurt}", lambda: {"value": 2}) == {"value": 2}
    other.put(names[hurt], b"anew")
    assert reread(tmp_path)[names[hurt]] == b"anew"


def test_a_shard_that_another_replaced_under_its_number_is_read_anew(tmp_path):
    other, here = tmp_path / "other", tmp_path / "here"
    for root, keys in ((other, "cab"), (here, "abd")):
        for key in keys:
            items_of(root).put(key, {"value": f"{key} of {root.name}"})
    seen = Shards(here)
    assert all(f"one/filler/{key}.json" in seen for key in "abd")
    (here / "00001.items").write_bytes((other / "00001.items").read_bytes())
    for shards in (seen, shards_of(here)):
        assert [key for key in "abcd" if f"one/filler/{key}.json" in shards] == ["a", "b", "c"]
        for key in "abc":
            assert json.loads(shards.read(f"one/filler/{key}.json")) == {"value": f"{key} of other"}


def test_a_file_of_an_earlier_version_serves(tmp_path):
    old = Items(tmp_path / "one" / "filler")
    old.put("a", {"value": "old"})
    items = items_of(tmp_path)
    assert items.get("a", lambda: pytest.fail("computed again")) == {"value": "old"}
    items.put("b", {"value": "new"})
    assert {p.name for p in tmp_path.rglob("*") if p.is_file()} == {"a.json", "00001.items"}


def test_the_later_of_two_items_of_a_name_counts(tmp_path):
    Shards(tmp_path).put("a", b"first")
    Shards(tmp_path).put("a", b"second")
    assert reread(tmp_path) == {"a": b"second"}
    items = Items(tmp_path, current=lambda item: item["version"] == 2, shards=tmp_path)
    items.put("b", {"version": 1})
    assert items.get("b", lambda: {"version": 2}) == {"version": 2}


def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path):
    if not os.path.exists("/dev/full"):  # noqa: PTH110
        pytest.skip("no /dev/full here")
    shards = shards_of(tmp_path)
    shards.put("a", b"content")
    (tmp_path / shards.own).rename(tmp_path / "00000.items")
    (tmp_path / "00001.items").symlink_to("/dev/full")
    shards.known["00001.items"] = shards_module._read_until(tmp_path / "00001.items", 0)
    shards.own = "00001.items"
    with pytest.raises(OSError, match="No space left") as error:
        shards.put("b", b"content")
    assert str(error.value.filename).endswith("00001.items")
    (tmp_path / "00001.items").unlink()
    assert reread(tmp_path) == {"a": b"content"}


WRITER = """
import sys
from pathlib import Path
from mechcot.runs.shards import shards_of
shards = shards_of(Path(sys.argv[1]))
for number in range(10**6):
    shards.put(f"item {number}", bytes([number % 251]) * (10_000 + number))
"""


@pytest.mark.parametrize("after", [3, 40])
def test_a_killed_writer_loses_at_most_what_it_was_writing(tmp_path, after):
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)])
    deadline = time.monotonic() + 60
    while len(shards_of(tmp_path).places) < after and time.monotonic() < deadline:
        assert f"item {after}" in shards_of(tmp_path) or process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = reread(tmp_path)
    assert len(found) >= after
    for number in range(len(found)):
        assert found[f"item {number}"] == bytes([number % 251]) * (10_000 + number)
    for writer in (partial(Shards, tmp_path), partial(shards_of, tmp_path)):
        writer().put("more", b"x")
    assert reread(tmp_path) == found | {"more": b"x"}
