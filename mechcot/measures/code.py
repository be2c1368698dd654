"""The code that a measure is made of, named for the key of what it measured."""

import ast
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from mechcot.core.store import digest

_PACKAGE = "mechcot.measures"


@cache
def code_of(module: str) -> str:
    """A hash of a measure's module and of those of this package that it imports; comments, docstrings, layout and the card do not count.

    What other packages do to a value is not seen: `READING_VERSION` of `mechcot.compare.measurements` tells of it, and so does the version of mechcot.

    Args:
        module: Its full name.
    """
    reached, todo = set[str](), [module]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += _imported(name)
    return digest([[name, ast.dump(_tree(name))] for name in sorted(reached)])


@cache
def _tree(module: str) -> ast.Module:
    """What a module does."""
    found = find_spec(module)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(module)
    tree = ast.parse(Path(found.origin).read_bytes())
    tree.body = [line for line in tree.body if not _is_card(line)]
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [line for line in node.body if not _is_text(line)]
    return tree


def _imported(module: str) -> Iterator[str]:
    """The modules of this package that a module of it imports."""
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == _PACKAGE:
                yield from (f"{_PACKAGE}.{alias.name}" for alias in node.names)
            elif node.module.startswith(f"{_PACKAGE}."):
                yield node.module


def _is_card(line: ast.stmt) -> bool:
    named = line.targets if isinstance(line, ast.Assign) else ()
    return any(isinstance(name, ast.Name) and name.id == "CARD" for name in named)


def _is_text(line: ast.stmt) -> bool:
    """Return whether a line is a docstring."""
    value = line.value if isinstance(line, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
