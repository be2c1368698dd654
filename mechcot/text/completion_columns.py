r"""The column of a record that holds the model's text, and the one that holds its thought.

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

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mechcot.core.errors import UserError
from mechcot.text.field_names import AUTHOR, CHATS
from mechcot.text.message_parts import (
    Kind,
    Piece,
    hides_thought,
    ink,
    message_pieces,
    names_thought,
    plain_name,
)
from mechcot.text.responses import Attempt, answer_turns, attempts
from mechcot.text.think_tags import ThoughtTags, tags_in

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
_SETTINGS = frozenset({
    "on", "off", "enabled", "disabled", "auto", "adaptive", "true", "false", "yes", "no", "none", "minimal", "low",
    "medium", "high", "max",
})  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A field that could be the model's text, and the completions in it."""

    name: str
    attempts: tuple[Attempt, ...]

    @property
    def inks(self) -> frozenset[str]:
        """The texts of its completions, without white space."""
        return frozenset(attempt.ink for attempt in self.attempts)

    @property
    def text(self) -> str:
        """All its text, for searching in it."""
        return "\n".join(piece.text for attempt in self.attempts for piece in attempt.pieces)


def thought_columns(
    record: Mapping[str, Any], question: str, *, where: str, tags: ThoughtTags | None
) -> Column | None:
    """The column that holds the model's thought by its name; None where there is none.

    Raises:
        UserError: Several could be, and nothing tells them apart.
    """
    columns = [
        _column(key, value, where=where, kind=Kind.THOUGHT)
        for key, value in record.items()
        if names_thought(key) and _its_own(key) and not _setting(value)
    ]
    return _one(
        [column for column in columns if column is not None], question, where=where, tags=tags
    )


def hidden_thoughts(record: Mapping[str, Any], *, where: str) -> list[tuple[Piece, ...]]:
    """The sealed and the summarised thoughts that stand in columns of their own."""
    thoughts = []
    for key, value in record.items():
        kind = hides_thought(key)
        if kind is not None and isinstance(value, (str, list, Mapping)):
            thoughts.append(tuple(message_pieces(value, where=where, kind=kind)))
    return [turn for turn in thoughts if turn]


def text_columns(
    record: Mapping[str, Any], question: str, *, where: str, tags: ThoughtTags | None
) -> Column | None:
    """The column, or the chat, that holds the model's text; None where there is none.

    Raises:
        UserError: Several could be, and nothing tells them apart.
        NoChain: A column says that its request failed, or a tool is called.
    """
    columns = []
    for key, value in record.items():
        if key in CHATS:
            turns = (
                None
                if value is None or isinstance(value, str)
                else answer_turns(value, key, where=where)
            )
            columns.append(Column(key, (turns,)) if turns is not None else None)
        elif _TEXT_KEY.fullmatch(plain_name(key)) and _its_own(key):
            options = plain_name(key) in {"choices", "candidates"} and not _objects(value)
            columns.append(None if options else _column(key, value, where=where, kind=Kind.SAID))
    return _one(
        [column for column in columns if column is not None], question, where=where, tags=tags
    )


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
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)


def _column(name: str, value: Any, *, where: str, kind: Kind) -> Column | None:
    if isinstance(value, (bool, int, float)):
        return None
    if value == "":
        return Column(name, (Attempt(((Piece(kind, ""),),)),))
    completions = attempts(
        _unlisted(value) if kind is Kind.THOUGHT else value, where=where, kind=kind
    )
    completions = [completion for completion in completions if completion.pieces]
    return Column(name, tuple(completions)) if completions else None


def _unlisted(value: Any) -> Any:
    """The parts of one thought are one thought; a list of texts stays a list."""
    if (
        isinstance(value, list)
        and len(value) > 1
        and all(isinstance(part, Mapping) for part in value)
    ):
        return [{"type": "reasoning", **part} if "type" not in part else part for part in value]
    return value


def _one(
    columns: list[Column], question: str, *, where: str, tags: ThoughtTags | None
) -> Column | None:
    """The column that is the model's text.

    Raises:
        UserError: Several could be.
    """
    left = _without_words(columns)
    left = _not_beaten(left, _says_less)
    left = _not_beaten(left, lambda column, other: _holds_prompt(column, other, question))
    left = _not_beaten(left, _extract)
    marked = [column for column in left if _marked(column, tags)]
    left = marked if len(marked) == 1 else left
    if len(left) > 1:
        names = " and ".join(repr(column.name) for column in left)
        raise UserError(
            f"{where}: {names} could each be what the model wrote; name the one with `--field chain=COLUMN`"
        )
    return left[0] if left else None


def _not_beaten(columns: list[Column], beaten: Callable[[Column, Column], bool]) -> list[Column]:
    """Without the columns that another one beats; of two that beat each other the earlier stays."""
    kept: list[Column] = []
    for i, column in enumerate(columns):
        others = [*kept, *columns[i + 1 :]]
        if not any(
            beaten(column, other) and (other in kept or not beaten(other, column))
            for other in others
        ):
            kept.append(column)
    return kept


def _without_words(columns: list[Column]) -> list[Column]:
    """Without empty columns, and columns of single words, where another has more."""
    columns = [column for column in columns if ink(column.text)] or columns
    several = [column for column in columns if len(column.text.split()) > len(column.attempts)]
    return several or columns


def _says_less(column: Column, other: Column) -> bool:
    """Return whether `other` says all that `one` does."""
    return column.inks <= other.inks


def _holds_prompt(column: Column, other: Column, question: str) -> bool:
    """Return whether a column is the question with the text of another behind it."""
    asked, whole, text = ink(question), ink(column.text), ink(other.text)
    return (
        column is not other
        and bool(asked)
        and asked in whole
        and text in whole
        and asked not in text
    )


def _extract(column: Column, other: Column) -> bool:
    """Return whether a column is a part of what another says."""
    return (
        column is not other
        and ink(column.text) != ink(other.text)
        and ink(column.text) in ink(other.text)
    )


def _marked(column: Column, tags: ThoughtTags | None) -> bool:
    text = column.text
    return any(p.kind >= Kind.THOUGHT for a in column.attempts for p in a.pieces) or bool(
        tags.close in text if tags else tags_in(text)
    )
