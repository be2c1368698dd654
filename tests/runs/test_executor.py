"""Work side by side: every task once, mistakes come through, a killed process is said in one sentence."""

import os
import signal
import time
from multiprocessing import active_children

import pytest
import torch

from mechcot.core.errors import UserError
from mechcot.runs.executor import side_by_side


def twice_and_threads(x: int) -> tuple[int, int]:
    return 2 * x, torch.get_num_threads()


def refuse(_: int) -> None:
    raise UserError("no such model")


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_every_task_comes_once_with_its_result():
    found = dict(side_by_side(twice_and_threads, range(7), workers=2))
    assert found == {x: (2 * x, 1) for x in range(7)}


def ended(process, *, within: float = 60.0) -> bool:
    """Whether a process ends; asked again and again, since the pool's own thread may be about to note its end."""
    deadline = time.monotonic() + within
    while process.is_alive() and time.monotonic() < deadline:
        process.join(timeout=0.1)
    return not process.is_alive()


def refuse_or_pause(x: int) -> None:
    refuse(x) if x else time.sleep(600)


def test_who_stops_listening_leaves_no_process_behind():
    others = set(active_children())
    results = side_by_side(refuse_or_pause, [0, 1], workers=2)
    with pytest.raises(UserError):
        next(results)
    for process in set(active_children()) - others:
        assert ended(process)


@pytest.mark.parametrize(
    ("work", "workers", "words"),
    [
        (twice_and_threads, 0, "at least 1, got 0"),
        (refuse, 1, "no such model"),
        (die, 1, "a process was killed.*the same command resumes"),
    ],
)
def test_what_goes_wrong_is_one_sentence(work, workers, words):
    with pytest.raises(UserError, match=words):
        list(side_by_side(work, [1, 2], workers=workers))
