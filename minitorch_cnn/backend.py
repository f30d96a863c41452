"""Number formats, the default one of floats, and the random generator: what lies under a tensor.

Nothing here changes a result behind the user's back: no environment variable, no global device.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

float16 = np.dtype("float16")
float32 = np.dtype("float32")
float64 = np.dtype("float64")
uint8 = np.dtype("uint8")
int8 = np.dtype("int8")
int16 = np.dtype("int16")
int32 = np.dtype("int32")
int64 = np.dtype("int64")
bool_ = np.dtype("bool")

finfo, iinfo = np.finfo, np.iinfo  # limits of a dtype, under PyTorch's names too

DTYPES = (float16, float32, float64, uint8, int8, int16, int32, int64, bool_)

# PyTorch's names for orders of memory: taken where PyTorch takes them; no result depends on them.
contiguous_format, channels_last = "contiguous_format", "channels_last"
preserve_format = "preserve_format"

_default_dtype = float32
_generator = None  # made when first asked for: importing numpy.random takes a while
_seed = None  # that it started from


class _OfThread(threading.local):
    generator: Callable[[], np.random.Generator] | None = None  # while a thread has its own


_of_thread = _OfThread()


def is_half(dtype: np.dtype) -> bool:
    """Whether floats of `dtype` have 16 bits: stored so, they are computed with in float32."""
    return dtype.itemsize == 2 and dtype.kind == "f"


def set_default_dtype(dtype) -> None:
    """Set the float type that Python numbers become: float16, float32 (at the start) or float64."""
    global _default_dtype
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise TypeError(f"set_default_dtype: dtype={dtype} must be a floating-point type")
    _default_dtype = dtype


def get_default_dtype() -> np.dtype:
    """The float type that Python numbers become."""
    return _default_dtype


def check_dtype(dtype, name: str) -> np.dtype:
    """`dtype` as one of `DTYPES`; TypeError in the name of the function `name` otherwise."""
    dtype = np.dtype(dtype)
    if dtype not in DTYPES:
        raise TypeError(f"{name}: dtype={dtype} must be one of {', '.join(map(str, DTYPES))}")
    return dtype


def check_memory_format(memory_format, name: str) -> None:
    """ValueError in the name of the function `name` for what is no order of memory."""
    if memory_format not in (None, contiguous_format, channels_last, preserve_format):
        raise ValueError(
            f"{name}: memory_format={memory_format!r} must be contiguous_format, channels_last or "
            "preserve_format"
        )


def manual_seed(seed: int) -> np.random.Generator:
    """Seed the generator from which everything random is drawn, and return it."""
    global _generator, _seed
    _seed = seed % 2**64  # negative seeds, too, as in PyTorch
    _generator = np.random.default_rng(_seed)
    return _generator


def seed() -> int:
    """Seed it from the system's entropy, and return the seed."""
    manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0]))
    return _seed


def initial_seed() -> int:
    """The seed that the generator started from."""
    return seed() if _seed is None else _seed


def default_generator() -> np.random.Generator:
    """The generator that `manual_seed` seeds (from the system's entropy until then).

    While a `DataLoader` loads a sample it is the stream of that sample, in that thread.
    """
    global _generator
    if _of_thread.generator is not None:
        return _of_thread.generator()
    if _generator is None:
        seed()
    return _generator


class drawing_from:
    """Within it, `default_generator` is what `generator` returns, in this thread alone."""

    __slots__ = ("before", "generator")

    def __init__(self, generator: Callable[[], np.random.Generator]):
        self.generator = generator

    def __enter__(self) -> None:
        self.before = _of_thread.generator
        _of_thread.generator = self.generator

    def __exit__(self, *error) -> None:
        _of_thread.generator = self.before


def get_rng_state() -> dict:
    """The state of `default_generator` as a dict that JSON can hold."""
    return default_generator().bit_generator.state


def set_rng_state(state: dict) -> None:
    """Put `default_generator` back to a state that `get_rng_state` returned."""
    default_generator().bit_generator.state = state
