"""Arrays by name in NumPy's .npz files: a zip archive of .npy files."""

from __future__ import annotations

import zipfile
from math import prod
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from ..backend import check_dtype
from ..tensor import Tensor

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_arrays(archive: zipfile.ZipFile) -> dict[str, Tensor]:
    """The arrays of an archive of `numpy.savez` by name.

    Raises: ValueError, with the reason as a clause, for pickled objects, dtypes that `mt` does not
    have and damages.
    """
    tensors = {}
    for info in archive.infolist():
        name = info.orig_filename.removesuffix(".npy")
        if name in tensors:
            raise ValueError(f"its array {name!r} occurs twice")
        with archive.open(info) as content:
            tensors[name] = Tensor(_read_array(name, content, info.file_size))
    return tensors


def _read_array(name: str, content: BinaryIO, size: int) -> np.ndarray:
    """The array of a .npy file of `size` bytes; its header is held against them first."""
    version = npy.read_magic(content)
    if version not in HEADERS:
        raise ValueError(f"its array {name!r} is of version {version}, which is not supported")
    shape, fortran, dtype = HEADERS[version](content)
    if dtype.hasobject:
        raise ValueError(f"its array {name!r} holds pickled objects, and nothing was executed")
    try:
        check_dtype(dtype.newbyteorder("="), "load")
    except TypeError:
        raise ValueError(f"its array {name!r} is of {dtype}, which is not supported") from None
    if len(shape) > 64 or prod(shape) * dtype.itemsize != size - content.tell():
        raise ValueError(f"its array {name!r} of shape {shape} has {size} bytes in the archive")
    array = np.frombuffer(bytearray(content.read()), dtype).astype(dtype.newbyteorder("="))
    return array.reshape(shape, order="F" if fortran else "C")
