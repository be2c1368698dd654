"""Where the lines of a text begin; each text is read once, however often it is asked for."""

from bisect import bisect_left
from functools import lru_cache


@lru_cache(maxsize=4)
def _newlines(text: str) -> tuple[int, ...]:
    return tuple(at for at, sign in enumerate(text) if sign == "\n")


def line_number(text: str, at: int) -> int:
    """How many line breaks stand before a character.

    Args:
        text: The text.
        at: Index of the character.
    """
    return bisect_left(_newlines(text), at)


def line_start(text: str, at: int) -> int:
    """Index of the first character of the line in which a character stands.

    Args:
        text: The text.
        at: Index of the character.
    """
    line = line_number(text, at)
    return _newlines(text)[line - 1] + 1 if line else 0
