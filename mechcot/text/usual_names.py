"""Names of columns as people write them in tables (`Question`, `Correct Answer`): read as the names that are known."""

from collections.abc import Collection, Mapping, Sequence
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
    columns = dict.fromkeys(str(key) for row in rows for key in row)
    renamed: dict[str, str] = {}
    for column in columns:
        usual = "_".join(column.lower().replace("-", " ").split())
        if usual in known and usual not in columns and column not in kept:
            renamed.setdefault(usual, column)
    names = {column: usual for usual, column in renamed.items()}
    said = [f"{column!r} for {usual!r}" for usual, column in renamed.items()]
    if not names:
        return list(rows), said
    return [{names.get(key, key): value for key, value in row.items()} for row in rows], said
