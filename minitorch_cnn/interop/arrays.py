"""Arrays by name in NumPy's .npz files: a zip archive of .npy files.

The format of each (numpy.lib.format): a magic number, a version, the header's length, the header as
a Python dict literal, the numbers.
"""

from __future__ import annotations

import ast
import re
import zipfile
from math import prod
from typing import IO

import numpy as np

from ..dtypes import check_dtype
from ..tensor import Tensor

MAGIC = b"\x93NUMPY"
LENGTHS = {1: 2, 2: 4, 3: 4}  # bytes of the header's length, by version
LONGEST = 10_000  # bytes of a header, as in NumPy
MOST_AXES = 64  # NumPy's limit


def read_arrays(archive: zipfile.ZipFile) -> dict[str, Tensor]:
    """Read the arrays of a `numpy.savez` archive by name.

    Raises: ValueError, with the reason as a clause, for pickled objects, dtypes that `mt` does not
    have and damaged files.
    """
    tensors = {}
    for info in archive.infolist():
        name = info.orig_filename.removesuffix(".npy")
        if name in tensors:
            raise ValueError(f"its array {name!r} occurs twice")
        with archive.open(info) as content:
            try:
                tensors[name] = Tensor(_read_array(content, info.file_size))
            except ValueError as error:
                raise ValueError(f"its array {name!r} {error}") from error
    return tensors


def _read_array(content: IO[bytes], size: int) -> np.ndarray:
    """Read the array of a .npy file of `size` bytes, which are checked against its header first."""
    dtype, fortran, shape = _read_header(content)
    try:
        check_dtype(dtype.newbyteorder("="), "load")
    except TypeError:
        raise ValueError(f"is of {dtype}, which is not supported") from None
    if prod(shape) * dtype.itemsize != size - content.tell():
        raise ValueError(f"of shape {shape} and {dtype} has {size - content.tell()} bytes")
    array = np.frombuffer(bytearray(content.read()), dtype).astype(dtype.newbyteorder("="))
    return array.reshape(shape, order="F" if fortran else "C")


def _read_header(content: IO[bytes]) -> tuple[np.dtype, bool, tuple[int, ...]]:
    start = content.read(len(MAGIC) + 2)
    if len(start) < 8 or not start.startswith(MAGIC) or start[6] not in LENGTHS:
        raise ValueError("does not begin as a .npy file")
    length = int.from_bytes(content.read(LENGTHS[start[6]]), "little")
    text = content.read(min(length, LONGEST + 1))
    if len(text) < length or length > LONGEST:
        raise ValueError(f"has a header of {length} bytes, which is cut off or too long")
    try:
        # Python 2 wrote an L behind large numbers.
        found = ast.literal_eval(re.sub(r"(\d)L\b", r"\1", text.decode("utf-8")).strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError("has a header that is no dict of Python") from error
    match found:
        case {"descr": str(code), "fortran_order": bool(fortran), "shape": tuple(shape)}:
            if re.fullmatch(r"[<>|=]?O\d*", code):
                raise ValueError("holds pickled objects; nothing was executed")
            if not re.fullmatch(r"[<>|=]?[a-zA-Z?]\d*", code) or len(shape) > MOST_AXES:
                raise ValueError(f"has dtype {code[:20]!r} and {len(shape)} axes")
            if any(type(n) is not int or not 0 <= n < 2**63 for n in shape):
                raise ValueError("has an invalid shape")
            try:
                return np.dtype(code), fortran, shape
            except (TypeError, ValueError):
                raise ValueError(f"is of {code[:20]!r}, which is no dtype") from None
        case {"descr": list()}:
            raise ValueError("has records, which are not supported")
    raise ValueError("has a header without dtype, order and shape")
