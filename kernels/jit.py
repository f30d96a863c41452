"""Kernels compiled by Numba: on first use, once per machine, and said so when it takes a while."""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

PATIENCE = 1.0  # seconds of compiling after which a line says what is going on

_kernels: dict[str, list] = {}  # of an operator
_complete: set[tuple] = set()  # operators, with types of arrays, of which all kernels are loaded


@cache
def has_numba() -> bool:
    """Whether Numba is installed."""
    return find_spec("numba") is not None


@cache
def has_numba_cuda() -> bool:
    """Whether Numba can compile for a GPU."""
    return find_spec("numba_cuda") is not None


def can_compile(case) -> bool:
    """Whether the arrays of an operator's case are of a kind that kernels are compiled for."""
    return case.array is np.ndarray and case.dtype in (np.float32, np.float64)


def kernel(
    function: Callable | None = None, *, any_order: bool = False, inline: bool = False
) -> Callable:
    """Compile a function without the interpreter's lock, so that blocks run at the same time.

    The machine code is kept in files (cache.py), beside the source or in the user's cache folder;
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
    compiled = njit(**options)(function)
    operator = function.__module__.removeprefix(f"{__package__}.").split(".")[0]
    _kernels.setdefault(operator, []).append(compiled)
    return _kept(compiled, function, partial(_load_others, operator, compiled))


def c_function(function: Callable, signature: str):
    """Compile a function of plain numbers, whose address compiled code can call."""
    from . import compat_numba

    compiled = _kept(compat_numba.c_function(function, signature), function)
    compiled.compile()
    return compiled


def _kept(compiled, function, loaded=lambda signature: None):
    """What Numba compiles, with a cache if there is a folder for one; see KernelCache."""
    from .cache import KernelCache
    from .compat_numba import use_cache

    with suppress(RuntimeError):
        use_cache(compiled, KernelCache(function, _stamp(), loaded))
    return compiled


def _load_others(operator: str, loaded, signature) -> None:
    """Load what was compiled of an operator for arrays of the same types, if memory is limited.

    Where there is no memory to load a kernel LLVM ends the process. So where the system limits the
    addresses of a process (ulimit -v), a gradient's kernels are loaded with the first one of the
    forward pass, before its arrays fill the memory.
    """
    types = _float_types(signature)
    if not types or (operator, types) in _complete or not _has_limited_memory():
        return
    _complete.add((operator, types))
    from .compat_numba import cache_of

    for compiled in tuple(_kernels[operator]):
        for other in cache_of(compiled).signatures():
            if types <= _float_types(other) and (compiled, other) != (loaded, signature):
                compiled.compile(other)


def _float_types(signature) -> frozenset:
    """Of the arrays in a kernel's signature."""
    from numba import types

    dtypes = (kind.dtype for kind in signature if isinstance(kind, types.Array))
    return frozenset(dtype for dtype in dtypes if isinstance(dtype, types.Float))


def _has_limited_memory() -> bool:
    try:
        from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit
    except ImportError:  # not on Unix
        return False
    return getrlimit(RLIMIT_AS)[0] != RLIM_INFINITY


@cache
def _stamp() -> list[tuple[str, int, int]]:
    """What tells the sources of the kernels from other versions of them."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    stats = ((str(path), path.stat()) for path in files)
    return [(name, stat.st_mtime_ns, stat.st_size) for name, stat in stats]


@cache
def _listen() -> None:
    """Hear when one of our kernels is compiled rather than loaded, and let no fork come between.

    A child that is forked while another thread compiles would wait for that thread, which it has
    not, when it compiles or loads a kernel itself: the fork waits for the end of the compiling.
    """
    from numba.core import event

    from .compat_numba import global_compiler_lock as lock

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
        )

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
