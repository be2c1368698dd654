"""Say at the door that an argument is of another kind than expected, instead of failing deep inside."""

from collections.abc import Iterable, Sequence
from types import UnionType

from mechcot.core.errors import UserError


def expect(value: object, kind: type | UnionType, what: str, how: str) -> None:
    """See that an argument is of a kind.

    Args:
        value: The argument.
        kind: Its class.
        what: What was expected, in words, such as "one trace".
        how: What to do next.

    Raises:
        UserError: It is of another class.
    """
    if not isinstance(value, kind):
        raise UserError(f"expected {what}, got a value of type {type(value).__name__}; {how}")


def expect_list(values: object, kind: type | UnionType, what: str, how: str) -> None:
    """See that an argument holds several values of a kind; of a generator the values are not looked at.

    Args:
        values: The argument.
        kind: The class of its values.
        what: What was expected, in words, such as "traces".
        how: What to do next.

    Raises:
        UserError: It is one value, a name, or it holds something else.
    """
    if isinstance(values, (str, kind)) or not isinstance(values, Iterable):
        raise UserError(f"expected {what}, got one value of type {type(values).__name__}; {how}")
    if isinstance(values, Sequence):
        for value in values:
            expect(value, kind, what, how)
