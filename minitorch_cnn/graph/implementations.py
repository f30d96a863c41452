"""The table from operators to implementations: each operator by the framework's own operations.

An implementation takes the node and the Tensors of its inputs, None for one that is left out, and
returns a Tensor or a tuple of them. All are differentiable where the operator is, and run on the
device of their inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import functional as F
from ..tensor import Tensor, cat, maximum, minimum, where
from . import along_axes, constants, elementwise, movement, norms
from .recurrent import lstm
from .resizing import resize
from .windows import average_pool, conv, conv_transpose, max_pool

X = Tensor


def _method(name: str, *settings: str) -> Callable[..., X]:
    """The Tensor's method, with the node's attributes as arguments."""
    return lambda node, x: getattr(x, name)(*(node.get(s) for s in settings))


def _function(f: Callable[..., X], *settings: str) -> Callable[..., X]:
    return lambda node, x: f(x, *(node.get(s) for s in settings))


IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": lambda node, x: x.mean(tuple(range(2, x.ndim)), keepdim=True),
    "GlobalMaxPool": lambda node, x: x.amax(tuple(range(2, x.ndim)), keepdim=True),
    "Gemm": norms.gemm,
    "MatMul": lambda node, a, b: a @ b,
    "BatchNormalization": norms.batch_norm,
    "InstanceNormalization": norms.instance_norm,
    "GroupNormalization": norms.group_norm,
    "LayerNormalization": norms.layer_norm,
    "RMSNormalization": norms.rms_norm,
    "LpNormalization": norms.lp_norm,
    "LRN": norms.lrn,
    **{
        name: _method(name.lower())
        for name in (
            "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Erf",
            "Exp", "Floor", "IsNaN", "Log", "Neg", "Reciprocal", "Relu", "Round", "Sigmoid", "Sign",
            "Sin", "Sinh", "Sqrt", "Tan", "Tanh",
        )
    },
    "HardSwish": _function(F.hardswish),
    "Identity": lambda node, x: x,
    "Mish": _function(F.mish),
    "Not": lambda node, x: x.logical_not(),
    "Softplus": lambda node, x: F.softplus(x, threshold=1e9),
    "Softsign": _function(F.softsign),
    "Celu": _function(F.celu, "alpha"),
    "Elu": _function(F.elu, "alpha"),
    "Gelu": _function(F.gelu, "approximate"),
    "HardSigmoid": lambda node, x: (x * node.get("alpha") + node.get("beta")).clamp(0, 1),
    "IsInf": elementwise.is_inf,
    "LeakyRelu": _function(F.leaky_relu, "alpha"),
    "Selu": elementwise.selu,
    "Shrink": elementwise.shrink,
    "ThresholdedRelu": lambda node, x: F.threshold(x, node.get("alpha"), 0.0),
    "Clip": elementwise.clip,
    "Dropout": elementwise.dropout,
    "Add": lambda node, a, b: a + b,
    "Sub": lambda node, a, b: a - b,
    "Mul": lambda node, a, b: a * b,
    "Div": elementwise.div,
    "Mod": elementwise.mod,
    "Pow": elementwise.pow_,
    "PRelu": elementwise.prelu,
    "Max": elementwise.chain(maximum),
    "Min": elementwise.chain(minimum),
    "Sum": elementwise.chain(Tensor.__add__),
    "Mean": elementwise.mean,
    "And": lambda node, a, b: a & b,
    "Or": lambda node, a, b: a | b,
    "Xor": lambda node, a, b: a ^ b,
    "Equal": elementwise.equal,
    "Greater": lambda node, a, b: a > b,
    "GreaterOrEqual": lambda node, a, b: a >= b,
    "Less": lambda node, a, b: a < b,
    "LessOrEqual": lambda node, a, b: a <= b,
    "Where": lambda node, condition, a, b: where(condition, a, b),
    "ReduceL1": along_axes.reduction(lambda x, axes, keep: x.abs().sum(axes, keep)),
    "ReduceL2": along_axes.reduction(lambda x, axes, keep: x.square().sum(axes, keep).sqrt()),
    "ReduceLogSum": along_axes.reduction(lambda x, axes, keep: x.sum(axes, keep).log()),
    "ReduceLogSumExp": along_axes.reduction(along_axes.log_sum_exp),
    "ReduceMax": along_axes.reduction(lambda x, axes, keep: along_axes.largest(x, axes, keep, -1)),
    "ReduceMean": along_axes.reduction(lambda x, axes, keep: along_axes.mean_of(x, axes, keep)),
    "ReduceMin": along_axes.reduction(lambda x, axes, keep: along_axes.largest(x, axes, keep, 1)),
    "ReduceProd": along_axes.reduction(lambda x, axes, keep: x.prod(axes, keep)),
    "ReduceSum": along_axes.reduction(lambda x, axes, keep: x.sum(axes, keep)),
    "ReduceSumSquare": along_axes.reduction(lambda x, axes, keep: x.square().sum(axes, keep)),
    "ArgMax": along_axes.located("argmax"),
    "ArgMin": along_axes.located("argmin"),
    "CumSum": along_axes.cumsum,
    "LogSoftmax": _method("log_softmax", "axis"),
    "Softmax": _method("softmax", "axis"),
    "Hardmax": along_axes.hardmax,
    "TopK": along_axes.top,
    "Concat": lambda node, *xs: cat(xs, node.get("axis")),
    "DepthToSpace": movement.depth_to_space,
    "Expand": movement.expand,
    "Flatten": movement.flatten,
    "Gather": movement.gather,
    "GatherElements": movement.gather_elements,
    "Pad": movement.pad,
    "Reshape": movement.reshape,
    "Resize": resize,
    "Slice": movement.slice_,
    "SpaceToDepth": movement.space_to_depth,
    "Split": movement.split,
    "Squeeze": movement.squeeze,
    "Tile": movement.tile,
    "Transpose": movement.transpose,
    "Trilu": movement.trilu,
    "Unsqueeze": movement.unsqueeze,
    "Cast": lambda node, x: x.to(np.dtype(node.get("to"))),
    "Constant": constants.constant,
    "ConstantOfShape": constants.full,
    "Range": constants.range_,
    "Shape": constants.shape,
    "Size": lambda node, x: Tensor(np.asarray(x.numel(), np.int64, like=x.array)),
    "LSTM": lstm,
}  # fmt: skip

# What differs in training mode.
IN_TRAINING: dict[str, Callable[..., Any]] = {
    "BatchNormalization": norms.batch_norm_in_training,
    "Dropout": elementwise.dropout_in_training,
}
