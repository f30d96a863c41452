"""Compiles what a step of a net will need next in a second process, while this one compiles.

Numba compiles one kernel at a time in a process. If the first kernel that a process needs is not in
the cache (cache.py), the process starts a second one, which compiles into the cache the kernels of
the backward pass: the gradients of the cases that the first has met so far, losses and optimizers
(following.py). The first compiles the forward pass meanwhile. Where both need a kernel, one waits
for the other (turns.py).

The second process ends with the first, or when it has had no work for some seconds. There is none
where memory is limited, on one core, outside Unix, and where the system refuses to start one: then
the first compiles all kernels itself.
"""

import atexit
import os
import pickle
import sys
import threading
from collections import deque
from contextlib import suppress
from typing import Any

from .cores import usable_cores

TIME_TO_END = 1.0  # seconds
MAX_MET = 64  # cases before the first kernel

saving = threading.Lock()  # held while a file of the cache is written
_met: deque[Any] = deque(maxlen=MAX_MET)
_process: Any = None  # of type subprocess.Popen, while there is one
_decided = False


def expect(case: Any) -> None:
    """Take note of a case of an operator that this process meets for the first time."""
    if not _decided:
        _met.append(case)
    elif _process is not None:
        _tell(case)


def begin(is_missing: bool) -> None:
    """Start the second process if the first kernel that this process needs is not in the cache."""
    global _decided
    if not _decided:
        _decided = True
        if is_missing and usable_cores() > 1 and _can_start():
            _start()


def decline() -> None:
    """Let this process start none."""
    global _decided
    _decided = True


def _can_start() -> bool:
    """Whether Python can be started, processes can wait for others, memory is not limited."""
    from .jit import has_limited_memory

    is_python = bool(sys.executable) and not getattr(sys, "frozen", False)
    return is_python and os.name == "posix" and not has_limited_memory()


def _start() -> None:
    global _process
    import subprocess

    module = f"{__package__}.following"
    code = f"import sys; sys.path[:] = {sys.path!r}; from {module} import work; work()"
    command = [sys.executable, "-W", "ignore", "-c", code]
    nowhere = subprocess.DEVNULL
    try:
        _process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, text=True
        )
    except (OSError, RuntimeError):  # the system refuses, or the interpreter is about to end
        return
    atexit.register(_stop)
    for case in _met:
        _tell(case)


def _tell(case: Any) -> None:
    with suppress(OSError, ValueError):  # the process has ended
        print(pickle.dumps(case).hex(), file=_process.stdin, flush=True)


def _stop() -> None:
    """End the second process."""
    global _process
    process, _process = _process, None
    if process is None:
        return
    import subprocess

    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(TIME_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _after_fork() -> None:
    """Leave the second process to the parent of a forked child."""
    global _process
    if _process is not None:
        with suppress(OSError):
            _process.stdin.close()
        _process.returncode = 0  # so that its end is not missed here
        _process = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
