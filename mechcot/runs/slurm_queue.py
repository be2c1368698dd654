"""Work in a Slurm queue, through submitit: one array of jobs, a few tasks each.

Jobs, results and logs lie in a folder on the disk that the nodes share. A job that is preempted, or whose time is up, goes back into the queue
with what it has finished; one that dies otherwise stops the run, and the same command resumes it.
"""

import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from mechcot.core.errors import UserError
from mechcot.runs.executor import Failed, attempt

T = TypeVar("T")
R = TypeVar("R")
FOLDER = Path("slurm-jobs")
"""Where jobs, results and logs lie, unless `folder=` says."""
_PARTS = 4
"""Jobs for each that runs at a time: many balance the load."""
_EXAMPLE = "partition=gpu,gpus=1,time=2:00:00,array=8"
_TIME = re.compile(r"(?:(?P<d>\d+)-)?(?P<a>\d+)(?::(?P<b>\d+))?(?::(?P<c>\d+))?")
_POLL = 1.0
_PATIENCE = 30.0
"""Seconds between two looks whether jobs are still in the queue; a shared disk may show a result that late."""


@dataclass(frozen=True)
class SlurmJob:
    """What each job gets.

    Attributes:
        cluster: `slurm`, or `local`: the jobs are processes of this machine, to try things out.
        partition: Name of the partition; "" for the queue's default, as for the next three.
        account: Name of the account.
        qos: Name of the quality of service.
        constraint: What a node must have.
        gpus: GPUs.
        cpus: Cores.
        mem: Memory in GB; 0 for the queue's default.
        time: Minutes.
        array: Jobs that run at a time.
        folder: Where jobs, results and logs lie; on a disk that the nodes share.
    """

    cluster: str = "slurm"
    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    gpus: int = 0
    cpus: int = 1
    mem: int = 0
    time: int = 60
    array: int = 1
    folder: str = str(FOLDER)

    def parameters(self) -> dict[str, Any]:
        """What submitit is told."""
        names = ("partition", "account", "qos", "constraint")
        told = {f"slurm_{name}": getattr(self, name) for name in names if getattr(self, name)}
        told |= {"timeout_min": self.time, "cpus_per_task": self.cpus, "name": "mechcot"}
        told |= {"gpus_per_node": self.gpus} if self.gpus else {}
        told |= {"mem_gb": self.mem} if self.mem else {}
        return told | {"slurm_array_parallelism": self.array}


def parse_slurm(text: str) -> SlurmJob:
    """Read what `--slurm` says.

    Raises:
        UserError: A part without `=`, an unknown key or one that stands twice, a number or a time that is none.
    """
    given: dict[str, Any] = {}
    kinds = {f.name: f.type for f in fields(SlurmJob)}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = (side.strip() for side in part.partition("="))
        if not equals or not value:
            raise UserError(
                f"--slurm: expected KEY=VALUE between commas, such as {_EXAMPLE}, got {part!r}"
            )
        if key not in kinds:
            raise UserError(f"--slurm: {key!r} is none of {', '.join(kinds)}")
        if key in given:
            raise UserError(f"--slurm: {key} stands twice")
        if key == "time":
            given[key] = _minutes(value)
        elif kinds[key] is int:
            given[key] = _number(key, value)
        else:
            given[key] = value
    job = SlurmJob(**given)
    if job.cluster not in {"slurm", "local"}:
        raise UserError(f"--slurm: expected cluster=slurm or cluster=local, got {job.cluster!r}")
    return job


def _number(key: str, value: str) -> int:
    least = 0 if key in {"gpus", "mem"} else 1
    number = value.lower().removesuffix("gb").removesuffix("g") if key == "mem" else value
    if not number.isdecimal() or int(number) < least:
        unit = " (GB)" if key == "mem" else ""
        raise UserError(
            f"--slurm: {key}: expected a whole number{unit} of at least {least}, got {value!r}"
        )
    return int(number)


def _minutes(value: str) -> int:
    """Minutes of a time as Slurm writes it: `M`, `M:S`, `H:M:S`, `D-H`, `D-H:M`, `D-H:M:S`; part of a minute counts whole.

    Raises:
        UserError: It is none, or no time at all.
    """
    match = _TIME.fullmatch(value)
    if match is None:
        raise UserError(f"--slurm: time: expected minutes, H:MM:SS or D-HH:MM:SS, got {value!r}")
    days, a, b, c = (int(match[name] or 0) for name in "dabc")
    if match["d"] is not None:
        seconds = days * 86400 + a * 3600 + b * 60 + c
    elif match["c"] is not None:
        seconds = a * 3600 + b * 60 + c
    else:
        seconds = a * 60 + b
    if not seconds:
        raise UserError(f"--slurm: time: expected some time, got {value!r}")
    return -(-seconds // 60)


class Part:
    """The tasks of one job: what submitit sends, calls, and sends again when the job is preempted."""

    def __init__(self, function: Callable[[Any], Any], tasks: Mapping[int, Any]) -> None:
        self.function = function
        self.tasks = tasks
        self.done: dict[int, Any] = {}

    def __call__(self) -> tuple[dict[int, Any], Exception | None]:
        """Results by index, and what stops the run."""
        import torch

        torch.set_num_threads(1)
        for index, task in self.tasks.items():
            if index not in self.done:
                try:
                    self.done[index] = attempt(self.function, task)
                except (UserError, OSError) as error:
                    return self.done, error
        return self.done, None

    def checkpoint(self) -> Any:
        """What goes back into the queue: the same tasks, with what is finished."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass(frozen=True)
class SlurmQueue:
    """Runs tasks as jobs of a Slurm queue.

    Attributes:
        job: What each gets.
    """

    job: SlurmJob

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T]
    ) -> Iterator[tuple[int, R | Failed]]:
        """See `mechcot.runs.executor.Executor.map`."""
        if not tasks:
            return
        parts_each = 1 if self.job.cluster == "local" else _PARTS  # this machine has no queue
        count = min(len(tasks), self.job.array * parts_each)
        parts = [
            Part(function, {i: tasks[i] for i in range(start, len(tasks), count)})
            for start in range(count)
        ]
        running = self._submit(parts)
        missed, looked = set[str](), time.monotonic()
        try:
            while running:
                done = [job for job in running if job.done()]
                for job in done:
                    running.remove(job)
                    results, error = _result(job)
                    yield from results.items()
                    if error is not None:
                        raise error
                if not done:
                    time.sleep(_POLL)
                    if time.monotonic() > looked + _PATIENCE:
                        missed, looked = self._check_alive(running, missed), time.monotonic()
        finally:
            for job in running:
                job.cancel(check=False)
            if self.job.cluster == "local":  # processes of this one: none outlives the run
                end = time.monotonic() + _PATIENCE
                while not all(job.done() for job in running) and time.monotonic() < end:
                    time.sleep(0.1)

    def _check_alive(self, running: Sequence[Any], missed: set[str]) -> set[str]:
        """Return the jobs that the queue does not know: submitit asks `sacct` whether one died, which needs accounting.

        Args:
            running: Jobs without a result.
            missed: Those that it did not know the last time.

        Raises:
            UserError: One was missed twice, and left no result meanwhile.
        """
        if self.job.cluster == "local":
            return set()
        told = subprocess.run(
            ["squeue", "--noheader", "--array", "--me", "--format=%F_%K"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if told.returncode:
            return set()
        known = {name.removesuffix("_N/A") for name in told.stdout.split()}  # a job of no array
        lost = {job.job_id for job in running} - known
        for job in running:
            if job.job_id in lost & missed and not job.paths.result_pickle.exists():
                raise UserError(_died(job, "it left the queue without a result"))
        return lost

    def _submit(self, parts: Sequence[Part]) -> list[Any]:
        """Put jobs into the queue.

        Raises:
            UserError: submitit is not installed, there is no queue, or it refuses the jobs.
        """
        try:
            import submitit
        except ImportError:
            raise UserError(
                "the `submitit` library is not installed; pip install 'mechcot[slurm]'"
            ) from None
        try:
            executor = submitit.AutoExecutor(folder=self.job.folder, cluster=self.job.cluster)
            executor.update_parameters(**self.job.parameters())
            with _interruptible(), executor.batch():
                return [executor.submit(part) for part in parts]
        except RuntimeError as error:
            raise UserError(
                f"Slurm took no job ({' '.join(str(error).split())[:300]}); run this where `sbatch` works, "
                "or try it on this machine with --slurm cluster=local"
            ) from None


@contextmanager
def _interruptible() -> Iterator[None]:
    """Processes that are started meanwhile can be interrupted, which is how a local job is cancelled: one in a shell's background ignores it, and so would they."""
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if not ignored or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _result(job: Any) -> tuple[dict[int, Any], Exception | None]:
    """The results of a job.

    Raises:
        UserError: It died.
    """
    from submitit.core.utils import FailedJobError, UncompletedJobError

    try:
        return job.result()
    except (FailedJobError, UncompletedJobError) as error:
        last = [line for line in str(error).splitlines() if line.strip()][-1:]
        raise UserError(_died(job, " ".join(last)[:200])) from None


def _died(job: Any, reason: str) -> str:
    return f"job {job.job_id} died ({reason}); see {job.paths.stderr}; the same command resumes, with more time or memory"
