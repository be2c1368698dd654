"""The program `mechcot`: the command line, and a quick end."""

import atexit
import os
import sys
import threading

from mechcot.cli.main import main


def program() -> None:
    """Run the command line and leave at once.

    Python would first take apart all that was imported, which takes two seconds after a command that loaded a model. What is registered for the end (`atexit`)
    is done; where another thread is still at work, or output cannot be written, the process ends as always.
    """
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    if isinstance(code, int) and _alone():
        atexit._run_exitfuncs()
        if _written():
            os._exit(code)
    sys.exit(code)  # type: ignore[arg-type]


def _alone() -> bool:
    """Whether no thread is left that Python would wait for."""
    here = threading.current_thread()
    return all(thread.daemon or thread is here for thread in threading.enumerate())


def _written() -> bool:
    """Write what is still to be printed; gives whether all of it went out."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # as where the shell has closed it
                stream.flush()
    except (OSError, ValueError):  # full, gone, or closed since
        return False
    return True
