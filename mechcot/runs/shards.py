"""Append-only files of finished items, a shard for each process that writes: thousands of items are a handful of files.

    record    ["name", bytes, "checksum"]⏎  content  ⏎

Every process makes a shard of its own, so that nothing is locked, and never changes what it wrote. A record that a killed process left half-written stands at the
end of its shard; nobody writes behind it, and it does not count. A record that was damaged since is as if it were not there, and those behind it are found again by their
checksums. Where a name was written twice, the later shard has it.
"""

import json
import logging
import os
import re
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mechcot.core.errors import UserError

log = logging.getLogger(__name__)

SUFFIX = ".items"
_LARGEST = 2**40
"""Bytes; no item comes near."""
_HEAD = re.compile(rb'(?<=\n)\["')
_SAMPLE = 128
"""Bytes at the beginning of a shard that tell it from another: a name and a checksum stand there."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the content of a record stands."""

    shard: str
    start: int
    size: int
    check: str


class _Read(NamedTuple):
    """How far a shard was read.

    Attributes:
        file: The file's number.
        changed: When it was last changed.
        beginning: Its first bytes.
        end: Where the last record ends.
    """

    file: int
    changed: int
    beginning: bytes
    end: int


@dataclass(eq=False)
class Shards:
    """The shards of a folder, as far as they were read; get them with `shards_of`.

    Attributes:
        folder: Where they lie.
        places: Name of an item -> where it is.
        known: Name of a shard -> how far it was read.
        whole: Places whose content is what was written.
        own: The shard of this process, once it wrote.
    """

    folder: Path
    places: dict[str, _Place] = field(default_factory=dict)
    known: dict[str, _Read] = field(default_factory=dict)
    whole: set[_Place] = field(default_factory=set)
    own: str = ""

    def __contains__(self, name: str) -> bool:
        place = self.places.get(name)
        if place is None or not self._still(place.shard):
            self._look()
            place = self.places.get(name)
        if place is None or place in self.whole:
            return place is not None
        if _check(self._content(place)) == place.check:
            self.whole.add(place)
            return True
        return self._found_anew(name, place)

    def where(self, name: str) -> str:
        """Name an item in a message."""
        return f"{self.folder / self.places[name].shard} (item {name})"

    def read(self, name: str) -> bytes:
        """The content of an item.

        Raises:
            UserError: It is not there, or not what was written.
        """
        if name in self:
            content = self._content(place := self.places[name])
            if _check(content) == place.check:
                return content
            self.whole.discard(place)
            if name in self:
                return self._content(self.places[name])
        raise UserError(
            f"{self.folder}: the item {name} is missing or damaged; run the same command again, which makes it anew"
        )

    def _content(self, place: _Place) -> bytes:
        with (self.folder / place.shard).open("rb") as file:
            file.seek(place.start)
            return file.read(place.size)

    def _found_anew(self, name: str, place: _Place) -> bool:
        """Return whether an item that is not what was written stands in what replaced its shard; else it counts no more."""
        where = self.where(name)
        self._forget()
        self._look()
        if self.places.get(name, place) != place:
            return name in self
        if self.places.pop(name, None):
            log.warning("%s: damaged (another checksum than was written); it is made anew", where)
        return False

    def _forget(self) -> None:
        self.places.clear()
        self.known.clear()
        self.whole.clear()

    def put(self, name: str, content: bytes) -> None:
        """Append an item.

        Raises:
            OSError: It cannot be written; its `filename` says which.
        """
        head = json.dumps([name, len(content), _check(content)]).encode() + b"\n"
        path = self._writable()
        try:
            with path.open("ab", buffering=0) as file:
                start = file.tell() + len(head)
                record = head + content + b"\n"
                if file.write(record) != len(
                    record
                ):  # a full disk: nothing more goes into this shard
                    raise OSError(28, os.strerror(28))
        except OSError as error:
            self.own = ""
            error.filename = str(path)
            raise
        place = _Place(path.name, start, len(content), _check(content))
        self.places[name] = place
        self.whole.add(place)
        self.known[path.name] = _read_until(path, start + len(content) + 1)

    def _still(self, shard: str) -> bool:
        """Return whether a shard is the file that was read."""
        return self._beyond(shard) >= 0

    def _beyond(self, shard: str) -> int:
        """Bytes behind the last record that was read of a shard; below 0 where it is another file now."""
        read = self.known[shard]
        try:
            stat = (self.folder / shard).stat()
        except OSError:
            return -1
        if stat.st_ino != read.file or stat.st_size < read.end:
            return -1
        same = (
            stat.st_mtime_ns == read.changed
            or _beginning(self.folder / shard, read.end) == read.beginning
        )
        return stat.st_size - read.end if same else -1

    def _look(self) -> None:
        """Read what is new in the folder."""
        if any(not self._still(shard) for shard in self.known):
            self._forget()
        if not self.folder.is_dir():
            return
        files = [
            Path(entry.path) for entry in os.scandir(self.folder) if entry.name.endswith(SUFFIX)
        ]
        for path in sorted(files):
            read = self.known.get(path.name)
            if read is None or path.stat().st_size > read.end:
                end = self._read_on(path, read.end if read else 0)
                self.known[path.name] = _read_until(path, end)

    def _read_on(self, path: Path, end: int) -> int:
        """Note the whole records of a shard from a position on; gives where the last one ends."""
        start, size = end, path.stat().st_size
        with path.open("rb") as file:
            while start < size:
                record = _record_at(file, start, size) or _next_record(file, start, size)
                if record is None:
                    break
                name, place = record
                self.places[name] = _Place(path.name, *place)
                start = end = place[0] + place[1] + 1
        return end

    def _writable(self) -> Path:
        """The shard of this process; a new one where it has none, or the one it had is gone or torn."""
        if not self.own or self._beyond(self.own) != 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            number = len(list(self.folder.glob(f"*{SUFFIX}"))) + 1
            while not _made(path := self.folder / f"{number:05d}{SUFFIX}"):
                number += 1
            self.own = path.name
            self.known[path.name] = _read_until(path, 0)
        return self.folder / self.own


@cache
def shards_of(folder: Path) -> Shards:
    """The shards of a folder; one object for each folder and process."""
    return Shards(folder)


def _made(path: Path) -> bool:
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _read_until(path: Path, end: int) -> _Read:
    stat = path.stat()
    return _Read(stat.st_ino, stat.st_mtime_ns, _beginning(path, end), end)


def _beginning(path: Path, end: int) -> bytes:
    """The first bytes of what was read of a shard."""
    with path.open("rb") as file:
        return file.read(min(end, _SAMPLE))


_Record = tuple[str, tuple[int, int, str]]
"""Name of an item; where its content starts, its size and checksum."""


def _record_at(file: BinaryIO, start: int, size: int) -> _Record | None:
    """Read the head of a record that ends inside a file of so many bytes; None where there is no whole one."""
    file.seek(start)
    head = file.readline()
    parsed = _parsed(head)
    if parsed is None:
        return None
    name, length, check = parsed
    begin = start + len(head)
    file.seek(begin + length)
    whole = begin + length < size and file.read(1) == b"\n"
    return (name, (begin, length, check)) if whole else None


def _next_record(file: BinaryIO, start: int, size: int) -> _Record | None:
    """Find the next record behind a damaged one: a head whose content has its checksum; None where there is none."""
    file.seek(start)
    rest = file.read()
    for match in _HEAD.finditer(rest):
        record = _record_at(file, start + match.start(), size)
        if record is not None:
            begin, length, check = record[1]
            if _check(rest[begin - start : begin - start + length]) == check:
                return record
    return None


def _parsed(head: bytes) -> tuple[str, int, str] | None:
    """Name, size and checksum of the record behind a line; None where it is torn."""
    try:
        name, length, check = json.loads(head)
    except (ValueError, TypeError, RecursionError):
        return None
    whole = isinstance(name, str) and isinstance(check, str) and isinstance(length, int)
    return (name, length, check) if whole and 0 <= length < _LARGEST else None


def _check(content: bytes) -> str:
    return sha256(content).hexdigest()[:16]
