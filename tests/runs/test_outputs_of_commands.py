"""Every command that writes: a full disk is one sentence and the same command goes on; the same again changes nothing; other settings
are refused with what to do; --overwrite replaces."""

from pathlib import Path

import pytest

from mechcot.cli.main import app
from mechcot.core.errors import UserError
from mechcot.organisms.registry import path
from tests.runs.commands import COMMANDS, call, walk
from tests.runs.conftest import files_then, full_disk

ELSEWHERE = {
    "ruler": "test_killed.py: minutes on the shipped panel",
    "organism train": "test_a_trained_organism_is_not_trained_over",
    "sae plant": "tests/sae/test_plant_recovery.py: minutes a plant",
    "sae plant-changes": "tests/sae/test_planted_changes.py: minutes a seed",
    "write-truth": "the tests of the writer of truth: random models write none",
    "write": "tests/traces/test_server.py: needs a server",
    "tune": "tests/finetune/test_tune.py: a training",
    "lab": "tests/finetune/test_lab.py: several trainings",
    "softcot eval": "tests/finetune/test_soft_eval.py: needs a training",
    "sae page": "shows what its folder holds, and nothing else",
}
NOTHING = {"cards", "doctor", "organism list", "organism check"}
"""They write no file."""
RUNS = [
    name
    for name, spec in COMMANDS.items()
    if "/" in spec.file and name not in {"steer run", "steer sweep"}
]
"""They note in a folder whose it is; what the two others finish is known by its name, and stays as it is."""


def test_every_command_is_tried_or_says_where():
    assert set(walk(app)) == {*COMMANDS, *ELSEWHERE, *NOTHING}


def test_every_command_that_writes_can_be_asked_to_overwrite():
    for name, command in walk(app).items():
        options = {part for each in command.params for part in each.opts}
        assert ("--overwrite" in options) == (name not in {*NOTHING, "sae page"}), name


def content(path: Path) -> tuple[bytes, int]:
    return path.read_bytes(), path.stat().st_mtime_ns


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_is_resumed_and_never_replaced_silently(command, names, tmp_path, sentence):
    spec, out = COMMANDS[command], tmp_path / "out"
    words = [*spec.arguments.format(**names).split(), "--out", out]
    further = spec.other.removeprefix("!").format(**names).split()
    another = [*further, "--out", out] if spec.other.startswith("!") else [*words, *further]
    file = Path(spec.file.format(out=out))
    with full_disk(files=1):
        said = sentence(*command.split(), *words)
    assert f"the disk is full ({tmp_path}" in said
    assert said.endswith("free some space, the same command resumes")
    assert not list(tmp_path.rglob(".*")), "nothing half written"
    code, said = call(command, *words)
    assert code == 0, said
    made = file.read_bytes()
    code, said = call(command, *words)
    assert code == 0, said
    assert file.read_bytes() == made
    before = {each: content(each) for each in tmp_path.rglob("*") if each.is_file()}
    code, said = call(command, *another)
    assert code != 0
    assert "--overwrite" in said and "--out" in said, said
    assert {each: content(each) for each in tmp_path.rglob("*") if each.is_file()} == before
    code, said = call(command, *another, "--overwrite")
    assert code == 0, said
    code, said = call(command, *another)
    assert code == 0, said
    code, said = call(command, *words)
    assert code != 0 and "--overwrite" in said, said


@pytest.mark.slow
@pytest.mark.parametrize("command", RUNS)
def test_a_refused_command_leaves_its_folder_free_for_other_settings(command, names, tmp_path):
    """Once a file was made, it is refused; corrected, it begins where nothing was reported."""
    spec, out = COMMANDS[command], tmp_path / "out"
    words = [*spec.arguments.format(**names).split(), "--out", out]
    further = spec.other.removeprefix("!").format(**names).split()
    another = [*further, "--out", out] if spec.other.startswith("!") else [*words, *further]
    with files_then(UserError("too few of them"), files=2, times=1):
        code, said = call(command, *words)
    assert code == 0 or "too few of them" in said, said
    if code:
        with files_then(UserError("it began"), files=2):
            code, said = call(command, *another)
        assert code == 0 or "it began" in said, said


def test_a_trained_organism_is_not_trained_over(tmp_path, monkeypatch):
    folder = tmp_path / "base"
    folder.mkdir()
    source = path("base")
    for name in ("config.json", "organism.json"):
        (folder / name).write_bytes((source / name).read_bytes())
    trained = []
    monkeypatch.setattr(
        "mechcot.organisms.training.train_organism", lambda *names, **_: trained.append(names)
    )
    code, said = call("organism train", "base", "--out", folder)
    assert code == 0 and "is there already" in said and not trained
    for words in (("base", "--seed", 8), ("bypass",)):
        code, said = call("organism train", *words, "--out", folder)
        assert code != 0 and "choose another --out, or replace it with --overwrite" in said
    assert not trained
    code, _ = call("organism train", "bypass", "--out", folder, "--overwrite")
    assert code == 0 and trained == [("bypass",)]
