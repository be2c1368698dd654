"""Load problems: JSON lines, GSM8K-format files, and names of the `datasets` library.

Every fault of the input is found here, before anything heavy is loaded, and named by file and line.
"""

import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem

_GSM8K_ANSWER = re.compile(r"####[^\S\n]*(?P<answer>[^\n]+?)\s*\Z")
_SPACE = re.compile(r"\s*")
_FIELDS = ("id", "question", "answer")
# Short names, with repository, configuration and split.
KNOWN_DATASETS: Mapping[str, tuple[str, str | None, str]] = {
    "gsm8k": ("openai/gsm8k", "main", "test"),
}


def load_problems(
    source: str | Path,
    *,
    n: int | None = None,
    seed: int = 0,
    fields: Mapping[str, str] | None = None,
) -> list[Problem]:
    """Load problems.

    Args:
        source: A file of JSON lines; `gsm8k`; or any name of the `datasets` library as
            `NAME`, `NAME:SPLIT` or `NAME:CONFIGURATION:SPLIT` (split `test` by default).
        n: Keep that many, drawn without replacement by `seed`, in the source's order. All by default.
        seed: Of the draw.
        fields: Where to find `id`, `question`, `answer` (and any further name, which goes to
            `meta`): a map from our name to the source's column.

    Raises:
        UserError: No such file or data set, a bad line (with its number), a repeated id, an empty file, n < 1.
    """
    if n is not None and n < 1:
        msg = f"expected at least 1 problem, got n = {n}"
        raise UserError(msg)
    path = Path(source)
    if path.is_dir():
        msg = f"{path} is a directory: expected a file of JSON lines with id, question, answer"
        raise UserError(msg)
    if path.exists() or looks_like_a_file(str(source)):
        problems = _from_file(path, fields or {})
    else:
        problems = _from_datasets(str(source), fields or {})
    if n is None or n >= len(problems):
        return problems
    chosen = sorted(random.Random(seed).sample(range(len(problems)), n))
    return [problems[index] for index in chosen]


def looks_like_a_file(source: str) -> bool:
    """Whether a source that is not there was meant as a file, not as the name of a data set."""
    return source.endswith((".jsonl", ".json", ".txt", ".csv")) or source.startswith(
        (".", "/", "~")
    )


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers (from 1) and objects of a file of JSON lines, or of an array of objects; NaN is null.

    Raises:
        UserError: The file is missing or unreadable, a line is not UTF-8, not JSON, or not an object.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        msg = f"{path}: cannot read the file ({error.strerror or error}); expected JSON lines"
        raise UserError(msg) from error
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    several = _documents(raw)
    if several is not None:
        for line, value in several:
            yield line, checked(value, where=f"{path}:{line}")
        return
    for line, data in enumerate(raw.split(b"\n"), start=1):
        if not data.strip():
            continue
        try:
            value = json.loads(data.decode("utf-8"), parse_constant=lambda _: None)
        except UnicodeDecodeError as error:
            msg = f"{path}:{line}: not UTF-8 (byte {error.start}); save the file as UTF-8"
            raise UserError(msg) from error
        except (ValueError, RecursionError) as error:
            msg = f"{path}:{line}: not JSON ({error}); expected one object a line"
            raise UserError(msg) from error
        if not isinstance(value, dict):
            msg = f"{path}:{line}: expected a JSON object, got {type(value).__name__}; one object a line"
            raise UserError(msg)
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
        return _objects(raw.decode("utf-8"), array=head == b"[") or None
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
    decoder = json.JSONDecoder(parse_constant=lambda _: None)
    found: list[tuple[int, dict[str, Any]]] = []
    line, counted = 1, 0
    position = _SPACE.match(text, 0).end() + array  # type: ignore[union-attr] - matches anywhere
    end = len(text.rstrip()) - array
    if array and text.rstrip()[-1:] != "]":
        raise ValueError("an array that does not end")
    while (position := _SPACE.match(text, position).end()) < end:  # type: ignore[union-attr]
        if array and found:
            if text[position] != ",":
                raise ValueError("expected a comma")
            position = _SPACE.match(text, position + 1).end()  # type: ignore[union-attr]
        line, counted = line + text.count("\n", counted, position), position
        value, position = decoder.raw_decode(text, position)
        if not isinstance(value, dict):
            raise ValueError("expected an object")  # noqa: TRY004 - the file is at fault
        found.append((line, value))
    return found


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
        msg = f"{where}: {key!r} is nested more than {DEEPEST} levels deep"
        raise UserError(msg)
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            msg = f"{where}: {key!r} holds half a character (a lone surrogate), which no tokenizer can read"
            raise UserError(msg)
    elif isinstance(value, dict):
        for name, inner in value.items():
            _plain(name, where=where, key=key or "a key", depth=depth + 1)
            _plain(inner, where=where, key=key or name, depth=depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _plain(inner, where=where, key=key, depth=depth + 1)


def text_field(record: Mapping[str, Any], key: str, *, where: str) -> str:
    """A text that is there and says something; numbers count as text.

    Args:
        record: One line of the input.
        key: Name of the field.
        where: File and line, for the message.

    Raises:
        UserError: It is missing, empty, holds half a character, or is neither text nor number.
    """
    if record.get(key) is None:
        msg = (
            f"{where}: {key!r} is missing; expected text, found the keys {sorted(map(str, record))}"
        )
        raise UserError(msg)
    value = record[key]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value:
        return str(value)
    if not isinstance(value, str):
        msg = f"{where}: {key!r} must be text, got {type(value).__name__}"
        raise UserError(msg)
    if not value.strip():
        msg = f"{where}: {key!r} is empty"
        raise UserError(msg)
    _plain(value, where=where, key=key)
    return value


def _from_file(path: Path, fields: Mapping[str, str]) -> list[Problem]:
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    for line, record in json_lines(path):
        problem = to_problem(record, fields, where=f"{path}:{line}", number=line)
        if problem.id in seen:
            msg = f"{path}:{line}: the id {problem.id!r} stands on line {seen[problem.id]} already; ids must differ"
            raise UserError(msg)
        seen[problem.id] = line
        problems.append(problem)
    if not problems:
        msg = f"{path}: no problems in it; expected JSON lines with id, question, answer"
        raise UserError(msg)
    return problems


def to_problem(
    record: Mapping[str, Any], fields: Mapping[str, str], *, where: str, number: int
) -> Problem:
    """Make a problem of one record.

    A record without an id whose answer ends in `#### X` is taken for GSM8K: its id is the line's
    number and its solution goes to `meta["solution"]`.

    Args:
        record: One line of a file, or one row of a data set.
        fields: From our names to the source's columns; a name that is missing stands for itself, and what
            is named beyond `id`, `question` and `answer` goes to `meta`.
        where: File and line, or data set and row, for the message.
        number: The line's (from 1) or row's (from 0) number.

    Raises:
        UserError: A field is missing or says nothing.
    """
    column = {name: fields.get(name, name) for name in _FIELDS}
    question = text_field(record, column["question"], where=where)
    answer = text_field(record, column["answer"], where=where)
    meta = {key: value for key, value in record.items() if key not in column.values()}
    meta |= {name: record.get(key) for name, key in fields.items() if name not in _FIELDS}
    gold = _GSM8K_ANSWER.search(answer)
    if gold is not None:
        meta["solution"] = answer
        answer = gold["answer"].strip()
    if gold is not None and record.get(column["id"]) is None:
        name = f"gsm8k-{number:04d}"
    else:
        name = text_field(record, column["id"], where=where)
    return Problem(id=name, question=question, answer=answer, meta=meta)


def _from_datasets(source: str, fields: Mapping[str, str]) -> list[Problem]:
    """Rows of a data set; a row without an id gets its number."""
    name, configuration, split = _dataset_name(source)
    try:
        from datasets import load_dataset

        rows: Iterable[Any] = load_dataset(name, configuration, split=split)
    except ImportError as error:
        msg = (
            f"{source}: the `datasets` library is not installed, and there is no file of that name"
        )
        raise UserError(msg) from error
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        msg = (
            f"{source}: neither a file nor a data set that could be loaded ({type(error).__name__}: "
            f"{reason[0]}); give a file of JSON lines or a name like gsm8k or owner/name:config:split"
        )
        raise UserError(msg) from error
    column = fields.get("id", "id")
    problems: list[Problem] = []
    for index, row in enumerate(rows):
        record = dict(row)
        if column not in fields.values():
            record.setdefault(column, f"{source}-{index:05d}")
        problems.append(to_problem(record, fields, where=f"{source} row {index}", number=index))
    if not problems:
        msg = f"{source}: the data set has no rows"
        raise UserError(msg)
    return problems


def _dataset_name(source: str) -> tuple[str, str | None, str]:
    if source in KNOWN_DATASETS:
        return KNOWN_DATASETS[source]
    parts = source.split(":")
    if len(parts) > 3 or not all(parts):
        msg = f"{source!r}: expected a file, or NAME, NAME:SPLIT, NAME:CONFIGURATION:SPLIT of a data set"
        raise UserError(msg)
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    return parts[0], None, parts[1] if len(parts) == 2 else "test"
