"""Atomic files, stable hashes, JSON lines of traces."""

import hashlib
import json
import os
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from mechcot.core.errors import UserError
from mechcot.core.problem import Problem
from mechcot.core.trace import Answer, Phase, Span, Step, StepKind, Trace

TRACE_SCHEMA = 1


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all (temporary name in the same folder, then a move).

    Raises:
        OSError: It cannot be written; its `filename` says which.
    """
    with new_file(path) as file:
        file.write(data)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write into, which is there whole, under its name, once the block ends without an error.

    Raises:
        OSError: It cannot be written; its `filename` says which.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _moved_into_place(path) as file:
            yield file
    except OSError as error:
        error.filename = str(path)  # not the temporary name, or none
        raise


@contextmanager
def _moved_into_place(path: Path) -> Iterator[BinaryIO]:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write stable, indented JSON atomically; NaN is refused, pass None."""
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """Stable, indented JSON; NaN is refused, pass None."""
    return json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def nan_to_none(value: Any) -> Any:
    """The value with None for NaN at any depth of its dicts and lists, so that it can be written as JSON."""
    if isinstance(value, dict):
        return {key: nan_to_none(part) for key, part in value.items()}
    if isinstance(value, list):
        return [nan_to_none(part) for part in value]
    return None if isinstance(value, float) and value != value else value


def read_json(path: Path, *, what: str) -> dict[str, Any]:
    """Read a JSON object that mechcot wrote.

    Raises:
        UserError: It is missing, damaged or something else.
    """
    return parse_json(read_bytes(path, what=what), str(path), what=what)


def read_bytes(path: Path, *, what: str) -> bytes:
    """Read a file that mechcot wrote.

    Args:
        path: The file.
        what: What is expected, in words.

    Raises:
        UserError: It is missing.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{path}: expected {what}, there is no such file") from error


def parse_json(content: bytes, where: str, *, what: str) -> dict[str, Any]:
    """Read the content of a file with a JSON object that mechcot wrote.

    Args:
        content: What stands in the file.
        where: Its name, for messages.
        what: What is expected, in words.

    Raises:
        UserError: It is damaged or something else.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{where}: expected {what}, the file is damaged ({error}); remove it and run again"
        ) from error
    if not isinstance(value, dict):
        raise UserError(
            f"{where}: expected {what}, got a {type(value).__name__}; remove it and run again"
        )
    return value


def read_toml(path: Path, *, what: str, examples: str) -> dict[str, Any]:
    """Read a file of TOML that a user wrote.

    Raises:
        UserError: There is none, or it is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"expected {what} in {path}, got none ({error.strerror}); {examples} has examples"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no TOML: {error}") from None


def digest(*parts: Any) -> str:
    """A short stable hash of JSON-able parts (16 hex digits)."""
    text = json.dumps(parts, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def file_digest(path: Path) -> str:
    """A hash of a file's content (16 hex digits)."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def tokens_digest(ids: Sequence[int]) -> str:
    """Hash of a token sequence."""
    return digest(list(ids))


def trace_to_json(trace: Trace) -> dict[str, Any]:
    """A trace as JSON-able data."""
    return {"schema": TRACE_SCHEMA} | asdict(trace)


def trace_from_json(data: dict[str, Any]) -> Trace:
    """The trace that `trace_to_json` described.

    Raises:
        ValueError: Another schema.
    """
    if data.get("schema") != TRACE_SCHEMA:
        raise ValueError(f"expected trace schema {TRACE_SCHEMA}, got {data.get('schema')}")
    _check_kinds(data)
    return Trace(
        id=data["id"],
        problem=Problem(**data["problem"]),
        author=data["author"],
        prompt=data["prompt"],
        completion=data["completion"],
        ids=tuple(data["ids"]),
        prompt_length=data["prompt_length"],
        steps=tuple(
            Step(
                index=step["index"],
                text=step["text"],
                chars=Span(**step["chars"]),
                tokens=Span(**step["tokens"]),
                kind=StepKind(step["kind"]),
                phase=Phase(step["phase"]),
            )
            for step in data["steps"]
        ),
        answer=Answer(**data["answer"]),
        finished=data["finished"],
    )


def _check_kinds(data: Mapping[str, Any]) -> None:
    """See that the fields of a trace are of their kinds.

    Raises:
        TypeError: One is not; it is named.
    """
    problem, answer = data["problem"], data["answer"]
    fields = {name: (data[name], str) for name in ("id", "author", "prompt", "completion")}
    fields |= {"finished": (data["finished"], bool), "prompt_length": (data["prompt_length"], int)}
    fields |= {f"problem.{n}": (problem[n], str) for n in ("id", "question", "answer")}
    fields |= {"problem.meta": (problem["meta"], Mapping), "answer": (answer["text"], str | None)}
    fields |= {f"ids[{i}]": (token, int) for i, token in enumerate(data["ids"])}
    for i, step in enumerate(data["steps"]):
        fields |= {
            f"steps[{i}].text": (step["text"], str),
            f"steps[{i}].index": (step["index"], int),
        }
        ends = {
            f"{part}.{end}": step[part][end]
            for part in ("chars", "tokens")
            for end in ("start", "stop")
        }
        fields |= {f"steps[{i}].{name}": (end, int) for name, end in ends.items()}
    for name, (value, kind) in fields.items():
        if not isinstance(value, kind):
            raise TypeError(f"{name} is a {type(value).__name__}")


def _nothing_said(_: str) -> Mapping[str, Any]:
    return {}


def write_traces(
    path: Path,
    traces: Iterable[Trace],
    *,
    asking: Callable[[str], Mapping[str, Any]] = _nothing_said,
) -> None:
    """Write traces as JSON lines, atomically.

    Args:
        path: The file.
        traces: What is written.
        asking: From an author to what was said of how its answers are asked for and read; stands in its lines, where anything was said.
    """
    write_bytes(path, traces_content(traces, asking=asking))


def traces_content(
    traces: Iterable[Trace], *, asking: Callable[[str], Mapping[str, Any]] = _nothing_said
) -> bytes:
    """What `write_traces` writes."""
    lines = []
    for trace in traces:
        said = asking(trace.author)
        entry = trace_to_json(trace) | ({"asking": said} if said else {})
        lines.append(json.dumps(entry, ensure_ascii=False, sort_keys=True))
    return "".join(line + "\n" for line in lines).encode()


def read_traces(path: Path) -> list[Trace]:
    """Read traces written by `write_traces`.

    Raises:
        UserError: A line is not such a trace (file and line are named).
    """
    return parse_traces(path.read_bytes(), str(path))


def parse_traces(content: bytes, where: str) -> list[Trace]:
    """Read the content of a file that `write_traces` wrote.

    Args:
        content: What stands in the file.
        where: Its name, for messages.

    Raises:
        UserError: A line is not such a trace (file and line are named).
    """
    traces = []
    for line, data in enumerate(content.split(b"\n"), start=1):
        if not data.strip():
            continue
        try:
            value = json.loads(data)
            if not isinstance(value, dict):
                raise TypeError(f"expected an object, got a {type(value).__name__}")
            traces.append(trace_from_json(value))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise UserError(
                f"{where}:{line}: not a trace as mechcot writes it ({type(error).__name__}: {error}); write the file anew"
            ) from error
    return traces
