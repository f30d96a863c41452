"""Compiles what a step of a net will need next in a second process, while this one compiles.

Numba compiles one kernel at a time in a process. If the first kernel that a process needs is not in
the cache (cache.py), the process starts a second one, which compiles into the cache the kernels of
the backward pass: those of the implementations that the first has chosen so far, of losses and of
optimizers. The first compiles the forward pass meanwhile. Where both need a kernel, one waits for
the other (turns.py).

The second process ends with the first, or when it has had no work for some seconds (`work` in
warm.py). There is none where memory is limited, on one core, outside Unix, and where the system
refuses to start one: then the first compiles all kernels itself.
"""

import atexit
import os
import sys
import threading
from contextlib import suppress
from typing import Any

from .cores import usable_cores

TIME_TO_END = 1.0  # seconds

# Tasks of warm.py by operator and implementation; the kernels of most forward passes are left out.
FOLLOWING = {
    ("conv2d", "numba"): ("3x3, weight_grad",),
    ("conv2d", "winograd"): ("winograd 3x3, weight_grad", "winograd 3x3, input_grad"),
    ("conv2d", "direct"): ("depthwise 3x3, weight_grad", "depthwise 3x3, input_grad"),
    ("batch_norm", "numba"): ("batch norm",),
    ("activation", "numba"): ("relu",),
}
LAST = ("cross-entropy", "optimizer steps")  # of every training step

saving = threading.Lock()  # held while a file of the cache is written
_expected: list[str] = []
_process: Any = None  # of type subprocess.Popen, while there is one
_decided = False


def expect(operator: str, implementation: str) -> None:
    """Take note of an implementation that was chosen for the first time in this process."""
    for task in FOLLOWING.get((operator, implementation), ()):
        _expected.append(task)
        _tell(task)


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

    warm = f"{__package__}.warm"
    code = f"import sys; sys.path[:] = {sys.path!r}; from {warm} import work; work()"
    command = [sys.executable, "-W", "ignore", "-c", code]
    nowhere = subprocess.DEVNULL
    try:
        _process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, text=True
        )
    except (OSError, RuntimeError):  # the system refuses, or the interpreter is about to end
        return
    atexit.register(_stop)
    for task in (*_expected, *LAST):
        _tell(task)


def _tell(task: str) -> None:
    if _process is not None:
        with suppress(OSError, ValueError):  # it has ended
            print(task, file=_process.stdin, flush=True)


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
