"""Fusion of a ReLU or ReLU6 with the convolution, batch norm or sum before it, in one place.

It saves one pass over memory forward and one backward, and changes no number. On a device, a
convolution also sums what a batch norm in training needs to know of its result, and the batch norm
adds the shortcut of a residual block: two passes less, with means rounded otherwise. No user can
observe it: if one of the layers has hooks, is replaced, patched or subclassed, or if a function
that they call is replaced, they run separately.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeGuard

from .. import devices
from .. import functional as F
from ..functional.conv import conv2d_with_moments_of
from ..kernels.activation import added_at_once
from ..kernels.batch_norm import adds_residuals
from ..kernels.dispatch import this_thread
from ..tensor.activation import ReLUOfSum
from ..tensor.tensor import Tensor
from .activation import ReLU, ReLU6
from .conv import Conv2d
from .module import Module
from .norm import BatchNorm1d, BatchNorm2d

if TYPE_CHECKING:
    from ..kernels.batch_norm import Moments

# The methods as written here; users may have patched those of the classes.
_FORWARD = {cls: cls.forward for cls in (BatchNorm1d, BatchNorm2d, Conv2d, ReLU, ReLU6)}
_CALL = Module.__call__
_RELU, _RELU6, _CONV2D, _BATCH_NORM = F.relu, F.relu6, F.conv2d, F.batch_norm
_ADD = Tensor.__add__


def relu_after(module: Module, input: Tensor, conv: Module | None = None) -> Tensor:
    """relu(module(input)), in one pass if `module` is a Conv2d, BatchNorm1d or BatchNorm2d.

    conv: comes before a batch norm, relu(module(conv(input))), and may sum for it.
    """
    if F.relu is _RELU and _runs_as_written(module):
        if type(module) is Conv2d:
            if F.conv2d is _CONV2D:
                return module._apply_op(F.conv2d_relu, input)
        elif isinstance(module, (BatchNorm1d, BatchNorm2d)) and F.batch_norm is _BATCH_NORM:
            input, known = _convolved(conv, module, input)
            return module._apply_op(F.batch_norm_relu, input, **known)
    return F.relu(norm_after(module, conv, input))


def relu6_after(module: Module, input: Tensor, conv: Module | None = None) -> Tensor:
    """relu6(module(input)), in one pass if `module` is a BatchNorm1d or BatchNorm2d; `conv` as in
    `relu_after`.
    """
    is_usual = F.relu6 is _RELU6 and F.batch_norm is _BATCH_NORM
    if is_usual and isinstance(module, (BatchNorm1d, BatchNorm2d)) and _runs_as_written(module):
        input, known = _convolved(conv, module, input)
        return module._apply_op(partial(F.batch_norm_relu, ceiling=6.0), input, **known)
    return F.relu6(norm_after(module, conv, input))


def norm_after(norm: Module, conv: Module | None, input: Tensor) -> Tensor:
    """norm(conv(input)), of which the convolution may sum what the norm needs to know."""
    input, known = _convolved(conv, norm, input)
    if known and isinstance(norm, BatchNorm2d):
        return norm._apply_op(F.batch_norm, input, **known)
    return norm(input)


def relu_of_normed_sum(norm: Module, conv: Module, input: Tensor, shortcut: Tensor) -> Tensor:
    """relu(norm(conv(input)) + shortcut); the norm of a device adds and rectifies, in training."""
    input, known = _convolved(conv, norm, input)
    is_usual = devices.elsewhere and F.relu is _RELU and Tensor.__add__ is _ADD
    if is_usual and _is_in_training(norm) and this_thread.forced is None:
        statistics = None if norm.running_mean is None else norm.running_mean.array
        if adds_residuals(input.array, shortcut.array, statistics):
            return norm._apply_op(F.batch_norm_relu, input, residual=shortcut, **known)
    y = norm._apply_op(F.batch_norm, input, **known) if known else norm(input)
    return relu_of_sum(y, shortcut)


def _convolved(
    conv: Module | None, norm: Module, input: Tensor
) -> tuple[Tensor, dict[str, Moments]]:
    """conv(input), or input itself, and what the convolution has summed for the norm."""
    if conv is None:
        return input, {}
    usual = devices.elsewhere and this_thread.forced is None
    usual = usual and F.conv2d is _CONV2D and type(conv) is Conv2d
    if not (usual and _runs_as_written(conv) and _is_in_training(norm)):
        return conv(input), {}
    moments: list[Moments] = []
    y = conv._apply_op(partial(conv2d_with_moments_of, moments), input)
    return y, {"moments": moments[0]} if moments else {}


def _is_in_training(norm: Module) -> TypeGuard[BatchNorm2d]:
    """Whether this is a batch norm of images as written here, which normalises by the batch."""
    usual = type(norm) is BatchNorm2d and F.batch_norm is _BATCH_NORM
    return usual and norm.training and _runs_as_written(norm)


def in_order(modules: Sequence[Module], input: Tensor) -> Tensor:
    """The result of the last module, of which each takes that of the one before."""
    i = 0
    while i < len(modules):
        conv = None
        if devices.elsewhere and i + 1 < len(modules) and _is_in_training(modules[i + 1]):
            conv, i = modules[i], i + 1
        after = fused(modules[i + 1]) if i + 1 < len(modules) else None
        if after:
            input = after(modules[i], input, conv)
            i += 2
        else:
            input = norm_after(modules[i], conv, input)
            i += 1
    return input


def relu_of_sum(a: Tensor | float, b: Tensor) -> Tensor:
    """relu(a + b); of large tensors by one kernel, unless F.relu or the sum is replaced."""
    is_usual = F.relu is _RELU and Tensor.__add__ is _ADD
    if is_usual and isinstance(a, Tensor) and added_at_once(a.array, b.array):
        return ReLUOfSum.apply(a, b)
    return F.relu(a + b)


# By the activation that follows.
AFTER: dict[type[Module], Callable[[Module, Tensor, Module | None], Tensor]] = {
    ReLU: relu_after,
    ReLU6: relu6_after,
}


def fused(activation: Module) -> Callable[[Module, Tensor, Module | None], Tensor] | None:
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
