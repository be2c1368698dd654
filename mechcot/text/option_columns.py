"""The options of a problem that stand beside its question, and which of them its answer names.

    choices, options      a list of texts or of `{label, text}`; `{text: [...], label: [...]}`; `{A: ..., B: ...}`; or any of these written as text, as in csv
    A, B, C, ...          a column for each; also `option_a`, `opa`, `choice1`, ...

An answer is a label, a text, a letter, or an index from 0. A file reads all of its answers one way; where two ways fit and say different options, it is refused.
"""

import ast
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mechcot.core.errors import UserError
from mechcot.text.field_names import dig
from mechcot.text.listed_choices import OPTION_LETTERS, choices
from mechcot.text.message_parts import plain_name

_COLUMNS = ("choices", "options", "question.choices", "doc.choices")
_TEXT, _LABEL = ("text", "value", "content"), ("label", "key", "letter", "id")
_OWN_COLUMN = re.compile(r"(?:option|choice|opt|op)_?(?P<label>[a-j]|\d)")
_LISTED = re.compile(r"\s*(?:[\[{]|\W?[aA1]\s?[).:])")
_LETTER = re.compile(r"\(?([A-Ja-j])[).:]?")
_LONGEST = 20_000
_WAYS = ("label", "text", "letter", "index from 0")


@dataclass(frozen=True)
class Options:
    """The options of a row.

    Attributes:
        column: Where they stand.
        texts: What they say.
        labels: What the row calls them; empty where it does not say.
        worded: Whether the texts are strings.
        typed: Whether the format is known to tell strings from numbers.
    """

    column: str
    texts: tuple[str, ...]
    labels: tuple[str, ...] = ()
    worded: bool = True
    typed: bool = False

    def named(self, way: str, answer: str) -> int | None:
        """The place of the option that an answer names in one of the four ways; None where it names none."""
        names: Sequence[str] = {"label": self.labels, "text": self.texts}.get(way, ())
        if way == "letter" and (match := _LETTER.fullmatch(answer)):
            names, answer = OPTION_LETTERS[: len(self.texts)], match[1].upper()
        if way == "index from 0":
            names = [str(at) for at in range(len(self.texts))]
            answer = answer.removesuffix(".0")
        return list(names).index(answer) if answer in list(names) else None


def options_of(record: Mapping[str, Any], *, where: str) -> Options | None:
    """The options of a row; None where it has none.

    Raises:
        UserError: More than ten, one that says nothing, or options that cannot be read.
    """
    for column in _COLUMNS:
        value = dig(record, column)
        cell = undone(value)
        texts, labels = _listed(cell)
        size = len(texts)
        broken = isinstance(cell, str) and _LISTED.match(cell)
        if (
            broken
            or (cell and cell is not value and size < 2)
            or not all(texts)
            or size > len(OPTION_LETTERS)
        ):
            what = "is text that is no list" if size < 2 else f"lists {size} options"
            what = what if all(texts) else f"lists an option {texts.index('') + 1} that is empty"
            raise UserError(
                f"{where}: {column!r} {what}; expected a list of 2 to {len(OPTION_LETTERS)} texts; write them into the question "
                "(`A) ...`, a line each), or name the column otherwise if it lists no options"
            )
        if size > 1:
            worded = any(isinstance(each, str) for each in _values(cell))
            plain = _without_marks(texts)
            return Options(column, plain, tuple(labels), worded=worded, typed=cell is value)
    return _own_columns(record)


def answers_way(
    rows: Sequence[tuple[str, Options | None, Any]],
) -> str:
    """The way in which all answers of a file name their options; "" where there are none, or where no way fits all.

    Args:
        rows: Of each row its place, options and answer.

    Raises:
        UserError: Two ways fit all, and name different options.
    """
    known = [(w, options, answer) for w, options, answer in rows if options and _said(answer)]
    fit = [way for way in _WAYS if all(o.named(way, _said(a)) is not None for _, o, a in known)]
    if not known or not fit:
        return ""
    fit = _likely(fit, known)
    for where, options, answer in known:
        _agreed(fit, options, _said(answer), where=where)
    return fit[0]


def with_options(
    question: str, answer: str, options: Options, way: str, *, where: str
) -> tuple[str, str]:
    """The question with options behind it where it lists none, and the letter of its answer.

    Args:
        question: The text.
        answer: What the row says.
        options: Of the row.
        way: How the file names options; "": whichever fits this row.
        where: File and line, for the message.

    Raises:
        UserError: The answer is none of the options, or may be two.
    """
    said = answer.strip()
    fit = [w for w in ([way] if way else _WAYS) if options.named(w, said) is not None]
    at = _agreed(_likely(fit, [("", options, answer)]), options, said, where=where) if fit else None
    own = choices(question)
    if own is not None:
        same = at is not None and len(own.spans) == len(options.texts) and said not in own.texts
        return question, OPTION_LETTERS[at] if at is not None and same else answer
    if at is None:
        raise UserError(
            f"{where}: the answer {answer!r} is none of the {len(options.texts)} options of {options.column!r}; expected one of them, its letter, "
            "or its index from 0; name the column otherwise if it lists no options"
        )
    lines = [
        f"{letter}) {text}" for letter, text in zip(OPTION_LETTERS, options.texts, strict=False)
    ]
    return "\n".join((question, *lines)), OPTION_LETTERS[at]


def undone(value: Any) -> Any:
    """A list or an object that is written as text, in JSON or as Python writes it; anything else as it is."""
    if not isinstance(value, str) or len(value) > _LONGEST or value.strip()[:1] not in {"[", "{"}:
        return value
    readers: tuple[Callable[[str], Any], ...] = (json.loads, ast.literal_eval)
    for read in readers:
        try:
            found = read(value.strip())
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        return found if isinstance(found, (list, dict)) else value
    return value


def _said(answer: Any) -> str:
    return (
        str(answer).strip()
        if isinstance(answer, (str, int, float)) and not isinstance(answer, bool)
        else ""
    )


def _likely(fit: list[str], known: Sequence[tuple[str, Options, Any]]) -> list[str]:
    """The ways that their format leaves: labels come first; a number is no text beside texts, and a text no index."""
    if "label" in fit:
        return ["label"]
    numbers = not any(isinstance(answer, str) for *_, answer in known)
    worded = all(options.worded for _, options, _ in known)
    typed = numbers or all(options.typed for _, options, _ in known)
    if {"text", "index from 0"} <= {*fit} and typed:
        return [way for way in fit if way != ("text" if numbers and worded else "index from 0")]
    return fit


def _agreed(fit: Sequence[str], options: Options, answer: str, *, where: str) -> int | None:
    """The option that all ways name.

    Raises:
        UserError: They name several.
    """
    places = {way: options.named(way, answer) for way in fit}
    if len({*places.values()}) > 1:
        said = " or ".join(
            f"{OPTION_LETTERS[at]} (by its {way})" for way, at in places.items() if at is not None
        )
        raise UserError(
            f"{where}: the answer {answer!r} may be the option {said} of {options.column!r}; expected answers that can be read one way; "
            "write them as letters, and options that are letters or numbers into the question (`A) ...`, a line each)"
        )
    return places[fit[0]]


def _values(value: Any) -> list[Any]:
    """The values in options of any shape."""
    if isinstance(value, Mapping):
        value = [*value.values()]
    inner = [each if isinstance(each, (list, Mapping)) else [each] for each in value or ()]
    return [one for each in inner for one in (each.values() if isinstance(each, Mapping) else each)]


def _listed(value: Any) -> tuple[list[str], list[str]]:
    """The texts of options and their labels; none where there are no options, or no plain ones."""
    if isinstance(value, Mapping) and isinstance(value.get("text"), list):
        texts, labels = _plain(value["text"]), _plain(value.get("label"))
    elif isinstance(value, Mapping):
        said = {key: text for key, text in value.items() if text is not None}
        short = all(len(str(key).strip()) <= 2 for key in said)
        texts, labels = (_plain([*said.values()]), [*map(str, said)]) if short else ([], [])
    elif isinstance(value, list) and value and all(_is_labelled(one) for one in value):
        texts, labels = (
            _plain([next((one[k] for k in keys if k in one), {}) for one in value])
            for keys in (_TEXT, _LABEL)
        )
    else:
        texts, labels = _plain(value), []
    return texts, labels if len(labels) == len(texts) else []


def _plain(value: Any) -> list[str]:
    """A list of texts or numbers, up to the last that says something; empty where it is none."""
    listed = list(value) if isinstance(value, list) else []
    while listed and listed[-1] in (None, ""):
        listed.pop()
    plain = all(isinstance(text, (str, int, float, type(None))) for text in listed)
    return ["" if text is None else str(text).strip() for text in listed] if plain else []


def _without_marks(texts: Sequence[str]) -> tuple[str, ...]:
    """Texts without the letters that all of them begin with: `A)21`, `B)22`."""
    marked = [
        re.match(rf"\(?{letter}\s?[).:]\s*(?=\S)", text)
        for letter, text in zip(OPTION_LETTERS, texts, strict=False)
    ]
    if not all(marked):
        return tuple(texts)
    return tuple(text[mark.end() :] for text, mark in zip(texts, marked, strict=True) if mark)


def _own_columns(record: Mapping[str, Any]) -> Options | None:
    """Options that have a column each."""
    bare = {letter: letter for letter in OPTION_LETTERS if _is_option(record.get(letter))}
    named = {
        match["label"].upper(): str(key)
        for key, value in record.items()
        if _is_option(value) and (match := _OWN_COLUMN.fullmatch(plain_name(str(key))))
    }
    for found, least in ((named, 2), (bare, 3)):
        labels = sorted(found)
        starts = any(
            "".join(labels) == run[: len(labels)] for run in (OPTION_LETTERS, "123456789", "01234")
        )
        if len(labels) >= least and starts:
            columns = [found[label] for label in labels]
            values = [record[column] for column in columns]
            worded = any(isinstance(value, str) for value in values)
            texts = tuple(str(value).strip() for value in values)
            return Options(f"{columns[0]} to {columns[-1]}", texts, tuple(labels), worded=worded)
    return None


def _is_labelled(one: Any) -> bool:
    return isinstance(one, Mapping) and {*one} <= {*_TEXT, *_LABEL}


def _is_option(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and bool(str(value).strip())
