"""Fusion of a ReLU or ReLU6 with the convolution, batch norm or sum before it, in one place.

It saves one pass over memory forward and one backward, and changes no number. No user can observe
it: if one of the two layers has hooks, is replaced, patched or subclassed, or if a function that
they call is replaced, they run separately.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .. import devices
from .. import functional as F
from ..kernels.activation import on_one_device
from ..tensor.activation import ReLUOfSum
from ..tensor.tensor import Tensor
from .activation import ReLU, ReLU6
from .conv import Conv2d
from .module import Module
from .norm import BatchNorm1d, BatchNorm2d

# The methods as written here; users may have patched those of the classes.
_FORWARD = {cls: cls.forward for cls in (BatchNorm1d, BatchNorm2d, Conv2d, ReLU, ReLU6)}
_CALL = Module.__call__
_RELU, _RELU6, _CONV2D, _BATCH_NORM = F.relu, F.relu6, F.conv2d, F.batch_norm
_ADD = Tensor.__add__


def relu_after(module: Module, input: Tensor) -> Tensor:
    """relu(module(input)), in one pass if `module` is a Conv2d, BatchNorm1d or BatchNorm2d."""
    if F.relu is _RELU and _runs_as_written(module):
        if type(module) is Conv2d:
            if F.conv2d is _CONV2D:
                return module._apply_op(F.conv2d_relu, input)
        elif isinstance(module, (BatchNorm1d, BatchNorm2d)) and F.batch_norm is _BATCH_NORM:
            return module._apply_op(F.batch_norm_relu, input)
    return F.relu(module(input))


def relu6_after(module: Module, input: Tensor) -> Tensor:
    """relu6(module(input)), in one pass if `module` is a BatchNorm1d or BatchNorm2d."""
    is_usual = F.relu6 is _RELU6 and F.batch_norm is _BATCH_NORM
    if is_usual and isinstance(module, (BatchNorm1d, BatchNorm2d)) and _runs_as_written(module):
        return module._apply_op(partial(F.batch_norm_relu, ceiling=6.0), input)
    return F.relu6(module(input))


def relu_of_sum(a: Tensor | float, b: Tensor) -> Tensor:
    """relu(a + b); of tensors on a device by one kernel, unless F.relu or the sum is replaced."""
    is_usual = devices.elsewhere and F.relu is _RELU and Tensor.__add__ is _ADD
    if is_usual and isinstance(a, Tensor) and on_one_device(a.array, b.array):
        return ReLUOfSum.apply(a, b)
    return F.relu(a + b)


# By the activation that follows.
AFTER: dict[type[Module], Callable[[Module, Tensor], Tensor]] = {
    ReLU: relu_after,
    ReLU6: relu6_after,
}


def fused(activation: Module) -> Callable[[Module, Tensor], Tensor] | None:
    """The function that computes a layer and then `activation`, None if it is not one of these."""
    after = AFTER.get(type(activation))
    return after if after and _runs_as_written(activation) else None


def _runs_as_written(module: Module) -> bool:
    """Whether the module is one of the layers above, with the methods written here and no hooks."""
    cls = type(module)
    return (
        cls in _FORWARD
        and cls.forward is _FORWARD[cls]
        and cls.__call__ is _CALL
        and "forward" not in module.__dict__
        and not module.has_hooks()
    )
