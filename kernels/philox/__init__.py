"""Random numbers of a device: Philox4x32-10, whose n-th number is a function of n and a key.

A counter of 128 bits and a key of 64 give four words by ten rounds of products and exclusive ors,
so that every thread computes its own numbers, and a part of an array is drawn as of the whole:

    word n of a key and a stream = word n mod 4 of philox((n div 4, stream), key)

    uniform    float32: (word >> 8) / 2^24; float64: 53 bits of two words / 2^53.  In [0, 1)
    normal     pairs sqrt(-2 log u) (cos, sin)(2 pi v) (Box & Muller 1958), u in (0, 1]

A key is an integer, or an array () of uint64 on the device, which it reads when it draws: then a
captured graph draws other numbers in every replay.
Source: Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3, section 3.3.
"""

from typing import Any, NamedTuple

import numpy as np

from ..cuda.array import is_emulated, on_gpu
from ..dispatch import COMPILER, CUPY, Operator
from . import loops, vectorised


class Case(NamedTuple):
    """The property by which an implementation is chosen: the array type."""

    array: type


def _module_of(implementation: str):
    if implementation in ("emulator", "cuda"):
        from . import cuda

        return cuda
    return vectorised if implementation == "numpy" else loops


OPERATOR = Operator("philox", _module_of)
OPERATOR.register("loops")
OPERATOR.register("numpy")
OPERATOR.register("emulator", can=is_emulated, needs=COMPILER)
OPERATOR.register("cuda", can=on_gpu, needs=CUPY)


def random_bits(count: int, key: Any, like: np.ndarray, first: int = 0, stream: int = 0):
    """The words `first` to `first` + count of a key and a stream -> (count,) of uint32."""
    return _choose(like).random_bits(count, key, like, first, stream)


def uniform(count: int, dtype: Any, key: Any, like: np.ndarray, first: int = 0):
    """Uniform numbers in [0, 1), from the number `first` on -> (count,) of float32 or float64."""
    return _choose(like).uniform(count, _float("uniform", dtype), key, like, first)


def normal(count: int, dtype: Any, key: Any, like: np.ndarray, first: int = 0):
    """Numbers of N(0, 1), from the number `first` on -> (count,) of float32 or float64."""
    return _choose(like).normal(count, _float("normal", dtype), key, like, first)


def keep_mask(count: int, p: float, key: Any, like: np.ndarray, first: int = 0):
    """True with probability 1 - p: where `uniform` of float32 is at least p -> (count,) of bool."""
    return _choose(like).keep_mask(count, p, key, like, first)


def _choose(like: np.ndarray):
    return OPERATOR.choose(Case(type(like)))


def _float(name: str, dtype: Any) -> np.dtype:
    found = np.dtype(dtype)
    if found.type not in (np.float32, np.float64):
        raise TypeError(f"{name}: dtype={found} must be float32 or float64")
    return found
