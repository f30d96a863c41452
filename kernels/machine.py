"""The processor that the kernels are compiled for: its vector registers and its caches.

Tile and block sizes are formulas of this description (micro_kernel.py and the plans of the
operators). It is read from the system; a table by instruction set stands in for what the system
does not tell. For tests and benchmarks, an environment variable replaces it:

    MINITORCH_CNN_MACHINE=avx2                           AVX2 and the caches of the table
    MINITORCH_CNN_MACHINE=sse,l1=32K/8,l2=256K/4,l3=2M/16      size/ways of each cache

Then the kernels compile for that machine on any processor that has its instructions. Results agree
to rounding. The variable must be set before the first kernel is compiled.
"""

import os
import platform
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

VARIABLE = "MINITORCH_CNN_MACHINE"
LINE_BYTES = 64  # of a cache line


class Cache(NamedTuple):
    """A cache of `size` bytes; each address may be in `ways` of its lines."""

    size: int
    ways: int

    @property
    def sets(self) -> int:
        """The number of sets: addresses sets * LINE_BYTES bytes apart compete for a set."""
        return max(1, self.size // (self.ways * LINE_BYTES))


class Machine(NamedTuple):
    """What the kernels need to know of a processor."""

    instructions: str  # "avx512", "avx2", "sse" or "neon"
    vector_bytes: int  # of a vector register
    registers: int  # number of vector registers
    l1: Cache  # of one core
    l2: Cache  # of one core
    l3: Cache  # shared by cores
    target: str = ""  # LLVM's name of the processor to compile for; empty: this one

    def lanes(self, itemsize: int) -> int:
        """The number of elements of `itemsize` bytes in a vector register."""
        return self.vector_bytes // itemsize


# The caches are those of common processors with these instructions.
KNOWN = {
    "avx512": Machine(
        "avx512", 64, 32, Cache(2**15, 8), Cache(2**20, 16), Cache(2**24, 16), "skylake-avx512"
    ),
    "avx2": Machine("avx2", 32, 16, Cache(2**15, 8), Cache(2**19, 8), Cache(2**24, 16), "haswell"),
    "sse": Machine("sse", 16, 16, Cache(2**15, 8), Cache(2**18, 8), Cache(2**22, 16), "nehalem"),
    "neon": Machine("neon", 16, 32, Cache(2**16, 4), Cache(2**19, 8), Cache(2**22, 16), "generic"),
}


@cache
def machine() -> Machine:
    """The machine to compile for: this one, or the one that MINITORCH_CNN_MACHINE describes.

    Raises ValueError for a description that cannot be read or that this processor cannot run.
    """
    wanted = os.environ.get(VARIABLE, "")
    return described(wanted, _features()) if wanted else _this_machine(_features())


def described(text: str, features: dict[str, bool]) -> Machine:
    """The machine of a text such as "avx2" or "sse,l1=32K/8,l2=256K/4,l3=2M/16".

    features: the instructions of this processor, by LLVM's names.
    Raises ValueError for an unknown name, and for instructions that this processor does not have.
    """
    name, *sizes = text.split(",")
    if name not in KNOWN:
        raise ValueError(f"{VARIABLE}={text}: {name!r} must be one of {', '.join(KNOWN)}")
    if not _runs(name, features):
        raise ValueError(f"{VARIABLE}={text}: this processor has no {name} instructions")
    caches = {}
    for size in sizes:
        found = re.fullmatch(r"(l[123])=([1-9]\d*)([KM]?)/([1-9]\d*)", size)
        if not found:
            raise ValueError(f"{VARIABLE}={text}: {size!r} must be like l1=32K/8 (size/ways)")
        level, count, unit, ways = found.groups()
        caches[level] = Cache(int(count) * {"": 1, "K": 2**10, "M": 2**20}[unit], int(ways))
    return KNOWN[name]._replace(**caches)


def _this_machine(features: dict[str, bool]) -> Machine:
    known = next(known for name, known in KNOWN.items() if _runs(name, features))
    caches = system_caches()
    return known._replace(**caches, target="")


def _runs(name: str, features: dict[str, bool]) -> bool:
    """Whether a processor with these features runs the instructions of a known machine."""
    if _is_arm():
        return name == "neon"
    needed = {
        "avx512": ("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"),
        "avx2": ("avx2", "fma"),
        "sse": (),
    }
    return name in needed and all(features.get(feature) for feature in needed[name])


def _is_arm() -> bool:
    return platform.machine().lower() in ("arm64", "aarch64")


def _features() -> dict[str, bool]:
    """This processor's instructions by LLVM's names; none where Numba is not installed."""
    try:
        from llvmlite import binding
    except ImportError:
        return {}
    return dict(binding.get_host_cpu_features())


def system_caches(root: str = "/") -> dict[str, Cache]:
    """The data caches that the system reports, by the names of Machine's fields.

    root: the directory of /sys. Source: Linux, Documentation/ABI/testing/sysfs-devices-system-cpu;
    macOS, sysctl(3).
    """
    if platform.system() == "Darwin":
        sizes = {"l1": "hw.l1dcachesize", "l2": "hw.l2cachesize"}
        found = {level: _sysctl(name) for level, name in sizes.items()}
        return {level: Cache(size, 8) for level, size in found.items() if size}
    caches = {}
    for folder in sorted(Path(root).glob("sys/devices/system/cpu/cpu0/cache/index*")):
        try:
            level, kind, size, ways = (
                (folder / name).read_text().strip()
                for name in ("level", "type", "size", "ways_of_associativity")
            )
            if kind != "Instruction" and level in "123":
                unit = {"K": 2**10, "M": 2**20}[size[-1]]
                caches[f"l{level}"] = Cache(int(size[:-1]) * unit, max(1, int(ways)))
        except (OSError, ValueError, KeyError):  # not reported, or in another form
            continue
    return caches


def _sysctl(name: str) -> int:
    """An integer that macOS reports; 0 if it does not."""
    import ctypes

    value, size = ctypes.c_int64(0), ctypes.c_size_t(8)
    find = ctypes.CDLL(None).sysctlbyname
    failed = find(name.encode(), ctypes.byref(value), ctypes.byref(size), None, ctypes.c_size_t(0))
    return 0 if failed else value.value
