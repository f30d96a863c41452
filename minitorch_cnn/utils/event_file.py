"""TensorBoard's event files: records of protocol buffers, written without a library.

A record consists of the length of its data in 8 bytes, a checksum of the length, the data, and a
checksum of the data. Numbers are little-endian. A checksum is the CRC-32C of the bytes, rotated
right by 15 bits, plus 0xA282EAD8. A message is a sequence of fields. Each field is a number,
with the type of its value in the lowest 3 bits (0 a varint, 1 eight bytes, 2 a length and bytes,
5 four bytes), and the value.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from itertools import count
from pathlib import Path

_numbers = count()  # distinguishes files created by this process within one second


def _table() -> list[int]:
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """The CRC-32C (Castagnoli) of some bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _checksum(data: bytes) -> bytes:
    crc = crc32c(data)
    turned = (crc >> 15 | crc << 17) & 0xFFFFFFFF
    return struct.pack("<I", (turned + 0xA282EAD8) & 0xFFFFFFFF)


def _varint(n: int) -> bytes:
    out = bytearray()
    n &= 2**64 - 1  # two's complement of negative numbers
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def single(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def block(field: int, value: bytes | str) -> bytes:
    """A field that holds a message, a text or packed numbers."""
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


class EventFile:
    """An event file in `folder`."""

    def __init__(self, folder: Path, suffix: str = ""):
        folder.mkdir(parents=True, exist_ok=True)
        place = f"{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
        self.path = folder / f"events.out.tfevents.{int(time.time()):010d}.{place}{suffix}"
        self.file = open(self.path, "ab")  # noqa: SIM115  (closed by close)
        self._add(double(1, time.time()) + block(3, "brain.Event:2"))

    def add(self, value: bytes, step: int, walltime: float | None = None) -> None:
        """Write a Summary.Value at a step."""
        when = time.time() if walltime is None else walltime
        self._add(double(1, when) + integer(2, step) + block(5, block(1, value)))

    def _add(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        self.file.write(length + _checksum(length) + event + _checksum(event))

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.file.close()
