"""The columns of a file of problems that hold question, answer and id, where nobody names them.

question   `question`; else those of `mechcot.text.field_names`, as `problem`, `query`, `prompt`, or a chat's last user message
answer     `answer`; else `target`, `gold`, ... (`mechcot.text.field_names`); else `answerKey`, `completion`, `response`, `output`, `solution`, `label`; else
           a chat's last message
id         `id`; else another name of ids whose values differ; else the row's number
context    a text in `context`, `passage`, `article` or `paragraph` goes in front of the question that is asked about it

A chat may be written as text, as in csv. Options that stand beside a question: `mechcot.text.option_columns`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mechcot.core.errors import UserError
from mechcot.text.answers import find_answer
from mechcot.text.boxed_answers import boxed
from mechcot.text.field_names import (
    CHATS,
    IDS,
    QUESTION_FIELDS,
    REFERENCE,
    WORKED,
    dig,
    question_of,
    short_reference,
)
from mechcot.text.message_parts import joined, message_pieces
from mechcot.text.option_columns import undone
from mechcot.text.responses import USERS, role_of

_ANSWERS = (
    *("answer", *REFERENCE, "answerKey", "answer_key"),
    *("completion", "response", "output", "solution", "label", *CHATS),
)
_SOLUTIONS = ("completion", "response", "output", "solution")
_CONTEXTS = ("context", "passage", "article", "paragraph")
KNOWN_COLUMNS = frozenset(
    name
    for name in (
        *QUESTION_FIELDS,
        *_ANSWERS,
        *IDS,
        *_CONTEXTS,
        "prompt",
        "choices",
        "options",
        "stratum",
    )
    if "." not in name
)
"""Columns that mean something here."""
_LABEL = 3
"""Words: a shorter one is a label and no text to ask about."""
_CELLS = (*CHATS, "prompt", "completion", "question", "input")
_ROW = "row-{:04d}"


def found_columns(
    rows: Sequence[Mapping[str, Any]], fields: Mapping[str, str], *, where: str
) -> tuple[dict[str, str], list[str]]:
    """The columns of the names that nobody gave and that no row has ("" for the id: the row's number), and of a context; and what to say of it.

    Args:
        rows: All of a file. The first says where question and answer stand.
        fields: What the user names.
        where: Place of the first, for the message.

    Raises:
        UserError: The first row has a chat that is none.
    """
    missing = [
        name for name in ("question", "answer", "id") if name not in fields and not _has(rows, name)
    ]
    found = {name: column for name in missing if (column := _column(rows, name, where=where))}
    said = [f"{column!r} for the {name}" for name, column in found.items()]
    asked = fields.get("question", found.get("question", "question"))
    if any(_is_chat(chat := dig(row, asked)) and _instructed(chat) for row in rows):
        said.append("its last user message without its system message (--instruction says one)")
    if rows and "id" in missing and "id" not in found:
        found["id"] = ""
        said.append("the number of a row for its id")
    if "question" not in fields and (context := _context(rows)):
        found["context"] = context
        said.append(f"{context!r} in front of each question")
    return found, said


def columns_said(said: Sequence[str]) -> str:
    """The sentence that says what is taken; "" where nothing is."""
    *first, last = said or [""]
    both = f"{', '.join(first)}, and {last}" if first else last
    return f"{both} is taken; --field NAME=COLUMN says another" if both else ""


def with_cells(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """A record whose chats are lists, and whose question is an object, where they are written as text."""
    cells = {name: undone(record.get(name)) for name in _CELLS}
    chats = {
        name: cell
        for name, cell in cells.items()
        if _is_chat(cell) or (name == "question" and isinstance(cell, dict))
    }
    return {**record, **chats} if chats else record


def with_context(question: str, record: Mapping[str, Any], found: Mapping[str, str]) -> str:
    """A question behind what it is asked about, where that stands in a column of its own and not in the question."""
    context = record.get(found.get("context", ""))
    if not isinstance(context, str) or context.strip() in question:
        return question
    return f"{context.strip()}\n\n{question}"


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
    brief = len(text.split()) <= WORKED
    if short != text or (brief and column not in _SOLUTIONS and not any(boxed(text))):
        return short
    stated = find_answer(text, otherwise="nothing")
    if stated is not None:
        return stated.text
    if not brief and column in _ANSWERS[1:]:
        raise UserError(
            f"{where}: {column!r} is a text of {len(text.split())} words that states no answer; expected a short answer, or one that a text "
            "states; say which column it is with --field answer=COLUMN"
        )
    return text


def found_text(record: Mapping[str, Any], name: str, column: str, *, where: str) -> str | None:
    """The text of one of our names in a column that was found; None where it is not a chat's.

    A question is a chat's last user message, or an `instruction` with its `input`; an answer is what a chat's last message states.

    Raises:
        UserError: A question is neither text nor a chat of one question, or a chat has no answer.
    """
    if name == "question":
        _one_question(record.get(column), column, where=where)
        keys = (column, "input") if column == "instruction" else (column,)
        picked = {key: record[key] for key in keys if key in record}
        text, more = question_of(picked, where=where)[0], record.get("input")
        apart = text and isinstance(more, str) and more.strip() and more not in text
        return f"{text}\n{more}" if apart and column == "prompt" else text
    turns = record.get(column)
    if name != "answer" or not isinstance(turns, list) or not turns:
        return None
    last = turns[-1]
    if not isinstance(last, Mapping) or role_of(last) in USERS:
        raise UserError(
            f"{where}: {column!r} ends without a model's message; expected the answer there, or in a column of its own; say which with --field answer=COLUMN"
        )
    text = joined([piece.text for piece in message_pieces(last, where=where)])
    stated = find_answer(text)
    return text if stated is None else stated.text


def _has(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    return any(dig(row, name) is not None for row in rows)


def _is_chat(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(turn, Mapping) and role_of(turn) for turn in value)
    )


def _instructed(chat: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a chat has a message of the system, which is no part of the question."""
    return any(role_of(turn) in {"system", "developer"} for turn in chat)


def _one_question(value: Any, column: str, *, where: str) -> None:
    """See that a chat asks once: the last of several questions may not be understood alone.

    Raises:
        UserError: It asks more.
    """
    asked = sum(role_of(turn) in USERS for turn in value) if _is_chat(value) else 1
    if asked > 1:
        raise UserError(
            f"{where}: the chat in {column!r} has {asked} messages of a user; expected one, the question; leave such chats out, "
            "or say in which column a question is whole with --field question=COLUMN"
        )


def _column(rows: Sequence[Mapping[str, Any]], name: str, *, where: str) -> str:
    """The column for one of our names; "" where none is."""
    if not rows:
        return ""
    if name == "question":
        said = {key: value for key, value in rows[0].items() if str(value).strip()}
        column, prompt = question_of(said, where=where)[1], said.get("prompt")
        apart = isinstance(prompt, str) and str(said.get("input")) not in prompt
        return "prompt" if column == "input" and apart else column
    if name == "answer":
        return next((column for column in _ANSWERS if dig(rows[0], column) is not None), "")
    return next((column for column in IDS if _differs(rows, column)), "")


def _context(rows: Sequence[Mapping[str, Any]]) -> str:
    """The first column that holds a text to ask about in some row; "" where none does."""
    texts = (
        column
        for column in _CONTEXTS
        for row in rows
        if isinstance(row.get(column), str) and len(row[column].split()) > _LABEL
    )
    return next(texts, "")


def _differs(rows: Sequence[Mapping[str, Any]], column: str) -> bool:
    """Return whether every row has a value of its own there."""
    values = [value for row in rows if isinstance(value := dig(row, column), (str, int))]
    return len({*map(str, values)}) == len(rows)
