"""Folding a batch norm in evaluation mode into the convolution or linear layer before it.

w' = w s,  b' = (b - running_mean) s + shift,  s = scale / sqrt(running_var + eps)
"""

from __future__ import annotations

import copy

from ...autograd.modes import no_grad
from ...tensor.tensor import Tensor
from ..module import Module
from ..parameter import Parameter


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the fused convolution; transpose: a transposed one, (I, O, *window)."""
    axis = 1 if transpose else 0
    with no_grad():
        scale = (bn_rv + bn_eps).rsqrt()
        scale = scale if bn_w is None else scale * bn_w
        bias = (-bn_rm if conv_b is None else conv_b - bn_rm) * scale
        bias = bias if bn_b is None else bias + bn_b
        shape = [1] * conv_w.ndim
        shape[axis] = scale.numel()
        weight = (conv_w * scale.reshape(shape)).to(conv_w.dtype)
        bias = bias.to(conv_w.dtype if conv_b is None else conv_b.dtype)
    frozen = conv_w.requires_grad, (conv_w if conv_b is None else conv_b).requires_grad
    return Parameter(weight, frozen[0]), Parameter(bias, frozen[1])


def fuse_conv_bn_eval(conv: Module, bn: Module, transpose: bool = False) -> Module:
    """A convolution that computes bn(conv(x)); both must be in evaluation mode.

    With transpose, conv is a transposed convolution of one group.

    Raises: ValueError for a module in training mode, a batch norm without running statistics, or a
    transposed convolution of several groups.
    """
    return _fused("fuse_conv_bn_eval", conv, bn, transpose)


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the fused linear layer."""
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def fuse_linear_bn_eval(linear: Module, bn: Module) -> Module:
    """A linear layer that computes bn(linear(x)); both must be in evaluation mode.

    Raises: ValueError for a module in training mode, or a batch norm without running statistics or
    with another number of features.
    """
    if linear.out_features != bn.num_features:
        raise ValueError(
            f"fuse_linear_bn_eval: bn of {bn.num_features} features must have linear's "
            f"{linear.out_features}"
        )
    return _fused("fuse_linear_bn_eval", linear, bn, False)


def _fused(name: str, layer: Module, bn: Module, transpose: bool) -> Module:
    if layer.training or bn.training:
        raise ValueError(f"{name}: both modules must be in evaluation mode; call eval() first")
    if bn.running_mean is None or bn.running_var is None:
        raise ValueError(f"{name}: bn keeps no running statistics")
    if transpose and layer.groups != 1:
        raise ValueError(f"{name}: transpose=True needs groups=1, got groups={layer.groups}")
    fused = copy.deepcopy(layer)
    statistics = bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, *statistics, transpose
    )
    return fused
