"""Append-only files of finished items, a shard for each process that writes: thousands of items are a handful of files.

    record    ["name", bytes, "checksum"]⏎  content  ⏎

Every process makes a shard of its own, so that nothing is locked, and never changes what it wrote. A record that a killed process left half-written stands at the
end of its shard; nobody writes behind it, and it does not count. Where a name was written twice, the later shard has it.
"""

import json
import os
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path

from mechcot.core.errors import UserError

SUFFIX = ".items"
_LARGEST = 2**40
"""Bytes; no item comes near."""


@dataclass(frozen=True)
class _Place:
    """Where the content of a record stands."""

    shard: str
    start: int
    size: int
    check: str


@dataclass(eq=False)
class Shards:
    """The shards of a folder, as far as they were read; get them with `shards_of`.

    Attributes:
        folder: Where they lie.
        places: Name of an item -> where it is.
        known: Name of a shard -> its file's number and how far it was read.
        own: The shard of this process, once it wrote.
    """

    folder: Path
    places: dict[str, _Place] = field(default_factory=dict)
    known: dict[str, tuple[int, int]] = field(default_factory=dict)
    own: str = ""

    def __contains__(self, name: str) -> bool:
        place = self.places.get(name)
        if place is None or not self._still(place.shard):
            self._look()
        return name in self.places

    def where(self, name: str) -> str:
        """Name an item in a message."""
        return f"{self.folder / self.places[name].shard} (item {name})"

    def read(self, name: str) -> bytes:
        """The content of an item.

        Raises:
            UserError: It is not there, or not what was written.
        """
        if name not in self:
            raise UserError(
                f"{self.folder}: the item {name} is missing; run the same command again"
            )
        place = self.places[name]
        with (self.folder / place.shard).open("rb") as file:
            file.seek(place.start)
            content = file.read(place.size)
        if _check(content) != place.check:
            raise UserError(
                f"{self.where(name)}: the file is damaged (another checksum than was written); remove it and run again"
            )
        return content

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
        self.places[name] = _Place(path.name, start, len(content), _check(content))
        self.known[path.name] = (path.stat().st_ino, start + len(content) + 1)

    def _still(self, shard: str) -> bool:
        """Return whether a shard is the file that was read."""
        return self._beyond(shard) >= 0

    def _beyond(self, shard: str) -> int:
        """Bytes behind the last record that was read of a shard; below 0 where it is another file now."""
        try:
            stat = (self.folder / shard).stat()
        except OSError:
            return -1
        number, end = self.known[shard]
        return stat.st_size - end if stat.st_ino == number else -1

    def _look(self) -> None:
        """Read what is new in the folder."""
        if any(not self._still(shard) for shard in self.known):
            self.places.clear()
            self.known.clear()
        if not self.folder.is_dir():
            return
        files = [entry for entry in os.scandir(self.folder) if entry.name.endswith(SUFFIX)]
        for entry in sorted(files, key=lambda entry: entry.name):
            stat = Path(entry.path).stat()
            _, end = self.known.get(entry.name, (0, 0))
            if stat.st_size > end or entry.name not in self.known:
                end = self._read_on(Path(entry.path), end)
            self.known[entry.name] = (stat.st_ino, end)

    def _read_on(self, path: Path, end: int) -> int:
        """Note the whole records of a shard from a position on; gives where the last one ends."""
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(end)
            while (head := file.readline()) and (record := _parsed(head)):
                name, length, check = record
                start = end + len(head)
                stop = start + length + 1
                file.seek(stop - 1)
                if stop > size or file.read(1) != b"\n":
                    break
                self.places[name] = _Place(path.name, start, length, check)
                end = stop
        return end

    def _writable(self) -> Path:
        """The shard of this process; a new one where it has none, or the one it had is gone or torn."""
        if not self.own or self._beyond(self.own) != 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            number = len(list(self.folder.glob(f"*{SUFFIX}"))) + 1
            while not _made(path := self.folder / f"{number:05d}{SUFFIX}"):
                number += 1
            self.own = path.name
            self.known[path.name] = (path.stat().st_ino, 0)
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
