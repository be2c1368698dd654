r"""The fields of a record that hold the question, the reference, the model's text.

    question   `question`, `problem`, `query`, `instruction`, `input`; a chat's last user message; else `prompt`
    reference  `ground_truth`, `expected_answer`, `gold`, `target`, ..., else `answer`; of GSM8K's `work #### 7` the 7
    thought    `chain`; else a field that speaks of a thought (`reasoning`, `thinking`, `cot`, `deepseek_reasoning`)
    text       a field that speaks of a model's text (`completion`, `generations`, `model_output`, `response`, `choices`),
               or the assistant's messages of a chat
    last       `solution`: as a rule a person's reference; taken where marks of a thought, an author, a prompt or chunks show a model's text, and any
               other column that holds the model's text comes first

A name that speaks of a person or a judge (`gold_solution`, `human_reasoning`, `judge_output`) is never the model's text.
Two columns that both could be the model's text are told apart by what they hold: one that holds the other and the
question is the whole prompt, one that the other holds is an extract, a single word is no chain, marks of a thought
speak for the column that has them. Where nothing tells them apart both are named.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mechcot.core.errors import UserError
from mechcot.text.attempts import USERS, Attempt, answer_turns, attempts, role_of
from mechcot.text.lines import text_field
from mechcot.text.message import (
    Kind,
    Piece,
    hides_thought,
    ink,
    joined,
    names_thought,
    pieces,
    plain_name,
)
from mechcot.text.think_tags import ThoughtTags, tags_in

QUESTION = (
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
    "custom_id",
    "id",
    "item_id",
    "uuid",
    "doc_id",
    "problem_id",
    "question_id",
    "unique_id",
    "key",
)
AUTHOR = ("author", "model", "model_name", "modelVersion", "generator")
FIELDS = ("id", "sample", "question", "answer", "chain", "answer_text", "author", "prompt")
"""What `--field NAME=PATH` can name; `answer` is the reference."""

_NOT_ITS_OWN = frozenset({
    "gold", "golden", "reference", "ref", "human", "expert", "official", "ground", "truth", "expected", "target", "correct",
    "judge", "judged", "judgement", "judgment", "grader", "grade", "verifier", "critic", "critique", "eval", "evaluation",
    "extraction", "extracted", "parsed", "filtered", "normalized", "score", "scores", "num", "n", "count", "is", "has",
    "token", "tokens", "ids", "system", "user", "few", "shot", "rejected", "annotator", "gt", "label", "labels",
})  # fmt: skip
_TEXT_NOUN = r"(?:generations?|completions?|outputs?|responses?|predictions?|preds?|resps|candidates|choices|samples|rollouts?|gens?|attempts?)"
_MODEL = (
    r"(?:[a-z0-9]+_)*?(?:model|assistant|llm|ai|student|policy|sampled|deepseek|gemini|qwen|qwq|gpt|claude|llama|mistral|phi|gemma|grok|"
    r"[ro][13])[a-z0-9_]*?"
)
_TEXT_KEY = re.compile(
    rf"(?:[a-z0-9]+_)*?{_TEXT_NOUN}(?:_(?:text|texts|raw|content|str))?|generated(?:_(?:solutions?|texts?|answers?|code|cot|content))?|"
    rf"{_MODEL}(?:_(?:solutions?|answers?|texts?|reply))|text|content|message|result|assistant"
)
_GSM8K = re.compile(r"####[^\S\n]*(?P<answer>[^\n]+?)\s*\Z")
_SETTINGS = frozenset(
    [
        "on",
        "off",
        "enabled",
        "disabled",
        "auto",
        "adaptive",
        "true",
        "false",
        "yes",
        "no",
        "none",
        "minimal",
        "low",
        "medium",
        "high",
        "max",
    ]
)
_WORKED = 12
"""Words: a longer target is no answer but how to get there."""


@dataclass(frozen=True)
class Column:
    """A field that could be the model's text.

    Attributes:
        name: Its name.
        attempts: The completions in it.
    """

    name: str
    attempts: tuple[Attempt, ...]

    @property
    def inks(self) -> frozenset[str]:
        """Return what its completions say, without white space."""
        return frozenset(attempt.ink for attempt in self.attempts)

    @property
    def text(self) -> str:
        """All its text, for searching in it."""
        return "\n".join(piece.text for attempt in self.attempts for piece in attempt.pieces)


def dig(record: Any, path: str) -> Any:
    """Return what stands under a dotted path (`doc.question`, `choices.0.text`); a key that holds dots itself comes first.

    Returns:
        None where nothing stands there.
    """
    if isinstance(record, Mapping) and path in record:
        return record[path]
    head, dot, rest = path.partition(".")
    if isinstance(record, Mapping):
        inner = record.get(head)
    elif isinstance(record, Sequence) and not isinstance(record, str) and head.isdigit():
        inner = record[int(head)] if len(head) < 10 and int(head) < len(record) else None
    else:
        return None
    return dig(inner, rest) if dot else inner


def named(record: Mapping[str, Any], fields: Mapping[str, str], *, where: str) -> dict[str, Any]:
    """Return what the user named by `--field`.

    Raises:
        UserError: A name that is none of `FIELDS`, or a path where nothing stands.
    """
    found = {}
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
        found[name] = value
    return found


def field_options(options: Sequence[str], names: Sequence[str] = FIELDS) -> dict[str, str]:
    """`NAME=PATH` options as a map.

    Args:
        options: The options as they were typed.
        names: What can be named.

    Raises:
        UserError: One has no name, no `=` or no path.
    """
    found = {}
    for option in options:
        name, equals, path = option.partition("=")
        if not equals or name.strip() not in names or not path.strip():
            raise UserError(
                f"--field {option}: expected NAME=COLUMN with a name of {', '.join(names)}, for example answer=gold or question=doc.question"
            )
        found[name.strip()] = path.strip()
    return found


def question_of(record: Mapping[str, Any], *, where: str) -> tuple[str | None, str]:
    """The question and the name of its field; None where there is none."""
    for name in (*QUESTION, *CHATS, "prompt", "arguments"):
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
        inner = next(
            (value[key] for key in ("problem", "question") if isinstance(value.get(key), str)), None
        )
        found = pieces(value, where=where) if inner is None else []
        value = inner if inner is not None else joined([piece.text for piece in found])
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
    worked = isinstance(target, str) and len(short_reference(target).split()) > _WORKED
    for name in ("doc.answer", *REFERENCE) if worked else REFERENCE:
        value = dig(record, name)
        if isinstance(value, list):
            value = next((one for one in value if isinstance(one, (str, int, float))), None)
        if value is None or isinstance(value, (Mapping, bool)):
            continue
        return short_reference(text_field({name: value}, name, where=where)), name
    return None, ""


def short_reference(text: str) -> str:
    """A reference answer; of a text that ends in `#### X` (GSM8K) the X."""
    match = _GSM8K.search(text)
    return match["answer"].strip() if match else text


def thought_columns(
    record: Mapping[str, Any], question: str, *, where: str, tags: ThoughtTags | None
) -> Column | None:
    """The column that holds the model's thought by its name; None where there is none.

    Raises:
        UserError: Several could be, and nothing tells them apart.
    """
    found = [
        _column(key, value, where=where, kind=Kind.THOUGHT)
        for key, value in record.items()
        if names_thought(key) and _its_own(key) and not _setting(value)
    ]
    return _one([one for one in found if one is not None], question, where=where, tags=tags)


def hidden_thoughts(record: Mapping[str, Any], *, where: str) -> list[tuple[Piece, ...]]:
    """The sealed and the summarised thoughts that stand in columns of their own."""
    found = []
    for key, value in record.items():
        kind = hides_thought(key)
        if kind is not None and isinstance(value, (str, list, Mapping)):
            found.append(tuple(pieces(value, where=where, kind=kind)))
    return [turn for turn in found if turn]


def text_columns(
    record: Mapping[str, Any], question: str, *, where: str, tags: ThoughtTags | None
) -> Column | None:
    """The column, or the chat, that holds the model's text; None where there is none.

    Raises:
        UserError: Several could be, and nothing tells them apart.
        NoChain: A column says that its request failed, or a tool is called.
    """
    found = []
    for key, value in record.items():
        if key in CHATS:
            turns = (
                None
                if value is None or isinstance(value, str)
                else answer_turns(value, key, where=where)
            )
            found.append(Column(key, (turns,)) if turns is not None else None)
        elif _TEXT_KEY.fullmatch(plain_name(key)) and _its_own(key):
            options = plain_name(key) in {"choices", "candidates"} and not _objects(value)
            found.append(None if options else _column(key, value, where=where, kind=Kind.SAID))
    return _one([one for one in found if one is not None], question, where=where, tags=tags)


def or_solution(
    text: Column | None, record: Mapping[str, Any], *, where: str, tags: ThoughtTags | None
) -> Column | None:
    """The column of the model's text, else a `solution` that shows that a model wrote it: by marks, an author, a prompt, chunks.

    Raises:
        UserError: Nothing shows it, or the column holds a word where `solution` has several: whose the solution is nobody says.
    """
    solution = _column("solution", record.get("solution"), where=where, kind=Kind.SAID)
    written = solution is not None and (
        _marked(solution, tags)
        or any(record.get(key) for key in (*AUTHOR, "chunks", "full_cot"))
        or bool(record.get("prompt") and record.keys() & {"question", "problem"})
    )
    if solution is not None and not written and (text is None or not text.text.strip()):
        raise UserError(
            f"{where}: only 'solution' could be the chain, which is as a rule a person's; if the model wrote it, say so with `mechcot import --field chain=solution`"
        )
    if text is None or solution is None or text.text.strip() == "":
        return text if text is not None and solution is None else solution
    if len(text.text.split()) <= len(text.attempts) and len(solution.text.split()) > 1:
        raise UserError(
            f"{where}: {text.name!r} holds a word and 'solution' is as a rule a person's; name the model's text with `--field chain=COLUMN`"
        )
    return text


def _setting(value: Any) -> bool:
    """Return whether a value says how a model was asked to think, not what it thought."""
    return isinstance(value, str) and value.strip().lower() in _SETTINGS


def _its_own(key: str) -> bool:
    return not _NOT_ITS_OWN & set(plain_name(key).split("_"))


def _objects(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(one, Mapping) for one in value)


def _column(name: str, value: Any, *, where: str, kind: Kind) -> Column | None:
    if isinstance(value, (bool, int, float)):
        return None
    if value == "":
        return Column(name, (Attempt(((Piece(kind, ""),),)),))
    found = attempts(_unlisted(value) if kind is Kind.THOUGHT else value, where=where, kind=kind)
    found = [one for one in found if one.pieces]
    return Column(name, tuple(found)) if found else None


def _unlisted(value: Any) -> Any:
    """The parts of one thought are one thought; a list of texts stays a list."""
    if (
        isinstance(value, list)
        and len(value) > 1
        and all(isinstance(one, Mapping) for one in value)
    ):
        return [{"type": "reasoning", **one} if "type" not in one else one for one in value]
    return value


def _one(
    found: list[Column], question: str, *, where: str, tags: ThoughtTags | None
) -> Column | None:
    """The column that is the model's text.

    Raises:
        UserError: Several could be.
    """
    left = _without_words(found)
    left = _not_beaten(left, _says_less)
    left = _not_beaten(left, lambda one, other: _holds_prompt(one, other, question))
    left = _not_beaten(left, _extract)
    marked = [one for one in left if _marked(one, tags)]
    left = marked if len(marked) == 1 else left
    if len(left) > 1:
        names = " and ".join(repr(one.name) for one in left)
        raise UserError(
            f"{where}: {names} could each be what the model wrote; name the one with `--field chain=COLUMN`"
        )
    return left[0] if left else None


def _not_beaten(found: list[Column], beaten: Callable[[Column, Column], bool]) -> list[Column]:
    """Without the columns that another one beats; of two that beat each other the earlier stays."""
    kept: list[Column] = []
    for i, one in enumerate(found):
        others = [*kept, *found[i + 1 :]]
        if not any(
            beaten(one, other) and (other in kept or not beaten(other, one)) for other in others
        ):
            kept.append(one)
    return kept


def _without_words(found: list[Column]) -> list[Column]:
    """Without empty columns, and columns of single words, where another has more."""
    found = [one for one in found if ink(one.text)] or found
    several = [one for one in found if len(one.text.split()) > len(one.attempts)]
    return several or found


def _says_less(one: Column, other: Column) -> bool:
    """Return whether `other` says all that `one` does."""
    return one.inks <= other.inks


def _holds_prompt(one: Column, other: Column, question: str) -> bool:
    """Return whether a column is the question with the text of another behind it."""
    asked, whole, text = ink(question), ink(one.text), ink(other.text)
    return (
        one is not other and bool(asked) and asked in whole and text in whole and asked not in text
    )


def _extract(one: Column, other: Column) -> bool:
    """Return whether a column is a part of what another says."""
    return (
        one is not other and ink(one.text) != ink(other.text) and ink(one.text) in ink(other.text)
    )


def _marked(column: Column, tags: ThoughtTags | None) -> bool:
    text = column.text
    return any(p.kind >= Kind.THOUGHT for a in column.attempts for p in a.pieces) or bool(
        tags.close in text if tags else tags_in(text)
    )


def _keys(record: Mapping[str, Any]) -> str:
    return json.dumps(sorted(map(str, record))[:40], ensure_ascii=False)
