"""Compiles kernels with Numba: on first use, once per machine, with a message if it takes long."""

import gc
import os
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from typing import Any

import numpy as np

from .installed import is_installed

PATIENCE = 1.0  # seconds of compiling before a message says so

_kernels: dict[str, list] = {}  # the kernels of each operator
_complete: set[tuple] = set()  # (operator, array types) for which all kernels are loaded


@cache
def has_numba() -> bool:
    """Whether Numba is installed."""
    return is_installed("numba")


@cache
def has_numba_cuda() -> bool:
    """Whether numba-cuda compiles a kernel for a GPU here.

    Tried once: that it is installed says little, since it also needs CUDA's libraries and a NumPy
    that its version knows.
    """
    if not is_installed("numba_cuda"):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from numba import cuda

            cuda.jit("void(float32[:])")(_one_for_all)
    except Exception:  # of Numba, NumPy, the linker or the driver: whatever a broken one raises
        return False
    return True


def _one_for_all(x):
    x[0] = 1


def can_compile(case) -> bool:
    """Whether kernels can be compiled for the arrays of a case: float32 or float64, on the host."""
    return case.array is np.ndarray and case.dtype in (np.float32, np.float64)


def kernel(
    function: Callable | None = None,
    *,
    any_order: bool = False,
    inline: bool = False,
    allocates: bool = False,
) -> Callable:
    """Compile a function that releases the interpreter's lock, so that blocks run in parallel.

    The machine code is kept in files (cache.py), beside the source or in the user's cache folder;
    if neither is writable, it lasts as long as the process. A product and a sum may be fused into
    a multiply-add with one rounding. Nothing else about the arithmetic is relaxed, unless
    any_order is set: then all sums and products may be regrouped, as sums.py does for a single
    addition.

    A kernel that other kernels call is also compiled as a part of each of them. With inline, the
    call itself disappears, however long the function is; without it, LLVM decides, and a loop in
    which a call remains is not vectorised.

    A kernel that creates arrays, or calls one that does, says so with allocates. In the others no
    references to arrays are counted: their caller keeps the arrays.
    """
    if function is None:
        return partial(kernel, any_order=any_order, inline=inline, allocates=allocates)
    from numba import njit

    from .compat_numba import KernelCompiler, PartCompiler, call_part

    _set_target()
    _listen()
    relaxed = {"contract", "reassoc", "nsz"} if any_order else {"contract"}
    options = {"nogil": True, "error_model": "numpy", "fastmath": relaxed, "forceinline": inline}
    options["_nrt"] = allocates  # Numba's runtime counts references
    compile_with: Any = partial(njit, **options)
    compiled = compile_with(pipeline_class=KernelCompiler, no_cfunc_wrapper=True)(function)
    call_part(compiled, compile_with(pipeline_class=PartCompiler)(function))
    operator = function.__module__.removeprefix(f"{__package__}.").split(".")[0]
    _kernels.setdefault(operator, []).append(compiled)
    return _kept(compiled, function, partial(_load_others, operator, compiled))


def c_function(function: Callable, signature: str):
    """Compile a function of scalars that compiled code can call by its address."""
    from . import compat_numba

    compiled = _kept(compat_numba.c_function(function, signature), function)
    compiled.compile()
    return compiled


def _kept(compiled, function, loaded=lambda signature: None):
    """Give a compiled function a cache, if there is a folder for one; see KernelCache."""
    from .cache import KernelCache
    from .compat_numba import use_cache
    from .machine import machine
    from .sources import version_of

    with suppress(RuntimeError, OSError):
        version = version_of(function.__code__.co_filename)
        use_cache(compiled, KernelCache(function, version, tuple(machine()), loaded))
    return compiled


def _load_others(operator: str, loaded, signature) -> None:
    """Load all cached kernels of an operator for arrays of the same types, if memory is limited.

    LLVM ends the process if it has no memory to load a kernel. So where the system limits the
    address space of a process (ulimit -v), the kernels of the gradients are loaded with the first
    kernel of the forward pass, before its arrays fill the memory.
    """
    types = _float_types(signature)
    if not types or (operator, types) in _complete or not has_limited_memory():
        return
    _complete.add((operator, types))
    from .compat_numba import cache_of

    for compiled in tuple(_kernels[operator]):
        cache: Any = cache_of(compiled)
        for other in cache.signatures():
            if types <= _float_types(other) and (compiled, other) != (loaded, signature):
                compiled.compile(other)


def _float_types(signature) -> frozenset:
    """The floating-point types of the arrays in a kernel's signature."""
    from numba import types

    dtypes = (kind.dtype for kind in signature if isinstance(kind, types.Array))
    return frozenset(dtype for dtype in dtypes if isinstance(dtype, types.Float))


def has_limited_memory() -> bool:
    """Whether the system limits the address space of this process."""
    try:
        from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit
    except ImportError:  # not on Unix
        return False
    return getrlimit(RLIMIT_AS)[0] != RLIM_INFINITY


@cache
def _set_target() -> None:
    """Let Numba compile for the machine that an environment variable describes, if it is set."""
    from numba.core import config

    from .machine import machine

    if machine().target:
        settings: Any = config
        settings.CPU_NAME, settings.CPU_FEATURES = machine().target, ""


@cache
def _listen() -> None:
    """Watch for compilations of our kernels, and delay a fork until a compilation is done.

    A child that is forked while another thread compiles does not have that thread. When it compiles
    or loads a kernel itself, it would wait for the thread forever.
    """
    from numba.core import event

    from .compat_numba import global_compiler_lock as lock

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
        )

    class Announcer(event.Listener):
        depth = 0  # compiling a kernel also compiles the kernels that it calls
        timer: Any = None
        collects = False  # whether Python looks for garbage at other times

        def on_start(self, event):
            if _is_ours(event):
                self.depth += 1
                if self.depth == 1:
                    self.collects = gc.isenabled()
                    gc.disable()  # Numba's objects live on: looking for garbage takes a tenth
                    self.timer = threading.Timer(PATIENCE, _say_once)
                    self.timer.daemon = True
                    self.timer.start()

        def on_end(self, event):
            if _is_ours(event):
                self.depth -= 1
                if self.depth == 0:
                    self.timer.cancel()
                    if self.collects:
                        gc.enable()

    event.register("numba:compile", Announcer())


def _is_ours(event) -> bool:
    return event.data["dispatcher"].py_func.__module__.startswith(__package__)


@cache
def _say_once() -> None:
    print("minitorch_cnn: compiling kernels for this processor, once", file=sys.stderr, flush=True)
