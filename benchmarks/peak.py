"""The peak memory of this process, without an import of the framework's."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path


def peak_memory() -> float:
    """The peak memory of this process in GiB; not on Windows, which keeps no record."""
    if sys.platform == "linux":
        # Not ru_maxrss, which starts at the value of the parent process.
        status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return int(dict(line.split(":", 1) for line in status)["VmHWM"].split()[0]) / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30


def forget_peak() -> None:
    """Let the peak begin at what the process has now, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
