"""Fusion of a ReLU with the convolution or batch norm before it, decided in one place.

It saves one pass over memory forward and one backward, and changes no number. No user can observe
it: if one of the two layers has hooks, is replaced, patched or subclassed, or if a function that
they call is replaced, they run separately.
"""

from __future__ import annotations

from .. import functional as F
from ..tensor.tensor import Tensor
from .activation import ReLU
from .conv import Conv2d
from .module import Module
from .norm import BatchNorm1d, BatchNorm2d

# The methods as written here; users may have patched those of the classes.
_FORWARD = {cls: cls.forward for cls in (BatchNorm1d, BatchNorm2d, Conv2d, ReLU)}
_CALL = Module.__call__
_RELU, _CONV2D, _BATCH_NORM = F.relu, F.conv2d, F.batch_norm


def relu_after(module: Module, input: Tensor) -> Tensor:
    """relu(module(input)), in one pass if `module` is a Conv2d, BatchNorm1d or BatchNorm2d."""
    if F.relu is _RELU and type(module) is not ReLU and _runs_as_written(module):
        if type(module) is Conv2d:
            if F.conv2d is _CONV2D:
                return module._apply_op(F.conv2d_relu, input)
        elif F.batch_norm is _BATCH_NORM:
            return module._apply_op(F.batch_norm_relu, input)
    return F.relu(module(input))


def is_plain_relu(module: Module) -> bool:
    """Whether calling `module` is F.relu and nothing else."""
    return type(module) is ReLU and _runs_as_written(module)


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
