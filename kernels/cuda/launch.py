"""Compiles .cu texts to modules, and launches their kernels on the device of the arguments.

    module = cuda_module("pool2d/pool.cu", REAL="float")
    module["max_pool"](grid=(blocks(y.size, 256),), block=(256,), args=(x, y, np.int32(C)))

With CuPy arrays, kernels run on the GPU through a RawModule; with EmulatorArrays, on the emulator
through g++. Both have the same interface and refuse the same arguments: a Python number, a wrong
dtype, a non-contiguous view, a block of 1025 threads. Modules are compiled on first use and cached.

A launch that repeats is planned once, and then given its arrays only:

    launch = module["max_pool"].planned((blocks(y.size, 256),), (256,), (np.int32(C),))
    launch(x, y)
"""

import math
import re
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .array import EmulatorArray
from .signature import check_arguments, check_values, signatures
from .tape import this_thread

SOURCES = Path(__file__).parent.parent  # the paths of .cu texts are relative to this
HEADERS = Path(__file__).parent

THREADS = 1024  # of a block
BLOCK = (1024, 1024, 64)
GRID = (2**31 - 1, 65535, 65535)
SHARED = 48 * 1024  # bytes of a block without a request
SHARED_AT_MOST = 227 * 1024  # bytes that it may request, on a Hopper

# The lines of the texts, for NVIDIA's profilers; they change no instruction.
GPU_OPTIONS = ("--std=c++17", "--generate-line-info")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"[ \t]*$', re.MULTILINE)


def cuda_module(path: str, **defines: str | int) -> "Module":
    """The module of a .cu text, its path relative to kernels/, compiled with -D of `defines`.

    The same path and defines give the same module. Nothing is compiled before a kernel is called.
    """
    settings = tuple(sorted((name, str(value)) for name, value in defines.items()))
    return _module(SOURCES / path, settings)


@cache
def _module(path: Path, settings: tuple[tuple[str, str], ...]) -> "Module":
    return Module(path, dict(settings))


def blocks(n: int, per: int) -> int:
    """The number of blocks of `per` elements that cover n elements: n / per, rounded up."""
    return -(-n // per)


def empty(shape, dtype, like):
    """An uninitialised array on the device of `like`; on the emulator it holds NaN or -1."""
    if isinstance(like, EmulatorArray):
        return like.uninitialised(shape, dtype)
    import cupy

    return cupy.empty(shape, dtype)


def zeros(shape, dtype, like):
    """An array of zeros on the device of `like`."""
    if isinstance(like, EmulatorArray):
        return np.zeros(shape, dtype, like=like)
    import cupy

    return cupy.zeros(shape, dtype)


def counters(count: int, like):
    """At least `count` zeros of int32 on the device of `like`, which the kernel resets to zeros.

    Launches that run one after the other share them: those of one stream.
    """
    if isinstance(like, EmulatorArray):
        return np.zeros(count, np.int32).view(type(like))
    import cupy

    stream = cupy.cuda.get_current_stream().ptr
    key = cupy.cuda.runtime.getDevice(), stream, max(MIN_COUNTERS, count)
    found = _counters.get(key)
    if found is None:
        found = cupy.zeros(key[-1], np.int32)
        if this_thread.capture is None:  # else they are zeros only once the graph runs
            _counters[key] = found
    return found


MIN_COUNTERS = 4096
_counters: dict[tuple[int, int, int], Any] = {}


def contiguous(x):
    """x itself if it is C-contiguous, else a contiguous copy."""
    return x if x.flags.c_contiguous else x.copy("C")


def vector_width(n: int, *arrays) -> int:
    """4 if rows of n elements can be read four at a time from every array, else 1."""
    return 4 if n % 4 == 0 and all(address(x) % 16 == 0 for x in arrays) else 1


def address(x) -> int:
    """The address of an array's first element, 0 for None."""
    if x is None:
        return 0
    host = isinstance(x, np.ndarray)
    return x.__array_interface__["data"][0] if host else x.data.ptr


class Module:
    """The kernels of one .cu text under one choice of -D settings."""

    def __init__(self, path: Path, defines: dict[str, str]):
        self.path = path
        self.defines = defines
        self.signatures = signatures(self.text, defines)
        self._kernels = {name: Kernel(self, name) for name in self.signatures}

    def __getitem__(self, name: str) -> "Kernel":
        if name not in self._kernels:
            names = ", ".join(self._kernels)
            raise KeyError(f"cuda_module: no kernel {name!r} in {self.path.name}; it has {names}")
        return self._kernels[name]

    @property
    def options(self) -> list[str]:
        """The settings as compiler options."""
        return [f"-D{name}={value}" for name, value in self.defines.items()]

    @cached_property
    def text(self) -> str:
        """The text with its headers inlined, for a compiler without access to files."""
        return inline(self.path)

    @cached_property
    def emulated(self):
        """The module for the emulator."""
        from .emulator import Library

        kernels = list(self.signatures.values())
        return Library(self.path, HEADERS, self.text, self.options, kernels)

    @cached_property
    def on_gpu(self):
        """The module as CuPy's RawModule."""
        import cupy

        return cupy.RawModule(code=self.text, options=(*GPU_OPTIONS, *self.options))


def inline(path: Path, seen: set[Path] | None = None) -> str:
    """The text of a file, in which each of our headers replaces its first #include."""
    seen = set() if seen is None else seen

    def header(match: re.Match) -> str:
        name = match[1]
        found = [folder / name for folder in (path.parent, HEADERS) if (folder / name).exists()]
        if not found:
            raise FileNotFoundError(f"cuda_module: {path.name} includes {name}, which is not there")
        if found[0] in seen:
            return ""
        seen.add(found[0])
        line = text[: match.start()].count("\n") + 2
        return f'#line 1 "{name}"\n{inline(found[0], seen)}\n#line {line} "{path.name}"'

    text = path.read_text(encoding="utf-8")
    return INCLUDE.sub(header, text)


class Kernel:
    """A kernel; a call gives the shapes of grid and blocks, and typed arguments."""

    def __init__(self, module: Module, name: str):
        self.module = module
        self.name = name
        self.signature = module.signatures[name]
        self._functions: dict[int, Any] = {}  # by GPU
        self._allowed: dict[int, int] = {}  # bytes of dynamic shared memory, by GPU

    def __call__(self, grid, block, args, shared_bytes: int = 0) -> None:
        """Run grid x block threads with `shared_bytes` of dynamic shared memory per block.

        grid, block: up to three ints; args: arrays of one device, NumPy scalars, None for a null
        pointer. On a GPU it returns before the kernel is done, as CUDA does.
        Raises TypeError or ValueError for arguments that do not match the kernel, or exceed the
        limits of all GPUs. On the emulator, raises EmulatorError for an error of a thread.
        """
        self._check(grid, block, shared_bytes)
        emulated = any(isinstance(arg, EmulatorArray) for arg in args)
        check_arguments(self.signature, args, _array_type(emulated))
        self.run(_three(grid), _three(block), args, shared_bytes, emulated)

    def planned(self, grid, block, values=(), shared_bytes: int = 0) -> "Launch":
        """A launch of which all is known but the arrays, checked now instead of at each call.

        values: the arguments after the arrays, NumPy scalars. The other arguments and the errors
        are those of a call. A kernel's arrays come before its values.
        """
        self._check(grid, block, shared_bytes)
        check_values(self.signature, values)
        return Launch(self, _three(grid), _three(block), values, shared_bytes)

    def _check(self, grid, block, shared_bytes: int) -> None:
        """Raise ValueError where shapes or shared memory exceed what all GPUs have."""
        for label, extent, limits in (("grid", grid, GRID), ("block", block, BLOCK)):
            within = (1 <= n <= limit for n, limit in zip(extent, limits, strict=False))
            if len(extent) > 3 or not all(within):
                raise ValueError(
                    f"{self.name}: {label}={tuple(extent)} must be within 1 and {limits}"
                )
        most = min(self.signature.threads, THREADS)
        if math.prod(block) > most:
            raise ValueError(f"{self.name}: block={_three(block)} must have at most {most} threads")
        if not 0 <= shared_bytes <= SHARED_AT_MOST:
            raise ValueError(
                f"{self.name}: shared_bytes={shared_bytes} must be within 0 and {SHARED_AT_MOST}"
            )

    def run(self, grid, block, args, shared_bytes: int, emulated: bool) -> None:
        """Launch without checks of the arguments."""
        if emulated:
            self.module.emulated.launch(self.signature, grid, block, args, shared_bytes)
            return
        import cupy

        function = self.on_gpu(cupy.cuda.runtime.getDevice(), shared_bytes)
        args = [NULL if arg is None else arg for arg in args]
        function(grid, block, tuple(args), shared_mem=shared_bytes)

    def on_gpu(self, gpu: int, shared_bytes: int) -> Any:
        """CuPy's function on the GPU of that number, allowed so much dynamic shared memory."""
        function = self._functions.get(gpu)
        if function is None:
            function = self._functions[gpu] = self.module.on_gpu.get_function(self.name)
            self._allowed[gpu] = SHARED - function.shared_size_bytes
        if shared_bytes > self._allowed[gpu]:
            function.max_dynamic_shared_size_bytes = self._allowed[gpu] = shared_bytes
        return function


class Launch:
    """A kernel with the shapes of grid and blocks and all values; a call gives the arrays."""

    __slots__ = ("block", "dtypes", "grid", "kernel", "shared_bytes", "values")

    def __init__(self, kernel: Kernel, grid, block, values, shared_bytes: int):
        self.kernel, self.grid, self.block = kernel, grid, block
        self.values, self.shared_bytes = values, shared_bytes
        parameters = kernel.signature.parameters
        self.dtypes = tuple(p.dtype for p in parameters if p.is_array)

    def __call__(self, *arrays) -> None:
        """Run the kernel on arrays of one device, or None for null pointers; see Kernel."""
        kernel, args = self.kernel, (*arrays, *self.values)
        emulated = isinstance(arrays[0], EmulatorArray)
        if not self._matches(arrays):
            check_arguments(kernel.signature, args, _array_type(emulated))
        kernel.run(self.grid, self.block, args, self.shared_bytes, emulated)

    def _matches(self, arrays) -> bool:
        """Whether the arrays are as the kernel's parameters; which is not, check_arguments says."""
        if len(arrays) != len(self.dtypes):
            return False
        device = type(arrays[0])
        for array, dtype in zip(arrays, self.dtypes, strict=True):
            if array is not None and not (
                type(array) is device and array.dtype == dtype and array.flags.c_contiguous
            ):
                return False
        return True


def _three(extent) -> tuple[int, int, int]:
    x, y, z, *_ = (*map(int, extent), 1, 1)
    return x, y, z


NULL = np.uint64(0)


def _array_type(emulated: bool) -> type:
    if emulated:
        return EmulatorArray
    import cupy

    return cupy.ndarray


class Plans:
    """Launches that a function plans once for each combination of its arguments.

        @planned
        def _plan(shape, dtype, window): ...return module[name].planned(grid, block, values)

    Planning takes ten times as long as launching. A network has few shapes, and repeats them in
    every step.
    """

    def __init__(self, plan: Callable[..., Any]):
        self._plan, self._known = plan, {}
        self.__doc__ = plan.__doc__
        _plans.append(self._known)

    def __call__(self, *args: Any) -> Any:
        key = SOURCES, *args
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= MAX_PLANS:
                self._known.clear()
            found = self._known[key] = self._plan(*args)
        return found


MAX_PLANS = 4096  # of one function
_plans: list[dict] = []
planned = Plans


def forget_plans() -> None:
    """Plan all launches anew: after a constant has changed that a plan depends on."""
    for known in _plans:
        known.clear()
