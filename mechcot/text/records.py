r"""The records of a file, whatever its format.

    jsonl            an object a line; `.json`: an array of objects, or one object, over many lines
    lm-eval          `samples_*.jsonl` of lm-evaluation-harness: `doc`, `resps`, `target`
    inspect          a log of Inspect: `.json`, `.eval` (read by `inspect_ai`: `pip install mechcot[inspect]`), or its samples
    responses        responses of an API or of vLLM, one a line, or the output of a batch (`custom_id`)
    chat             `messages` with role and content, or ShareGPT's `conversations`
    thought-anchors  a line with `problem` and `chunks`, or the published folders `problem_N/` (`problem.json`,
                     `base_solution.json`, `chunks_labeled.json`)
    parquet, csv     one record a row
    text             texts apart by a line `---`, each the question, a blank line, the chain, and a last line `answer: ...`

All but `text` are known by what they hold; the name of a format only makes sure. Every record comes with its place.
Sources: lm-evaluation-harness (EleutherAI); Inspect (UK AI Security Institute), `EvalLog`; Thought Anchors
(Bogdan et al. 2025, arXiv 2506.19143), whose rollouts are published as folders.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, time
from functools import partial
from pathlib import Path
from typing import Any

from mechcot.core.errors import UserError
from mechcot.text.json_lines import DECODER, checked, json_lines, read_bytes

FORMATS = (
    "jsonl", "lm-eval", "inspect", "responses", "chat", "thought-anchors", "parquet", "csv", "text",
)  # fmt: skip
_NEEDS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "lm-eval": (("resps",), "a sample of lm-evaluation-harness"),
    "inspect": (("messages", "output"), "a sample of an Inspect log"),
    "thought-anchors": (("chunks",), "a Thought Anchors trace"),
}
_Record = tuple[str, int, dict[str, Any]]
_WRAPPERS = (
    "data", "rows", "examples", "records", "items", "results", "instances", "traces", "samples",
)  # fmt: skip
_ASKS = frozenset({
    "question", "problem", "prompt", "query", "instruction", "input", "messages", "conversations", "doc", "custom_id", "choices", "chain",
})  # fmt: skip
_EVAL = b"PK\x03\x04"
_PARQUET = b"PAR1"
_PACKED = {
    b"\x1f\x8b": ("gzip", "gunzip"),
    b"BZh": ("bzip2", "bunzip2"),
    b"\xfd7zX": ("xz", "unxz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
}
"""First bytes of packed files, what packed them, and the command that unpacks them."""


def records(path: Path, *, kind: str | None = None) -> Iterator[_Record]:
    """The records of a file with their places and numbers.

    Args:
        path: The file, or a folder of Thought Anchors.
        kind: One of `FORMATS`; None for what the file shows.

    Raises:
        UserError: An unknown format, no such file, or a record that is wrong.
    """
    if kind is not None and kind not in FORMATS:
        raise UserError(f"unknown format {kind!r}: expected one of {', '.join(FORMATS)}")
    for where, number, record in _opened(path, kind):
        keys, what = _NEEDS.get(kind or "", ((), ""))
        if keys and not any(key in record for key in keys):
            raise UserError(
                f"{where}: not {what}: expected {' or '.join(map(repr, keys))}, found {sorted(record)}"
            )
        yield where, number, record


def _opened(path: Path, kind: str | None) -> Iterator[_Record]:
    if path.is_dir():
        return _folders(path)
    if kind == "text" or (kind is None and path.suffix == ".txt"):
        return _texts(path)
    head = read_bytes(path, expected="a file of records, one problem or chain each", size=4)
    if head == _EVAL:
        return _eval_log(path)
    for first, (packing, command) in _PACKED.items():
        if head.startswith(first):
            raise UserError(
                f"{path}: a packed file ({packing}); expected it unpacked, as `{command}` does"
            )
    if head == _PARQUET:
        return _parquet(path)
    if path.suffix in {".csv", ".tsv"}:
        return _csv(path)
    return _json(path)


_LOG = frozenset({"samples", "plan", "status", "version"})
"""Fields beside `eval` that make a record the log of an Inspect run."""


def _json(path: Path) -> Iterator[_Record]:
    for line, record in json_lines(path):
        if isinstance(record.get("eval"), Mapping) and _LOG & record.keys():
            yield from _inspect_log(path, record)
        elif "messages" in record and {"epoch", "target"} & record.keys() and "input" in record:
            yield f"{path}:{line}", line, inspect_sample(record)
        elif (rows := _rows(record)) is not None:
            yield from ((f"{path}: {index}", index, row) for index, row in enumerate(rows, start=1))
        else:
            yield f"{path}:{line}", line, record


def _rows(record: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The records of a file that holds them under one key (`data`, or the `rows` of a data set's page); None for a record."""
    lists = [record[key] for key in _WRAPPERS if isinstance(record.get(key), list)]
    if len(lists) != 1 or _ASKS & record.keys() or not (lists[0] or len(record) == 1):
        return None
    rows = [
        row["row"] if isinstance(row, dict) and isinstance(row.get("row"), dict) else row
        for row in lists[0]
    ]
    return rows if all(isinstance(row, dict) for row in rows) else None


def _inspect_log(path: Path, log: Mapping[str, Any]) -> Iterator[_Record]:
    model, samples = log["eval"].get("model"), log.get("samples")
    if not isinstance(samples, list) or not samples:
        status = f" (its status is {log['status']!r})" if log.get("status") else ""
        raise UserError(
            f"{path}: an Inspect log without samples{status}; give the log of a run that finished, written with its samples"
        )
    for number, sample in enumerate(samples, start=1):
        where = f"{path}: sample {number}"
        if not isinstance(sample, Mapping):
            raise UserError(f"{where}: expected an object, got {type(sample).__name__}")
        where = f"{path}: sample {sample.get('id')!r}, epoch {sample.get('epoch')!r}"
        yield where, number, {"model": model, **inspect_sample(sample)}


def inspect_sample(sample: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a sample of an Inspect log; each epoch is one try at the same problem."""
    output = sample.get("output")
    record = {key: sample.get(key) for key in ("id", "target", "messages", "model", "metadata")}
    if sample.get("epoch") is not None:
        record["sample"] = str(sample["epoch"])
    if isinstance(output, Mapping):
        record["model"] = record["model"] or output.get("model")
        choices = output.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
            record["stop_reason"] = choices[0].get("stop_reason")
    if not isinstance(record["messages"], list) or not record["messages"]:
        record |= {"messages": None, "question": sample.get("input"), "output": output}
    if sample.get("error"):
        record["error"] = sample["error"]
    record = {key: value for key, value in record.items() if value is not None}
    attachments = sample.get("attachments")
    return _attached(record, attachments) if isinstance(attachments, Mapping) else record


def _attached(value: Any, attachments: Mapping[str, Any]) -> Any:
    """A value with `attachment://HASH` replaced by what is attached."""
    if isinstance(value, str) and value.startswith("attachment://"):
        return attachments.get(value.removeprefix("attachment://"), value)
    if isinstance(value, Mapping):
        return {key: _attached(inner, attachments) for key, inner in value.items()}
    if isinstance(value, list):
        return [_attached(inner, attachments) for inner in value]
    return value


def _eval_log(path: Path) -> Iterator[_Record]:
    """The samples of a `.eval` log, by Inspect's own reader."""
    try:
        from inspect_ai.log import read_eval_log  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise UserError(
            f"{path}: an .eval log of Inspect is read by inspect_ai, which is not installed; "
            "`pip install mechcot[inspect]`, or write it as JSON with `inspect log convert --to json`"
        ) from error
    try:
        log = read_eval_log(str(path), resolve_attachments=True).model_dump(mode="json")
    except Exception as error:
        raise UserError(
            f"{path}: inspect_ai cannot read this log ({type(error).__name__}: {str(error)[:200]})"
        ) from error
    checked(log, where=str(path))
    yield from _inspect_log(path, log | {"samples": log.get("samples") or []})


def _parquet(path: Path) -> Iterator[_Record]:
    from pyarrow import ArrowException
    from pyarrow.parquet import read_table

    try:
        rows = read_table(path).to_pylist()
    except (ArrowException, OSError, ValueError) as error:
        raise UserError(f"{path}: not a parquet file that can be read ({error})") from error
    timed = {name for row in rows for name, value in row.items() if any(map(_hour, _times(value)))}
    for number, row in enumerate(rows, start=1):
        where = f"{path}: row {number}"
        plain = {name: _plain(value, dates=name not in timed) for name, value in row.items()}
        yield where, number, checked(plain, where=where)


def _times(value: Any) -> Iterator[datetime]:
    """Every time in a value of a table, however deep."""
    if isinstance(value, datetime):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inner:
        yield from _times(part)


def _hour(value: datetime) -> bool:
    """Whether a time says an hour of its day: a table writes a date as midnight."""
    return value.time() != time()


def _plain(value: Any, *, dates: bool) -> Any:
    """A value of a table as JSON has it; where its column holds dates, its times are dates."""
    text = json.dumps(value, default=partial(_written, dates=dates))
    return json.loads(text, parse_constant=lambda _: None)


def _written(value: Any, *, dates: bool) -> object:
    """A value of a table that JSON has not: bytes are text where they are UTF-8, and no text otherwise."""
    if isinstance(value, datetime) and dates:
        return value.date().isoformat()
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"bytes": value.hex()}


_DELIMITERS = (",", ";", "\t", "|")
"""What may part the columns of a table; the line of names tells which one does."""


def _csv(path: Path) -> Iterator[_Record]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = file.readline()
            file.seek(0)
            delimiter = max(_DELIMITERS, key=names.count)
            table = csv.DictReader(file, delimiter=delimiter)
            rows, columns = list(table), list(table.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path}: not a table that can be read ({error}); expected UTF-8 with a line of names"
        ) from error
    if twice := {name for name in columns if name and columns.count(name) > 1}:
        raise UserError(f"{path}: the column {min(twice)!r} stands twice in the line of names")
    for number, row in enumerate(rows, start=1):
        where = f"{path}: row {number}"
        if any(row.get(None) or ()):  # pyright: ignore[reportArgumentType, reportCallIssue]
            raise UserError(
                f"{where} has more values than the {len(columns)} columns that the line of names has; put a text that holds {delimiter!r} in "
                'quotes ("...")'
            )
        record = {str(key): value for key, value in row.items() if key and value not in (None, "")}
        if record:  # a line of a spreadsheet that was emptied
            yield where, number, checked(record, where=where)


_SOLUTION = ("prompt", "solution", "is_correct")
_MODEL = re.compile(r"deepseek|qwen|llama|gpt|gemma", re.IGNORECASE)


def _folders(path: Path) -> Iterator[_Record]:
    """Thought Anchors as they are published: a folder for each problem."""
    folders = sorted({file.parent for file in path.rglob("base_solution.json")}, key=_in_order)
    if not folders:
        raise UserError(
            f"{path} is a directory: expected a file, or Thought Anchors' folders with base_solution.json, problem.json "
            "and chunks_labeled.json in each"
        )
    for number, folder in enumerate(folders, start=1):
        problem, solution = (
            _object(folder / f"{name}.json") for name in ("problem", "base_solution")
        )
        names = (folder / f"{name}.json" for name in ("chunks_labeled", "chunks"))
        chunks = next((file for file in names if file.is_file()), None)
        model = next((part for part in folder.parts[::-1] if _MODEL.search(part)), None)
        record = {key: solution[key] for key in _SOLUTION if key in solution}
        record["id"] = folder.relative_to(path).as_posix() if folder != path else folder.name
        record["problem"] = problem
        record |= {"chunks": _chunks(chunks)} if chunks else {}
        record |= {"model": model} if model else {}
        yield str(folder), number, record


def _in_order(folder: Path) -> tuple[str, int, str]:
    number = re.search(r"(\d+)$", folder.name)
    return str(folder.parent), int(number[1]) if number else 0, folder.name


def _object(file: Path) -> dict[str, Any]:
    value = _whole(file)
    if not isinstance(value, dict):
        raise UserError(f"{file}: expected a JSON object, got {type(value).__name__}")
    return value


def _chunks(file: Path) -> list[Any]:
    """The sentences; of the unlabelled file their texts alone."""
    value = _whole(file)
    value = value.get("chunks") if isinstance(value, dict) else value
    if not isinstance(value, list):
        raise UserError(f"{file}: expected a list of chunks, got {type(value).__name__}")
    return [{"chunk": chunk} if isinstance(chunk, str) else chunk for chunk in value]


def _whole(file: Path) -> Any:
    data = read_bytes(file, expected="a file of Thought Anchors")
    try:
        value = DECODER.decode(data.decode("utf-8-sig").strip())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: not JSON ({error})") from error
    return checked(value, where=str(file))


def _texts(source: Path) -> Iterator[_Record]:
    """The texts of a plain file with the lines they start on."""
    data = read_bytes(source, expected="text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(
            f"{source}:{line}: not UTF-8 (byte {error.start} of the file); save the file as UTF-8"
        ) from error
    start, lines = 1, []
    for number, line in enumerate([*text.splitlines(keepends=True), "---\n"], start=1):
        if line.strip() != "---":
            lines.append(line)
            continue
        if "".join(lines).strip():
            yield f"{source}:{start}", start, _text("".join(lines), f"{source}:{start}")
        start, lines = number + 1, []


def _text(text: str, where: str) -> dict[str, Any]:
    question, gap, rest = text.strip("\r\n").replace("\r\n", "\n").partition("\n\n")
    body, mark, answer = rest.rstrip().rpartition("\nanswer:")
    if not gap or not mark or not answer.strip() or "\n" in answer.strip():
        raise UserError(
            f"{where}: expected the question, a blank line, the chain, and a last line 'answer: ...'"
        )
    return {"question": question.strip(), "chain": body, "answer": answer.strip()}
