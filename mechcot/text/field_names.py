r"""The fields of a record that hold the question, the reference, the id; and those that a user names.

question   `question`, `problem`, `query`, `instruction`, `input`; a chat's last user message; else `prompt`
reference  `ground_truth`, `expected_answer`, `gold`, `target`, ..., else `answer`; of GSM8K's `work #### 7` the 7
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mechcot.core.errors import UserError
from mechcot.core.problem import answerable
from mechcot.text.json_lines import text_field
from mechcot.text.message_parts import first_of, joined, message_pieces
from mechcot.text.responses import USERS, role_of
from mechcot.text.rewriting_rules import are_rules, rewritten

QUESTION_FIELDS = (
    "question", "problem", "prompt_text", "query", "instruction", "input", "doc.question", "doc.problem", "doc.query",
    "doc.Question", "doc.Problem", "doc.input",
)  # fmt: skip
REFERENCE = (
    "ground_truth", "gt_answer", "reference", "target", "expected_answer", "reference_answer", "gold_answer", "gold",
    "correct_answer", "golden_answer", "ground_truth_answer", "expected", "reward_model.ground_truth", "answer",
    "final_answer", "doc.answer", "doc.target",
)  # fmt: skip
CHATS = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat")
WRITTEN = ("answer_text", "response", "final")
IDS = (
    "custom_id", "id", "item_id", "uuid", "doc_id", "problem_id", "question_id", "unique_id", "key",
)  # fmt: skip
AUTHOR = ("author", "model", "model_name", "modelVersion", "generator")
FIELDS = ("id", "sample", "question", "answer", "chain", "answer_text", "author", "prompt")
"""What `--field NAME=PATH` can name; `answer` is the reference."""
_GSM8K = re.compile(r"####[^\S\n]*(?P<answer>[^\n]+?)\s*\Z")
WORKED = 12
"""Words: a longer target is no answer but how to get there."""


def dig(record: Any, path: str) -> Any:
    """The value under a dotted path (`doc.question`, `choices.0.text`); a key that holds dots itself comes first.

    Behind a colon stand rules that write the value otherwise: `answer:cup *->*` (`mechcot.text.rewriting_rules`).

    Returns:
        None where nothing stands there.
    """
    if isinstance(record, Mapping) and path in record:
        return record[path]
    column, rules = column_and_rules(path)
    if rules:
        value = dig(record, column)
        if isinstance(value, bool):
            value = json.dumps(value)
        return rewritten(str(value), rules) if isinstance(value, (int, float, str)) else value
    head, dot, rest = path.partition(".")
    if isinstance(record, Mapping):
        inner = record.get(head)
    elif isinstance(record, Sequence) and not isinstance(record, str) and head.isdigit():
        inner = record[int(head)] if len(head) < 10 and int(head) < len(record) else None
    else:
        return None
    return dig(inner, rest) if dot else inner


def column_and_rules(path: str) -> tuple[str, str]:
    """The column that a path names, and the rules behind it; "" where there are none."""
    column, _, rules = path.partition(":")
    return (column, rules) if are_rules(rules) else (path, "")


def named_columns(fields: Mapping[str, str]) -> set[str]:
    """The columns that a user's fields name, whole and as the heads of their paths."""
    columns = {column_and_rules(path)[0] for path in fields.values()}
    return columns | {column.partition(".")[0] for column in columns}


def named(record: Mapping[str, Any], fields: Mapping[str, str], *, where: str) -> dict[str, Any]:
    """The values that the user named by `--field`.

    Raises:
        UserError: A name that is none of `FIELDS`, or a path where nothing stands.
    """
    values = {}
    for name, path in fields.items():
        if name not in FIELDS:
            raise UserError(
                f"--field {name}={path}: expected one of {', '.join(FIELDS)} before the ="
            )
        value = dig(record, path)
        if value is None:
            raise UserError(
                f"{where}: no field {path!r} (--field {name}={path}); found {_keys(record)}"
            )
        values[name] = value
    return values


def field_options(options: Sequence[str], names: Sequence[str] = FIELDS) -> dict[str, str]:
    """`NAME=PATH` options as a map.

    Raises:
        UserError: One has no name, no `=` or no path.
    """
    fields = {}
    for option in options:
        name, equals, path = option.partition("=")
        if not equals or name.strip() not in names or not path.strip():
            raise UserError(
                f"--field {option}: expected NAME=COLUMN with a name of {', '.join(names)}, for example answer=gold or question=doc.question"
            )
        fields[name.strip()] = path.strip()
    return fields


def can_be_answered(record: Mapping[str, Any], *, where: str) -> bool:
    """Whether the question of a record can be answered, see `mechcot.core.problem.answerable`.

    Raises:
        UserError: The record says neither yes nor no.
    """
    try:
        return answerable(record)
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error


def question_of(record: Mapping[str, Any], *, where: str) -> tuple[str | None, str]:
    """The question and the name of its field; None where there is none."""
    for name in (*QUESTION_FIELDS, *CHATS, "prompt", "arguments"):
        value = dig(record, name)
        value = _first_prompt(value) if name == "arguments" else value
        if value is None or (name in CHATS and _no_chat(value, name, where=where)):
            continue
        text = _question(value, name, where=where)
        if text is not None:
            more = record.get("input") if name == "instruction" else None
            return (f"{text}\n{more}" if isinstance(more, str) and more.strip() else text), name
    return None, ""


def _no_chat(value: Any, name: str, *, where: str) -> bool:
    """Return whether a field that may hold a chat holds something else; `messages` and `conversations` may not."""
    if isinstance(value, list) and all(isinstance(turn, Mapping) for turn in value):
        return False
    if name in CHATS[:2]:
        raise UserError(f"{where}: {name!r} must be a list of objects with role and content")
    return True


def _question(value: Any, name: str, *, where: str) -> str | None:
    if isinstance(value, list):
        turns = [part for part in value if isinstance(part, Mapping)]
        users = [turn for turn in turns if role_of(turn) in USERS]
        value = users[-1] if users else None
    if isinstance(value, Mapping):
        inner = first_of(value, ("problem", "question"), str)
        parts = message_pieces(value, where=where) if inner is None else []
        value = inner if inner is not None else joined([piece.text for piece in parts])
        if not value:
            return None
    return None if value is None else text_field({name: value}, name, where=where)


def _first_prompt(arguments: Any) -> Any:
    """The prompt in an evaluation harness's `arguments`."""
    first = dig(arguments, "gen_args_0.arg_0") or dig(arguments, "0.0") or dig(arguments, "0.arg_0")
    return first if isinstance(first, str) else None


def reference_of(record: Mapping[str, Any], *, where: str) -> tuple[str | None, str]:
    """The reference answer and the name of its field; None where there is none.

    A harness's `target` may be a worked solution: where it is long, the `answer` of its `doc` comes first.
    """
    target = record.get("target")
    worked = isinstance(target, str) and len(short_reference(target).split()) > WORKED
    for name in ("doc.answer", *REFERENCE) if worked else REFERENCE:
        value = dig(record, name)
        if isinstance(value, list):
            value = next(
                (element for element in value if isinstance(element, (str, int, float))), None
            )
        if value is None or isinstance(value, (Mapping, bool)):
            continue
        return short_reference(text_field({name: value}, name, where=where)), name
    return None, ""


def short_reference(text: str) -> str:
    """A reference answer; of a text that ends in `#### X` (GSM8K) the X."""
    match = _GSM8K.search(text)
    return match["answer"].strip() if match else text


def _keys(record: Mapping[str, Any]) -> str:
    return json.dumps(sorted(map(str, record))[:40], ensure_ascii=False)
