"""Parameter: a Tensor that a Module trains."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from .. import devices, dtypes
from ..tensor.tensor import Tensor

if TYPE_CHECKING:
    from ..tensor.types import DeviceLike, DTypeLike, TensorLike


class Parameter(Tensor):
    """A leaf Tensor that a Module registers when it is assigned to an attribute.

    data: a Tensor or array, whose memory is shared.
    """

    def __init__(self, data: TensorLike, requires_grad: bool = True):
        if not isinstance(data, Tensor) and not devices.is_array(data):
            raise TypeError(
                f"Parameter: data must be a Tensor or an array, got {type(data).__name__}"
            )
        array = data.array if isinstance(data, Tensor) else data
        if requires_grad and array.dtype.kind not in dtypes.FLOATS:
            raise TypeError(
                f"Parameter: requires_grad needs a floating-point dtype, got {array.dtype}"
            )
        super().__init__(array, requires_grad=requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A Tensor that a Module registers as a buffer when it is assigned to an attribute.

    data: a Tensor or array, whose memory is shared. persistent: whether `state_dict` contains it.
    """

    def __init__(self, data: TensorLike, *, persistent: bool = True):
        if not isinstance(data, Tensor) and not devices.is_array(data):
            raise TypeError(f"Buffer: data must be a Tensor or an array, got {type(data).__name__}")
        super().__init__(data.array if isinstance(data, Tensor) else data)
        self.persistent = persistent


class UninitializedParameter(Parameter):
    """A parameter of a lazy layer, without a shape until the layer's first input.

    It has a dtype and a device, and can be moved or given to an optimizer. `materialize` turns the
    object into a Parameter. Raises: RuntimeError when its shape is read.
    """

    def __init__(
        self,
        requires_grad: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        device = devices.check_device(device, "UninitializedParameter")
        dtype = dtypes.get_default_dtype() if dtype is None else dtype
        array = devices.moved(np.zeros(0, dtype), device, "UninitializedParameter")
        super().__init__(array, requires_grad)

    @property
    def shape(self) -> tuple[int, ...]:
        """Raises RuntimeError: the shape is not known yet."""
        raise RuntimeError(
            "UninitializedParameter: a lazy layer's parameter has no shape before the layer's "
            "first call"
        )

    def numel(self) -> int:
        return len(self.shape)

    def materialize(self, value: Tensor) -> None:
        """Become a Parameter that shares the memory of `value`."""
        self.array = value.array
        self.__class__ = Parameter  # pyright: ignore[reportAttributeAccessIssue]  (Python may)

    def __repr__(self) -> str:
        return "<UninitializedParameter>"


class ShapeOnly(Parameter):
    """A parameter with a shape and a dtype but no memory: a read-only view of one zero.

    Raises: RuntimeError when a gradient arrives.
    """

    @property
    def _grad(self) -> None:
        """None: the parameter cannot be trained."""
        return None

    @_grad.setter
    def _grad(self, value: Tensor | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        if value is not None:
            raise RuntimeError(
                f"backward: a parameter of shape {self.shape} was made under shapes_only and has "
                "no memory to learn in; build the model outside"
            )


class _Making(threading.local):
    """How this thread creates parameters."""

    shapes_only = False


_making = _Making()


@contextlib.contextmanager
def shapes_only() -> Iterator[None]:
    """Create the parameters of new layers without memory and without drawing random numbers.

    Such a model can be counted, printed and run (on a batch of no images, to see its shapes).
    Training it or loading weights into it raises RuntimeError.

        with nn.shapes_only():
            vgg = mt.models.create_model("vgg19")  # 143,667,240 parameters in a few kilobytes
    """
    before, _making.shapes_only = _making.shapes_only, True
    try:
        yield
    finally:
        _making.shapes_only = before


def new_parameter(
    *shape: int, device: DeviceLike | None = None, dtype: DTypeLike | None = None
) -> Parameter:
    """A parameter of zeros, in the default dtype unless given one, for a layer to initialise."""
    device = devices.check_device(device, "Parameter")
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    if _making.shapes_only:
        return ShapeOnly(np.broadcast_to(np.zeros((), dtype), shape))
    return Parameter(devices.moved(np.zeros(shape, dtype), device, "Parameter"))
