"""Starts a benchmark anew with an allocator that keeps its memory, as in a long training run.

By default glibc returns every large array to the system when it is freed, so that each call pays
for fresh pages: which library pays how often is chance. A program that has run for a while, or
with tcmalloc or jemalloc, does not. The settings are read when a process starts. The same start
drops the variables that would choose another kernel for our BLAS than a user has, and restricts all
libraries to the instructions of MINITORCH_CNN_MACHINE (instructions.py).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from .instructions import restrictions

KEEP = {
    "MALLOC_MMAP_MAX_": "0",  # large arrays come from the heap
    "MALLOC_TRIM_THRESHOLD_": str(64 * 2**30),  # whose end is not returned to the system
    "MALLOC_TOP_PAD_": str(64 * 2**20),  # and which grows in large steps
}
DROPPED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def restart(settings: Mapping[str, str] = KEEP) -> None:
    """Replace this process by the same command under the settings, unless they hold already."""
    if sys.platform != "linux":
        return
    wanted = {**settings, **restrictions()}
    dropped = set(DROPPED) - wanted.keys()
    if wanted.items() <= os.environ.items() and not dropped & os.environ.keys():
        return
    variables = {name: value for name, value in os.environ.items() if name not in dropped}
    command = [sys.executable, *sys.orig_argv[1:]]
    sys.stdout.flush()
    os.execve(sys.executable, command, variables | wanted)


def keeps_memory() -> bool:
    """Whether this process was started with the settings."""
    return all(os.environ.get(name) == value for name, value in KEEP.items())
