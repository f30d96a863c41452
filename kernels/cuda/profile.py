"""Profiles kernels without a GPU: the emulator's counters, and what they mean by a data sheet.

    python -m minitorch_cnn.kernels.cuda.profile [--gpu H200] [--lines] [NAME ...]

A row is a launch of an operator on a layer of a known network, of which some blocks run in the
emulator, with counters (counters.h). These are predictions: nothing here was measured on a GPU.

moved     bytes between the level-2 cache and the multiprocessors: the sectors of 32 bytes that each
          block touches, once in a block
/needed   that over the bytes of all arrays, each moved once
/least    sectors of all requests of warps over the sectors that their bytes need: 1 is coalesced
banks     cycles of requests to shared memory over the cycles without bank conflicts
active    lanes at work in the basic blocks that their warps run: 100 % without divergence
occupancy share of a multiprocessor's threads, by registers and shared memory (with NVRTC)
ms        `moved` at the bandwidth of the GPU's memory
"""

import argparse
import ctypes
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

KINDS = ("global", "shared", "atomic")
SECTOR = 32
MOST = 4096  # places of a kernel


class GPU(NamedTuple):
    """A GPU's data sheet: bytes per second, and the resources of one multiprocessor."""

    architecture: int
    bandwidth: float
    multiprocessors: int
    shared: int  # bytes of shared memory
    threads: int = 2048
    registers: int = 65536
    blocks: int = 32


GPUS = {
    "A100": GPU(80, 1.94e12, 108, 164 * 1024),
    "H100": GPU(90, 3.35e12, 132, 228 * 1024),
    "H200": GPU(90, 4.8e12, 132, 228 * 1024),
}


class _Counter(ctypes.Structure):  # the fields of counters.h
    _fields_ = (
        ("place", ctypes.c_void_p),
        ("kind", ctypes.c_int),
        ("writes", ctypes.c_int),
        *((name, ctypes.c_ulonglong) for name in ("requests", "bytes", "units", "least")),
    )


class _Totals(ctypes.Structure):
    names = "warp_steps", "lane_steps", "barriers", "read_sectors", "written_sectors"
    _fields_ = tuple((name, ctypes.c_ulonglong) for name in names)


class Line(NamedTuple):
    """The requests of warps at one place of a text.

    kind: of KINDS. units: sectors, or bank cycles of shared memory; least: those that the bytes
    need.
    """

    place: str  # "pool.cu:44"
    kind: str
    writes: bool
    requests: int
    bytes: int
    units: int
    least: int


@dataclass(frozen=True)
class Profile:
    """The counters of a launch, for the blocks that ran."""

    kernel: str
    module: Any  # the emulator's Library
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    shared_bytes: int
    ran: int  # blocks
    needed: int  # bytes of all arrays
    lines: tuple[Line, ...]
    warp_steps: int
    lane_steps: int
    barriers: int
    read_sectors: int
    written_sectors: int

    @cached_property
    def moved(self) -> float:
        """Bytes of the sectors that the blocks touch, for the whole grid."""
        count = self.grid[0] * self.grid[1] * self.grid[2]
        return SECTOR * (self.read_sectors + self.written_sectors) * count / self.ran

    @property
    def knows_arrays(self) -> bool:
        """Whether the arguments are the arrays that move, not a table of their addresses."""
        return self.module.path.name != "optimizer.cu"

    def ratio(self, kind: str) -> float:
        """Sectors or bank cycles over the least, of all requests of a kind; 1 without any."""
        lines = [line for line in self.lines if line.kind == kind]
        least = sum(line.least for line in lines)
        return sum(line.units for line in lines) / least if least else 1.0

    @property
    def atomics(self) -> int:
        """Requests of atomic operations."""
        return sum(line.requests for line in self.lines if line.kind == "atomic")

    @property
    def active(self) -> float:
        """The share of lanes at work in the basic blocks that warps run."""
        return self.lane_steps / (32 * self.warp_steps) if self.warp_steps else 1.0

    def occupancy(self, gpu: GPU, registers: int, static_shared: int) -> float:
        """The share of a multiprocessor's threads that run at once."""
        count = self.block[0] * self.block[1] * self.block[2]
        warps = -(-count // 32)
        of_registers = gpu.registers // (-(-registers * 32 // 256) * 256 * warps)
        shared = self.shared_bytes + static_shared + 1024
        blocks = min(gpu.threads // (32 * warps), of_registers, gpu.shared // shared, gpu.blocks)
        return blocks * warps * 32 / gpu.threads


def profile_of(scheduler, loaded: str, module, kernel: str, shape, blocks, needed: int) -> Profile:
    """The Profile of the last launch, whose code is in the library file `loaded`."""
    counters, totals = (_Counter * MOST)(), _Totals()
    count = min(scheduler.emulator_counters(counters, MOST, ctypes.byref(totals)), MOST)
    places = _places(loaded, [counter.place for counter in counters[:count]])
    lines = tuple(
        Line(place, KINDS[c.kind], bool(c.writes), c.requests, c.bytes, c.units, c.least)
        for place, c in zip(places, counters[:count], strict=True)
    )
    ran = blocks[1] - blocks[0]
    sums = (getattr(totals, name) for name in _Totals.names)
    fields: list[Any] = [kernel, module, *shape, ran, needed, lines, *sums]
    return Profile(*fields)


def _places(library: str, addresses: list[int]) -> list[str]:
    """File and line of code addresses, by addr2line; hexadecimal where it is not installed."""
    if not addresses:
        return []
    base = _base(library)
    offsets = [f"{address - 1 - base:x}" for address in addresses]
    command = ["addr2line", "-e", library, *offsets]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return offsets
    return [re.sub(r" \(.*", "", line.rpartition("/")[2]) for line in run.stdout.splitlines()]


def _base(library: str) -> int:
    """The address at which a library is loaded."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        lines = [line for line in maps if line.rstrip().endswith(library)]
    return min(int(line.partition("-")[0], 16) for line in lines)


def resources(profile: Profile, architecture: int) -> tuple[int, int] | None:
    """Registers and static shared memory of a kernel by NVIDIA's compiler; None without it."""
    from .check import nvrtc, usages_of

    if nvrtc() is None:
        return None
    options = [str(option) for option in profile.module.defines]
    usage = usages_of(profile.module.text, profile.module.path.name, options, architecture)
    return usage[profile.kernel].registers, usage[profile.kernel].shared


def rows(names: list[str], gpu: GPU) -> Iterator[tuple[str, Profile, dict[str, float]]]:
    """The launches of the cases with one of the names in theirs, and their predicted figures."""
    from .profile_cases import CASES, profiles

    for case in CASES:
        if not names or any(name in case for name in names):
            for profile in profiles(case):
                yield case, profile, figures(profile, gpu)


def figures(profile: Profile, gpu: GPU) -> dict[str, float]:
    """The columns of the table."""
    found = {
        "moved MB": profile.moved / 1e6,
        "/needed": profile.moved / profile.needed if profile.knows_arrays else math.nan,
        "/least": profile.ratio("global"),
        "banks": profile.ratio("shared"),
        "active": profile.active,
        "atomics": profile.atomics,
        "barriers": profile.barriers / profile.ran,
    }
    used = resources(profile, gpu.architecture)
    if used is not None:
        found["registers"] = used[0]
        found["occupancy"] = profile.occupancy(gpu, *used)
    return found | {"ms": profile.moved / gpu.bandwidth * 1e3}


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m minitorch_cnn.kernels.cuda.profile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="parts of names (default: all)")
    parser.add_argument("--gpu", choices=GPUS, default="H200")
    parser.add_argument("--lines", action="store_true", help="the requests at each line, too")
    parser.add_argument("--markdown", action="store_true", help="print a table in Markdown")
    options = parser.parse_args(argv)
    head = False
    for case, profile, found in rows(options.names, GPUS[options.gpu]):
        cells = [f"{value:.3g}" for value in found.values()]
        if not head:
            head = True
            _print(["layer", "kernel", *found], options.markdown, options.gpu)
        _print([case, profile.kernel, *cells], options.markdown)
        for line in profile.lines if options.lines else ():
            what = f"{line.kind} {'write' if line.writes else 'read'}"
            print(
                f"    {line.place:32} {what:13} {line.requests:8} requests "
                f"{line.units / max(line.requests, 1):7.2f} a request, least "
                f"{line.least / max(line.requests, 1):.2f}"
            )
    return 0


def _print(cells: list[str], markdown: bool, gpu: str = "") -> None:
    if not markdown:
        print(f"{cells[0]:34} {cells[1]:24}", *(f"{cell:>9}" for cell in cells[2:]), flush=True)
        return
    if gpu:
        print(f"Predictions for an {gpu}, not measurements.\n")
    print("|", " | ".join(cells), "|", flush=True)
    if gpu:
        print("|", " | ".join(["---"] * 2 + ["---:"] * (len(cells) - 2)), "|")


if __name__ == "__main__":
    sys.exit(main())
