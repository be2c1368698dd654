"""Each long command, killed by SIGKILL after some items, goes on: nothing finished is made again, and the result is that of an undisturbed run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMANDS = {
    "prune": ("{0} --traces {chains}", "items/*.json", "prune.json", "pruned.jsonl"),
    "influence": ("{0} {1} --traces {chains}", "items/*.safetensors", "influence.json"),
}
"""Command -> its arguments, its items, and the files that must be equal byte for byte."""


def start(command: str, arguments: str, out: Path) -> subprocess.Popen:
    words = [sys.executable, "-m", "mechcot", command, *arguments.split(), "--out", str(out)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(
        words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_goes_on_to_the_same_result(command, workers, models, chains, tmp_path):
    arguments, pattern, *files = COMMANDS[command]
    arguments = arguments.format(*models, chains=chains) + f" --workers {workers}"
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(command, arguments, whole).wait() == 0
    process = start(command, arguments, killed)
    deadline = time.monotonic() + 300
    while not list(killed.glob(pattern)) and time.monotonic() < deadline:
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in killed.glob(pattern)}
    assert kept
    assert not (killed / files[0]).exists()
    assert start(command, arguments, killed).wait() == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    for name in files:
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
