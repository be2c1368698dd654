"""The columns of a file of problems that hold question, answer and id, where nobody names them.

question   `question`; else those of `mechcot.text.field_names`, as `problem`, `query`, `prompt`, or a chat's last user message
answer     `answer`; else `target`, `gold`, ... (`mechcot.text.field_names`); else `completion`, `response`, `output`, `solution`, `label`
id         `id`; else another name of ids whose values differ; else the row's number
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mechcot.core.errors import UserError
from mechcot.text.answers import find_answer
from mechcot.text.field_names import (
    IDS,
    REFERENCE,
    WORKED,
    dig,
    question_of,
    short_reference,
)

_ANSWERS = ("answer", *REFERENCE, "completion", "response", "output", "solution", "label")
_ROW = "row-{:04d}"


def found_columns(
    rows: Sequence[Mapping[str, Any]], fields: Mapping[str, str]
) -> tuple[dict[str, str], str]:
    """The columns of the names that nobody gave and that no row has ("" for the id: the row's number), and a sentence that says which; both empty where none is missing.

    Args:
        rows: All of a file. The first says where question and answer stand.
        fields: What the user names.

    Raises:
        UserError: The first row has a chat that is none.
    """
    missing = [
        name for name in ("question", "answer", "id") if name not in fields and not _has(rows, name)
    ]
    found = {name: column for name in missing if (column := _column(rows, name))}
    said = [f"{column!r} for the {name}" for name, column in found.items()]
    if "id" in missing and "id" not in found:
        found["id"] = ""
        said.append("the number of a row for its id")
    told = f"{_listed(said)} is taken; --field NAME=COLUMN says another" if said else ""
    return found, told


def row_id(number: int) -> str:
    """The id of a row that has none.

    Args:
        number: Its number in the file.
    """
    return _ROW.format(number)


def stated_reference(text: str, column: str, *, where: str) -> str:
    """A reference answer; of a worked solution the answer that it states.

    Args:
        text: What stands in the column.
        column: Its name.
        where: File and line, for the message.

    Raises:
        UserError: A long text in a column that is not named for answers states none.
    """
    short = short_reference(text)
    if short != text or len(text.split()) <= WORKED:
        return short
    stated = find_answer(text, otherwise="nothing")
    if stated is not None:
        return stated.text
    if column in _ANSWERS[1:]:
        raise UserError(
            f"{where}: {column!r} is a text of {len(text.split())} words that states no answer; expected a short answer, or one that a text "
            "states; say which column it is with --field answer=COLUMN"
        )
    return text


def question_text(record: Mapping[str, Any], column: str, *, where: str) -> str | None:
    """The question in a column that was found; of a chat its last user message, of an `instruction` also its `input`.

    Raises:
        UserError: It is neither text nor a chat.
    """
    picked = {name: record[name] for name in (column, "input") if name in record}
    return question_of(picked, where=where)[0]


def _has(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    return any(dig(row, name) is not None for row in rows)


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    """The column for one of our names; "" where none is."""
    if not rows:
        return ""
    if name == "question":
        return question_of(rows[0], where="the first row")[1]
    if name == "answer":
        return next((column for column in _ANSWERS if dig(rows[0], column) is not None), "")
    return next((column for column in IDS if _differs(rows, column)), "")


def _differs(rows: Sequence[Mapping[str, Any]], column: str) -> bool:
    """Return whether every row has a value of its own there."""
    values = [value for row in rows if isinstance(value := dig(row, column), (str, int))]
    return len({*map(str, values)}) == len(rows)


def _listed(parts: Sequence[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)}, and {last}" if first else last
