"""What a process does with memory that it no longer needs: it looks for cycles of garbage rarely, and a training keeps what it freed for its next step."""

import ctypes
import gc
import platform

YOUNG = 10_000
"""New objects before the young ones are looked at; at Python's own 700 or 2,000 a tenth of the imports is spent on looking."""


def collect_rarely() -> None:
    """Look for cycles of garbage less often, in this process; memory that is freed without them is freed as soon as ever."""
    gc.set_threshold(YOUNG)


_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
"""Options of `mallopt`, from glibc's malloc.h."""


def keep_freed_memory() -> None:
    """Keep what large tensors of the CPU free for the next ones, in this process, instead of giving it back to the kernel each time.

    The kernel clears every page that it gives out: where each step makes its large tensors anew, that alone can take a fifth of a training. The process
    stays as large as it once was. Only glibc gives freed memory back at once; with another C library nothing is done.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    library.mallopt(_MMAP_MAX, 0)  # large ones too come from the heap
    library.mallopt(_TRIM_THRESHOLD, -1)  # and the heap never shrinks
    library.mallopt(_ARENA_MAX, 1)  # of which there is one
