"""Checks the axes of arrays at every call of the package: of the arguments, results and fields whose types name any.

Plain types are left to pyright, which reads the whole package. Where a signature names axes, the one wrapper here replaces the three of jaxtyping,
and only the hints that name them are checked. A type with a protocol in it is left to pyright, too: at run time protocols ask an object for every
property, and one of those may load a tokenizer. So are functions within functions: each call of the outer one would compile their checks anew.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from typing import Any, Literal, get_args, get_origin

import jaxtyping
from beartype import beartype
from beartype.roar import BeartypeCallHintViolation
from jaxtyping._array_types import _MetaAbstractArray, _NamedDim
from jaxtyping._storage import (
    clear_treeflatten_memo,
    get_shape_memo,
    pop_shape_memo,
    push_shape_memo,
    shape_str,
)

follow_axes = jaxtyping.jaxtyped
_LOCAL = "<locals>"

clear_treeflatten_memo()  # sets what every check of an array would look for in vain
_slowly = _MetaAbstractArray.__instancecheck__
_right: set[tuple[type, Any]] = set()
"""Types of arrays with plain names of axes only, and a precision that was seen to be of that type."""


def _is_array(hint: Any, value: Any) -> bool:
    """What jaxtyping would say, without its copies of what is known, where only lengths are left to compare."""
    if type(value) is hint.array_type and (hint, value.dtype) in _right:
        known = get_shape_memo()[0]
        named = [(dim.name, length) for dim, length in zip(hint.dims, value.shape, strict=False)]
        lengths = dict(named)
        if len(named) == len(hint.dims) == len(value.shape) == len(lengths) and all(
            known.get(name, length) == length for name, length in named
        ):
            known.update(lengths)
            return True
    right = _slowly(hint, value)
    if right and all(
        type(dim) is _NamedDim and not dim.broadcastable and not dim.treepath for dim in hint.dims
    ):
        _right.add((hint, value.dtype))
    return right


_MetaAbstractArray.__instancecheck__ = _is_array


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    if get_origin(hint) is not Literal:
        for part in hint if isinstance(hint, list) else get_args(hint):
            yield from _parts(part)


def _names_axes(hint: Any) -> bool:
    return any(
        inspect.isclass(part) and issubclass(part, jaxtyping.AbstractArray) for part in _parts(hint)
    )


def _has_protocol(hint: Any) -> bool:
    return any(getattr(part, "_is_protocol", False) for part in _parts(hint))


def _one_length_per_name(function: Callable) -> Callable:
    checking = beartype(function)

    @functools.wraps(function)
    def wrapper(*args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        lengths = push_shape_memo({})
        try:
            return checking(*args, **options)
        except BeartypeCallHintViolation as e:
            raise jaxtyping.TypeCheckError(f"{e}\n{shape_str(lengths)}") from e
        finally:
            pop_shape_memo()

    return wrapper


def _checked(function: Callable, typechecker: Callable) -> Callable:
    hints = function.__annotations__
    axes = {k: v for k, v in hints.items() if _names_axes(v) and not _has_protocol(v)}
    if not axes:
        return function
    function.__annotations__ = axes
    if inspect.isgeneratorfunction(function):  # it begins after its call has ended
        wrapper = follow_axes(function, typechecker=typechecker)
    else:
        wrapper = _one_length_per_name(function)
    function.__annotations__ = wrapper.__annotations__ = hints
    return wrapper


def checked(*, typechecker: Callable) -> Callable[[Any], Any]:
    """A decorator that checks axes, in place of `jaxtyping.jaxtyped`."""

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
