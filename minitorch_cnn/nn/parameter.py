"""Parameter: a Tensor that a Module counts among the things to be learned."""

from __future__ import annotations

import numpy as np

from .. import backend
from ..tensor.tensor import Tensor


class Parameter(Tensor):
    """A leaf Tensor that registers itself when it becomes an attribute of a Module.

    data: a Tensor or NumPy array, whose memory is shared.
    """

    __slots__ = ()

    def __init__(self, data: Tensor | np.ndarray, requires_grad: bool = True):
        if not isinstance(data, Tensor | np.ndarray):
            raise TypeError(
                f"Parameter: data must be a Tensor or an array, got {type(data).__name__}"
            )
        array = data.data if isinstance(data, Tensor) else data
        if requires_grad and array.dtype.kind != "f":
            raise TypeError(
                f"Parameter: requires_grad needs a floating-point dtype, got {array.dtype}"
            )
        super().__init__(array, requires_grad=requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


def new_parameter(*shape: int, device=None, dtype=None) -> Parameter:
    """A parameter of zeros, in the default dtype unless told, for a layer to initialise."""
    backend.check_device(device, "Parameter")
    return Parameter(np.zeros(shape, backend.get_default_dtype() if dtype is None else dtype))
