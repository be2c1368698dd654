"""A command in a process of its own, without the seconds of its imports: a fork of the server from which `--workers` come, too."""

import os
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

from mechcot.cli.main import main
from mechcot.runs.executor import _context


def command(*words: str) -> None:
    """Run the command line on these words."""
    sys.argv = ["mechcot", *words]
    main()


def start(*words: str, run: Callable[..., None] = command) -> BaseProcess:
    """A process that runs a command and says nothing; it can be killed.

    Args:
        words: The command's.
        run: What is called with them; a function of a module.
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    process = _context().Process(target=_begin, args=(run, words, environment, Path.cwd()))
    process.start()
    return process


def _begin(
    run: Callable[..., None], words: tuple[str, ...], environment: dict[str, str], folder: Path
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    silent = os.open(os.devnull, os.O_WRONLY)
    for said in (1, 2):
        os.dup2(silent, said)
    import torch

    torch.set_num_threads(1)
    run(*words)
