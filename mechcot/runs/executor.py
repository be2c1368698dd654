"""Work that runs side by side in processes of one torch thread each.

A small model leaves a second thread of a forward idle; a process per core does not.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context, parent_process
from typing import TypeVar

import torch

from mechcot.core.errors import UserError

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(
    function: Callable[[T], R], tasks: Sequence[T], *, workers: int
) -> Iterator[tuple[T, R]]:
    """Give every task with its result, as they finish.

    Args:
        function: A function of a module, it is called in other processes.
        tasks: What it is called with; sent to the processes one by one.
        workers: Number of processes.

    Raises:
        UserError: `workers` is below 1, or a process was killed.
    """
    if workers < 1:
        raise UserError(f"--workers: expected at least 1, got {workers}")
    others = set(active_children())
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin) as pool:
        running = {pool.submit(function, task): task for task in tasks}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        except BrokenProcessPool:
            raise UserError(
                "a process was killed, most likely for memory; the same command resumes, with fewer --workers"
            ) from None
        except BaseException:  # an error, or Ctrl-C: nobody waits for what is under way
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(active_children()) - others:
                process.terminate()
            raise


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a worker without a word
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    torch.set_num_threads(1)


def _end_with_the_parent() -> None:
    """A killed run leaves no process behind."""
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)
