"""Conversions of a tensor to another dtype or device, an array, a number or text."""

# The self of these methods is the whole Tensor, which these are a part of.
# pyright: reportGeneralTypeIssues=false
from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, overload

from .. import devices, dtypes
from ..autograd import array_function
from . import printing

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, DeviceLike, DTypeLike


class Conversions:
    """Methods that convert a tensor."""

    def numpy(self: Tensor, *, force: bool = False) -> Array:
        """Return the array, sharing memory; with `force`, as `detach().cpu().numpy()`.

        RuntimeError for a tensor that requires grad, TypeError for one that is not on the CPU.
        """
        if force:
            return self.detach().cpu().array
        if self.requires_grad:
            raise RuntimeError("numpy: the tensor requires grad; use detach().numpy()")
        if self.device != "cpu":
            raise TypeError(f"numpy: the tensor is on {self.device}; use cpu() to copy it first")
        return self.array

    def __array__(self: Tensor, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        array = self.numpy()
        if dtype is not None and dtype != array.dtype:
            if copy is False:
                raise ValueError(f"__array__: a copy is needed to turn {array.dtype} into {dtype}")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(
        self: Tensor,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A capsule with the memory of the tensor, for `from_dlpack` of another library.

        stream: that of the consumer, which waits for the work on the tensor so far: None or 1 for
        CUDA's default stream, 2 for that of the thread, an address, or -1 to wait for nothing; None
        or -1 on the CPU. max_version: of the protocol that the consumer knows; from (1, 0) on
        memory can be marked as read-only. dl_device: where the consumer wants it; copy: whether in
        new memory.

        Raises: RuntimeError for a tensor that requires grad or is on the emulator; BufferError for
        what the protocol or the device cannot do, such as memory that is only to be read before
        version 1.0; ValueError or TypeError for another stream.
        """
        self._check_shareable("__dlpack__")
        from .dlpack import capsule_of

        settings = {"max_version": max_version, "dl_device": dl_device, "copy": copy}
        return capsule_of(self.array, stream, **settings)

    def __dlpack_device__(self: Tensor) -> Any:
        self._check_shareable("__dlpack_device__")
        return self.array.__dlpack_device__()

    @property
    def __cuda_array_interface__(self: Tensor) -> dict[str, Any]:
        if not self.device.startswith("cuda"):
            raise AttributeError(
                f"__cuda_array_interface__: the tensor is on {self.device}, not on a GPU"
            )
        self._check_shareable("__cuda_array_interface__")
        array: Any = self.array
        return array.__cuda_array_interface__

    def _check_shareable(self: Tensor, name: str) -> None:
        if self.requires_grad:
            raise RuntimeError(f"{name}: the tensor requires grad; use detach() first")
        if self.device == "emulator":
            raise RuntimeError(f"{name}: other programs know no emulator; use cpu() first")

    def item(self: Tensor) -> Any:
        """Return the only element as a Python number."""
        if self.array.size != 1:
            raise RuntimeError(
                f"item: a tensor of shape {self.shape} has {self.numel()} elements, must have one"
            )
        devices.refuse_read("item()", self.array)
        return self.array.item()

    def tolist(self: Tensor) -> Any:
        """Return the elements as nested lists of Python numbers."""
        devices.refuse_read("tolist()", self.array)
        return self.array.tolist()

    def cpu(self: Tensor) -> Tensor:
        """Move the tensor to main memory."""
        return self.to("cpu")

    def cuda(self: Tensor, device: DeviceLike | None = None, non_blocking: bool = False) -> Tensor:
        """Move the tensor to the GPU "cuda:0", or to the one that `device` names or numbers."""
        if isinstance(device, int):
            device = f"cuda:{device}"
        return self.to("cuda" if device is None else device)

    def float(self: Tensor) -> Tensor:
        """Convert the tensor to float32."""
        return self.to(dtypes.float32)

    def double(self: Tensor) -> Tensor:
        """Convert the tensor to float64."""
        return self.to(dtypes.float64)

    def half(self: Tensor) -> Tensor:
        """Convert the tensor to float16."""
        return self.to(dtypes.float16)

    def bfloat16(self: Tensor) -> Tensor:
        """Convert the tensor to bfloat16."""
        return self.to(dtypes.bfloat16)

    def long(self: Tensor) -> Tensor:
        """Convert the tensor to int64."""
        return self.to(dtypes.int64)

    def int(self: Tensor) -> Tensor:
        """Convert the tensor to int32."""
        return self.to(dtypes.int32)

    def bool(self: Tensor) -> Tensor:
        """Convert the tensor to bool."""
        return self.to(dtypes.bool_)

    def byte(self: Tensor) -> Tensor:
        """Convert the tensor to uint8."""
        return self.to(dtypes.uint8)

    def short(self: Tensor) -> Tensor:
        """Convert the tensor to int16."""
        return self.to(dtypes.int16)

    def char(self: Tensor) -> Tensor:
        """Convert the tensor to int8."""
        return self.to(dtypes.int8)

    @overload
    def type(self: Tensor, dtype: None = None, non_blocking: bool = False) -> str: ...
    @overload
    def type(self: Tensor, dtype: Any, non_blocking: bool = False) -> Tensor: ...
    def type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> str | Tensor:
        """Return the type's name, such as "torch.FloatTensor", or convert the tensor to `dtype`.

        `dtype` may be a dtype, or such a name or class.
        """
        from .legacy import type_of

        return type_of(self, dtype)

    def type_as(self: Tensor, other: Tensor) -> Tensor:
        """Convert the tensor to the dtype and device of `other`."""
        return self.to(other.dtype).to(other.device)

    def __bool__(self: Tensor) -> builtins.bool:
        if self.array.size != 1:
            raise RuntimeError(
                f"bool: a tensor of shape {self.shape} has no truth value; use any() or all()"
            )
        devices.refuse_read("bool(tensor)", self.array)
        return self.array.item() != 0

    def __float__(self: Tensor) -> builtins.float:
        return float(self.item())

    def __int__(self: Tensor) -> builtins.int:
        return int(self.item())

    def __index__(self: Tensor) -> builtins.int:
        if self.array.dtype.kind not in "iu" or self.array.size != 1:
            raise TypeError(
                f"index: only an integer tensor of one element is, got {self.dtype} {self.shape}"
            )
        devices.refuse_read("int(tensor)", self.array)
        return self.array.item()

    def __format__(self: Tensor, spec: str) -> str:
        if self.array.ndim == 0 and (spec or type(self) is array_function.Tensor):
            return format(self.item(), spec)
        if spec:
            raise TypeError(
                f"format: a tensor of shape {self.shape} has no format {spec!r}; only numbers "
                "(0-d tensors) have"
            )
        return str(self)

    def __round__(self: Tensor, ndigits: int | None = None) -> Tensor:
        return self.round(decimals=ndigits) if ndigits else self.round()

    def __repr__(self: Tensor) -> str:
        text = printing.text_of(devices.to_host(self.array))
        notes: list[str] = []
        if self.array.dtype not in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_):
            notes.append(f"dtype={self.array.dtype}")
        if self.device != "cpu":
            notes.append(f"device='{self.device}'")
        if self.grad_fn is not None:
            notes.append(f"grad_fn=<{type(self._node).__name__}>")
        elif self._requires_grad:
            notes.append("requires_grad=True")
        return f"tensor({', '.join([text, *notes])})"
