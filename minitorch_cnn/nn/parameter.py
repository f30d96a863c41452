"""Parameter: a Tensor that a Module counts among the things to be learned."""

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
    """A leaf Tensor that registers itself when it becomes an attribute of a Module.

    data: a Tensor or array, whose memory is shared.
    """

    def __init__(self, data: TensorLike, requires_grad: bool = True):
        if not isinstance(data, Tensor) and not devices.is_array(data):
            raise TypeError(
                f"Parameter: data must be a Tensor or an array, got {type(data).__name__}"
            )
        array = data.array if isinstance(data, Tensor) else data
        if requires_grad and array.dtype.kind != "f":
            raise TypeError(
                f"Parameter: requires_grad needs a floating-point dtype, got {array.dtype}"
            )
        super().__init__(array, requires_grad=requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A Tensor that registers itself as a buffer when it becomes an attribute of a Module.

    data: a Tensor or array, whose memory is shared. persistent: whether `state_dict` has it.
    """

    def __init__(self, data: TensorLike, *, persistent: bool = True):
        if not isinstance(data, Tensor) and not devices.is_array(data):
            raise TypeError(f"Buffer: data must be a Tensor or an array, got {type(data).__name__}")
        super().__init__(data.array if isinstance(data, Tensor) else data)
        self.persistent = persistent


class UninitializedParameter(Parameter):
    """A parameter of a lazy layer, whose shape the layer's first input decides.

    It has a dtype and a device, can be moved and given to an optimizer, and becomes a Parameter,
    the same object, by `materialize`. Raises: RuntimeError where its shape is asked for.
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
        """RuntimeError: nothing is known of it yet."""
        raise RuntimeError(
            "UninitializedParameter: a lazy layer's parameter has no shape before the layer has "
            "been called once"
        )

    def numel(self) -> int:
        return len(self.shape)

    def materialize(self, value: Tensor) -> None:
        """Become a Parameter that holds `value`, in its memory."""
        self.array = value.array
        self.__class__ = Parameter  # pyright: ignore[reportAttributeAccessIssue]  (Python may)

    def __repr__(self) -> str:
        return "<UninitializedParameter>"


class ShapeOnly(Parameter):
    """A parameter with a shape and a dtype but no memory: one zero, repeated, that none may write.

    Raises: RuntimeError when a gradient arrives.
    """

    @property
    def _grad(self) -> None:
        """None: nothing is learned here."""
        return None

    @_grad.setter
    def _grad(self, value: Tensor | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        if value is not None:
            raise RuntimeError(
                f"backward: a parameter of shape {self.shape} was made under shapes_only and has "
                "no memory to learn in; build the model outside"
            )


class _Making(threading.local):
    """How this thread makes parameters."""

    shapes_only = False


_making = _Making()


@contextlib.contextmanager
def shapes_only() -> Iterator[None]:
    """Make the parameters of new layers without memory and without drawing numbers for them.

    Such a model can be counted, printed and run (on a batch of no images, to see its shapes). To
    train it or to load weights into it raises RuntimeError.

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
    """A parameter of zeros, in the default dtype unless told, for a layer to initialise."""
    device = devices.check_device(device, "Parameter")
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    if _making.shapes_only:
        return ShapeOnly(np.broadcast_to(np.zeros((), dtype), shape))
    return Parameter(devices.moved(np.zeros(shape, dtype), device, "Parameter"))
