"""The files around the package say the same as the package."""

import ast
import tomllib
from pathlib import Path

import mechcot

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_citation_names_this_version():
    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {mechcot.__version__}" in lines


def test_the_version_stands_in_one_place():
    assert "version" not in PROJECT["project"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "mechcot/__init__.py"


def test_licence_and_typing_marker_ship():
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert (ROOT / "mechcot" / "py.typed").is_file()


SHARED = {"CARD", "measure", "ARM", "app", "log", "first_right_step", "is_correct_thought"}
"""Names by which code is found or chosen (a measure's two, an arm's, a command line's one), loggers, and a task's own answer to a question of `tasks`."""


def test_few_public_names_stand_in_two_modules():
    """A name says where to look: at most 1 % of the public definitions share theirs with another module."""
    modules = {
        path: ast.parse(path.read_text("utf-8")) for path in (ROOT / "mechcot").rglob("*.py")
    }
    named = [
        (name, path)
        for path, tree in modules.items()
        if path.name != "api.py" and path.parent.name != "cli"  # a command has its own word
        for node in tree.body
        for name in _defined(node)
        if not name.startswith("_") and name not in SHARED
    ]
    places: dict[str, set[Path]] = {}
    for name, path in named:
        places.setdefault(name, set()).add(path)
    shared = [name for name, _ in named if len(places[name]) > 1]
    assert len(named) > 1000
    assert len(shared) <= 0.01 * len(named), (
        f"named in two modules: {', '.join(sorted(set(shared)))}"
    )


def _defined(node: ast.stmt) -> list[str]:
    """Names that a statement of a module defines; type variables aside."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign):
        return [ast.unparse(node.target)]
    if not isinstance(node, ast.Assign) or ast.unparse(node.value).startswith("TypeVar("):
        return []
    return [
        part.id
        for target in node.targets
        for part in ast.walk(target)
        if isinstance(part, ast.Name)
    ]
