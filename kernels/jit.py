"""Kernels compiled by Numba: on first use, once per machine, and said so when it takes a while."""

import sys
import threading
from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

PATIENCE = 1.0  # seconds of compiling after which a line says what is going on


@cache
def has_numba() -> bool:
    """Whether Numba is installed."""
    return find_spec("numba") is not None


@cache
def has_numba_cuda() -> bool:
    """Whether Numba can compile for a GPU."""
    return find_spec("numba_cuda") is not None


def can_compile(case) -> bool:
    """Whether the arrays of a room's case are of a kind that kernels are compiled for."""
    return case.array is np.ndarray and case.dtype in (np.float32, np.float64)


def kernel(
    function: Callable | None = None, *, any_order: bool = False, inline: bool = False
) -> Callable:
    """Compile a function without the interpreter's lock, so that blocks run at the same time.

    The machine code is kept in Numba's cache, beside the source or in the user's cache folder;
    where neither can be written it lives as long as the process. A product and a sum may become one
    rounding (fused multiply-add); with any_order all sums and products may be regrouped, which
    sums.py wants for a single addition. Nothing else about the arithmetic is relaxed. With inline a
    function becomes part of the kernels that call it, however long it is: a loop with a call in it
    is not vectorised, and what is called exists twice, compiled by itself and with its caller, of
    which a process that compiles runs one and a process that finds both in the cache the other.
    """
    if function is None:
        return partial(kernel, any_order=any_order, inline=inline)
    from numba import njit

    _listen()
    relaxed = {"contract", "reassoc", "nsz"} if any_order else {"contract"}
    options = {"nogil": True, "error_model": "numpy", "fastmath": relaxed, "forceinline": inline}
    compiled = _kept(njit, options, function)
    # Numba would keep a kernel while its own file is as it was. But kernels call kernels of other
    # files, so the code is as old as the newest of all.
    if hasattr(compiled._cache, "_cache_file"):
        compiled._cache._cache_file._source_stamp = _stamp()
    return compiled


def c_function(function: Callable, signature: str):
    """Compile a function of plain numbers, whose address compiled code can call."""
    from numba import cfunc

    return _kept(partial(cfunc, signature), {}, function)


def _kept(decorate, options, function):
    """The function compiled, in the cache if there is a folder for one."""
    try:
        return decorate(cache=True, **options)(function)
    except RuntimeError:
        return decorate(**options)(function)


@cache
def _stamp() -> list[tuple[str, int, int]]:
    """What tells the sources of the kernels from other versions of them."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    stats = ((str(path), path.stat()) for path in files)
    return [(name, stat.st_mtime_ns, stat.st_size) for name, stat in stats]


@cache
def _listen() -> None:
    """Hear when one of our kernels is compiled rather than loaded."""
    from numba.core import event

    class Announcer(event.Listener):
        depth = 0  # a kernel that calls another one compiles it on the way
        timer = None

        def on_start(self, event):
            if _is_ours(event):
                self.depth += 1
                if self.depth == 1:
                    self.timer = threading.Timer(PATIENCE, _say_once)
                    self.timer.daemon = True
                    self.timer.start()

        def on_end(self, event):
            if _is_ours(event):
                self.depth -= 1
                if self.depth == 0:
                    self.timer.cancel()

    event.register("numba:compile", Announcer())


def _is_ours(event) -> bool:
    return event.data["dispatcher"].py_func.__module__.startswith(__package__)


@cache
def _say_once() -> None:
    print("minitorch_cnn: compiling kernels for this processor, once", file=sys.stderr, flush=True)
