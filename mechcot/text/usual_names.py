"""Names of columns as people write them in tables (`Question`, `Correct Answer`): read as the names that are known."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any


def usual_names(
    rows: Sequence[Mapping[str, Any]], known: Collection[str], *, kept: Collection[str] = ()
) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Rows whose columns have their usual names, where none has them already, and what to say of it.

    Args:
        rows: All of a file.
        known: Usual names, in small letters with underscores.
        kept: Columns that the user names, which stay as they are.
    """
    columns = tuple(dict.fromkeys(str(key) for row in rows for key in row))
    names = _renamed(columns, frozenset(known), frozenset(kept))
    said = [f"{column!r} for {usual!r}" for column, usual in names.items()]
    if not names:
        return list(rows), said
    return [{names.get(key, key): value for key, value in row.items()} for row in rows], said


@lru_cache
def _renamed(
    columns: tuple[str, ...], known: frozenset[str], kept: frozenset[str]
) -> Mapping[str, str]:
    """The usual name of each column that another name stands for; kept, since most records of a file have the same columns."""
    renamed: dict[str, str] = {}
    for column in columns:
        usual = "_".join(column.lower().replace("-", " ").split())
        if usual in known and usual not in columns and column not in kept:
            renamed.setdefault(usual, column)
    return {column: usual for usual, column in renamed.items()}
