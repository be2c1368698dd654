"""Work that the tests of engines share out; importable in other processes."""

import os
import subprocess
import time
from pathlib import Path

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.store import write_text
from mechcot.runs.items import Items


def square(x: int) -> int:
    """A task that fails in every way it may."""
    if x == 3:
        raise NotMeasurable("three is left out")
    if x == 4:
        raise ZeroDivisionError("nobody foresaw  it")
    return x * x


def refuse(x: int) -> int:
    """A mistake of the user's."""
    if x == 2:
        raise UserError("no such model")
    return x


def refuse_beside_one_that_runs(x: int) -> None:
    """A mistake of the user's, while another task has long to go."""
    if x == 0:
        raise UserError("no such model")
    time.sleep(600)


def linger(folder: Path, x: int) -> int:
    """Say that a task began; on the node whose name stands in `doomed` it never ends, elsewhere it waits until one began there."""
    import ray

    node, doomed = ray.get_runtime_context().get_node_id(), (folder / "doomed").read_text()
    write_text(folder / f"began-{x}-{node}", str(os.getpid()))
    while node == doomed or not list(folder.glob(f"began-*-{doomed}")):
        time.sleep(0.1)
    return x * x


def write_elsewhere(folder: Path, x: int) -> int:
    """Make two items on another disk, where one of them is left from before: only their names are the caller's."""
    os.chdir(folder)
    items = Items(Path("made"), shards=Path("made"))
    items.get("first", lambda: {"value": 0})
    items.put(str(x), {"value": x})
    Items(Path("files")).put(str(x), {"value": x})
    return x


def leave_the_queue(folder: Path, x: int) -> int:
    """Cancel the own job for 0, put it back into the queue once for others."""
    job = os.environ["SLURM_JOB_ID"]
    if x == 0:
        subprocess.run(["scancel", job], check=True)
        time.sleep(600)
    if not (folder / "sent again").exists():
        (folder / "sent again").touch()
        subprocess.run(["scontrol", "requeue", job], check=True)
        time.sleep(600)
    return x * x
