"""Create tensors: from data, from numbers, at random."""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices, dtypes, random
from ..autograd import array_function
from .promotion import fitting

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, ArrayLike, DeviceLike, Dims, DType, DTypeLike, Shape


def tensor(
    data: ArrayLike,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Create a tensor with a copy of `data`.

    data: nested sequences of numbers, an array, a number or a Tensor. Python floats become the
    default float type, integers int64; arrays keep their dtype, and by default their device.
    Raises: ValueError for an unknown device, RuntimeError for one that is missing or too small, and
    for Python numbers that an integer dtype cannot hold (an array's wrap around).
    """
    if isinstance(data, array_function.Tensor):
        data = data.array
    if devices.is_array(data):
        device = devices.device_of(data) if device is None else device
        data = devices.to_host(data)
    device = devices.check_device(device, "tensor")
    if isinstance(data, (list, tuple)):
        data = _without_tensors(data)
    try:
        array = np.array(data)
    except ValueError as error:
        raise ValueError(f"tensor: data is ragged: {error}") from None
    typed = isinstance(data, (np.ndarray, np.generic)) or (
        isinstance(data, (list, tuple)) and _holds_arrays(data)
    )
    if dtype is None:
        keeps = typed or array.dtype.kind not in dtypes.FLOATS
        dtype = array.dtype if keeps else dtypes.get_default_dtype()
        if array.size == 0 and not typed:
            dtype = dtypes.get_default_dtype()
        elif dtype.kind in "iu" and not typed:
            # NumPy takes uint64 for 2^63, which PyTorch refuses, and int32 where addresses have 32
            # bits, as in a browser.
            dtype = dtypes.int64
    dtype = dtypes.check_dtype(dtype, "tensor")
    if dtype is dtypes.uint64 and array.dtype == dtypes.float64 and not typed:
        with contextlib.suppress(OverflowError):  # NumPy took floats for [1, 2^63], and loses bits
            array = np.array(data, dtype)
    # Integers of more than 64 bits are objects (O).
    if not typed and dtype.kind in "iu" and array.dtype.kind in "iufVO" and array.dtype != dtype:
        for value in (array.min(), array.max()) if array.size else ():
            fitting(np.asarray(value).item(), dtype, "tensor")
    array = _cast(array, dtype)
    return array_function.Tensor(devices.moved(array, device, "tensor"), requires_grad)


def as_tensor(
    data: Any, dtype: DTypeLike | None = None, device: DeviceLike | None = None
) -> Tensor:
    """Convert `data` to a tensor, without a copy if its memory, dtype and device can stay.

    Accepts everything that `tensor` does, and other libraries' GPU arrays
    (`__cuda_array_interface__`).
    """
    if not isinstance(data, array_function.Tensor):
        if devices.is_array(data):
            data = array_function.Tensor(data)
        elif hasattr(data, "__cuda_array_interface__"):
            devices.check_device("cuda", "as_tensor")
            import cupy

            data = array_function.Tensor(cupy.asarray(data))
        else:
            data = tensor(data)
        dtypes.check_dtype(data.dtype, "as_tensor")
    return data.to(device=device, dtype=dtype)


def _without_tensors(data: Any) -> list[Any]:
    return [
        devices.to_host(x.array)
        if isinstance(x, array_function.Tensor)
        else _without_tensors(x)
        if isinstance(x, (list, tuple))
        else x
        for x in data
    ]


def _holds_arrays(data: Any) -> bool:
    first: Any = data
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    return isinstance(first, (np.ndarray, np.generic))


def from_numpy(array: np.ndarray) -> Tensor:
    """Create a tensor that shares memory with `array`."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: array must be a numpy.ndarray, got {type(array).__name__}")
    dtypes.check_dtype(array.dtype, "from_numpy")
    return array_function.Tensor(array)


def from_dlpack(
    source: Any, *, device: DeviceLike | None = None, copy: bool | None = None
) -> Tensor:
    """Create a tensor that shares memory with an array of torch, jax, ..., on CPU or GPU.

    source: an array, or a capsule of DLPack. On a GPU the current stream waits for the array's work
    so far. device: where the tensor shall be, by default where the array is. copy: True for new
    memory, False to refuse it; by default only what must be copied is: to another device, or memory
    of a GPU that is only to be read. A tensor of the CPU in such memory cannot be written to.

    Raises: TypeError for what is no source, ValueError for a capsule that was taken before, or if
    copy=False and device= is another; BufferError for other kinds of devices, or if copy=False and
    the memory of a GPU is only to be read; RuntimeError without a GPU where one is needed.
    """
    if copy is not None and not isinstance(copy, bool):
        raise TypeError(f"from_dlpack: copy={copy!r} must be True, False or None")
    place = None if device is None else devices.check_device(device, "from_dlpack")
    from .dlpack import array_from

    array = array_from(source, copy)
    dtypes.check_dtype(array.dtype, "from_dlpack")
    x = array_function.Tensor(array)
    if place is None or x.device == place:
        return x
    if copy is False:
        raise ValueError(f"from_dlpack: copy=False, but source is on {x.device}, not on {place}")
    return x.to(place)


def _sizes(name: str, sizes: Any, size: Any = None) -> tuple[int, ...]:
    """Sizes given one by one, as one sequence, or by keyword (`size`)."""
    if size is not None:
        if sizes:
            raise TypeError(f"{name}: {sizes} and size={size} are given, must be one of them")
        sizes = (size,)
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = tuple(sizes[0])
    try:
        sizes = tuple(map(operator.index, sizes))
    except TypeError:
        raise TypeError(f"{name}: size={sizes} must be made of integers") from None
    if any(n < 0 for n in sizes):
        raise RuntimeError(f"{name}: size={sizes} must not be negative")
    return sizes


def _made(
    name: str, array: Array, dtype: DTypeLike | None, device: DeviceLike | None, requires_grad: bool
) -> Tensor:
    device = devices.check_device(device, name)
    dtype = dtypes.get_default_dtype() if dtype is None else dtypes.check_dtype(dtype, name)
    return array_function.Tensor(devices.moved(_cast(array, dtype), device, name), requires_grad)


def _cast(array: Array, dtype: DType) -> Array:
    """Cast `array` to `dtype`; numbers that are too large become infinite without a warning."""
    with np.errstate(over="ignore"):
        return array.astype(dtype, copy=False)


def zeros(
    *sizes: Dims,
    size: Dims | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Create a tensor of zeros."""
    return _made(
        "zeros",
        np.zeros(_sizes("zeros", sizes, size), dtype or dtypes.get_default_dtype()),
        dtype,
        device,
        requires_grad,
    )


def ones(
    *sizes: Dims,
    size: Dims | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Create a tensor of ones."""
    return _made(
        "ones",
        np.ones(_sizes("ones", sizes, size), dtype or dtypes.get_default_dtype()),
        dtype,
        device,
        requires_grad,
    )


def empty(
    *sizes: Dims,
    size: Dims | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Create a tensor of arbitrary, uninitialised numbers."""
    return _made(
        "empty",
        np.empty(_sizes("empty", sizes, size), dtype or dtypes.get_default_dtype()),
        dtype,
        device,
        requires_grad,
    )


def full(
    size: Dims,
    fill_value: float,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Create a tensor filled with one number, in that number's dtype."""
    own = dtypes.check_dtype(np.asarray(fill_value).dtype, "full")
    if dtype is None:
        dtype = dtypes.get_default_dtype() if own.kind in dtypes.FLOATS else own
    value = fitting(fill_value, dtypes.check_dtype(dtype, "full"), "full")
    return _made("full", np.full(_sizes("full", (size,)), value), dtype, device, requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Create the (n, m) matrix with ones on the diagonal."""
    return _made("eye", np.eye(n, m), dtype, device, requires_grad)


def arange(
    start: float = 0,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """List start, start + step, ... below `end`; arange(end) starts at 0. Integers give int64.

    There are ceil((end - start) / step) numbers, whatever the rounding of the last one. With an
    integer dtype all three are truncated to integers first.
    """
    if end is None:
        start, end = 0, start
    # NumPy numbers, and tensors of one element, count as Python's.
    numbers: list[Any] = [getattr(x, "item", lambda x=x: x)() for x in (start, end, step)]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"arange: start={start}, end={end}, step={step} must be finite")
    if dtype is not None and dtypes.check_dtype(dtype, "arange").kind in "iu":
        numbers = list(map(int, numbers))
    first, last, gap = numbers
    if gap == 0 or (last - first) * gap < 0:
        raise ValueError(f"arange: step={gap} does not lead from start={first} to end={last}")
    array = first + gap * np.arange(math.ceil((last - first) / gap))
    if dtype is None and isinstance(first + last + gap, (int, np.integer)):
        dtype = dtypes.int64
    return _made("arange", array, dtype, device, requires_grad)


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Create `steps` equally spaced numbers from `start` to `end`, inclusive."""
    if steps < 0:
        raise ValueError(f"linspace: steps={steps} must not be negative")
    return _made("linspace", np.linspace(start, end, steps), dtype, device, requires_grad)


def logspace(
    start: float,
    end: float,
    steps: int,
    base: float = 10.0,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Create `steps` powers of `base`, with exponents equally spaced from `start` to `end`."""
    if steps < 0:
        raise ValueError(f"logspace: steps={steps} must not be negative")
    array = np.logspace(start, end, steps, base=base)
    return _made("logspace", array, dtype, device, requires_grad)


def randn(
    *sizes: Dims,
    size: Dims | None = None,
    generator: np.random.Generator | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw independent numbers from N(0, 1)."""
    rng = generator or random.default_generator()
    return _made(
        "randn",
        _drawn("randn", rng.standard_normal, _sizes("randn", sizes, size), dtype),
        dtype,
        device,
        requires_grad,
    )


def rand(
    *sizes: Dims,
    size: Dims | None = None,
    generator: np.random.Generator | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw independent uniform numbers from [0, 1)."""
    rng = generator or random.default_generator()
    array = _drawn("rand", rng.random, _sizes("rand", sizes, size), dtype)
    return _made("rand", array, dtype, device, requires_grad)


def _drawn(name: str, draw: Callable[..., Array], size: Shape, dtype: DTypeLike | None) -> Array:
    """Draw numbers directly in the dtype if the generator can: float32 costs half of float64."""
    wanted = dtypes.check_dtype(dtype or dtypes.get_default_dtype(), name)
    if wanted.kind not in dtypes.FLOATS:
        raise TypeError(f"{name}: dtype={wanted} must be floating point")
    return draw(
        size, dtype=wanted if wanted in (dtypes.float32, dtypes.float64) else dtypes.float64
    )


def randint(
    low: int = 0,
    high: Any = None,
    size: Dims | None = None,
    *,
    generator: np.random.Generator | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw independent uniform integers from [low, high); randint(high, size) starts at 0."""
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if size is None:
        raise TypeError("randint: size is missing")
    if high <= low:
        raise ValueError(f"randint: low={low} must be below high={high}")
    rng = generator or random.default_generator()
    return _made(
        "randint",
        rng.integers(low, high, _sizes("randint", (size,))),
        dtype or dtypes.int64,
        device,
        requires_grad,
    )


def randperm(
    n: int,
    *,
    generator: np.random.Generator | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """List the numbers 0 to n - 1 in random order."""
    rng = generator or random.default_generator()
    return _made("randperm", rng.permutation(n), dtype or dtypes.int64, device, requires_grad)
