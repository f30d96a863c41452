"""A ReLU in the pass of the convolution or batch norm before it: one place decides where.

It saves a pass over memory forward and one back, and changes no number. Nobody must be able to
tell: where a user has hooked, replaced, patched or subclassed one of the two, or has exchanged a
function that they call, they run apart.
"""

from __future__ import annotations

from .. import functional as F
from ..tensor.tensor import Tensor
from .activation import ReLU
from .conv import Conv2d
from .module import Module
from .norm import BatchNorm1d, BatchNorm2d

# The layers as they are written here: what a class computes now may be another function.
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
    """Whether the module is of one of the layers above, runs what is written here, and nobody is
    called meanwhile."""
    cls = type(module)
    return (
        cls in _FORWARD
        and cls.forward is _FORWARD[cls]
        and cls.__call__ is _CALL
        and "forward" not in module.__dict__
        and not module.has_hooks()
    )
