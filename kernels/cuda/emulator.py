"""The GPU emulator: compiles .cu texts with g++ and runs their threads as fibers.

    with emulated(order="backward", guards=True):
        max_pool2d_forward(to_emulator(x), Window(2))

emulator.h implements CUDA's language for the text; scheduler.cpp runs the threads of a block in
turns. Undefined behaviour on a GPU raises EmulatorError here, which names kernel, block, thread and
line: a barrier that some threads do not reach, a shuffle by a part of a warp, an unaligned vector,
an address outside all arrays.
"""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from ..spelling import nearest
from .compiler import HERE, EmulatorError, compiled
from .signature import TYPES, Signature
from .tape import this_thread

SAMPLED = 16  # blocks of a launch that is profiled
ORDERS = ("forward", "backward", "shuffled")
C_NAMES = {np.dtype(dtype): name for name, dtype in TYPES.items()}


@dataclass(frozen=True)
class Settings:
    """How launches are emulated.

    order: the order of threads and blocks, one of ORDERS; `seed` shuffles "shuffled".
    blocks: the range of blocks to run, counted along x, then y, then z; the end is excluded.
    guards: whether arrays lie between protected pages, so that an access outside them is detected.
    sanitize: whether to stop at undefined behaviour: an index beyond a shared array, an integer
    overflow.
    debug: whether to compile for a debugger, without optimisation.
    profile: a list that receives a Profile of each launch (profile.py), of which then only some
    blocks run.
    options: further compiler options.
    """

    order: str = "forward"
    seed: int = 0
    blocks: tuple[int, int] | None = None
    guards: bool = False
    sanitize: bool = False
    debug: bool = False
    profile: list | None = None
    options: tuple[str, ...] = ()

    def __post_init__(self):
        if self.order not in ORDERS:
            rule = f"must be one of {', '.join(ORDERS)}{nearest(self.order, ORDERS)}"
            raise ValueError(f"emulated: order={self.order!r} {rule}")

    @property
    def flags(self) -> list[str]:
        """The compiler options in addition to LANGUAGE."""
        level = ["-O0", "-g"] if self.debug else ["-O1", "-g1"]
        checks = [
            "-fsanitize=undefined,bounds-strict",
            "-fno-sanitize=vptr",
            "-fno-sanitize-recover",
        ]
        counters = ["-fsanitize=thread", "-fsanitize-coverage=trace-pc", "-nodefaultlibs"]
        return [
            *level,
            *(checks if self.sanitize else []),
            *([] if self.profile is None else counters),
            *self.options,
        ]


_settings = threading.local()
_one_at_a_time = threading.RLock()  # the scheduler has one state per process


@contextmanager
def emulated(**changes) -> Iterator[Settings]:
    """Change the Settings of this thread's launches until the block ends. Blocks nest.

    >>> with emulated(order="shuffled", sanitize=True):
    ...     loss.backward()
    """
    before = current_settings()
    _settings.now = replace(before, **changes)
    try:
        yield _settings.now
    finally:
        _settings.now = before


def current_settings() -> Settings:
    """The settings of this thread's launches."""
    return getattr(_settings, "now", Settings())


class _Array(ctypes.Structure):  # the fields of scheduler.h
    _fields_ = (
        ("argument", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("bytes", ctypes.c_size_t),
        ("name", ctypes.c_char_p),
        ("is_const", ctypes.c_int),
        ("offset", ctypes.c_size_t),
    )


class _Launch(ctypes.Structure):
    _fields_ = (
        ("kernel", ctypes.c_char_p),
        ("run", ctypes.c_void_p),
        ("args", ctypes.POINTER(ctypes.c_void_p)),
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("shared_bytes", ctypes.c_size_t),
        ("shared_begin", ctypes.c_void_p),
        ("shared_end", ctypes.c_void_p),
        ("order", ctypes.c_int),
        ("seed", ctypes.c_uint),
        ("first_block", ctypes.c_ulonglong),
        ("last_block", ctypes.c_ulonglong),
        ("arrays", ctypes.POINTER(_Array)),
        ("array_count", ctypes.c_int),
        ("guards", ctypes.c_int),
        ("profile", ctypes.c_int),
        ("message", ctypes.c_char * 1024),
        ("printed", ctypes.c_char_p),
    )


class Library:
    """One .cu text with one choice of -D settings, as a library for the host processor."""

    def __init__(
        self,
        path: Path,
        headers: Path,
        text: str,
        defines: list[str],
        signatures: list[Signature],
    ):
        self.path = path
        self.headers = headers  # the folder of the headers common to all texts
        self.text = text  # with its headers, for the hash
        self.defines = defines
        self.signatures = signatures
        self._loaded: dict[tuple[str, ...], ctypes.CDLL] = {}

    def launch(self, signature: Signature, grid, block, args, shared_bytes: int) -> None:
        """Run every thread of every block. Raises EmulatorError for undefined behaviour."""
        if this_thread.tape is not None:
            call = partial(self.launch, signature, grid, block, args, shared_bytes)
            return this_thread.tape.note(call)
        settings = current_settings()
        profiled = settings.profile is not None
        arrays, pointers = [], (ctypes.c_void_p * len(args))()
        values = [None if arg is None else np.asarray(arg.view(np.ndarray)) for arg in args]
        for i, (parameter, value) in enumerate(zip(signature.parameters, values, strict=True)):
            if value is None:
                continue
            if parameter.is_array and not parameter.is_const and not value.flags.writeable:
                raise ValueError(f"{signature.name}: {parameter} is written to, but is read-only")
            pointers[i] = value.ctypes.data
            if parameter.is_array:
                name, offset = parameter.name.encode(), _offset(value) if profiled else 0
                fixed = name, parameter.is_const, offset
                arrays.append(_Array(i, pointers[i], value.nbytes, *fixed))
        blocks = settings.blocks or _sample(grid, settings)
        with _one_at_a_time:
            library = self._load(settings.flags)
            launch = _Launch(
                kernel=signature.name.encode(),
                run=ctypes.cast(library[f"run_{signature.name}"], ctypes.c_void_p),
                args=pointers,
                grid=grid,
                block=block,
                shared_bytes=shared_bytes,
                shared_begin=library.shared_begin(),
                shared_end=library.shared_end(),
                order=ORDERS.index(settings.order),
                seed=settings.seed,
                first_block=blocks[0],
                last_block=blocks[1],
                arrays=(_Array * len(arrays))(*arrays),
                array_count=len(arrays),
                guards=settings.guards,
                profile=profiled,
            )
            _scheduler().emulator_launch(ctypes.byref(launch))
            printed = launch.printed.decode(errors="replace")
        if printed:
            print(printed, end="")
        if launch.message:
            raise EmulatorError(launch.message.decode(errors="replace"))
        if settings.profile is not None:
            from .profile import profile_of

            sizes = sum(array.bytes for array in arrays)
            shape = grid, block, shared_bytes
            scheduler, loaded = _scheduler(), library._name
            found = profile_of(scheduler, loaded, self, signature.name, shape, blocks, sizes)
            settings.profile.append(found)

    def _load(self, flags: list[str]) -> ctypes.CDLL:
        key = tuple(flags)
        if key not in self._loaded:
            _scheduler()  # must be loaded first: the library calls it
            library = ctypes.CDLL(str(self._compiled(flags)))
            library.shared_begin.restype = library.shared_end.restype = ctypes.c_void_p
            self._loaded[key] = library
        return self._loaded[key]

    def _compiled(self, flags: list[str]) -> Path:
        folders = [f"-I{folder}" for folder in (self.path.parent, self.headers)]
        options = [*flags, *self.defines, *folders]
        return compiled(self.path.stem, self._source(), options, self.text)

    def _source(self) -> str:
        """The text and, for each kernel, a function that calls it with the values at `args`."""
        calls = "".join(map(_call, self.signatures))
        return f"""#include "prelude.h"
namespace {{
#include "{self.path}"
}}
#define HIDDEN_FROM_COUNTERS no_sanitize("thread"), no_sanitize_coverage
#define PUBLIC extern "C" __attribute__((visibility("default"), HIDDEN_FROM_COUNTERS))
extern "C" char __start_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_shared[] __attribute__((weak, visibility("hidden")));
PUBLIC void* shared_begin() {{ return __start_shared; }}
PUBLIC void* shared_end() {{ return __stop_shared; }}
{calls}"""


def _offset(array: np.ndarray) -> int:
    """The bytes between the beginning of an array's memory and its first element."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return array.ctypes.data - owner.ctypes.data


def _sample(grid, settings: Settings) -> tuple[int, int]:
    """The range of blocks to run: all, or SAMPLED in the middle where a launch is profiled."""
    count = grid[0] * grid[1] * grid[2]
    if settings.profile is None or count <= SAMPLED:
        return 0, count
    first = (count - SAMPLED) // 2
    return first, first + SAMPLED


def _call(signature: Signature) -> str:
    args = (
        f"({C_NAMES[p.dtype]}*)args[{i}]" if p.is_array else f"*({C_NAMES[p.dtype]}*)args[{i}]"
        for i, p in enumerate(signature.parameters)
    )
    name = signature.name
    return f"PUBLIC void run_{name}(void** args) {{ {name}({', '.join(args)}); }}\n"


@cache
def _scheduler() -> ctypes.CDLL:
    """The scheduler; its symbols are visible to the libraries that are loaded after it."""
    source = (HERE / "scheduler.cpp").read_text(encoding="utf-8")
    path = compiled("scheduler", source, ["-O2", "-fvisibility=default", f"-I{HERE}"])
    return ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
