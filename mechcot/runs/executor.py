"""Where independent work runs: in this process, or in several side by side.

A small model leaves a second thread of a forward idle; a process per core does not. Every process has one torch thread, so a
result does not depend on their number (this process computes with the threads that torch was given).

A further place is a class with the same `map`: it sends `function` and the tasks as pickles, runs `attempt(function, task)` there, and gives the
results by index (`mechcot.runs.ray_cluster`, `mechcot.runs.slurm_queue`).
"""

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.context import BaseContext
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch

from mechcot.core.errors import NotMeasurable, UserError
from mechcot.core.garbage import collect_rarely
from mechcot.runs.engine import LOCAL, Engine

log = logging.getLogger(__name__)

_PRELOADED = ("mechcot.", "transformers.models.")
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Failed:
    """A task without a result; the others go on.

    Attributes:
        reason: Why.
    """

    reason: str


@runtime_checkable
class Executor(Protocol):
    """Runs independent tasks."""

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T]
    ) -> Iterator[tuple[int, R | Failed]]:
        """Give every task's result with the task's index, as they finish.

        Args:
            function: A function of a module, or a `functools.partial` of one: it may be called in other processes.
            tasks: What it is called with; picklable.

        Raises:
            UserError: A task raised it (a mistake of the user's stops all of them), or a process was killed.
            OSError: The disk is full, a folder cannot be written.
        """
        ...


def attempt(function: Callable[[T], R], task: T) -> R | Failed:
    """Run a task; what is wrong with this one alone becomes `Failed`.

    Raises:
        UserError: A mistake of the user's: the other tasks would meet it too.
        OSError: So would they the disk's.
    """
    try:
        return function(task)
    except NotMeasurable as reason:
        return Failed(str(reason))
    except (UserError, OSError):
        raise
    except Exception as error:
        log.exception("a task failed; the same command tries it again")
        first = " ".join(str(error).split())[:160]
        return Failed(f"failed ({type(error).__name__}: {first})")


@dataclass(frozen=True)
class Serial:
    """Runs tasks one after the other, here."""

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T]
    ) -> Iterator[tuple[int, R | Failed]]:
        """See `Executor.map`."""
        for index, task in enumerate(tasks):
            yield index, attempt(function, task)


@dataclass(frozen=True)
class Processes:
    """Runs tasks in processes of one torch thread each.

    Attributes:
        workers: How many.
    """

    workers: int

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T]
    ) -> Iterator[tuple[int, R | Failed]]:
        """See `Executor.map`; the function is sent once to each process."""
        if not tasks:
            return
        others = set(active_children())
        workers = min(self.workers, len(tasks))
        with ProcessPoolExecutor(
            workers,
            mp_context=_context(),
            initializer=_begin,
            initargs=(function, dict(os.environ)),
        ) as pool:
            running = {pool.submit(_attempt, task): index for index, task in enumerate(tasks)}
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


SERIAL = Serial()


def in_order(
    executor: Executor, function: Callable[[T], R], tasks: Sequence[T]
) -> list[R | Failed]:
    """Run tasks and give their results in the order of the tasks.

    Args:
        executor: Where they run.
        function: See `Executor.map`.
        tasks: What it is called with.

    Raises:
        UserError: As `Executor.map`.
    """
    results = dict(executor.map(function, tasks))
    return [results[index] for index in range(len(tasks))]


def worker_count(workers: int, engine: Engine = LOCAL) -> int:
    """How many work side by side; 0 stands for as many as there is room for.

    Raises:
        UserError: A number below 0, or there is no such cluster.
    """
    if workers < 0:
        raise UserError(f"--workers: expected at least 1, or 0 for all there are, got {workers}")
    if engine.name == "slurm":
        from mechcot.runs.slurm_queue import parse_slurm

        return parse_slurm(engine.slurm).array
    if workers:
        return workers
    if engine.name == "ray":
        from mechcot.runs.ray_cluster import cluster_room

        return cluster_room(engine.address, engine.gpus)
    return os.cpu_count() or 1


def executor_of(workers: int, engine: Engine = LOCAL) -> Executor:
    """Where the work runs: for one worker of the local engine this process, else as many processes, actors or jobs.

    Raises:
        UserError: `workers` is below 0, or there is no such cluster.
    """
    count = worker_count(workers, engine)
    if engine.name == "ray":
        from mechcot.runs.ray_cluster import RayCluster

        return RayCluster(count, engine.address, engine.gpus)
    if engine.name == "slurm":
        from mechcot.runs.slurm_queue import SlurmQueue, parse_slurm

        return SlurmQueue(parse_slurm(engine.slurm))
    return SERIAL if count == 1 else Processes(count)


def _context() -> BaseContext:
    """How processes are made: as forks of a server that imported once what this process has imported, where forks are safe; else each from nothing."""
    if sys.platform != "linux" or torch.cuda.is_available():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([name for name in sys.modules if name.startswith(_PRELOADED)])
    return context


_function: Callable[[Any], Any]


def _begin(function: Callable[[Any], Any], environment: Mapping[str, str]) -> None:
    global _function  # sent once to each process, not with every task
    os.environ.clear()  # a server of forks has that of its own start
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a worker without a word
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    torch.set_num_threads(1)
    gc.freeze()  # what the server imported is looked at, and copied, no more
    collect_rarely()
    _function = function


def _attempt(task: Any) -> Any:
    return attempt(_function, task)


def _end_with_the_parent() -> None:
    """A killed run leaves no process behind."""
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)
