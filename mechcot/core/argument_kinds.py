"""Say at the door that an argument is of another kind than expected, instead of failing deep inside."""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from numbers import Integral, Real
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from mechcot.core.errors import UserError

F = TypeVar("F", bound=Callable[..., Any])
ONE: Mapping[str, tuple[str, str]] = {
    "Reasoner": ("one model", "load it with mc.load; of a pair take pair.before"),
    "Pair": ("a pair of models", "mc.load_pair(BEFORE, AFTER) loads one"),
    "Trace": ("one trace", "take traces[0]; mc.contrast and mc.series read many"),
    "Dictionary": ("a dictionary", "mc.sae.load(FOLDER) loads one, mc.sae.train_on makes one"),
    "SteeringVector": ("a steering vector", "mc.steering.mean_difference makes one"),
    "Problem": ("one problem", "take problems[0]"),
}
"""Class -> what it is called, and where one comes from."""
MANY: Mapping[str, tuple[str, str]] = {
    "Trace": ("traces", "put one into a list: [trace]"),
    "Reasoner": ("models", "put one into a list: [reader]"),
    "Problem": ("problems", "mc.problems(NAME_OR_FILE) reads them; put one into a list"),
    "ContrastPair": ("contrast pairs", "mc.contrast_pairs(FILE) reads them"),
    "float": ("numbers", "give a list, as in [0.05, 0.1]"),
    "str": ("names", "give a list, as in ['gates', 'filler']"),
}
"""Class -> what several are called, and what to do."""


def checked(function: F) -> F:
    """Let a function of the front door see that its arguments are of the kinds that it is annotated with.

    One sentence (`UserError`) says which is not, and what to do. Kinds that cannot be told from a value count as right.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        hints = _hints(function)
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            if not matches(value, hints.get(name, Any)):
                raise UserError(_sentence(name, value, hints[name]))
        return function(*args, **kwargs)

    return wrapper  # type: ignore[return-value]


@functools.cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of the arguments, but those by names that only a type checker imports."""
    notes = {name: note for name, note in function.__annotations__.items() if name != "return"}
    known = {name: note for name, note in notes.items() if not isinstance(note, str)}
    for name in notes.keys() - known.keys():
        with suppress(NameError):
            known |= get_type_hints(
                SimpleNamespace(__annotations__={name: notes[name]}), function.__globals__
            )
    return known


def matches(value: Any, hint: Any) -> bool:
    """Return whether a value may be of a kind; of a generator the values are not looked at.

    Args:
        value: The value.
        hint: An annotation.
    """
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(matches(value, each) for each in args)
    if origin is Literal:
        return value in args
    if origin in (Sequence, Iterable, list, tuple):
        if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
            return False
        return isinstance(value, Iterator) or not args or all(matches(v, args[0]) for v in value)
    kind = {int: Integral, float: Real, Any: object, None: NoneType}.get(
        origin or hint, origin or hint
    )
    if not isinstance(kind, type) or _is_protocol(kind):
        return True
    holds = (
        args and isinstance(value, Iterable) and not isinstance(value, Mapping)
    )  # such as a Pair
    return isinstance(value, kind) and (not holds or all(matches(v, args[0]) for v in value))


def _is_protocol(kind: type) -> bool:
    """Return whether a kind says only what its values can do."""
    return getattr(kind, "_is_protocol", False)


def _sentence(name: str, value: object, hint: Any) -> str:
    came = type(value).__name__
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType) and not isinstance(value, str) and isinstance(value, Iterable):
        lists = [each for each in args if get_origin(each) in (Sequence, Iterable)]
        hint = lists[0] if lists else hint
        origin, args = get_origin(hint), get_args(hint)
    first = (
        (get_args(args[0]) or args)[0] if args else hint
    )  # of several kinds, as of traces or problems
    if origin in (Sequence, Iterable) and first in _known(MANY, first):
        what, how = MANY[first.__name__]
        if isinstance(value, Iterable) and not isinstance(value, str | Mapping | first):
            wrong = next(each for each in value if not matches(each, args[0]))
            return f"expected {what}, got a value of type {type(wrong).__name__}; {how}"
        return f"expected {what}, got one value of type {came}; {how}"
    kind = origin or hint
    if kind in _known(ONE, kind):
        what, how = ONE[kind.__name__]
        return f"expected {what}, got a value of type {came}; {how}"
    return f"{name}: expected {_words(hint)}, got a value of type {came}"


def _known(names: Mapping[str, Any], kind: Any) -> tuple[Any, ...]:
    return (kind,) if getattr(kind, "__name__", None) in names else ()


def _words(hint: Any) -> str:
    """An annotation in words."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(_words(each) for each in args)
    if origin is Literal:
        return " or ".join(map(repr, args))
    if origin in (Sequence, Iterable, list, tuple) and args:
        return f"a list of {_words(args[0])}"
    words = {int: "a whole number", float: "a number", str: "a text", NoneType: "None"}
    return words.get(hint, getattr(origin or hint, "__name__", str(hint)))


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
