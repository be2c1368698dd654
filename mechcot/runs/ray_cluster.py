"""Work on a Ray cluster: one actor a worker, which keeps the function and the models that it loaded.

What a task returns, and the items that it made, come back through Ray's object store: the disk of a node need not be this one's. A task whose
node or process is lost is given to another actor; one that is lost again and again stops the run.
"""

import logging
import os
import pickle
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mechcot.core.errors import UserError
from mechcot.runs.executor import Failed, attempt
from mechcot.runs.items import Record, recorded_items

log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")
MOST_LOSSES = 3
"""Times that one task may be lost."""
_PATIENCE = 60.0
"""Seconds without any result after which somebody wants to know what is waited for."""


@dataclass(frozen=True)
class _Outcome:
    """What comes back of a task.

    Attributes:
        result: What it gave.
        error: What stops the run; None as a rule.
        items: Those that it made, or found made.
    """

    result: Any
    error: Exception | None
    items: Record


class _Worker:
    """An actor: a process of one torch thread that runs one task at a time."""

    def __init__(self, function: bytes, folder: str) -> None:
        import torch

        torch.set_num_threads(1)
        if Path(folder).is_dir():  # so that paths mean what they mean here
            os.chdir(folder)
        self.function = pickle.loads(function)  # noqa: S301 - of the run's own process

    def begin(self) -> None:
        """Return once the actor is there."""

    def run(self, task: bytes) -> _Outcome:
        with recorded_items() as items:
            try:
                own = pickle.loads(task)  # noqa: S301 - of the run's own process
                return _Outcome(attempt(self.function, own), None, items)
            except (UserError, OSError) as error:
                return _Outcome(None, error, items)


@dataclass(frozen=True)
class RayCluster:
    """Runs tasks on the nodes of a Ray cluster.

    Attributes:
        workers: How many actors.
        address: Of the cluster, see `mechcot.runs.engine.Engine`.
        gpus: Share of a GPU that each actor gets.
    """

    workers: int
    address: str | None = None
    gpus: float = 0.0

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T]
    ) -> Iterator[tuple[int, R | Failed]]:
        """See `mechcot.runs.executor.Executor.map`."""
        if not tasks:
            return
        crew = _Crew(_connected(self.address), function, gpus=self.gpus)
        waiting = deque(range(len(tasks)))
        losses: Counter[int | None] = Counter()
        for _ in range(min(self.workers, len(tasks))):
            crew.hire()
        left = len(tasks)
        while left:
            for actor, index, outcome in crew.news():
                if outcome is None:
                    losses[index] += 1
                    _check_losses(losses[index])
                    if index is not None:
                        waiting.appendleft(index)
                    crew.hire()
                    continue
                if index is not None:
                    _keep(outcome)
                    left -= 1
                    yield index, outcome.result
                if waiting:
                    crew.give(actor, task := waiting.popleft(), tasks[task])


class _Crew:
    """The actors of one map: those that begin, work, or wait for a task."""

    def __init__(self, ray: Any, function: Callable[[Any], Any], *, gpus: float) -> None:
        self._ray = ray
        self._function = ray.put(pickle.dumps(function))
        self._actor = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0)(_Worker)
        self._busy: dict[Any, tuple[Any, int | None]] = {}

    def hire(self) -> None:
        """Ask for a further actor; it begins as soon as a node has room for it."""
        actor = self._actor.remote(self._function, str(Path.cwd()))
        self._busy[actor.begin.remote()] = (actor, None)

    def give(self, actor: Any, index: int, task: Any) -> None:
        """Give an actor that waits a task."""
        self._busy[actor.run.remote(pickle.dumps(task))] = (actor, index)

    def news(self) -> Iterator[tuple[Any, int | None, _Outcome | None]]:
        """Wait for one actor: who it is, its task (none: it began), what came of it (None: it is lost).

        Raises:
            UserError: It could not begin.
        """
        from ray import exceptions

        done, _ = self._ray.wait(list(self._busy), num_returns=1, timeout=_PATIENCE)
        if not done:
            log.warning("no result for a while: is there a node with room for a worker?")
            return
        actor, index = self._busy.pop(done[0])
        try:
            outcome = self._ray.get(done[0]) or _Outcome(None, None, {})
        except exceptions.RayTaskError as error:
            raise UserError(f"a worker of the Ray cluster failed: {_last(error)}") from None
        except exceptions.RayError as error:
            if getattr(error, "actor_init_failed", False):
                raise UserError(
                    f"a worker of the Ray cluster cannot begin: {_last(error)}; each node needs this version of mechcot, and the models"
                ) from None
            log.warning("a worker is lost (%s); its task is given to another", type(error).__name__)
            outcome = None
        yield actor, index, outcome


def _last(error: Exception) -> str:
    """The last line of what Ray says of an error: the error itself."""
    return [line for line in str(error).splitlines() if line.strip()][-1].strip()[:300]


def _check_losses(count: int) -> None:
    if count > MOST_LOSSES:
        raise UserError(
            f"one task was lost {count} times with its worker, most likely for memory; the same command resumes, "
            "with fewer --workers or a larger --gpus"
        )


def _keep(outcome: _Outcome) -> None:
    """Write the items that a task made, unless this disk is the one it wrote on.

    Raises:
        UserError: The task raised it.
        OSError: So it did, or the disk is full.
    """
    for place, content in outcome.items.items():
        if not place.there:
            place.write(content)
    if outcome.error is not None:
        raise outcome.error


def cluster_room(address: str | None, gpus: float) -> int:
    """How many workers a cluster has room for.

    Raises:
        UserError: There is no such cluster, or it has no room at all.
    """
    there = _connected(address).cluster_resources()
    cores = int(there.get("CPU", 0))
    count = min(cores, int(there.get("GPU", 0) / gpus)) if gpus else cores
    if count < 1:
        raise UserError(
            f"the Ray cluster has {there.get('CPU', 0):g} cores and {there.get('GPU', 0):g} GPUs: no room for a worker with 1 core and {gpus:g} GPUs"
        )
    return count


def _connected(address: str | None) -> Any:
    """The library, connected to a cluster for as long as this process lives.

    Raises:
        UserError: It is not installed, or there is no such cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise UserError("the `ray` library is not installed; pip install 'mechcot[ray]'") from None
    if not ray.is_initialized():
        try:
            ray.init(
                address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UserError(
                f"no Ray cluster answers at {address or os.environ.get('RAY_ADDRESS') or 'this machine'} ({_last(error)}); "
                "`ray start --head` begins one and prints its address"
            ) from None
    return ray
