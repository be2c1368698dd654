"""A file of settings in TOML, each table a dataclass of pydantic: read with one sentence for a fault, described for the docs from types and docstrings."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import AllowInfNan, ConfigDict, Strict, TypeAdapter, ValidationError

from mechcot.core.errors import UserError
from mechcot.core.faults import Place, fault_of

STRICT = ConfigDict(extra="forbid")
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict(), AllowInfNan(allow_inf_nan=False)]
Flag = Annotated[bool, Strict()]
_Tables = Mapping[str, type]
"""The tables of a file as they stand between brackets (`vector`, `arms.NAME`, `[primary]`); the file itself has no name."""
T = TypeVar("T")


def parse_settings(kind: type[T], data: Mapping[str, Any], *, name: str, tables: _Tables) -> T:
    """Make settings of what a file holds.

    Args:
        kind: What the whole file is.
        data: Its content.
        name: Its name, for messages.
        tables: Its tables.

    Raises:
        UserError: A name that is not known, a value that is not allowed.
    """
    by_key = {_attribute(table): each for table, each in tables.items()}

    def known(place: Place) -> list[str]:
        return [key.name for key in fields(by_key[str(place[0]) if place else ""])]

    try:
        return TypeAdapter(kind).validate_python(dict(data))
    except ValidationError as error:
        raise UserError(f"{name}: {fault_of(error, known=known)}") from None


def _attribute(table: str) -> str:
    """The key of the file that holds a table."""
    return table.strip("[]").partition(".")[0]


class Key(NamedTuple):
    """One key of a file: its table, name, type, default (empty: it must be given), and meaning."""

    table: str
    name: str
    type: str
    default: str
    meaning: str


def keys_of(tables: _Tables) -> list[Key]:
    """Every key of a file, in the order of the tables."""
    keys, inner = [], {_attribute(table) for table in tables}
    for table, kind in tables.items():
        meanings = _meanings(kind)
        described = TypeAdapter(kind).json_schema()
        for name, key in described["properties"].items():
            if table or name not in inner:
                given = name in described.get("required", ())
                default = "" if given else _toml(key.get("default"))
                words = _in_words(key, described.get("$defs", {}))
                keys.append(Key(table, name, words, default, meanings[name]))
    return keys


_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    "object": "a table of texts",
}


def _in_words(key: Mapping[str, Any], others: Mapping[str, Any]) -> str:
    """The type of a key, from its JSON schema.

    Args:
        key: The schema.
        others: Schemas that it may name.
    """
    if "$ref" in key:
        return _in_words(others[key["$ref"].rpartition("/")[2]], others)
    if "anyOf" in key:
        return _in_words(key["anyOf"][0], others)
    if choices := key.get("enum") or ([key["const"]] if "const" in key else []):
        return f"one of {', '.join(map(str, choices))}"
    if "prefixItems" in key:
        return f"two of {_in_words(key['prefixItems'][0], others)}"
    if key["type"] == "array":
        return f"list of {_in_words(key['items'], others)}"
    return _WORDS[key["type"]]


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        return f'"{value}"'
    return "" if value is None else str(value).lower()


def _meanings(kind: type) -> dict[str, str]:
    """Each attribute's text in a class's docstring."""
    text = (inspect.getdoc(kind) or "").partition("Attributes:\n")[2]
    parts = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", text, re.MULTILINE)
    return {name: " ".join(words.split()) for name, words in parts}


def check_within(name: str, values: Any, low: int, high: int | None = None) -> None:
    """Check that there are numbers and that all lie between two bounds, both included.

    Raises:
        UserError: One does not.
    """
    every = values if isinstance(values, tuple) else (values,)
    if not every or min(every) < low or (high is not None and max(every) > high):
        most = "" if high is None else f" to {high}"
        raise UserError(f"{name}: expected numbers from {low}{most}, got {values!r}")


def check_among(name: str, value: Any, allowed: Any) -> None:
    """Check that a value is one of those that are allowed.

    Raises:
        UserError: It is not.
    """
    if value not in allowed:
        raise UserError(f"{name}: expected one of {', '.join(map(str, allowed))}, got {value!r}")
