"""Work that waits for somebody else, such as a server: many tasks at a time in threads of this process."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mechcot.runs.executor import Failed, attempt

T = TypeVar("T")
R = TypeVar("R")
GRACE = 2.0
"""Seconds for what is under way when a run stops; then it is left."""


@dataclass(frozen=True)
class Threads:
    """Runs tasks in threads.

    Attributes:
        workers: How many tasks are under way at a time.
    """

    workers: int

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T]
    ) -> Iterator[tuple[int, R | Failed]]:
        """See `mechcot.runs.executor.Executor.map`."""
        waiting: queue.SimpleQueue[tuple[int, T]] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, R | Failed | BaseException]] = queue.SimpleQueue()
        stopped = threading.Event()
        for pair in enumerate(tasks):
            waiting.put(pair)

        def work() -> None:
            while not stopped.is_set():
                try:
                    index, task = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    done.put((index, attempt(function, task)))
                except BaseException as error:  # noqa: BLE001 - raised where the results are read
                    done.put((index, error))

        count = min(self.workers, len(tasks))
        threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            for _ in tasks:
                index, result = done.get()
                if isinstance(result, BaseException):
                    raise result
                yield index, result
        finally:
            stopped.set()
            until = time.monotonic() + GRACE
            for thread in threads:
                thread.join(timeout=max(0.0, until - time.monotonic()))
