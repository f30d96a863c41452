"""Storages of PyTorch: rows of numbers of one type, which tensors are views of."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes

# The dtype of the numbers here; of bfloat16 without ml_dtypes, which float32 represents exactly.
UNTYPED = "torch.storage.UntypedStorage"  # of bytes, for dtypes without a storage of their own
STORAGES = {
    "torch.DoubleStorage": dtypes.float64,
    "torch.FloatStorage": dtypes.float32,
    "torch.HalfStorage": dtypes.float16,
    "torch.BFloat16Storage": dtypes.float32,
    "torch.LongStorage": dtypes.int64,
    "torch.IntStorage": dtypes.int32,
    "torch.ShortStorage": dtypes.int16,
    "torch.CharStorage": dtypes.int8,
    "torch.ByteStorage": dtypes.uint8,
    "torch.BoolStorage": dtypes.bool_,
    UNTYPED: dtypes.uint8,
}
# The dtypes of tensors on bytes, by their name in a file.
OF_BYTES = {f"torch.{dtype}": dtype for dtype in dtypes.WIDE_UNSIGNED}


class Storage:
    """`count` numbers of the type `name`, a key of `STORAGES`; read when the file reaches them."""

    def __init__(self, name: str, count: int):
        self.name, self.count = name, count
        self.nbytes = count * stored_size(name)
        self.array = np.empty(count, dtype_of(name))

    def read_from(self, file: Any) -> None:
        """Read the numbers, little-endian, from the current position of `file`."""
        half = self.name == "torch.BFloat16Storage" and not dtypes.has_bfloat16()
        raw = np.empty(self.count, np.uint16) if half else self.array
        if file.readinto(raw.view(np.uint8)) != self.nbytes:
            raise ValueError(f"it is truncated: a storage of {self.nbytes} bytes is not all there")
        if half:  # the upper half of a float32
            np.left_shift(raw, 16, out=self.array.view(np.uint32), dtype=np.uint32)
        if self.array.dtype == bool and (raw.view(np.uint8) > 1).any():
            raise ValueError("a storage of bool has bytes that are neither 0 nor 1")


def dtype_of(name: str) -> dtypes.DType:
    """The dtype here of the numbers of a type of storage."""
    if name == "torch.BFloat16Storage" and dtypes.has_bfloat16():
        return dtypes.bfloat16
    return STORAGES[name]


def stored_size(name: str) -> int:
    """The size of a number in a file in bytes, by the type of its storage."""
    return 2 if name == "torch.BFloat16Storage" else STORAGES[name].itemsize


def part_of(storage: Storage, offset: int, size: int) -> Storage:
    """The numbers offset..offset+size of a storage, in the same memory."""
    part = Storage(storage.name, 0)
    part.count, part.array = size, storage.array[offset : offset + size]
    return part
