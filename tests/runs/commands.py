"""Every command that writes, with small arguments, and the experiment and pairs that they take."""

import json
from dataclasses import dataclass
from pathlib import Path

import typer
from typer.testing import CliRunner

from mechcot.cli.main import app

EXPERIMENT = """
models = ["{one}", "{two}"]
title = "t"
question = "q"
readout = "tokens"
max_tokens = 40
[items]
problems = "{problems}"
n = 3
[vector]
pairs = "{pairs}"
site = "resid_post.0"
[apply]
nats = [0.003, 0.01]
chains = 2
"""


BASE = "organism:base organism:bypass"


@dataclass(frozen=True)
class Writing:
    """A command that writes.

    Attributes:
        arguments: What makes the output; names in braces are fixtures.
        other: Further arguments that make another one; after `!` all of them.
        file: The output; `{out}` is what --out names.
    """

    arguments: str
    other: str
    file: str = "{out}"


COMMANDS = {
    "compare": Writing("{one} {two} --traces {chains} --measures filler --n 2", "--seed 1", "{out}/summary.json"),
    "demo": Writing("--n 2 --workers 1", "--n 3", "{out}/summary.json"),
    "check": Writing("{one} --problems {problems} --max-tokens 30", "--n 3", "{out}/check.json"),
    "prune": Writing("{one} --traces {chains} --n 1", "--keep 0.5", "{out}/prune.json"),
    "circuit": Writing("{one} {two} --traces {chains} --patched 3", "--seed 1", "{out}/circuit.json"),
    "influence": Writing("{one} --traces {chains}", "--n 3", "{out}/influence.json"),
    "prune-online": Writing("{one} --problems {problems} --max-tokens 30", "--n 3", "{out}/online.json"),
    "hybrid": Writing(
        "{one} {two} --problems {problems} --n 3 --fit 2 --budget .5 --max-tokens 20", "--categories 1", "{out}/hybrid.json"
    ),
    "stim": Writing("{one} {two} --corpus {chains} --problems {problems} --max-tokens 30 --n 3", "--seed 1", "{out}/stim.json"),
    "import": Writing("{chains}", "--think <a> </a>"),
    "explore": Writing("{run}", "--item {item}"),
    "figures": Writing("{run}", "!{pruned}", "{out}/figure-1.pdf"),
    "organism problems": Writing("--n 3", "--seed 1"),
    "organism chains": Writing("--n 3", "--seed 1"),
    "problems novel": Writing("{problems} --corpus {chains} --n 3", "--seed 1"),
    "problems shift": Writing("{problems} --shift format:.5", "--seed 1"),
    "steer extract": Writing("{one} --site resid_post.0 --pairs {pairs}", "--seed 2"),
    "steer apply": Writing("{one} {vector} --problems {problems} --nats 0.003 --max-tokens 30 --n 3", "--seed 3"),
    "steer sweep": Writing(
        "{one} {vector} --problems {problems} --doses 0.003,0.01 --max-tokens 30 --n 3", "--seed 3", "{out}/0.01.jsonl"
    ),
    "steer cross": Writing(
        "{one} {two} --problems {problems} --pairs {pairs} --nats 0.003 --max-tokens 30 --n 2 --chains 2 --chance 1", "--seed 3",
        "{out}/two_by_two.json",
    ),
    "steer run": Writing("{experiment}", "!{shorter}", "{out}/summary.json"),
    "sae train": Writing(
        "{one} {two} --n 8 --max-tokens 30 --width 16 --k 4 --samples 2000 --site resid_post.1", "--seed 1", "{out}/fit.json"
    ),
    "sae crosscode": Writing(
        "{one} {two} --n 8 --max-tokens 30 --width 16 --k 4 --samples 2000 --site resid_post.1", "--seed 1", "{out}/crosscode.json"
    ),
    "sae score": Writing("{dictionary} {base} --n 4", "--n 6", "{out}/score.json"),
    "sae falsify": Writing("{dictionary} {base} --n 4", "--repeats 2", "{out}/falsify.json"),
    "sae patch": Writing("{dictionary} {base} --n 2", "--seed 1", "{out}/patch.json"),
    "sae probe": Writing("{dictionary} {base} --n 8", "--seed 1", "{out}/probe.json"),
    "sae vector": Writing("{dictionary} organism:base --feature {feature} --n 4", "--n 6"),
}  # fmt: skip


def write_pairs(problems: Path, path: Path) -> Path:
    """Pairs of questions asked briefly and carefully."""
    questions = [json.loads(line)["question"] for line in problems.read_text().splitlines()]
    rows = [
        {"id": str(i), "positive": text, "negative": text.replace("brief", "careful")}
        for i, text in enumerate(questions)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def walk(group: typer.Typer, before: str = "") -> dict[str, object]:
    """Every command by name."""
    root = typer.main.get_command(group)
    return dict(_walk(root, before))


def _walk(command, name):
    if not hasattr(command, "commands"):
        yield name.strip(), command
        return
    for part, each in command.commands.items():
        yield from _walk(each, f"{name} {part}")


def call(command: str, *words: object) -> tuple[int, str]:
    told = CliRunner().invoke(app, [*command.split(), *map(str, words)])
    said = f"{told.output} {told.exception!r}"
    return told.exit_code, " ".join(said.split())
