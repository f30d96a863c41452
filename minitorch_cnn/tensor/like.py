"""Create tensors with the shape, or the dtype and device, of another.

Memory is in order, whatever `memory_format` callers pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices, dtypes
from ..autograd import array_function
from .creation import _sizes, rand, randint, randn, tensor
from .promotion import fitting

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, ArrayLike, DeviceLike, Dims, DTypeLike, Shape


def _filled(
    name: str,
    make: Callable[..., Array],
    shape: Shape,
    model: Tensor,
    dtype: DTypeLike | None,
    device: DeviceLike | None,
    requires_grad: bool,
    value: float | None = None,
) -> Tensor:
    """A tensor of a `shape` made by np.zeros or np.empty; omitted settings are those of `model`.

    (NumPy would pass np.ones of a device an argument that CuPy does not have.)
    """
    dtype = model.array.dtype if dtype is None else dtypes.check_dtype(dtype, name)
    y = make(shape, dtype, like=model.array)
    if value is not None:
        y[...] = fitting(value, dtype, name)
    if device is not None:
        y = devices.moved(y, devices.check_device(device, name), name)
    return array_function.Tensor(y, requires_grad)


def zeros_like(
    input: Tensor,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Tensor:
    """Create zeros with the shape, dtype and device of `input`."""
    return _filled("zeros_like", np.zeros, input.shape, input, dtype, device, requires_grad)


def ones_like(
    input: Tensor,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Tensor:
    """Create ones with the shape, dtype and device of `input`."""
    return _filled("ones_like", np.empty, input.shape, input, dtype, device, requires_grad, 1)


def empty_like(
    input: Tensor,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Tensor:
    """Create an uninitialised tensor with the shape, dtype and device of `input`."""
    return _filled("empty_like", np.empty, input.shape, input, dtype, device, requires_grad)


def full_like(
    input: Tensor,
    fill_value: float,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Tensor:
    """Create a tensor filled with one number, with the shape, dtype and device of `input`."""
    return _filled(
        "full_like", np.empty, input.shape, input, dtype, device, requires_grad, fill_value
    )


def randn_like(
    input: Tensor,
    *,
    generator: np.random.Generator | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Tensor:
    """Draw numbers from N(0, 1) with the shape, dtype and device of `input`."""
    return randn(
        input.shape,
        generator=generator,
        dtype=dtype or input.dtype,
        device=device or input.device,
        requires_grad=requires_grad,
    )


def rand_like(
    input: Tensor,
    *,
    generator: np.random.Generator | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Tensor:
    """Draw uniform numbers from [0, 1) with the shape, dtype and device of `input`."""
    return rand(
        input.shape,
        generator=generator,
        dtype=dtype or input.dtype,
        device=device or input.device,
        requires_grad=requires_grad,
    )


def randint_like(
    input: Tensor,
    low: int = 0,
    high: int | None = None,
    *,
    generator: np.random.Generator | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw integers from [low, high) with the shape, dtype and device of `input`.

    randint_like(input, high) starts at 0.
    """
    if high is None:
        low, high = 0, low
    return randint(
        low,
        high,
        input.shape,
        generator=generator,
        dtype=dtype or input.dtype,
        device=device or input.device,
        requires_grad=requires_grad,
    )


def new_zeros(
    self: Tensor,
    *sizes: Dims,
    size: Dims | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Create zeros of any size with the dtype and device of this tensor."""
    shape = _sizes("new_zeros", sizes, size)
    return _filled("new_zeros", np.zeros, shape, self, dtype, device, requires_grad)


def new_ones(
    self: Tensor,
    *sizes: Dims,
    size: Dims | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Create ones of any size with the dtype and device of this tensor."""
    shape = _sizes("new_ones", sizes, size)
    return _filled("new_ones", np.empty, shape, self, dtype, device, requires_grad, 1)


def new_empty(
    self: Tensor,
    *sizes: Dims,
    size: Dims | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Create an uninitialised tensor of any size with the dtype and device of this tensor."""
    shape = _sizes("new_empty", sizes, size)
    return _filled("new_empty", np.empty, shape, self, dtype, device, requires_grad)


def new_full(
    self: Tensor,
    size: Dims,
    fill_value: float,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Create a tensor of any size filled with one number, with this tensor's dtype and device."""
    shape = _sizes("new_full", (size,))
    return _filled("new_full", np.empty, shape, self, dtype, device, requires_grad, fill_value)


def new_tensor(
    self: Tensor,
    data: ArrayLike,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Copy `data` to a tensor with the dtype and device of this tensor."""
    return tensor(data, dtype or self.dtype, device or self.device, requires_grad)


def new(self: Tensor, *args: Any, device: DeviceLike | None = None) -> Tensor:
    """Create a tensor by PyTorch's older form of `new_tensor` and `new_empty`.

    `new(2, 3)` and `new(x.shape)` have that shape, `new([1, 2])` these numbers, with the dtype and
    device of this tensor. Numbers that PyTorch leaves uninitialised are 0. A tuple is a shape, as
    `x.shape` is one here, where PyTorch reads a plain tuple as numbers.
    """
    sizes = args[0] if len(args) == 1 and isinstance(args[0], tuple) else args
    if all(isinstance(n, int) for n in sizes):
        return new_zeros(self, tuple(sizes) or (0,), device=device)
    return new_tensor(self, args[0] if len(args) == 1 else args, device=device)
