"""The server from which worker processes are forked: begun early, it imports what they need while this process does, too.

Nothing heavy is imported here: the command line begins it before anything else.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver, get_context
from pathlib import Path

from mechcot.runs.engine import Engine

COMPARISON = ("mechcot.compare.run", "transformers.models.llama.modeling_llama")
"""What processes import that measure for a comparison."""
_DRIVER = Path("/proc/driver/nvidia")
"""Where it is, worker processes are no forks."""


def begin_server(modules: Sequence[str], *, workers: int | None, engine: Engine) -> None:
    """Begin to import, where several processes of this machine will work side by side; else do nothing.

    Args:
        modules: Names of modules; one that cannot be imported is passed over.
        workers: How many processes; None or 0: as many as there are cores.
        engine: Where they run.
    """
    alone = (workers or os.cpu_count() or 1) == 1
    if alone or engine.name != "local" or sys.platform != "linux" or _DRIVER.exists():
        return
    get_context("forkserver").set_forkserver_preload(list(modules))
    with _uninterrupted():
        forkserver.ensure_running()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """A process that is started inside the block says nothing on Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield  # no other thread may say so
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
