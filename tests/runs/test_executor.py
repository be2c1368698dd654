"""Work here or side by side: every task once, one that fails loses only itself, a killed process is said in one sentence."""

import gc
import os
import signal
import time
from multiprocessing import active_children

import pytest
import torch

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.garbage import YOUNG
from mechcot.runs.executor import Failed, Processes, executor_of


def twice_and_threads(x: int) -> tuple[int, int]:
    return 2 * x, torch.get_num_threads()


def frozen(_: int) -> tuple[bool, int]:
    return gc.get_freeze_count() > 0, gc.get_threshold()[0]


def refuse(_: int) -> None:
    raise UserError("no such model")


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_every_task_comes_once_with_its_result():
    results = dict(executor_of(2).map(twice_and_threads, range(10, 17)))
    assert results == {index: (2 * (index + 10), 1) for index in range(7)}
    here = dict(executor_of(1).map(twice_and_threads, range(10, 17)))
    assert {i: value for i, (value, _) in here.items()} == {i: v for i, (v, _) in results.items()}


def test_processes_look_for_garbage_rarely_and_at_nothing_that_was_imported():
    assert dict(Processes(2).map(frozen, range(2))) == {0: (True, YOUNG), 1: (True, YOUNG)}


def fail_some(x: int) -> int:
    if x == 1:
        raise NotMeasurable("the chain is empty")
    if x == 2:
        raise ZeroDivisionError("nobody foresaw  it")
    return x


@pytest.mark.parametrize("workers", [1, 2])
def test_one_that_fails_loses_only_itself(workers):
    assert dict(executor_of(workers).map(fail_some, range(4))) == {
        0: 0,
        1: Failed("the chain is empty"),
        2: Failed("failed (ZeroDivisionError: nobody foresaw it)"),
        3: 3,
    }


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
    results = Processes(2).map(refuse_or_pause, [0, 1])
    with pytest.raises(UserError):
        next(results)
    for process in set(active_children()) - others:
        assert ended(process)


@pytest.mark.parametrize(
    ("work", "workers", "words"),
    [
        (twice_and_threads, -1, "at least 1, or 0 for all there are, got -1"),
        (refuse, 1, "no such model"),
        (refuse, 2, "no such model"),
        (die, 2, "a process was killed.*the same command resumes"),
    ],
)
def test_what_goes_wrong_is_one_sentence(work, workers, words):
    with pytest.raises(UserError, match=words):
        list(executor_of(workers).map(work, [1, 2]))
