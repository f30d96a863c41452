"""Checks the kernels' registers, shared memory and spills, as reported by NVIDIA's compiler.

    python -m minitorch_cnn.kernels.cuda.check

compiles each .cu text in each specialisation of its operator's budget.py, for every architecture,
with the options with which CuPy compiles it on a GPU, and prints a table. It needs `pip install
nvidia-cuda-nvrtc`, but no GPU and no driver. One register more than the budget can mean one block
fewer on each multiprocessor. So a change that needs more must raise the budget in budget.py.
"""

import ctypes
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from ctypes.util import find_library
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from .compiler import cache_folder
from .launch import GPU_OPTIONS, SOURCES, Module

ARCHITECTURES = (75, 80, 90, 100)  # Turing, Ampere, Hopper, Blackwell

# What CuPy adds to the options of a RawModule: denormals count as zero, and functions without
# __host__ or __device__ are the device's.
CUPY_OPTIONS = ("-ftz=true", "--device-as-default-execution-space")

ENTRY = re.compile(r"Compiling entry function '(\w+)'")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")


class Usage(NamedTuple):
    """The resources of a kernel: registers per thread, bytes of shared memory per block, bytes that
    each thread spills from registers.
    """

    registers: int
    shared: int
    spilled: int = 0


class Specialisation(NamedTuple):
    """A .cu text with the settings of its operator, and the budget of each kernel in it."""

    path: str  # relative to kernels/
    defines: Mapping[str, str | int]
    budget: Mapping[str, Usage]
    since: int = ARCHITECTURES[0]  # the first architecture that has its instructions

    def __str__(self):
        return " ".join([self.path, *(f"{name}={value}" for name, value in self.defines.items())])


def specialisations() -> list[Specialisation]:
    """The specialisations in every budget.py of kernels/."""
    found = []
    for path in sorted(SOURCES.rglob("budget.py")):
        parts = path.relative_to(SOURCES).with_suffix("").parts
        found += import_module("..." + ".".join(parts), f"{__package__}.check").SPECIALISATIONS
    return found


def usages(specialisation: Specialisation, architecture: int) -> dict[str, Usage]:
    """The resources of each kernel of a text on an architecture.

    Raises RuntimeError with the compiler's message where the text does not compile, and where NVRTC
    is not installed.
    """
    defines = {name: str(value) for name, value in specialisation.defines.items()}
    module = Module(SOURCES / specialisation.path, defines)
    return usages_of(module.text, specialisation.path, module.options, architecture)


def usages_of(text: str, name: str, defines: list[str], architecture: int) -> dict[str, Usage]:
    """The resources of each kernel of a text with its headers; name: of the text, for messages.

    Raises as `usages`.
    """
    options = [*GPU_OPTIONS, *defines, *CUPY_OPTIONS, "--ptxas-options=-v"]
    options.append(f"--gpu-architecture=sm_{architecture}")
    log = _cached(text, name, options, "ProgramLog")
    return dict(_read(log.rstrip(b"\0").decode()))


def cubin(text: str, name: str, defines: list[str], architecture: int) -> bytes:
    """The machine code of a text as an ELF file, cached. Raises as `usages`."""
    options = [*GPU_OPTIONS, *defines, *CUPY_OPTIONS, f"--gpu-architecture=sm_{architecture}"]
    return _cached(text, name, options, "CUBIN")


def _read(log: str) -> Iterator[tuple[str, Usage]]:
    """The kernels in the log of ptxas, and their resources."""
    _, *parts = ENTRY.split(log)
    for name, part in zip(parts[::2], parts[1::2], strict=True):
        shared, spills = SHARED.search(part), SPILLS.search(part)
        spilled = max(map(int, spills.groups())) if spills else 0
        registers = REGISTERS.findall(part)[0]
        yield name, Usage(int(registers), int(shared[1]) if shared else 0, spilled)


def _cached(text: str, name: str, options: list[str], result: str) -> bytes:
    """What NVRTC makes of a text, "ProgramLog" or "CUBIN", cached in a file."""
    library = nvrtc()
    if library is None:
        raise RuntimeError("check: NVRTC is not installed (pip install nvidia-cuda-nvrtc)")
    known = "\0".join([text, str(_version(library)), *options])
    digest = hashlib.sha256(known.encode()).hexdigest()[:20]
    path = cache_folder() / f"nvrtc-{digest}.{'log' if result == 'ProgramLog' else 'cubin'}"
    if not path.exists():
        made = _compile(library, text, name, options, result)
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, delete=False) as file:
            file.write(made)
        os.replace(file.name, path)
    return path.read_bytes()


def _compile(library: ctypes.CDLL, text: str, name: str, options: list[str], result: str) -> bytes:
    program = ctypes.c_void_p()
    library.nvrtcCreateProgram(ctypes.byref(program), text.encode(), name.encode(), 0, None, None)
    values = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    failed = library.nvrtcCompileProgram(program, len(options), values)
    made = _result(library, program, "ProgramLog" if failed else result)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    if failed:
        told = made.rstrip(b"\0").decode()
        raise RuntimeError(f"check: NVRTC cannot compile {name} {options}:\n{told}")
    return made


def _result(library: ctypes.CDLL, program: ctypes.c_void_p, kind: str) -> bytes:
    """A result of a compiled program, by the functions nvrtcGet<kind>Size and nvrtcGet<kind>."""
    size = ctypes.c_size_t()
    getattr(library, f"nvrtcGet{kind}Size")(program, ctypes.byref(size))
    made = ctypes.create_string_buffer(size.value)
    getattr(library, f"nvrtcGet{kind}")(program, made)
    return made.raw


@cache
def nvrtc() -> ctypes.CDLL | None:
    """NVIDIA's runtime compiler: from the package nvidia-cuda-nvrtc, else from the system."""
    spec = find_spec("nvidia")
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in sorted(Path(folder).glob("*/lib/libnvrtc.so.*"), reverse=True):
            for builtins in path.parent.glob("libnvrtc-builtins.so.*"):
                ctypes.CDLL(str(builtins), mode=ctypes.RTLD_GLOBAL)  # NVRTC would not find it
            return ctypes.CDLL(str(path))
    name = find_library("nvrtc")
    return ctypes.CDLL(name) if name else None


def _version(library: ctypes.CDLL) -> tuple[int, int]:
    major, minor = ctypes.c_int(), ctypes.c_int()
    library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return major.value, minor.value


def main() -> int:
    """Print the table; return 1 if a kernel exceeds its budget, else 0."""
    columns = "".join(f"{f'sm_{architecture}':>8}" for architecture in ARCHITECTURES)
    print(f"registers{'':46}{columns}{'budget':>8}{'shared':>8}{'spilled':>8}")
    exceeded = 0
    for specialisation in specialisations():
        print(specialisation)
        found = {
            architecture: usages(specialisation, architecture)
            for architecture in ARCHITECTURES
            if architecture >= specialisation.since
        }
        for kernel, budget in specialisation.budget.items():
            takes = [found[a][kernel] if a in found else None for a in ARCHITECTURES]
            registers = "".join(f"{usage.registers if usage else '-':>8}" for usage in takes)
            shared = max(usage.shared for usage in takes if usage)
            spilled = max(usage.spilled for usage in takes if usage)
            print(f"    {kernel:<51}{registers}{budget.registers:>8}{shared:>8}{spilled:>8}")
            exceeded += any(over(usage, budget) for usage in takes if usage)
    return int(exceeded > 0)


def over(usage: Usage, budget: Usage) -> bool:
    """Whether a kernel exceeds its budget for any resource."""
    return any(taken > allowed for taken, allowed in zip(usage, budget, strict=True))


if __name__ == "__main__":
    sys.exit(main())
