"""The columns of a file of problems that hold question, answer and id, where nobody names them.

question   `question`; else those of `mechcot.text.field_names`, as `problem`, `query`, `prompt`, or a chat's last user message
answer     `answer`; else `target`, `gold`, ... (`mechcot.text.field_names`); else `answerKey`, `completion`, `response`, `output`, `solution`, `label`; else
           a chat's last message
id         `id`; else another name of ids whose values differ; else the row's number

Options in a column of their own (`choices`, `options`: a list, or `text` and `label` beside each other) are put behind a question that lists none, and an
answer that is one of them, its label or its index becomes its letter.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mechcot.core.errors import UserError
from mechcot.text.answers import find_answer
from mechcot.text.field_names import (
    CHATS,
    IDS,
    REFERENCE,
    WORKED,
    dig,
    question_of,
    short_reference,
)
from mechcot.text.listed_choices import choices
from mechcot.text.message_parts import joined, message_pieces
from mechcot.text.responses import USERS, role_of

_ANSWERS = (
    *("answer", *REFERENCE, "answerKey", "answer_key"),
    *("completion", "response", "output", "solution", "label", *CHATS),
)
_OPTIONS = ("choices", "options")
_LETTERS = "ABCDEFGHIJ"
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
    listed = _options_column(rows[0]) if rows else ""
    if listed:
        said.append(f"what {listed!r} lists for options")
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


def found_text(record: Mapping[str, Any], name: str, column: str, *, where: str) -> str | None:
    """The text of one of our names in a column that was found; None where it is not a chat's.

    A question is a chat's last user message, or an `instruction` with its `input`; an answer is what a chat's last message states.

    Raises:
        UserError: A question is neither text nor a chat.
    """
    if name == "question":
        picked = {key: record[key] for key in (column, "input") if key in record}
        return question_of(picked, where=where)[0]
    turns = record.get(column)
    if name != "answer" or not isinstance(turns, list) or not turns:
        return None
    last = turns[-1]
    if not isinstance(last, Mapping) or role_of(last) in USERS:
        return None
    text = joined([piece.text for piece in message_pieces(last, where=where)])
    stated = find_answer(text)
    return text if stated is None else stated.text


def with_options(
    question: str, answer: str, record: Mapping[str, Any], *, where: str
) -> tuple[str, str]:
    """The question with the options of its row behind it, and the letter of its answer; both as they are where the row has none, or the question lists them.

    Raises:
        UserError: The answer is none of the options.
    """
    column = _options_column(record)
    if not column or choices(question) is not None:
        return question, answer
    texts, labels = _options(record[column])
    named = (labels, texts, _LETTERS[: len(texts)], [str(at) for at in range(len(texts))])
    at = next((each.index(answer) for each in map(list, named) if answer in each), None)
    if at is None:
        raise UserError(
            f"{where}: the answer {answer!r} is none of the {len(texts)} options of {column!r}; expected one of them, its letter, or its index from 0; "
            "name the column otherwise if it lists no options"
        )
    lines = [f"{letter}) {text}" for letter, text in zip(_LETTERS, texts, strict=False)]
    return "\n".join((question, *lines)), _LETTERS[at]


def _options_column(record: Mapping[str, Any]) -> str:
    """The column that lists a row's options; "" where none does."""
    sizes = ((name, len(_options(record.get(name))[0])) for name in _OPTIONS)
    return next((name for name, size in sizes if 2 <= size <= len(_LETTERS)), "")


def _options(value: Any) -> tuple[list[str], list[str]]:
    """The texts of options and their labels; none where there are no options, or no plain ones."""
    whole = isinstance(value, Mapping)
    texts = _plain(value.get("text") if whole else value)
    labels = _plain(value.get("label")) if whole else []
    return texts, labels if len(labels) == len(texts) else []


def _plain(value: Any) -> list[str]:
    """A list of texts or numbers; empty where it is none."""
    listed = value if isinstance(value, list) else []
    plain = all(isinstance(text, (str, int, float)) for text in listed)
    return [str(text) for text in listed] if plain else []


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
