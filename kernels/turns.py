"""Lets one process compile a kernel while others that need it wait for its file.

A process locks a file beside the kernel's while it compiles. The system releases the lock if the
process ends. Where files cannot be locked, each process compiles for itself.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

PATIENCE = 60.0  # seconds to wait for another process
POLL = 0.01  # seconds

_held: dict[Path, int] = {}  # the descriptors of the locks of this process


def take(path: Path) -> bool:
    """Take the turn to write a file; True if another process had it, and may have written it."""
    try:
        import fcntl
    except ImportError:  # not on Unix
        return False
    if path in _held:  # an interrupt ended the compilation
        return False
    try:
        lock = os.open(_lock_of(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:
        return False
    _held[path] = lock
    waited, end = False, time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            waited = True
            time.sleep(POLL)
        except OSError:  # the file system has no locks
            break
    return waited


def give(path: Path) -> None:
    """End the turn of this process, if it has it."""
    lock = _held.pop(path, None)
    if lock is not None:
        with suppress(OSError):
            _lock_of(path).unlink()
        os.close(lock)


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")
