"""The docs say what the code is: commands, modules, imports, links, pages and generated parts."""

import ast
import importlib
import re
import shlex
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
import typer
import yaml

from mechcot.cli.main import app
from mechcot.finetune.lab.settings import parse_lab
from mechcot.measures.registry import MEASURES
from mechcot.stats.gates import gates
from mechcot.stats.measurement_tables import MEASUREMENT_COLUMNS, SCALAR_COLUMNS
from mechcot.steering.experiment import parse_experiment
from mechcot.traces.validity import CHAIN_CARDS
from tools import docs_pages

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
}
MECHCOT = typer.main.get_command(app)


def fences(text, language):
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE)


def spans(text):
    """Inline code outside of fences."""
    outside = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", outside)]


def command_of(words):
    """The command that words call, and the words that are left."""
    command = MECHCOT
    while hasattr(command, "commands"):
        assert words and words[0] in command.commands, f"no command {words[:1]}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


def check_line(line):
    words = shlex.split(line, comments=True)
    if words[:1] == ["mechcot"] and words[1:2] not in ([], ["--help"], ["--version"]):
        command, rest = command_of(words[1:])
        command.make_context(command.name, list(rest))
    elif words[:1] == ["make"]:
        targets = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert all(f"\n{target}:" in targets for target in words[1:])
    elif words[:2] == ["python", "-m"] and words[2].split(".")[0] in {"benchmarks", "tools"}:
        assert find_spec(words[2]), words[2]


BASH = [
    pytest.param(line, id=f"{page}-{number}")
    for page, text in PAGES.items()
    for number, line in enumerate(
        line
        for block in fences(text, "bash")
        for line in block.replace("\\\n", " ").splitlines()
        if line.strip()
    )
]


@pytest.mark.parametrize("line", BASH)
def test_every_command_of_a_block_parses(line):
    check_line(line)


@pytest.mark.parametrize(
    "line", ["mechcot compare a b --out x --nothing", "mechcot nothing", "make nothing"]
)
def test_a_wrong_command_is_found(line):
    with pytest.raises(Exception, match=r"[Nn]o|assert"):
        check_line(line)


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_the_text_have_the_options_that_are_named(page):
    for code in spans(PAGES[page]):
        words = code.replace("[", " ").replace("]", " ").split()
        if words[:1] != ["mechcot"] or len(words) < 2 or words[1].startswith(("-", "COMMAND")):
            continue
        names = words[1].split("|")
        if (
            words[1] in MECHCOT.commands
            and hasattr(MECHCOT.commands[words[1]], "commands")
            and len(words) == 2
        ):
            continue
        command, rest = command_of([names[0], *words[2:]]) if "|" not in code else (None, ())
        if command is not None:
            options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
            wrong = [word for word in rest if word.startswith("--") and word not in options]
            assert not wrong, f"{code}: {wrong}"


@pytest.mark.parametrize("page", PAGES)
def test_modules_and_files_that_are_named_are_there(page):
    for code in spans(PAGES[page]):
        if re.fullmatch(
            r"(mechcot|tests|tools|benchmarks|experiments|notebooks|docs)/[\w/.-]+", code
        ):
            assert "NAME" in code or (ROOT / code).exists(), code
        elif re.fullmatch(r"mechcot(\.\w+)+", code):
            assert resolves(code), code


def resolves(name):
    """Whether a dotted name is a module, or something in one."""
    module, _, attribute = name.rpartition(".")
    try:
        if find_spec(name):
            return True
    except ModuleNotFoundError:
        pass
    return bool(module) and resolves(module) and hasattr(importlib.import_module(module), attribute)


PYTHON = [(page, block) for page, text in PAGES.items() for block in fences(text, "python")]


@pytest.mark.parametrize(("page", "block"), PYTHON)
def test_python_compiles_and_its_imports_are_there(page, block):
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("mechcot"):
            module = importlib.import_module(node.module)
            for name in node.names:
                assert hasattr(module, name.name) or find_spec(f"{node.module}.{name.name}")
    compile(block, page, "exec")


EXPERIMENTS = [(page, block) for page, text in PAGES.items() for block in fences(text, "toml")]


@pytest.mark.parametrize(("page", "block"), EXPERIMENTS)
def test_experiments_are_read(page, block):
    data = tomllib.loads(block)
    if "arms" in data:
        parse_lab(data, name=page)
    else:
        parse_experiment({"title": "t", "question": "q", "models": ["m"]} | data, name=page)


def nav_pages(entry):
    if isinstance(entry, str):
        return [entry]
    values = entry.values() if isinstance(entry, dict) else entry
    return [page for value in values for page in nav_pages(value)]


def test_the_navigation_holds_every_page():
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    assert sorted(nav_pages(nav)) == sorted(
        p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md")
    )


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_are_there(page):
    outside = re.sub(r"^ *```.*?^ *```", "", PAGES[page], flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", outside):
        if not re.match(r"https?://|#", target):
            path = ((ROOT / page).parent / target.split("#")[0]).resolve()
            generated = path.parent == (DOCS / docs_pages.API).resolve()
            assert path.exists() or generated, target


@pytest.mark.parametrize("page", PAGES)
def test_generated_parts_are_known(page):
    text = docs_pages.expand(PAGES[page])
    assert not docs_pages.PLACE.search(text)
    assert not re.search(r"/packages/|/simple/", text)


def test_every_card_package_and_command_stands_on_its_page():
    cards = docs_pages.measures()
    for card in (*(measure.card for measure in MEASURES.values()), *CHAIN_CARDS.values()):
        assert f"{{ #{card.name} }}" in cards
        assert card.confounds in cards
        assert card.formula in cards
    assert {"core", "measures", "cli", "tasks"} <= set(docs_pages.packages())
    assert all(docs_pages.packages().values())
    assert "## mechcot sae train" in docs_pages.commands()


def test_every_gate_has_its_section():
    page = PAGES["docs/troubleshooting.md"]
    empty = (
        pd.DataFrame(columns=list(MEASUREMENT_COLUMNS)),
        pd.DataFrame(columns=list(SCALAR_COLUMNS)),
    )
    cards = [MEASURES["suppression"].card]
    opened = [
        gate
        for author in ("a", None)
        for gate in gates(*empty, cards, before="a", after="b", author=author)
    ]
    names = {gate.name for gate in opened} | {"identity"}
    assert len(names) == 9
    for name in names:
        assert f"\n## {name}\n" in page, name


def test_a_cell_escapes_bars():
    assert docs_pages.table(("a",), [("p(y|q)",)]).endswith("| p(y\\|q) |")


def test_what_is_loaded_from_outside_is_found_and_links_are_not():
    loaded = (
        '<script src="https://cdn.example/x.js">',
        '<link rel="stylesheet" href="//cdn.example/x.css">',
    )
    assert [len(docs_pages.outside(tag)) for tag in loaded] == [1, 1]
    assert not docs_pages.outside('<a href="https://example.org">x</a><img src="../img/x.png">')
