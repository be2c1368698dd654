"""Each long command, killed by SIGKILL after some items, goes on: nothing finished is made again, and the result is
that of an undisturbed run with more workers."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from mechcot.ruler import panel
from tests.finished_items import finished_items
from tests.processes import command as run_command, start
from tests.runs.commands import call


@dataclass(frozen=True)
class Command:
    """A long command.

    Attributes:
        arguments: Its arguments; names in braces are fixtures.
        items: Where its finished items lie.
        results: Files that only a finished run has; an undisturbed one leaves the same but for seconds.
    """

    arguments: str
    items: str
    results: tuple[str, ...]


COMMANDS = {
    "prune": Command("{one} --traces {chains}", "items/*.json", ("prune.json", "pruned.jsonl")),
    "influence": Command(
        "{one} {two} --traces {chains}", "items/*.safetensors", ("influence.json",)
    ),
    "prune-online": Command(
        "{one} --problems {problems} --max-tokens 60", "items/*.json", ("online.json",)
    ),
    "check": Command(
        "organism:base organism:bypass --problems {problems} --n 3",
        "readings/*.items",
        ("check.json",),
    ),
    "ruler": Command(
        "--quick --measures early_answering,filler",
        "readings/*.items",
        ("ruler.json", "results/readings.parquet"),
    ),
    "steer run": Command("{experiment}", "arms/*.json", ("summary.json",)),
    "sae train": Command(
        "{one} {two} --n 8 --max-tokens 40 --width 16 --k 4 --samples 2000 --site resid_post.1",
        "chains/*.jsonl",
        ("training.json", "fit.json", "sae_weights.safetensors"),
    ),
    "sae score": Command(
        "{dictionary} organism:base organism:bypass --n 8", "chains/*.jsonl", ("score.json",)
    ),
    "sae falsify": Command(
        "{dictionary} organism:base organism:bypass --n 12", "trials/*.json", ("falsify.json",)
    ),
}
TIMES = ("seconds", "tokens_per_second")

SMALL_RULER = panel.Panel(
    subjects=panel._subjects(base=("base",), uses=("control",), bypasses=("bypass",)),
    items=3,
    tuning_items=3,
)
"""The quick panel takes minutes: fewer of its models and chains."""


def small_ruler(*words: str) -> None:
    """The command on the small panel."""
    panel.QUICK = SMALL_RULER
    run_command(*words)


def finish(command: str, *words: str) -> None:
    code, said = call(command, *words)
    assert code == 0, said


def content(path: Path) -> object:
    """What a file says, times left out."""
    if path.suffix != ".json":
        return path.read_bytes()
    without = lambda pairs: {k: v for k, v in pairs if k not in TIMES}  # noqa: E731
    return json.loads(path.read_text(), object_pairs_hook=without)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_killed_run_goes_on_to_the_same_result(command, names, tmp_path, monkeypatch):
    monkeypatch.setattr(panel, "QUICK", SMALL_RULER)
    spec = COMMANDS[command]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    arguments = spec.arguments.format(**names).split()
    words = [*arguments, "--workers", "1", "--out", str(killed)]
    finish(command, *arguments, "--workers", "2", "--out", str(whole))
    run = small_ruler if command == "ruler" else run_command
    process = start(*command.split(), *words, run=run)
    deadline = time.monotonic() + 300
    while not finished_items(killed, spec.items) and time.monotonic() < deadline:
        assert process.is_alive(), "the run ended before it could be killed"
        time.sleep(0.002)
    process.kill()
    process.join()
    kept = finished_items(killed, spec.items)
    assert kept
    assert not (killed / spec.results[0]).exists()
    finish(command, *words)
    assert kept.items() <= finished_items(killed, spec.items).items()
    for name in spec.results:
        assert content(killed / name) == content(whole / name)
