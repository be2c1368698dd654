"""A folder that cannot be written and files that may not grow: one sentence, nothing half written."""

import ctypes
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runs.commands import COMMANDS

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


def bound_by_modes() -> None:
    """Take from root the right to write anywhere, for a process that is about to start."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_stands_in_the_way(command, names, tmp_path, sentence):
    spec = COMMANDS[command]
    words = [*command.split(), *spec.arguments.format(**names).split(), "--out"]
    (tmp_path / "file").write_text("x")
    said = sentence(*words, tmp_path / "file" / "deeper" / "out")
    assert f"cannot write or read {tmp_path / 'file'}" in said
    assert said.endswith("choose another folder")
    other = tmp_path if spec.file == "{out}" else tmp_path / "file"
    said = sentence(*words, other)
    assert str(other) in said
    assert [each.name for each in tmp_path.rglob("*")] == ["file"]
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.slow
@pytest.mark.parametrize("command", ["compare", "steer run", "sae train"])
def test_files_may_not_grow(command, names, tmp_path):
    """A true limit of the system, in a process of its own: files end after 6 kB."""
    out = tmp_path / "out"
    words = [*command.split(), *COMMANDS[command].arguments.format(**names).split(), "--out", out]
    done = subprocess.run(
        [sys.executable, "-m", "mechcot", *map(str, words)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000)),
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},  # bytecode would be cut too, and stay
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"mechcot: the disk is full ({out}")
    assert "Traceback" not in done.stderr
    assert not list(out.rglob(".*"))


@pytest.mark.parametrize(
    "words",
    [
        ("organism", "problems", "--n", 2, "--out"),
        ("organism", "train", "base", "--out"),
        ("demo", "--n", 2, "--out"),
        ("import", "{chains}", "--out"),
    ],
)
def test_a_folder_may_not_be_written(words, chains, tmp_path):
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o555)
    texts = [str(word).format(chains=chains) for word in words]
    done = subprocess.run(
        [sys.executable, "-m", "mechcot", *texts, str(shut / "out")],
        preexec_fn=bound_by_modes,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"mechcot: cannot write or read {shut}: Permission denied")
    assert last.endswith("choose another folder")


def test_what_is_printed_does_not_fit():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mechcot", "cards"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("mechcot: what is printed does not fit where it goes")
    assert len(done.stderr.splitlines()) == 1
