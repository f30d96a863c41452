"""Compiles .cu texts to modules, and launches their kernels on the device of the arguments.

    module = cuda_module("pool2d/pool.cu", REAL="float")
    module["max_pool"](grid=(blocks(y.size, 256),), block=(256,), args=(x, y, np.int32(C)))

With CuPy arrays, kernels run on the GPU through a RawModule; with EmulatorArrays, on the emulator
through g++. Both have the same interface and refuse the same arguments: a Python number, a wrong
dtype, a non-contiguous view, a block of 1025 threads. Modules are compiled on first use and cached.
"""

import math
import re
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from .array import EmulatorArray
from .signature import check_arguments, signatures

SOURCES = Path(__file__).parent.parent  # the paths of .cu texts are relative to this
HEADERS = Path(__file__).parent

THREADS = 1024  # of a block
BLOCK = (1024, 1024, 64)
GRID = (2**31 - 1, 65535, 65535)
SHARED = 48 * 1024  # bytes of a block without a request
SHARED_AT_MOST = 227 * 1024  # bytes that it may request, on a Hopper

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
        array = np.empty(shape, dtype)
        array.reshape(-1).view(np.uint8)[...] = 0xFF
        return array.view(EmulatorArray)
    import cupy

    return cupy.empty(shape, dtype)


def zeros(shape, dtype, like):
    """An array of zeros on the device of `like`."""
    if isinstance(like, EmulatorArray):
        return np.zeros(shape, dtype).view(EmulatorArray)
    import cupy

    return cupy.zeros(shape, dtype)


def contiguous(x):
    """x itself if it is C-contiguous, else a contiguous copy."""
    return x if x.flags.c_contiguous else x.copy("C")


def vector_width(n: int, *arrays) -> int:
    """4 if rows of n elements can be read four at a time from every array, else 1."""
    return 4 if n % 4 == 0 and all(_address(x) % 16 == 0 for x in arrays) else 1


def _address(x) -> int:
    return 0 if x is None else x.ctypes.data if isinstance(x, np.ndarray) else x.data.ptr


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

        return cupy.RawModule(code=self.text, options=("--std=c++17", *self.options))


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

    def __call__(self, grid, block, args, shared_bytes: int = 0) -> None:
        """Run grid x block threads with `shared_bytes` of dynamic shared memory per block.

        grid, block: up to three ints; args: arrays of one device, NumPy scalars, None for a null
        pointer. On a GPU it returns before the kernel is done, as CUDA does.
        Raises TypeError or ValueError for arguments that do not match the kernel, or exceed the
        limits of all GPUs. On the emulator, raises EmulatorError for an error of a thread.
        """
        grid, block = self._extent("grid", grid, GRID), self._extent("block", block, BLOCK)
        most = min(self.signature.threads, THREADS)
        if math.prod(block) > most:
            raise ValueError(f"{self.name}: block={block} must have at most {most} threads")
        if not 0 <= shared_bytes <= SHARED_AT_MOST:
            raise ValueError(
                f"{self.name}: shared_bytes={shared_bytes} must be within 0 and {SHARED_AT_MOST}"
            )
        if any(isinstance(arg, EmulatorArray) for arg in args):
            check_arguments(self.signature, args, EmulatorArray)
            self.module.emulated.launch(self.signature, grid, block, args, shared_bytes)
        else:
            self._launch_on_gpu(grid, block, args, shared_bytes)

    def _extent(self, label: str, extent, most: tuple[int, int, int]) -> tuple[int, int, int]:
        full = [*extent, 1, 1][: max(3, len(extent))]
        if len(full) > 3 or not all(1 <= n <= limit for n, limit in zip(full, most, strict=False)):
            raise ValueError(f"{self.name}: {label}={tuple(extent)} must be within 1 and {most}")
        return int(full[0]), int(full[1]), int(full[2])

    def _launch_on_gpu(self, grid, block, args, shared_bytes):
        import cupy

        check_arguments(self.signature, args, cupy.ndarray)
        args = tuple(np.uint64(0) if arg is None else arg for arg in args)
        kernel = self.module.on_gpu.get_function(self.name)
        if shared_bytes + kernel.shared_size_bytes > SHARED:
            kernel.max_dynamic_shared_size_bytes = shared_bytes
        kernel(grid, block, args, shared_mem=shared_bytes)
