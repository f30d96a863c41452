"""Moving a module to a device, and converting its numbers to a dtype."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .. import devices, dtypes
from ..tensor.tensor import Tensor

if TYPE_CHECKING:
    from typing_extensions import Self  # typing has it from Python 3.11

    from ..tensor.types import DeviceLike, DTypeLike
    from .parameter import Parameter


class Convertible:
    """The part of Module that converts parameters and buffers in place."""

    if TYPE_CHECKING:  # defined by Module

        def parameters(self, recurse: bool = True) -> Iterator[Parameter]: ...

        def buffers(self, recurse: bool = True) -> Iterator[Tensor]: ...

    def to(
        self,
        *args: Tensor | DeviceLike | DTypeLike | None,
        dtype: DTypeLike | None = None,
        device: DeviceLike | None = None,
        non_blocking: bool = False,
        memory_format: str | None = None,
    ) -> Self:
        """Move to a device, and convert floating-point parameters and buffers to a dtype.

        to(dtype), to(device), to(device, dtype) and to(tensor), as for tensors. Parameters stay the
        same objects, so an optimizer created earlier keeps working. non_blocking and memory_format
        change nothing.

        Raises: TypeError for a dtype that is not floating-point.
        """
        if memory_format is not None:
            dtypes.check_memory_format(memory_format, "to")
        for arg in args:
            if isinstance(arg, Tensor):
                dtype, device = arg.dtype, arg.device
            elif devices.names_device(arg):
                device = arg
            elif not isinstance(arg, (bool, int)) and arg is not None:  # a bool: non_blocking
                dtype = arg
        if dtype is not None and dtypes.check_dtype(dtype, "to").kind not in dtypes.FLOATS:
            raise TypeError(f"to: dtype={dtype} must be a floating-point type for a module")
        for tensor in itertools.chain(self.parameters(), self.buffers()):
            wanted = dtype if tensor.is_floating_point() else None
            _convert(tensor, wanted, device)
        return self

    def type(self, dst_type: DTypeLike) -> Self:
        """Convert all parameters and buffers to a dtype, including counters, unlike `to`."""
        dtype = dtypes.check_dtype(dst_type, "type")
        if dtype.kind not in dtypes.FLOATS and any(p.requires_grad for p in self.parameters()):
            raise TypeError(
                f"type: dst_type={dtype} must be a floating-point type for parameters that "
                "require grad"
            )
        for tensor in itertools.chain(self.parameters(), self.buffers()):
            _convert(tensor, dtype, None)
        return self

    def cpu(self) -> Self:
        """Move to main memory."""
        return self.to(device="cpu")

    def cuda(self, device: int | str | None = None) -> Self:
        """Move to the GPU "cuda:0", or to another given by number or name."""
        name = "cuda" if device is None else device
        return self.to(device=f"cuda:{name}" if isinstance(name, int) else name)

    def half(self) -> Self:
        """Convert floating-point parameters and buffers to float16."""
        return self.to(dtype=dtypes.float16)

    def bfloat16(self) -> Self:
        """Convert floating-point parameters and buffers to bfloat16."""
        return self.to(dtype=dtypes.bfloat16)

    def float(self) -> Self:
        """Convert floating-point parameters and buffers to float32."""
        return self.to(dtype=dtypes.float32)

    def double(self) -> Self:
        """Convert floating-point parameters and buffers to float64."""
        return self.to(dtype=dtypes.float64)


def _convert(tensor: Tensor, dtype: DTypeLike | None, device: DeviceLike | None) -> None:
    for t in (tensor, tensor.grad):
        if t is not None:
            t.array = t.detach().to(dtype=dtype, device=device).array
