"""Write what the pages of the docs say of the code, from the code: cards, commands, gates, fields, the API's pages.

`mkdocs.yml` names this module as a hook. A page holds a comment `<!-- generate: NAME -->`; the build puts the text of
`GENERATORS[NAME]` there. Pages of the API are made for every package, so that a new package, measure or option needs no page.
"""

import ast
import dataclasses
import importlib
import inspect
import json
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any

import typer
from pydantic import BaseModel

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:  # mkdocs loads a hook by its path
    sys.path.insert(0, str(ROOT))

import mechcot  # noqa: E402
from mechcot.cli.main import app  # noqa: E402
from mechcot.core import problem, trace  # noqa: E402
from mechcot.core.card import MeasureCard, card_facts  # noqa: E402
from mechcot.core.settings_file import Key  # noqa: E402
from mechcot.finetune.lab.settings import lab_schema  # noqa: E402
from mechcot.measures.registry import MEASURES  # noqa: E402
from mechcot.stats.gate_bounds import GateBounds  # noqa: E402
from mechcot.steering.experiment import schema  # noqa: E402
from mechcot.text import field_names, problems  # noqa: E402
from mechcot.text.user_truth_files import RECORDS  # noqa: E402
from mechcot.traces.validity import CHAIN_CARDS  # noqa: E402
from tools.arms_table import markdown as arms_markdown, read_study  # noqa: E402
from tools.ruler_table import families_markdown, markdown as ruler_markdown  # noqa: E402

PLACE = re.compile(r"^<!-- generate: (?P<name>[\w-]+) -->$", re.MULTILINE)
API = "reference/api"
_LOADED = re.compile(r"<(?:script|img|iframe|link)\b[^>]*?\b(?:src|href)=\"?(?:https?:)?//[^\s>]*")
_ATTRIBUTE = re.compile(r"^ {4}(?P<name>\w+): (?P<text>.+(?:\n {8}.+)*)", re.MULTILINE)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; bars inside a cell are escaped.

    Args:
        head: Names of the columns.
        rows: Their cells.
    """
    lines = [
        head,
        ["---"] * len(head),
        *([cell.replace("|", "\\|") for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measures() -> str:
    """The table of all measures, and a section for every card."""
    cards = [*(measure.card for measure in MEASURES.values()), *CHAIN_CARDS.values()]
    smallest = [f"{card.smallest_effect:g}" if card.direction else "–" for card in cards]
    rows = [
        (f"[{card.title}](#{card.name})", card.question, card.unit, least, card.status)
        for card, least in zip(cards, smallest, strict=True)
    ]
    head = ("measure", "the question it answers", "unit", "smallest effect", "status")
    return "\n\n".join([table(head, rows), *map(_card, cards)])


def _card(card: MeasureCard) -> str:
    facts = {"Name": f"`{card.name}`", **card_facts(card), "Formula": f"`{card.formula}`"}
    arrays = [f"- `{array.name}`: {array.meaning}" for array in card.arrays if array.meaning]
    lines = [f"- **{name}**: {text}" for name, text in facts.items()]
    parts = [f"## {card.title} {{ #{card.name} }}", card.question, "\n".join(lines)]
    return "\n\n".join([*parts, *(["By step:", "\n".join(arrays)] if arrays else [])])


def ruler() -> str:
    """The table of the ruler's full run, as it is kept in the repository."""
    return ruler_markdown(_kept("ruler.json"))


def families() -> str:
    """The table of the ruler on further families, as it is kept in the repository."""
    return families_markdown(_kept("families.json"))


def _kept(name: str) -> Any:
    return json.loads((ROOT / "artifacts" / "ruler" / name).read_text(encoding="utf-8"))


def leaves(command: Any, words: tuple[str, ...] = ("mechcot",)) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with the words that call it."""
    if not hasattr(command, "commands"):
        yield " ".join(words), command
        return
    for name, inner in command.commands.items():
        yield from leaves(inner, (*words, name))


def commands() -> str:
    """Every command with its arguments and options."""
    return "\n\n".join(_command(words, leaf) for words, leaf in leaves(typer.main.get_command(app)))


def _command(words: str, command: Any) -> str:
    rows = [_parameter(parameter) for parameter in command.params if parameter.name != "help"]
    text = inspect.cleandoc(command.help or "")
    parts = [f"## {words}", text, table(("argument or option", "default", "what it is"), rows)]
    return "\n\n".join(parts if rows else parts[:2])


def _parameter(parameter: Any) -> tuple[str, str, str]:
    option = parameter.param_type_name == "option"
    name = (
        ", ".join(f"`{text}`" for text in parameter.opts)
        if option
        else f"`{parameter.name.upper()}`"
    )
    default = "required" if parameter.required else _default(parameter.default)
    return name, default, " ".join((parameter.help or "").split())


def _default(value: Any) -> str:
    if value is None or value is False or callable(value):
        return ""
    return f"`{value}`"


def attributes(kind: type) -> Mapping[str, str]:
    """What the docstring of a class says of its attributes, by name."""
    text = (kind.__doc__ or "").partition("Attributes:\n")[2]
    text = re.sub(r"^ {8}(?=\w+: )", "    ", text, flags=re.MULTILINE)
    return {m["name"]: " ".join(m["text"].split()) for m in _ATTRIBUTE.finditer(text)}


def _fields(kind: Any) -> str:
    told = attributes(kind)
    rows = [
        (
            f"`{field.name}`",
            _default(None if field.default is dataclasses.MISSING else field.default),
            told.get(field.name, ""),
        )
        for field in dataclasses.fields(kind)
    ]
    return table(("field", "default", "meaning"), rows)


def experiment_fields() -> str:
    """The tables of an experiment file, each with its keys."""
    return _settings_tables(schema())


def lab_fields() -> str:
    """The tables of a study's file, each with its keys."""
    return _settings_tables(lab_schema())


def arms() -> str:
    """What the studies of training found, as their numbers in the repository say it."""
    folder = ROOT / "artifacts" / "studies"
    parts = [arms_markdown(read_study(path)) for path in sorted(folder.glob("*/lab.json"))]
    return "\n\n".join(parts) or "No cell is finished yet."


def _settings_tables(keys_of_all: Iterable[Key]) -> str:
    tables = [(name, list(keys)) for name, keys in groupby(keys_of_all, key=lambda key: key.table)]
    head = ("key", "type", "default", "meaning")
    return "\n\n".join(
        f"### {f'`[{name}]`' if name else 'The file'}\n\n{table(head, map(_key, keys))}"
        for name, keys in tables
    )


def _key(key: Key) -> tuple[str, str, str, str]:
    default = f"`{key.default}`" if key.default else "" if key.table else "required"
    return f"`{key.name}`", key.type, default, key.meaning


def _first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def gate_bounds() -> str:
    """Every bound of the gates with its value and its reason."""
    told = attributes(GateBounds)
    rows = [
        (f"`{field.name}`", f"{field.default:g}", told[field.name])
        for field in dataclasses.fields(GateBounds)
    ]
    return table(("bound", "value", "why"), rows)


def problem_fields() -> str:
    """What `--field` can name for problems and for chains, and which names are found without it."""
    rows = [
        ("problems", ", ".join(f"`{name}`" for name in problems.PROBLEM_FIELDS)),
        ("chains", ", ".join(f"`{name}`" for name in field_names.FIELDS)),
        (
            "names found for the question",
            ", ".join(f"`{name}`" for name in field_names.QUESTION_FIELDS),
        ),
        (
            "names found for the reference answer",
            ", ".join(f"`{name}`" for name in field_names.REFERENCE),
        ),
        ("names found for the id", ", ".join(f"`{name}`" for name in field_names.IDS)),
    ]
    return table(("what", "names"), rows)


def trace_fields() -> str:
    """The fields of a problem, a step and a trace."""
    kinds = (problem.Problem, trace.Trace, trace.Step, trace.Answer)
    return "\n\n".join(
        f"### {kind.__name__}\n\n{_first_line(kind)}\n\n{_fields(kind)}" for kind in kinds
    )


def public_faults() -> str:
    """The guarded faults of public code: the name of every test, as a sentence."""
    path = ROOT / "tests" / "test_public_faults.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    return "\n".join(
        f"- {name.removeprefix('test_').replace('_', ' ').capitalize()}." for name in names
    )


def packages() -> Mapping[str, str]:
    """Every package of mechcot, and the modules beside them, with the first line of its docstring."""
    names = [
        found.name
        for found in pkgutil.iter_modules(mechcot.__path__)
        if not found.name.startswith("__")
    ]
    return {name: _first_line(importlib.import_module(f"mechcot.{name}")) for name in names}


def package_table() -> str:
    """Every package with what it is for."""
    return table(
        ("package", "what it holds"),
        [(f"[`mechcot.{name}`](api/{name}.md)", text) for name, text in packages().items()],
    )


def public_names(namespace: ModuleType = mechcot, prefix: str = "mc") -> Iterator[tuple[str, Any]]:
    """Every name of the front door with what it is: functions first, then those of its namespaces, then classes."""
    things = {name: getattr(namespace, name) for name in sorted(namespace.__all__)}
    inner = [name for name, thing in things.items() if isinstance(thing, ModuleType)]
    classes = [name for name, thing in things.items() if inspect.isclass(thing)]
    functions = [name for name in things if name not in {*inner, *classes}]
    yield from ((f"{prefix}.{name}", things[name]) for name in functions)
    for name in inner:
        yield from public_names(things[name], f"{prefix}.{name}")
    yield from ((f"{prefix}.{name}", things[name]) for name in classes)


def front_door() -> str:
    """A table of the front door's names, and the documentation of each."""
    names = dict(public_names())
    rows = [(f"[`{name}`](#{_home(thing)})", _first_line(thing)) for name, thing in names.items()]
    options = "    options: {show_root_heading: true, show_root_full_path: false, heading_level: 3, skip_local_inventory: true, heading: NAME, toc_label: NAME}"
    sections = [
        f"::: {_home(thing)}\n{options.replace('NAME', name)}" for name, thing in names.items()
    ]
    return "\n\n".join([table(("name", "what it gives"), rows), "## Every name", *sections])


def _home(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def truth_files() -> str:
    """The files of a user's own truth: what a line of each holds."""
    return "\n\n".join(
        f"### `--{option}`\n\n{_first_line(kind)}\n\n{_pydantic_fields(kind)}"
        for option, kind in RECORDS.items()
    )


def _pydantic_fields(kind: type[BaseModel]) -> str:
    rows = [
        (
            f"`{name}`",
            "required" if key.is_required() else f"`{key.default}`" if key.default else "",
            key.description or "",
        )
        for name, key in kind.model_fields.items()
    ]
    return table(("key", "default", "meaning"), rows)


GENERATORS: Mapping[str, Callable[[], str]] = {
    "measures": measures,
    "ruler": ruler,
    "families": families,
    "commands": commands,
    "experiment-fields": experiment_fields,
    "lab-fields": lab_fields,
    "arms": arms,
    "gate-bounds": gate_bounds,
    "problem-fields": problem_fields,
    "trace-fields": trace_fields,
    "truth-files": truth_files,
    "public-faults": public_faults,
    "packages": package_table,
    "front-door": front_door,
}


def expand(text: str) -> str:
    """Put what the code says in place of every comment that asks for it.

    Raises:
        KeyError: A comment names no generator.
    """
    return PLACE.sub(lambda match: GENERATORS[match["name"]](), text)


def on_config(config: Any) -> Any:
    """Add the pages of the API to the navigation (a hook of mkdocs)."""
    pages = [{f"mechcot.{name}": f"{API}/{name}.md"} for name in packages()]
    reference = next(entry["Reference"] for entry in config.nav if "Reference" in entry)
    reference.append({"Packages": pages})
    return config


def on_files(files: Any, config: Any) -> Any:
    """Make a page for every package (a hook of mkdocs)."""
    from mkdocs.structure.files import File

    for name in packages():
        content = f"# mechcot.{name}\n\n::: mechcot.{name}\n    options: {{show_root_heading: false, show_root_toc_entry: false}}\n"
        files.append(File.generated(config, f"{API}/{name}.md", content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Expand a page (a hook of mkdocs)."""
    return expand(markdown)


def outside(html: str) -> list[str]:
    """The tags of a page that load something from another host; links that a reader follows are none."""
    return [tag for tag in _LOADED.findall(html) if "canonical" not in tag]


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Refuse a page that does not work offline (a hook of mkdocs)."""
    from mkdocs.exceptions import PluginError

    if tags := outside(output):
        raise PluginError(f"{page.file.src_uri} loads from outside: {', '.join(tags)}")
    return output
