"""Counts the machine instructions of a kernel's main loop, without a GPU or a disassembler.

NVRTC compiles a text to a cubin, an ELF file. From sm_70 on an instruction takes 16 bytes. Its low
12 bits say what it is, and bits 12 to 15 on which predicate it depends (7: always). That is enough
for the branches, and so for the loops.
"""

import struct
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from .check import cubin
from .launch import SOURCES, Module

# Instructions by their low 12 bits, and their names in NVIDIA's disassembler.
NAMES = {
    0x23C: "HMMA",  # matrix product on a tensor core
    0x83B: "LDSM",  # ldmatrix
    0x984: "LDS",  # load from shared memory
    0xFAE: "LDGSTS",  # cp.async
    0x947: "BRA",
    0x94D: "EXIT",
    0xB1D: "BAR",
}
BRANCH, UNIFORM_BRANCH, EXIT, PRODUCT, ALWAYS = 0x947, 0x547, 0x94D, 0x23C, 7


class Loop(NamedTuple):
    """The instructions of a loop: how many, and of these how many by name (of NAMES)."""

    instructions: int
    named: Mapping[str, int]

    def __getitem__(self, name: str) -> int:
        return self.named.get(name, 0)


def product_loop(path: str, defines: Mapping[str, str | int], architecture: int) -> Loop:
    """The smallest loop of a text's kernel that contains products on tensor cores.

    All instructions of the loop count, those on branches that are rarely taken too. Raises
    ValueError where the kernel has no such loop, and as `check.usages`.
    """
    module = Module(SOURCES / path, {name: str(value) for name, value in defines.items()})
    code = _code(cubin(module.text, path, module.options, architecture))
    found = [[code[at] & 0xFFF for at in loop] for loop in _loops(code, architecture)]
    found = [loop for loop in found if PRODUCT in loop]
    if not found:
        raise ValueError(f"product_loop: {path} has no loop with products on tensor cores")
    loop = min(found, key=len)
    return Loop(len(loop), Counter(NAMES[number] for number in loop if number in NAMES))


def _code(cubin: bytes) -> list[int]:
    """The instructions of the one kernel of a cubin."""
    (sections,) = struct.unpack_from("<Q", cubin, 0x28)
    size, count, of_names = struct.unpack_from("<HHH", cubin, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", cubin, sections + i * size) for i in range(count)]
    names = cubin[headers[of_names][4] :]
    (text,) = (
        cubin[offset : offset + length]
        for name, _, _, _, offset, length in headers
        if names[name:].startswith(b".text.")
    )
    return [int.from_bytes(text[i : i + 16], "little") for i in range(0, len(text), 16)]


def _target(code: list[int], at: int, architecture: int) -> int:
    """The index to which the branch at an index jumps."""
    high = (code[at] >> 34) & (1 << 48) - 1
    high -= (high >> 47) << 48
    words = (high << 8) + (code[at] >> 16 & 0xFF) if architecture >= 90 else high
    return at + 1 + words // 4  # words of 4 bytes, from the next instruction


def _loops(code: list[int], architecture: int) -> list[set[int]]:
    """The natural loops: for each jump back, what reaches it without passing its target."""
    before: dict[int, list[int]] = {at: [] for at in range(len(code))}
    back = []
    for at, word in enumerate(code):
        kind, always = word & 0xFFF, word >> 12 & 0xF == ALWAYS and word >> 87 & 0xF == ALWAYS
        if not (kind in (BRANCH, EXIT) and always) and at + 1 < len(code):
            before[at + 1].append(at)
        if kind in (BRANCH, UNIFORM_BRANCH):
            target = _target(code, at, architecture)
            before[target].append(at)
            if target < at:
                back.append((target, at))
    loops = []
    for first, last in back:
        loop, left = {first, last}, [last]
        while left:
            for at in before[left.pop()]:
                if at not in loop:
                    loop.add(at)
                    left.append(at)
        loops.append(loop)
    return loops
