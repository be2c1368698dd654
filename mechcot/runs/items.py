"""Finished work by content key: the one place that resumes.

An item is one file, or one record of a shard (`shards.py`) where there are thousands, named by a hash of whatever decides what stands in it, and written
whole or not at all. A killed run finds the items that it finished and never another's; one that is damaged, or holds something else, is an error
that names the file.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from mechcot.core.errors import UserError
from mechcot.core.faults import fault_of
from mechcot.core.progress import progress_bar
from mechcot.core.store import json_text, parse_json, read_bytes, write_bytes
from mechcot.runs.executor import Executor, Failed
from mechcot.runs.shards import shards_of

T = TypeVar("T")
Task = TypeVar("Task")


@dataclass(frozen=True)
class Format(Generic[T]):
    """How an item lies in its file.

    Attributes:
        suffix: Of the file's name.
        parse: Gives the item from the file's content and name, or raises `UserError` with the name and what to do.
        content: What stands in the file of an item.
    """

    suffix: str
    parse: Callable[[bytes, str], T]
    content: Callable[[T], bytes]


def read_checked(path: Path, *, shape: Any, what: str) -> Any:
    """Read a JSON object that mechcot wrote, and see that it holds what it should.

    Args:
        path: The file.
        shape: A type that pydantic can check, such as a `TypedDict`; further keys are allowed.
        what: What is expected, in words.

    Raises:
        UserError: It is missing, damaged or something else.
    """
    return _parse_checked(read_bytes(path, what=what), str(path), shape=shape, what=what)


def _parse_checked(content: bytes, where: str, *, shape: Any, what: str) -> Any:
    value = parse_json(content, where, what=what)
    try:
        _validator(shape)(content, strict=True)
    except ValidationError as error:
        fault = fault_of(error)
        raise UserError(
            f"{where}: expected {what} ({fault}); remove the file and run again"
        ) from None
    return value


@cache
def _validator(shape: Any) -> Callable[..., Any]:
    return TypeAdapter(shape).validate_json


def json_items(shape: Any) -> Format[Any]:
    """Items in JSON of a shape, see `read_checked`."""
    parse = partial(_parse_checked, shape=shape, what="a finished item")
    return Format(".json", parse, _json_content)


def _json_content(item: Any) -> bytes:
    return json_text(item).encode()


JSON: Format[Any] = json_items(dict[str, Any])


@dataclass(frozen=True)
class ItemPlace:
    """Where an item lies.

    Attributes:
        folder: Of its file, or of the one that it would have.
        file: That file's name.
        shards: A folder at or above it whose shards take it if it is new; None: it is a file.
    """

    folder: Path
    file: str
    shards: Path | None = None

    @property
    def path(self) -> Path:
        """Its file, or the one that it would have."""
        return self.folder / self.file

    @property
    def there(self) -> bool:
        """Whether the item is."""
        return self._in_shard or self.path.is_file()

    def __str__(self) -> str:
        return shards_of(self.shards).where(self._name) if self._in_shard else str(self.path)  # type: ignore[arg-type]

    def read(self) -> bytes:
        """Read what stands there.

        Raises:
            UserError: It is not there, or damaged.
        """
        if self.shards is not None and self._in_shard:
            return shards_of(self.shards).read(self._name)
        return read_bytes(self.path, what="a finished item")

    def write(self, content: bytes) -> None:
        """Write an item whole or not at all."""
        if self.shards is None:
            write_bytes(self.path, content)
        else:
            shards_of(self.shards).put(self._name, content)

    @property
    def _in_shard(self) -> bool:
        return self.shards is not None and self._name in shards_of(self.shards)

    @property
    def _name(self) -> str:
        """What the item is called in its shard."""
        return f"{_below(self.folder, self.shards or Path())}{self.file}"


@cache
def _below(folder: Path, shards: Path) -> str:
    """What stands before the names of a folder's items in a shard: paths are slow to build, and there are thousands of items."""
    inner = folder.relative_to(shards).as_posix()
    return "" if inner == "." else f"{inner}/"


Record = dict[ItemPlace, bytes]
_RECORDS: list[Record] = []


@contextmanager
def recorded_items() -> Iterator[Record]:
    """Collect the items that this process makes inside, or finds made, for another disk."""
    record: Record = {}
    _RECORDS.append(record)
    try:
        yield record
    finally:
        _RECORDS.pop()


def _recorded(place: ItemPlace, content: bytes) -> bytes:
    for record in _RECORDS:
        record[place] = content
    return content


@dataclass(frozen=True)
class Items(Generic[T]):
    """The finished items of a folder.

    Attributes:
        folder: Where they lie.
        format: How one is read and written.
        current: Tells whether an item of an earlier version still serves; None: every one does.
        shards: A folder at or above `folder` whose shards take new items; None: each is a file. Items that are files are found in any case.
    """

    folder: Path
    format: Format[T] = JSON
    current: Callable[[T], bool] | None = None
    shards: Path | None = None

    def path(self, key: str) -> Path:
        """The file of an item, or the one that it would have."""
        return self.place(key).path

    def place(self, key: str) -> ItemPlace:
        """Where an item lies."""
        return ItemPlace(self.folder, f"{key}{self.format.suffix}", self.shards)

    def __contains__(self, key: str) -> bool:
        if not self.place(key).there:
            return False
        return self.current is None or self.current(self.read(key))

    def read(self, key: str) -> T:
        """Read a finished item.

        Raises:
            UserError: It is damaged, or not there.
        """
        place = self.place(key)
        return self.format.parse(_recorded(place, place.read()), str(place))

    def put(self, key: str, item: T) -> None:
        """Write an item whole or not at all."""
        place = self.place(key)
        place.write(_recorded(place, self.format.content(item)))

    def get(self, key: str, compute: Callable[[], T]) -> T:
        """Read an item; one that is missing is computed and written first.

        Args:
            key: Hash of whatever decides what stands in it.
            compute: Makes it.

        Raises:
            UserError: The file is damaged.
        """
        if key not in self:
            self.put(key, compute())
        return self.read(key)

    def fill(
        self,
        tasks: Mapping[str, Task],
        compute: Callable[[Task], T],
        *,
        executor: Executor,
        desc: str,
        unit: str,
    ) -> Iterator[tuple[str, Failed | None]]:
        """Compute what is missing, each item on disk as soon as it is finished.

        Args:
            tasks: Key -> what its item is made from.
            compute: Makes an item; with several processes it and the tasks are sent to them.
            executor: Where the work runs.
            desc: What the progress line says.
            unit: What it counts.

        Yields:
            Each key once its item is on disk, those that were there first; with `Failed` where there is none.

        Raises:
            UserError: As `Executor.map`.
        """
        missing = [key for key in tasks if key not in self]
        work = partial(_write_item, self, compute)
        with progress_bar(total=len(tasks), desc=desc, unit=unit) as bar:
            waiting = set(missing)
            for key in (key for key in tasks if key not in waiting):
                bar.update()
                yield key, None
            for index, failed in executor.map(work, [(key, tasks[key]) for key in missing]):
                bar.update()
                yield missing[index], failed

    def made(
        self,
        tasks: Mapping[str, Task],
        compute: Callable[[Task], T],
        *,
        executor: Executor,
        desc: str,
        unit: str,
    ) -> list[T]:
        """Compute what is missing and give every item, in the order of the tasks.

        Args:
            tasks: See `fill`, as for the others.
            compute: Makes an item.
            executor: Where the work runs.
            desc: What the progress line says.
            unit: What it counts.

        Raises:
            UserError: One could not be made; the others are kept.
        """
        work = self.fill(tasks, compute, executor=executor, desc=desc, unit=unit)
        if failures := [failed.reason for _, failed in work if failed is not None]:
            raise UserError(
                f"{desc}: {len(failures)} of {len(tasks)} could not be made: {failures[0]}; the same command tries again"
            )
        return [self.read(key) for key in tasks]


def _write_item(items: Items[T], compute: Callable[[Task], T], task: tuple[str, Task]) -> None:
    key, source = task
    items.get(key, partial(compute, source))
