"""Freed memory that is kept is not asked of the kernel again."""

import platform
import subprocess
import sys

import pytest

_FAULTS = """
import resource
import numpy as np
from mechcot.core.garbage import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        np.ones(8_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

given_back = faults()
keep_freed_memory()
faults()
print(given_back, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_kept_memory_costs_no_page_faults():
    done = subprocess.run([sys.executable, "-c", _FAULTS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    given_back, kept = map(int, done.stdout.split())
    assert given_back > 100  # pages of 2 MiB where the kernel gives them by itself
    assert kept < 0.05 * given_back
