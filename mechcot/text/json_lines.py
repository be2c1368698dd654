"""The lines of a JSON file and the texts in them: every fault is named by file and line."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mechcot.core.errors import UserError

_SPACE = re.compile(r"\s*")
_EXACT = 2**53
"""Whole numbers below it are exact as floats."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand once: which of two values is meant nobody says."""
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return record


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


DECODER = json.JSONDecoder(
    parse_constant=lambda _: None, parse_float=_finite, object_pairs_hook=_once
)
"""JSON as files of ours are read: a number that is none, or is infinite, is null; a key stands once."""


def read_bytes(path: Path, *, expected: str, size: int = -1) -> bytes:
    """The first `size` bytes of a file, or all of it.

    Raises:
        UserError: It cannot be read; `expected` says what should be there.
    """
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise UserError(
            f"{path}: cannot read the file ({error.strerror or error}); expected {expected}"
        ) from error


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers (from 1) and objects of a file of JSON lines, or of an array of objects; NaN is null.

    Raises:
        UserError: The file is missing or unreadable, a line is not UTF-8, not JSON, or not an object.
    """
    raw = read_bytes(path, expected="JSON lines").removeprefix(b"\xef\xbb\xbf")
    several = _documents(raw)
    if several is not None:
        for line, value in several:
            yield line, checked(value, where=f"{path}:{line}")
        return
    for line, data in enumerate(raw.split(b"\n"), start=1):
        if not data.strip():
            continue
        try:
            value = DECODER.decode(data.decode("utf-8").strip())
        except UnicodeDecodeError as error:
            raise UserError(
                f"{path}:{line}: not UTF-8 (byte {error.start}); save the file as UTF-8"
            ) from error
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{path}:{line}: not JSON ({error}); expected one object a line"
            ) from error
        if not isinstance(value, dict):
            raise UserError(
                f"{path}:{line}: expected a JSON object, got {type(value).__name__}; one object a line"
            )
        yield line, checked(value, where=f"{path}:{line}")


def _documents(raw: bytes) -> list[tuple[int, dict[str, Any]]] | None:
    """The objects of one array, or one object over several lines, with the lines they begin on; None for JSON lines.

    What is neither is None, too: read as lines, its fault gets a place.
    """
    head = raw.lstrip()[:1]
    if head == b"{" and _is_object(raw.split(b"\n", 1)[0]):
        return None
    if head not in {b"[", b"{"}:
        return None
    try:
        return _objects(raw.decode("utf-8"), array=head == b"[")
    except (ValueError, RecursionError):
        return None


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _objects(text: str, *, array: bool) -> list[tuple[int, dict[str, Any]]]:
    """The objects of a text with their lines.

    Raises:
        ValueError: It is not an array of objects, or not objects one behind another.
    """
    objects: list[tuple[int, dict[str, Any]]] = []
    line, counted = 1, 0
    position = _SPACE.match(text, 0).end() + array  # type: ignore[union-attr] - matches anywhere
    end = len(text.rstrip()) - array
    if array and text.rstrip()[-1:] != "]":
        raise ValueError("an array that does not end")
    while (position := _SPACE.match(text, position).end()) < end:  # type: ignore[union-attr]
        if array and objects:
            if text[position] != ",":
                raise ValueError("expected a comma")
            position = _SPACE.match(text, position + 1).end()  # type: ignore[union-attr]
        line, counted = line + text.count("\n", counted, position), position
        value, position = DECODER.raw_decode(text, position)
        if not isinstance(value, dict):
            raise ValueError("expected an object")  # noqa: TRY004 - the file is at fault
        objects.append((line, value))
    return objects


DEEPEST = 50
"""Levels of a record: what is nested deeper is no data of a problem."""


def checked(value: Any, *, where: str) -> Any:
    """The value, which can be written again.

    Raises:
        UserError: It holds half a character, or is nested without end.
    """
    _plain(value, where=where)
    return value


def _plain(value: Any, *, where: str, key: str = "", depth: int = 0) -> None:
    """Check that a record can be written again: text without half characters, not nested without end."""
    if depth > DEEPEST:
        raise UserError(f"{where}: {key!r} is nested more than {DEEPEST} levels deep")
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise UserError(
                f"{where}: {key!r} holds half a character (a lone surrogate), which no tokenizer can read"
            )
    elif isinstance(value, dict):
        for name, inner in value.items():
            _plain(name, where=where, key=key or "a key", depth=depth + 1)
            _plain(inner, where=where, key=key or name, depth=depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _plain(inner, where=where, key=key, depth=depth + 1)


def text_field(record: Mapping[str, Any], key: str, *, where: str) -> str:
    """A text that is there and says something; numbers count as text.

    Raises:
        UserError: It is missing, empty, holds half a character, or is neither text nor number.
    """
    if record.get(key) is None:
        null = ": it is null" if key in record else ""
        raise UserError(
            f"{where}: {key!r} is missing{null}; expected text, found the keys {sorted(map(str, record))}"
        )
    value = record[key]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value:
        whole = isinstance(value, float) and value.is_integer() and abs(value) < _EXACT
        return str(int(value) if whole else value)  # a table writes 7.0 where a row lacks a number
    if not isinstance(value, str):
        raise UserError(f"{where}: {key!r} must be text, got {type(value).__name__}")
    if not value.strip():
        raise UserError(f"{where}: {key!r} is empty")
    _plain(value, where=where, key=key)
    return value


def line_of(where: str) -> str:
    """The place of a record inside its file, for a message that has named the file."""
    place = where.rpartition(":")[2]
    return f"line {place}" if place.isdigit() else where
