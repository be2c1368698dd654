"""Load problems: files of one record each (`mechcot.text.records`), GSM8K-format files, and names of the `datasets` library.

Every fault of the input is found here, before anything heavy is loaded, and named by file and line.
"""

import random
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from glob import escape
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mechcot.core.errors import UserError
from mechcot.core.notices import print_notice
from mechcot.core.problem import Problem
from mechcot.core.store import digest
from mechcot.core.wording import count_of
from mechcot.text.field_names import (
    can_be_answered,
    column_and_rules,
    dig,
    named_columns,
    short_reference,
)
from mechcot.text.json_lines import line_of, text_field
from mechcot.text.option_columns import answers_way, options_of, with_options
from mechcot.text.problem_columns import (
    KNOWN_COLUMNS,
    columns_said,
    found_columns,
    found_text,
    row_id,
    stated_reference,
    with_cells,
    with_context,
)
from mechcot.text.records import records
from mechcot.text.user_truth_files import NO_TRUTH, TruthFiles
from mechcot.text.usual_names import usual_names

_FIELDS = ("id", "question", "answer")
PROBLEM_FIELDS = (*_FIELDS, "stratum")
"""What `--field NAME=PATH` can name for problems."""
TASK_NAMES = ("mod10", "lookup", "gaps", "reach", "order", "english")
"""What `mechcot.tasks` draws problems for by name: such a word is never asked of a hub."""
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
    truth: TruthFiles = NO_TRUTH,
    taken: bool = True,
) -> list[Problem]:
    """Load problems.

    Args:
        source: A file (JSON lines, an array of objects, csv, tsv, parquet); `gsm8k`; or any name of the `datasets` library
            as `NAME`, `NAME:SPLIT` or `NAME:CONFIGURATION:SPLIT` (split `test` by default).
        n: Keep that many, drawn without replacement by `seed`, in the source's order. All by default.
        seed: Of the draw.
        fields: Where to find `id`, `question`, `answer` (and any further name, which goes to
            `meta`): a map from our name to the source's column; dotted paths are allowed.
        truth: Files of the user's own truth; every problem gets what they say of it.
        taken: Whether those that are given are items as they are; where the file is only looked over, or more is chosen from them, nothing is
            said of repeated questions (`say_repeated`).

    Raises:
        UserError: No such file or data set, a bad line (with its number), a repeated id, an empty file, n < 1.
    """
    check_count(n)
    path = Path(source)
    if is_file(source):
        problems = _from_file(path, fields or {})
    else:
        problems = _from_datasets(str(source), fields or {})
    problems = truth.bind(problems)
    if n is not None and n < len(problems):
        chosen = sorted(random.Random(seed).sample(range(len(problems)), n))
        problems = [problems[index] for index in chosen]
    if taken:
        say_repeated(source, problems)
    return problems


def question_digest(problem: Problem) -> str:
    """Name a question by its words, whatever its file calls it, and however it spaces them."""
    return digest(one_spaced(problem.question))


def one_spaced(text: str) -> str:
    """A text with one space for all white space between its words: how questions are compared."""
    return " ".join(text.split())


def check_count(n: int | None) -> None:
    """See that a number of problems is at least 1; None stands for all.

    Raises:
        UserError: It is not.
    """
    if n is not None and n < 1:
        raise UserError(f"expected at least 1 problem, got n = {n}")


def is_file(source: str | Path) -> bool:
    """Whether a source is a file, or was meant as one, and not as the name of a data set.

    Raises:
        UserError: It is a folder, with or without a split, a file without its ending, or a word that can only be a task.
    """
    word, path = str(source), Path(source)
    endings = (".jsonl", ".json", ".txt", ".csv", ".tsv", ".parquet")
    if path.is_file() or word.endswith(endings):
        return True
    name = word.partition(":")[0]
    folder = path if path.is_dir() or not name else Path(name)
    if folder.is_dir():
        raise UserError(
            f"{folder} is a directory: expected a file of JSON lines with id, question, answer"
        )
    task = name.strip().casefold()
    if word == task and task in TASK_NAMES:
        raise UserError(
            f"{task} is a task and no file, and a file of problems is expected here; a task draws its problems where models are asked, "
            f"such as `mechcot compare BEFORE AFTER --problems {task}`"
        )
    if task in TASK_NAMES:
        raise UserError(
            f"{word}: there is no such file, and the tasks are written {', '.join(TASK_NAMES)}"
        )
    near = Path(name).parent.glob(f"{escape(Path(name).name)}.*")
    beside = sorted(str(each) for each in near if each.suffix in endings)
    if name and beside and name not in KNOWN_DATASETS and not path.exists():
        raise UserError(f"{word}: there is no such file; there is {', '.join(beside)}")
    return path.exists() or word.startswith((".", "/", "~"))


def _from_file(path: Path, fields: Mapping[str, str]) -> list[Problem]:
    seen: dict[str, str] = {}
    problems: list[Problem] = []
    for where, problem in _of_rows(str(path), records(path, kind="jsonl"), fields):
        if problem.id in seen:
            raise UserError(
                f"{where}: the id {problem.id!r} stands on {line_of(seen[problem.id])} already; ids must differ"
            )
        seen[problem.id] = where
        problems.append(problem)
    if not problems:
        raise UserError(f"{path}: no problems in it; expected records with id, question, answer")
    return problems


def say_repeated(source: str | Path, problems: Sequence[Problem]) -> None:
    """Say how many of the problems that are taken from a source ask what one before them asks; nothing where none does."""
    if more := len(problems) - len({problem.question for problem in problems}):
        _say_once(
            f"{source}: {more} of {len(problems)} questions stand there before under another id; each counts as an item of its own, so that "
            "intervals are narrower than the questions allow; leave the repeated ones out"
        )


def _of_rows(
    source: str, rows: Iterable[tuple[str, int, Mapping[str, Any]]], fields: Mapping[str, str]
) -> Iterator[tuple[str, Problem]]:
    """Each row's place and problem; a field that is named must stand in one of the rows, the columns of the others are found."""
    nowhere, keys = dict(fields), dict[str, None]()
    rows = [(where, number, with_cells(record)) for where, number, record in rows]
    first = rows[0][0] if rows else source
    plain, usual = usual_names(
        [record for *_, record in rows], KNOWN_COLUMNS, kept=named_columns(fields)
    )
    rows = [(*row[:2], record) for row, record in zip(rows, plain, strict=True)]
    found, said = found_columns(plain, fields, where=first)
    way, more = _options_way(rows, fields.get("answer", found.get("answer", "answer")))
    if sentence := columns_said([*usual, *said, *more]):
        _say_once(f"{source}: {sentence}")
    for place, (where, number, record) in enumerate(rows, start=1):
        nowhere = {name: path for name, path in nowhere.items() if dig(record, path) is None}
        keys |= dict.fromkeys(map(str, record))
        try:
            problem = to_problem(
                record, fields, where=where, number=number, place=place, found=found, way=way
            )
        except _IsNull as error:
            raise UserError(error.said([record for *_, record in rows])) from error
        yield where, problem
    for name, path in nowhere.items() if keys else ():
        raise UserError(
            f"{source}: {path!r} has a value in no row (--field {name}={path}); the rows have {', '.join(sorted(keys))}"
        )


def _options_way(
    rows: Iterable[tuple[str, int, Mapping[str, Any]]], answer: str
) -> tuple[str, list[str]]:
    """How all answers name the options beside their questions ("" where no one way fits), and what to say of it."""
    each = [
        (where, options_of(record, where=where), dig(record, answer)) for where, _, record in rows
    ]
    columns = dict.fromkeys(options.column for _, options, _ in each if options)
    way = answers_way(each)
    by = f", the answer by its {way}" if way else ""
    return way, [f"what {' or '.join(map(repr, columns))} lists for options{by}"] if columns else []


@cache
def _say_once(sentence: str) -> None:
    """Say a sentence about a file: a command reads it to look it over, and again for its work."""
    print_notice(sentence)


def to_problem(
    record: Mapping[str, Any],
    fields: Mapping[str, str],
    *,
    where: str,
    number: int,
    place: int | None = None,
    found: Mapping[str, str] = MappingProxyType({}),
    way: str = "",
) -> Problem:
    """Make a problem of one record.

    One whose question cannot be answered (`answerable: false`, or `should_abstain: true` of AbstentionBench) needs no answer. A worked answer goes to `meta["solution"]`, what it
    states is the answer. A record without an id has its number for one; where its answer ends in `#### X` it is taken for GSM8K.

    Args:
        record: One line of a file, or one row of a data set.
        fields: From our names to the source's columns; a name that is missing stands for itself, and what
            is named beyond `id`, `question` and `answer` goes to `meta`.
        where: File and line, or data set and row, for the message.
        number: The line's (from 1) or row's (from 0) number.
        place: The row's place among all rows, from 1; None: its number.
        found: Columns of names that `fields` does not have, of `found_columns`.
        way: How the answers name the options beside their questions, of `answers_way`.

    Raises:
        UserError: A field is missing or says nothing.
    """
    column = {name: fields.get(name, found.get(name, name)) for name in _FIELDS}
    question = with_context(_text(record, "question", column, found, where=where), record, found)
    unsaid = not can_be_answered(record, where=where) and dig(record, column["answer"]) in (
        None,
        "",
    )
    answer = "" if unsaid else _text(record, "answer", column, found, where=where)
    taken = {*column.values(), *(column_and_rules(path)[0] for path in column.values())}
    meta = {key: value for key, value in record.items() if key not in taken}
    meta |= {name: dig(record, key) for name, key in fields.items() if name not in _FIELDS}
    short = stated_reference(answer, column["answer"], where=where)
    if short != answer:
        meta["solution"] = answer
    short = short.strip()
    if short and (options := options_of(record, where=where)):
        question, short = with_options(question, short, options, way, where=where)
    if dig(record, column["id"]) is None and short_reference(answer) != answer:
        name = f"gsm8k-{number:04d}"
    elif not column["id"]:
        name = row_id(number if place is None else place)
    else:
        name = _text(record, "id", column, found, where=where)
    return Problem(id=name, question=question, answer=short, meta=meta)


class _IsNull(UserError):  # noqa: N818 - names a state of a row
    """A row has null where one of our names should have text."""

    def __init__(self, where: str, name: str, path: str, record: Mapping[str, Any]) -> None:
        self.null, self.name, self.path = f"{where}: {path!r} is missing: it is null", name, path
        self.keys = sorted(map(str, record))
        super().__init__(f"{self.null}; expected text, found the keys {self.keys}")

    def said(self, rows: Sequence[Mapping[str, Any]]) -> str:
        """Sentence with the number of such rows in the file, and what to do."""
        nulls = sum(_is_null(row, self.path) for row in rows)
        unsaid = "say `answerable: false` of a question that cannot be answered, "
        return (
            f"{self.null}, as in {nulls} of {count_of(len(rows), 'row')}; expected text, found the keys {self.keys}; fill it in, leave such rows out, "
            f"{unsaid if self.name == 'answer' else ''}or name another column with --field {self.name}=COLUMN"
        )


def _is_null(record: Mapping[str, Any], path: str) -> bool:
    """Whether a path ends in null, and not where nothing stands."""
    head, _, last = path.rpartition(".")
    owner = dig(record, head) if head and path not in record else record
    there = path in record or (isinstance(owner, Mapping) and last in owner)
    return there and dig(record, path) is None


def _text(
    record: Mapping[str, Any],
    name: str,
    column: Mapping[str, str],
    found: Mapping[str, str],
    *,
    where: str,
) -> str:
    """The text of one of our names; in a column that was found it may be a chat's."""
    path = column[name]
    if name in found and (text := found_text(record, name, path, where=where)) is not None:
        return text
    value = dig(record, path)
    if value is None and _is_null(record, path):
        raise _IsNull(where, name, path, record)
    if value is None:
        raise UserError(
            f"{where}: {path!r} is missing; expected text, found the keys {sorted(map(str, record))}; "
            f"say which column it is with --field {name}=COLUMN"
        )
    if name == "answer":
        _one_text(value, path, where=where)
    return text_field({path: value}, path, where=where)


def _one_text(value: Any, path: str, *, where: str) -> None:
    """See that an answer is no truth value, no list of several and no object.

    Raises:
        UserError: It is; the message has the option that reads it.
    """
    if isinstance(value, bool):
        raise UserError(
            f"{where}: {path!r} must be text, got bool; say what a model writes for it, such as {_option(f'{path}:true->yes;false->no')}"
        )
    if isinstance(value, list) and value:
        raise UserError(
            f"{where}: {path!r} must be text, got list; say which one is meant, such as the first: {_option(f'{path}.0')}"
        )
    texts = [key for key, inner in value.items() if inner] if isinstance(value, dict) else []
    if texts:
        options = " or ".join(_option(f"{path}.{key}") for key in texts[:4])
        raise UserError(
            f"{where}: {path!r} must be text, got an object; say which part of it: {options}"
        )


def _option(path: str) -> str:
    """The option that reads the answer under a path."""
    return shlex.join(["--field", f"answer={path}"])


def _from_datasets(source: str, fields: Mapping[str, str]) -> list[Problem]:
    """Rows of a data set; a row without an id gets its number."""
    name, configuration, split = _dataset_name(source)
    if _reads_any_folder(name):
        raise UserError(
            f"{source}: the `datasets` library would read whatever files lie in this folder; name the file"
        )
    try:
        from datasets import load_dataset

        rows: Iterable[Any] = load_dataset(name, configuration, split=split)
    except ImportError as error:
        raise UserError(
            f"{source}: the `datasets` library is not installed, and there is no file of that name"
        ) from error
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"{source}: neither a file nor a data set that could be loaded ({type(error).__name__}: "
            f"{reason[0]}); give a file of JSON lines or a name like gsm8k or owner/name:config:split"
        ) from error
    named = "id" in fields.values() or "id" in fields
    numbered = (
        (f"{source} row {i}", i, ({} if named else {"id": f"{source}-{i:05d}"}) | dict(row))
        for i, row in enumerate(rows)
    )
    problems = [problem for _, problem in _of_rows(source, numbered, fields)]
    if not problems:
        raise UserError(f"{source}: the data set has no rows")
    return problems


def _reads_any_folder(name: str) -> bool:
    """Whether the `datasets` library has a reader of that name (`json`, `text`, ...), which takes the files of the working directory."""
    try:
        return name.isidentifier() and find_spec(f"datasets.packaged_modules.{name}") is not None
    except ModuleNotFoundError:
        return False


def _dataset_name(source: str) -> tuple[str, str | None, str]:
    if source in KNOWN_DATASETS:
        return KNOWN_DATASETS[source]
    parts = source.split(":")
    if len(parts) > 3 or not all(parts):
        raise UserError(
            f"{source!r}: expected a file, or NAME, NAME:SPLIT, NAME:CONFIGURATION:SPLIT of a data set"
        )
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    return parts[0], None, parts[1] if len(parts) == 2 else "test"
