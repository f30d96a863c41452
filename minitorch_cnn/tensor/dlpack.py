"""Arrays of bfloat16 in DLPack, the protocol by which libraries share memory.

NumPy neither gives nor takes bfloat16. So it exchanges the bits as uint16, and the dtype in the
capsule is rewritten: DLPack describes memory by a C struct that holds a code of the kind of number.
https://dmlc.github.io/dlpack/latest/c_api.html
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from .. import dtypes

UINT, BFLOAT = 1, 4  # DLPack's codes
# Where a capsule's struct holds the dtype (code, bits, lanes): behind address, device and number of
# axes, and, if it has a version, behind that, the owner, its function and flags.
PLACES = {b"dltensor": 20, b"dltensor_versioned": 52}

_api = ctypes.pythonapi
_api.PyCapsule_GetName.restype = ctypes.c_char_p
_api.PyCapsule_GetName.argtypes = [ctypes.py_object]
_api.PyCapsule_GetPointer.restype = ctypes.c_void_p
_api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def capsule_of(array: np.ndarray, options: dict[str, Any]) -> Any:
    """A capsule with an array of bfloat16."""
    capsule = array.view(np.uint16).__dlpack__(**options)
    _dtype_in(capsule)[0] = BFLOAT
    return capsule


def array_from(source: Any) -> np.ndarray:
    """An array that shares the memory of another library's array on the CPU."""
    wrapped = _AsBits(source)
    array = np.from_dlpack(wrapped)
    return array.view(dtypes.bfloat16) if wrapped.is_bfloat16 else array


class _AsBits:
    """A source whose capsules name uint16 for bfloat16."""

    def __init__(self, source: Any) -> None:
        self.source, self.is_bfloat16 = source, False

    def __dlpack__(self, **options: Any) -> Any:
        try:
            capsule = self.source.__dlpack__(**options)
        except TypeError:  # a source of before the options
            capsule = self.source.__dlpack__()
        dtype = _dtype_in(capsule)
        if (dtype[0], dtype[1]) == (BFLOAT, 16):
            dtypes.bfloat16  # noqa: B018 (an ImportError says what to install)
            dtype[0], self.is_bfloat16 = UINT, True
        return capsule

    def __dlpack_device__(self) -> Any:
        return self.source.__dlpack_device__()


def _dtype_in(capsule: Any) -> Any:
    """The bytes of a capsule's dtype."""
    name = _api.PyCapsule_GetName(capsule)
    address = _api.PyCapsule_GetPointer(capsule, name)
    return (ctypes.c_uint8 * 2).from_address(address + PLACES[name])
