"""The peak memory of this process, without an import of the framework's."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path


def peak_memory() -> float:
    """The peak memory of this process in GiB; not on Windows, which keeps no record."""
    if sys.platform == "linux":
        return _status("VmHWM")  # not ru_maxrss, which starts at the value of the parent process
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30


def file_memory() -> float:
    """GiB of this process that are pages of files, nearly all of them the code of libraries.

    Processes share them, and the system can drop and read them again. Raises OSError where the
    system does not tell.
    """
    return _status("RssFile")


def _status(name: str) -> float:
    """A size that Linux tells of this process, in GiB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(dict(line.split(":", 1) for line in lines)[name].split()[0]) / 2**20


def forget_peak() -> None:
    """Let the peak begin at what the process has now, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
