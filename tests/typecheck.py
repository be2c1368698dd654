"""Checks types at every call of the package: names of axes where a signature has them, plain types elsewhere.

The hook of jaxtyping wraps every function thrice to follow the names of axes, and most signatures have none. Protocols are left to pyright:
at run time they ask an object for every property, and one of those may load a tokenizer. So are functions within functions: each call of the outer
one would compile their checks anew.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from typing import Any, ForwardRef, Literal, get_args, get_origin

import jaxtyping
from beartype import beartype

follow_axes = jaxtyping.jaxtyped
_LOCAL = "<locals>"


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    if get_origin(hint) is not Literal:
        for part in hint if isinstance(hint, list) else get_args(hint):
            yield from _parts(part)


def _names_axes(hint: Any) -> bool:
    """Whether a hint has an array, or a name that jaxtyping has to look up."""
    return any(
        isinstance(part, str | ForwardRef)
        or (inspect.isclass(part) and issubclass(part, jaxtyping.AbstractArray))
        for part in _parts(hint)
    )


def _has_protocol(hint: Any) -> bool:
    return any(getattr(part, "_is_protocol", False) for part in _parts(hint))


def _checked(function: Callable, typechecker: Callable) -> Callable:
    hints = function.__annotations__
    function.__annotations__ = {k: Any if _has_protocol(v) else v for k, v in hints.items()}
    if any(_names_axes(hint) for hint in function.__annotations__.values()):
        wrapper = follow_axes(function, typechecker=typechecker)
    else:
        wrapper = beartype(function)
    function.__annotations__ = wrapper.__annotations__ = hints
    return wrapper


def checked(*, typechecker: Callable) -> Callable[[Any], Any]:
    """A decorator that checks types, in place of `jaxtyping.jaxtyped`."""

    def decorate(item: Any) -> Any:
        if isinstance(item, classmethod | staticmethod):
            return type(item)(decorate(item.__func__))
        if isinstance(item, property):
            return property(
                *(part and decorate(part) for part in (item.fget, item.fset, item.fdel))
            )
        if inspect.isfunction(item):
            return item if _LOCAL in item.__qualname__ else _checked(item, typechecker)
        if is_dataclass(item) and inspect.isfunction(made := vars(item).get("__init__")):
            item.__init__ = made if hasattr(made, "__wrapped__") else decorate(made)
        return item

    return decorate
