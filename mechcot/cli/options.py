"""Options of a command line."""

from typing import Any

from mechcot.core.errors import UserError


def one_of(option: str, value: str, allowed: tuple[str, ...]) -> Any:
    """Give back a value if it is one of those allowed.

    Args:
        option: Name of the option, for the message.
        value: What was given.
        allowed: What it may be.

    Raises:
        UserError: It is none of them.
    """
    if value not in allowed:
        raise UserError(f"{option}: expected one of {', '.join(allowed)}, got {value!r}")
    return value
