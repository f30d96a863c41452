"""The table from operators to implementations: each operator by the framework's own operations.

An implementation takes the node and the Tensors of its inputs, None for one that is left out, and
returns a Tensor or a tuple of them. All are differentiable where the operator is, and run on the
device of their inputs.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from .. import functional as F
from ..tensor import Tensor, arange, cat, maximum, minimum, where, zeros
from ..tensor.padding import pad as padded
from .ir import Node
from .recurrent import lstm
from .resizing import resize
from .windows import average_pool, conv, conv_transpose, max_pool

X = Tensor


def ints(x: Tensor | None) -> list[Any]:
    """The numbers of a small tensor, such as a shape."""
    return [] if x is None else np.atleast_1d(x.detach().cpu().numpy()).tolist()


# ------------------------------------------------------------------------------ products and norms


def _gemm(node: Node, a: X, b: X, c: X | None = None) -> X:
    a = a.t() if node.get("transA") else a
    alpha, beta = node.get("alpha"), node.get("beta")
    if node.get("transB") and alpha == beta == 1 and (c is None or c.shape == b.shape[:1]):
        return F.linear(a, b, c)
    y = a @ (b.t() if node.get("transB") else b)
    y = y if alpha == 1 else y * alpha
    return y if c is None else y + (c if beta == 1 else c * beta)


def _batch_norm(node: Node, x: X, scale: X, b: X, mean: X, var: X) -> X:
    if node.get("training_mode"):
        raise ValueError(f"{node.name} (BatchNormalization): training_mode=1 is not supported")
    mean, var = mean.detach(), var.detach()
    return F.batch_norm(x, mean, var, scale, b, eps=node.get("epsilon"))


def _standardised(x: X, axes: tuple[int, ...], eps: float) -> X:
    centred = x - x.mean(axes, keepdim=True)
    return centred / (centred.square().mean(axes, keepdim=True) + eps).sqrt()


def _of_channels(w: X, ndim: int) -> X:
    return w.reshape((-1,) + (1,) * (ndim - 2))


def _instance_norm(node: Node, x: X, scale: X, b: X) -> X:
    if math.prod(x.shape[2:]) > 1 and x.numel():
        return F.instance_norm(x, weight=scale, bias=b, eps=node.get("epsilon"))
    y = _standardised(x, tuple(range(2, x.ndim)), node.get("epsilon"))
    return y * _of_channels(scale, x.ndim) + _of_channels(b, x.ndim)


def _group_norm(node: Node, x: X, scale: X, b: X) -> X:
    groups, channels = node.get("num_groups"), x.shape[1]
    if scale.shape[0] == groups != channels:  # one for each group, as in opset 18
        scale, b = (t.repeat_interleave(channels // groups) for t in (scale, b))
    return F.group_norm(x, groups, scale, b, eps=node.get("epsilon"))


def _layer_norm(node: Node, x: X, scale: X, b: X | None = None) -> Any:
    shape = x.shape[node.get("axis") % x.ndim :]
    if len(node.outputs) > 1:
        axes = tuple(range(-len(shape), 0))
        mean = x.mean(axes, keepdim=True)
        variance = (x - mean).square().mean(axes, keepdim=True)
        inverse = (variance + node.get("epsilon")).rsqrt()
        y = (x - mean) * inverse * scale
        return y if b is None else y + b, mean, inverse
    if scale.shape == shape and (b is None or b.shape == shape) and math.prod(shape) > 1:
        return F.layer_norm(x, shape, scale, b, eps=node.get("epsilon"))
    y = _standardised(x, tuple(range(-len(shape), 0)), node.get("epsilon")) * scale
    return y if b is None else y + b


def _rms_norm(node: Node, x: X, scale: X) -> X:
    shape = x.shape[node.get("axis") % x.ndim :]
    if scale.shape == shape:
        return F.rms_norm(x, shape, scale, eps=node.get("epsilon"))
    return F.rms_norm(x, shape, eps=node.get("epsilon")) * scale


def _lrn(node: Node, x: X) -> X:
    size = node.get("size")
    settings = size, node.get("alpha"), node.get("beta"), node.get("bias")
    if size % 2:
        return F.local_response_norm(x, *settings)
    # An even window reaches further forward here, further back there.
    return F.local_response_norm(x.flip(1), *settings).flip(1)


def _lp_norm(node: Node, x: X) -> X:
    axis = node.get("axis")
    size = x.abs().sum(axis, keepdim=True) if node.get("p") == 1 else x.norm(2, axis, keepdim=True)
    return where(size == 0, x * 0, x / where(size == 0, size + 1, size))


# ------------------------------------------------------------------------------------- elementwise


def _div(node: Node, a: X, b: X) -> X:
    return a / b if a.dtype.kind == "f" else a.div(b, rounding_mode="trunc")


def _mod(node: Node, a: X, b: X) -> X:
    return a.fmod(b) if node.get("fmod") else a % b


def _pow(node: Node, a: X, b: X) -> X:
    if b.numel() == 1 and not b.requires_grad and b.ndim <= a.ndim:
        return (a ** b.reshape(()).item()).to(a.dtype)
    return (a**b).to(a.dtype)


def _prelu(node: Node, x: X, slope: X) -> X:
    return where(x > 0, x, x * slope)


def _selu(node: Node, x: X) -> X:
    return F.elu(x, node.get("alpha")) * node.get("gamma")


def _shrink(node: Node, x: X) -> X:
    lambd, bias = node.get("lambd"), node.get("bias")
    zero = x * 0
    return where(x < -lambd, x + bias, where(x > lambd, x - bias, zero)).to(x.dtype)


def _clip(node: Node, x: X, low: X | None = None, high: X | None = None) -> X:
    return x if low is None and high is None else x.clamp(low, high).to(x.dtype)


def _dropout(node: Node, x: X, ratio: X | None = None, training: X | None = None) -> Any:
    if len(node.outputs) == 1:
        return x
    return x, zeros(x.shape, dtype=dtypes.bool_, device=x.device) == 0


def _is_inf(node: Node, x: X) -> X:
    found = x.isinf()
    if not node.get("detect_negative"):
        found = found & (x > 0)
    return found if node.get("detect_positive") else found & (x < 0)


def _equal(node: Node, a: X, b: X) -> X:
    return a == b


def _chain(op: Callable[[X, X], X]) -> Callable[..., X]:
    return lambda node, *xs: functools.reduce(op, xs)


def _mean(node: Node, *xs: X) -> X:
    return functools.reduce(Tensor.__add__, xs) / len(xs)


# -------------------------------------------------------------------------------------- along axes


def _reduction(f: Callable[[X, tuple[int, ...], bool], X]) -> Callable[..., X]:
    def implementation(node: Node, x: X, axes: X | None = None) -> X:
        along = tuple(a % x.ndim for a in ints(axes)) if x.ndim else ()
        if not along:
            if node.get("noop_with_empty_axes"):
                return x
            along = tuple(range(x.ndim))
        return f(x, along, bool(node.get("keepdims"))).to(x.dtype)

    return implementation


def _mean_of(x: X, axes: tuple[int, ...], keep: bool) -> X:
    return (x if x.dtype.kind == "f" else x.to(dtypes.float64)).mean(axes, keep)


def _largest(x: X, axes: tuple[int, ...], keep: bool, sign: int) -> X:
    """The maximum (sign -1) or minimum (1); of nothing it is the smallest or largest number."""
    if all(x.shape[axis] for axis in axes):
        return x.amax(axes, keep) if sign < 0 else x.amin(axes, keep)
    if x.dtype.kind == "f":
        empty: Any = sign * math.inf
    elif x.dtype.kind == "b":
        empty = sign > 0
    else:
        limits = np.iinfo(x.dtype)
        empty = limits.max if sign > 0 else limits.min
    return (x.to(dtypes.float64).sum(axes, keep) * 0).to(x.dtype).fill_(empty)


def _log_sum_exp(x: X, axes: tuple[int, ...], keep: bool) -> X:
    return x.logsumexp(axes, keep)


def _located(name: str) -> Callable[..., X]:
    def implementation(node: Node, x: X) -> X:
        axis, keep = node.get("axis"), bool(node.get("keepdims"))
        if not node.get("select_last_index"):
            return getattr(x, name)(axis, keep)
        return x.shape[axis] - 1 - getattr(x.flip(axis), name)(axis, keep)

    return implementation


def _cumsum(node: Node, x: X, axis: X) -> X:
    (along,) = ints(axis)
    x = x.flip(along) if node.get("reverse") else x
    y = x.cumsum(along).to(x.dtype)
    y = y - x if node.get("exclusive") else y
    return y.flip(along) if node.get("reverse") else y


def _hardmax(node: Node, x: X) -> X:
    axis = node.get("axis") % x.ndim
    shape = tuple(-1 if i == axis else 1 for i in range(x.ndim))
    places = arange(x.shape[axis], device=x.device).reshape(shape)
    return (places == x.argmax(axis, keepdim=True)).to(x.dtype)


def _top(node: Node, x: X, k: X) -> tuple[X, X]:
    values, at = x.topk(ints(k)[0], node.get("axis"), bool(node.get("largest")))
    return values, at


# ---------------------------------------------------------------------------------- moving numbers


def _reshape(node: Node, x: X, shape: X) -> X:
    sizes = ints(shape)
    if not node.get("allowzero"):
        sizes = [x.shape[i] if n == 0 else n for i, n in enumerate(sizes)]
    return x.reshape(sizes)


def _flatten(node: Node, x: X) -> X:
    axis = node.get("axis")
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def _transpose(node: Node, x: X) -> X:
    return x.permute(node.get("perm") or tuple(range(x.ndim))[::-1])


def _squeeze(node: Node, x: X, axes: X | None = None) -> X:
    return x.squeeze() if axes is None else x.squeeze(tuple(ints(axes)))


def _unsqueeze(node: Node, x: X, axes: X) -> X:
    ndim = x.ndim + len(ints(axes))
    for axis in sorted(a % ndim for a in ints(axes)):
        x = x.unsqueeze(axis)
    return x


def _expand(node: Node, x: X, shape: X) -> X:
    return x.expand(np.broadcast_shapes(x.shape, tuple(ints(shape))))


def _split(node: Node, x: X, sizes: X | None = None) -> tuple[X, ...]:
    axis, count = node.get("axis"), len(node.outputs)
    if sizes is not None:
        return x.split(ints(sizes), axis)
    n, parts = x.shape[axis], node.get("num_outputs") or count
    each = -(-n // parts)
    return x.split([max(min(each, n - i * each), 0) for i in range(parts)], axis)


def _slice(
    node: Node, x: X, starts: X, ends: X, axes: X | None = None, steps: X | None = None
) -> X:
    along = ints(axes) or list(range(len(ints(starts))))
    key: list[Any] = [slice(None)] * x.ndim
    for axis, a, b, step in zip(
        along, ints(starts), ints(ends), ints(steps) or [1] * len(along), strict=True
    ):
        n = x.shape[axis]
        if step > 0:
            key[axis] = slice(*slice(a, b, step).indices(n))
            continue
        first, last = (a + n if a < 0 else a), (max(b + n, -1) if b < 0 else b)
        places = list(range(min(first, n - 1), last, step))
        x = x.index_select(axis, Tensor(np.asarray(places, np.int64, like=x.array)))
    return x[tuple(key)]


def _positive(at: X, n: int) -> X:
    """Indices counted from the front."""
    return where(at < 0, at + n, at).to(dtypes.int64)


def _gather(node: Node, x: X, at: X) -> X:
    axis = node.get("axis") % x.ndim
    places = _positive(at, x.shape[axis])
    y = x.index_select(axis, places.reshape(-1))
    return y.reshape((*x.shape[:axis], *at.shape, *x.shape[axis + 1 :]))


def _gather_elements(node: Node, x: X, at: X) -> X:
    axis = node.get("axis") % x.ndim
    return x.gather(axis, _positive(at, x.shape[axis]))


_PADDING = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def _pad(node: Node, x: X, pads: X, value: X | None = None, axes: X | None = None) -> X:
    along = [a % x.ndim for a in ints(axes)] or list(range(x.ndim))
    widths, given = [(0, 0)] * x.ndim, ints(pads)
    for i, axis in enumerate(along):
        widths[axis] = given[i], given[i + len(along)]
    mode = _PADDING[node.get("mode")]
    filling = ints(value)[0] if value is not None and mode == "constant" else None
    return padded(x, [n for pair in reversed(widths) for n in pair], mode, filling)


def _tile(node: Node, x: X, repeats: X) -> X:
    return x.repeat(ints(repeats))


def _depth_to_space(node: Node, x: X) -> X:
    b = node.get("blocksize")
    if node.get("mode") == "CRD":
        return F.pixel_shuffle(x, b)
    n, c, h, w = x.shape
    y = x.reshape(n, b, b, c // (b * b), h, w).permute(0, 3, 4, 1, 5, 2)
    return y.reshape(n, c // (b * b), h * b, w * b)


def _space_to_depth(node: Node, x: X) -> X:
    b = node.get("blocksize")
    n, c, h, w = x.shape
    order = (0, 1, 3, 5, 2, 4) if node.get("mode") == "CRD" else (0, 3, 5, 1, 2, 4)
    y = x.reshape(n, c, h // b, b, w // b, b).permute(order)
    return y.reshape(n, c * b * b, h // b, w // b)


def _trilu(node: Node, x: X, k: X | None = None) -> X:
    diagonal = ints(k)[0] if k is not None else 0
    return x.triu(diagonal) if node.get("upper") else x.tril(diagonal)


# ----------------------------------------------------------------------- types, shapes, constants


def _shape(node: Node, x: X) -> X:
    return Tensor(np.asarray(x.shape[node.get("start") : node.get("end")], np.int64, like=x.array))


def _constant(node: Node) -> X:
    return Tensor(np.array(node.get("value")))


def _full(node: Node, shape: X) -> X:
    value = node.get("value")
    value = np.zeros(1, np.float32) if value is None else np.asarray(value)
    y = np.empty(ints(shape), value.dtype, like=shape.array)
    y[...] = value.ravel()[0]
    return Tensor(y)


def _range(node: Node, start: X, stop: X, step: X) -> X:
    ends = [ints(x)[0] for x in (start, stop, step)]
    return Tensor(np.asarray(np.arange(*ends, dtype=start.dtype), like=start.array))


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
    "Gemm": _gemm,
    "MatMul": lambda node, a, b: a @ b,
    "BatchNormalization": _batch_norm,
    "InstanceNormalization": _instance_norm,
    "GroupNormalization": _group_norm,
    "LayerNormalization": _layer_norm,
    "RMSNormalization": _rms_norm,
    "LpNormalization": _lp_norm,
    "LRN": _lrn,
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
    "IsInf": _is_inf,
    "LeakyRelu": _function(F.leaky_relu, "alpha"),
    "Selu": _selu,
    "Shrink": _shrink,
    "ThresholdedRelu": lambda node, x: F.threshold(x, node.get("alpha"), 0.0),
    "Clip": _clip,
    "Dropout": _dropout,
    "Add": lambda node, a, b: a + b,
    "Sub": lambda node, a, b: a - b,
    "Mul": lambda node, a, b: a * b,
    "Div": _div,
    "Mod": _mod,
    "Pow": _pow,
    "PRelu": _prelu,
    "Max": _chain(maximum),
    "Min": _chain(minimum),
    "Sum": _chain(Tensor.__add__),
    "Mean": _mean,
    "And": lambda node, a, b: a & b,
    "Or": lambda node, a, b: a | b,
    "Xor": lambda node, a, b: a ^ b,
    "Equal": _equal,
    "Greater": lambda node, a, b: a > b,
    "GreaterOrEqual": lambda node, a, b: a >= b,
    "Less": lambda node, a, b: a < b,
    "LessOrEqual": lambda node, a, b: a <= b,
    "Where": lambda node, condition, a, b: where(condition, a, b),
    "ReduceL1": _reduction(lambda x, axes, keep: x.abs().sum(axes, keep)),
    "ReduceL2": _reduction(lambda x, axes, keep: x.square().sum(axes, keep).sqrt()),
    "ReduceLogSum": _reduction(lambda x, axes, keep: x.sum(axes, keep).log()),
    "ReduceLogSumExp": _reduction(_log_sum_exp),
    "ReduceMax": _reduction(lambda x, axes, keep: _largest(x, axes, keep, -1)),
    "ReduceMean": _reduction(lambda x, axes, keep: _mean_of(x, axes, keep)),
    "ReduceMin": _reduction(lambda x, axes, keep: _largest(x, axes, keep, 1)),
    "ReduceProd": _reduction(lambda x, axes, keep: x.prod(axes, keep)),
    "ReduceSum": _reduction(lambda x, axes, keep: x.sum(axes, keep)),
    "ReduceSumSquare": _reduction(lambda x, axes, keep: x.square().sum(axes, keep)),
    "ArgMax": _located("argmax"),
    "ArgMin": _located("argmin"),
    "CumSum": _cumsum,
    "LogSoftmax": _method("log_softmax", "axis"),
    "Softmax": _method("softmax", "axis"),
    "Hardmax": _hardmax,
    "TopK": _top,
    "Concat": lambda node, *xs: cat(xs, node.get("axis")),
    "DepthToSpace": _depth_to_space,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "Pad": _pad,
    "Reshape": _reshape,
    "Resize": resize,
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Trilu": _trilu,
    "Unsqueeze": _unsqueeze,
    "Cast": lambda node, x: x.to(np.dtype(node.get("to"))),
    "Constant": _constant,
    "ConstantOfShape": _full,
    "Range": _range,
    "Shape": _shape,
    "Size": lambda node, x: Tensor(np.asarray(x.numel(), np.int64, like=x.array)),
    "LSTM": lstm,
}  # fmt: skip
