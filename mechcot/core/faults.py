"""What is wrong with data that pydantic refused, in one sentence: where, what was expected, what came."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError

Place = tuple[int | str, ...]
_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "string_type": "a text",
    "string_too_short": "a text that says something",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "mapping_type": "a table of texts",
    "dict_type": "an object",
    "model_type": "an object",
    "dataclass_type": "a table",
}
"""Fault of a value, by pydantic's name for it, to what was expected."""
_MOST = 80
"""Characters of a value that a sentence shows."""


def fault_of(
    error: ValidationError, *, known: Callable[[Place], Sequence[str]] | None = None
) -> str:
    """The first fault; names that are not known or missing come before values.

    Args:
        error: What pydantic says.
        known: Gives the keys that may stand at a place; () is the whole; None: they are not listed.

    Returns:
        `place: expected ..., got ...`, or `place: unknown [...], missing [...]; known are ...`; the whole has no place.
    """
    faults = error.errors()
    strange, absent = (
        [f["loc"] for f in faults if f["type"] == kind and isinstance(f["loc"][-1], str)]
        for kind in ("unexpected_keyword_argument", "missing")
    )
    if strange or absent:
        table = (strange or absent)[0][:-1]
        names = {
            "unknown": [loc[-1] for loc in strange if loc[:-1] == table],
            "missing": [loc[-1] for loc in absent if loc[:-1] == table],
        }
        parts = ", ".join(f"{what} {keys}" for what, keys in names.items() if keys)
        return f"{_at(table)}{parts}" + (f"; known are {', '.join(known(table))}" if known else "")
    fault = faults[0]
    if fault["type"] == "value_error":
        return f"{_at(fault['loc'])}{fault.get('ctx', {}).get('error')}"
    short = fault["type"] in {"missing", "too_long", "too_short"}  # of a pair
    came = repr(fault["input"])
    came = came if len(came) <= _MOST else f"{came[:_MOST]}..."
    expected = "expected a list of 2" if short else _expected(fault)
    return f"{_at(fault['loc'][:-1] if fault['type'] == 'missing' else fault['loc'])}{expected}, got {came}"


def _at(place: Place) -> str:
    """A place for the beginning of a sentence, `apply.nats[0]: `."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return f"{text.removeprefix('.')}: " if text else ""


def _expected(fault: Any) -> str:
    """What a value was expected to be."""
    if fault["type"] in {"literal_error", "enum"}:
        choices = re.split(", | or ", fault["ctx"]["expected"])
        return f"expected one of {', '.join(choice.strip(chr(39)) for choice in choices)}"
    if fault["type"] in _EXPECTED:
        return f"expected {_EXPECTED[fault['type']]}"
    return str(fault["msg"])
