"""What was found once is kept for the user's next command: JSON files in `MECHCOT_CACHE`, else `~/.cache/mechcot`; nowhere where the variable is empty.

Whatever decides a value stands in its key, so that nothing kept is ever out of date. A folder that cannot be read or written keeps nothing.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mechcot.core.errors import UserError
from mechcot.core.store import read_json, write_json


def user_folder() -> Path:
    """The folder of the user's own files, where no variable names another."""
    return Path.home() / ".cache" / "mechcot"


def remembered(kind: str, key: str, find: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """What is kept under a key; it is found and kept where nothing is.

    Args:
        kind: Folder of the cache.
        key: Digest of all that decides the value; "" keeps nothing.
        find: Finds the value, which JSON can hold.
    """
    named = os.environ.get("MECHCOT_CACHE")
    if named == "" or not key:
        return find()
    file = (Path(named) if named else user_folder()) / kind / f"{key}.json"
    with suppress(UserError, OSError):
        return read_json(file, what="what was found before")
    value = find()
    with suppress(OSError):
        write_json(file, value)
    return value
