"""What each operation of layers becomes in a graph: convolution, pooling, norms, resampling."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..functional.activation import TANH_AMPLITUDE, TANH_SLOPE, PReLU, ScaledTanh
from ..functional.avg_pool import AdaptiveAvgPool2d, AvgPool2d
from ..functional.batch_norm_ops import BatchNorm, ChannelAffine
from ..functional.conv import Conv2d, ConvTranspose2d
from ..functional.embedding import Embedding
from ..functional.linear import Linear
from ..functional.local_response_norm import LocalResponseNorm
from ..functional.max_pool import AdaptiveMaxPool2d, MaxPool2d
from ..functional.piecewise import Piecewise
from ..functional.resample_taps import Resample, Taps
from ..functional.rms_norm import RMSNorm
from ..functional.softplus import LogSigmoid, Mish, Softplus
from ..functional.unfold import Fold, Unfold
from ..kernels.resample import AxisMap
from ..kernels.window import Window, adaptive_spans
from .recorder import Recorder
from .standin import Standin
from .tensor_rules import nonlocals, number, plain


def window_attributes(window: Window, kernel: bool = True) -> dict[str, Any]:
    """The attributes of a Window, without those that have no effect."""
    (top, bottom), (left, right) = window.padding
    pads = (top, left, bottom, right)
    return {
        "kernel_shape": tuple(window.kernel),
        "strides": tuple(window.stride) if window.stride != (1, 1) else None,
        "pads": pads if any(pads) else None,
        "dilations": tuple(window.dilation) if window.dilation != (1, 1) else None,
        "ceil_mode": 1 if window.ceil_mode else None,
    }


def rectified(rec: Recorder, y: Standin, ceiling: float) -> Standin:
    """min(max(y, 0), ceiling)"""
    if ceiling == math.inf:
        return rec.emit("Relu", y)
    return rec.emit("Clip", y, number(0, y), number(ceiling, y))


def _conv(
    rec: Recorder, cls: Any, x: Any, w: Any, b: Any, window: Window, groups: int, relu: bool = False
) -> Standin:
    given = {**window_attributes(window), "group": groups if groups > 1 else None}
    y = rec.emit("Conv", x, w, b, **given)
    return rec.emit("Relu", y) if relu else y


def _conv_transpose(
    rec: Recorder, cls: Any, x: Any, w: Any, b: Any, window: Window, groups: int, output_size: Any
) -> Standin:
    plain_size = window.input_size(*x.shape[2:])
    extra = tuple(int(n - m) for n, m in zip(output_size, plain_size, strict=True))
    return rec.emit(
        "ConvTranspose", x, w, b, **window_attributes(window),
        group=groups if groups > 1 else None, output_padding=extra if any(extra) else None,
    )  # fmt: skip


def _linear(rec: Recorder, cls: Any, x: Any, w: Any, b: Any) -> Standin:
    return rec.emit("Gemm", x, w, b, transB=1)


def _max_pool(rec: Recorder, cls: Any, x: Any, window: Window) -> tuple[Standin, Standin]:
    """ONNX counts the positions of maxima through the whole input, PyTorch within each plane.

    Hence the position modulo the size of a plane. Both nodes are dropped if nothing reads them.
    """
    y, at = rec.emit("MaxPool", x, outputs=2, **window_attributes(window))
    size = int(np.prod(x.shape[2:]))
    rec.optional.add(rec.nodes[-1].name)
    at = rec.emit("Mod", at, np.asarray(size, np.int64))
    rec.optional.add(rec.nodes[-1].name)
    return y, at


def _avg_pool(
    rec: Recorder, cls: Any, x: Any, window: Window, count_include_pad: bool,
    divisor_override: int | None,
) -> Standin:  # fmt: skip
    include = count_include_pad or divisor_override is not None
    padded = any(map(any, window.padding))
    given = window_attributes(window)
    y = rec.emit("AveragePool", x, count_include_pad=1 if include and padded else None, **given)
    if divisor_override is None:
        return y
    if window.ceil_mode:
        rec.refuse("averages with divisor_override and ceil_mode")
    kh, kw = window.kernel
    return rec.emit("Mul", y, number(kh * kw / divisor_override, x))


def _whole(x: Any, size: Any) -> tuple[int, int] | None:
    """The kernel of adaptive pooling whose windows are all of one size."""
    h, w = x.shape[2:]
    return None if h % size[0] or w % size[1] else (h // size[0], w // size[1])


def _adaptive_avg(rec: Recorder, cls: Any, x: Any, size: Any) -> Standin:
    if tuple(size) == (1, 1):
        return rec.emit("GlobalAveragePool", x)
    kernel = _whole(x, size)
    if kernel is not None:
        return rec.emit("AveragePool", x, kernel_shape=kernel, strides=kernel)
    matrices = [_means(n, out) for n, out in zip(x.shape[2:], size, strict=True)]
    return by_matrices(rec, x, matrices)


def _means(n: int, out: int) -> np.ndarray:
    """The matrix (out, n) of averages over the spans of adaptive pooling."""
    matrix = np.zeros((out, n))
    for row, (a, b) in zip(matrix, adaptive_spans(n, out), strict=True):
        row[a:b] = 1 / (b - a)
    return matrix


def by_matrices(rec: Recorder, x: Any, matrices: list[np.ndarray]) -> Standin:
    """x (*, H, W) -> A x B', the matrices (OH, H) and (OW, W), or one of them for signals."""
    y = rec.emit("MatMul", x, matrices[-1].T.astype(x.dtype))
    if len(matrices) == 1:
        return y
    return rec.emit("MatMul", matrices[0].astype(x.dtype), y)


def _adaptive_max(rec: Recorder, cls: Any, x: Any, size: Any) -> tuple[Standin, Any]:
    kernel = _whole(x, size)
    if kernel is not None:
        return _max_pool(rec, cls, x, Window(kernel, stride=kernel))
    for axis, out in zip((2, 3), size, strict=True):
        parts = [
            rec.emit("ReduceMax", rec.emit("Slice", x, [a], [b], [axis]), [axis], keepdims=1)
            for a, b in adaptive_spans(x.shape[axis], out)
        ]
        x = rec.emit("Concat", *parts, axis=axis) if len(parts) > 1 else parts[0]
    return x, rec.emit("Identity", x)


# -------------------------------------------------------------------------------------------- norms


def _batch_norm(
    rec: Recorder, cls: Any, x: Any, w: Any, b: Any, eps: float, relu: bool = False,
    ceiling: float = math.inf,
) -> tuple[Standin, Standin, Standin]:  # fmt: skip
    """With the statistics of x itself."""
    axes = [0, *range(2, len(x.shape))]
    mean = rec.emit("ReduceMean", x, axes, keepdims=1)
    y, var = standardised(rec, x, axes, eps, mean)
    shape = [-1, *(1,) * (len(x.shape) - 2)]
    if w is not None:
        y = rec.emit("Mul", y, rec.emit("Reshape", w, shape))
    if b is not None:
        y = rec.emit("Add", y, rec.emit("Reshape", b, shape))
    flat = [rec.emit("Reshape", s, [-1]) for s in (mean, var)]
    return rectified(rec, y, ceiling) if relu else y, flat[0], flat[1]


def standardised(
    rec: Recorder, x: Any, axes: list[int], eps: float, mean: Any
) -> tuple[Standin, Standin]:
    """(x - mean) / sqrt(var + eps), and var."""
    centred = rec.emit("Sub", x, mean)
    var = rec.emit("ReduceMean", rec.emit("Mul", centred, centred), axes, keepdims=1)
    spread = rec.emit("Sqrt", rec.emit("Add", var, number(eps, x)))
    return rec.emit("Div", centred, spread), var


def _channel_affine(
    rec: Recorder, cls: Any, x: Any, w: Any, b: Any, mean: Any, invstd: Any, relu: bool = False,
    ceiling: float = math.inf,
) -> Standin:  # fmt: skip
    """With constant statistics: a scale and a shift for each channel."""
    shape = [-1, *(1,) * (len(x.shape) - 2)]
    y = rec.emit("Mul", rec.emit("Sub", x, mean.reshape(shape)), invstd.reshape(shape))
    if w is not None:
        y = rec.emit("Mul", y, rec.emit("Reshape", w, shape))
    if b is not None:
        y = rec.emit("Add", y, rec.emit("Reshape", b, shape))
    return rectified(rec, y, ceiling) if relu else y


def _rms_norm(rec: Recorder, cls: Any, x: Any, axes: Any, eps: float) -> Standin:
    first = min(a % len(x.shape) for a in axes) - len(x.shape)
    scale = np.ones(x.shape[first:], x.dtype)
    return rec.emit("RMSNormalization", x, scale, axis=first, epsilon=float(eps))


def _lrn(
    rec: Recorder, cls: Any, x: Any, size: int, alpha: float, beta: float, k: float
) -> Standin:
    given = {"size": int(size), "alpha": float(alpha), "beta": float(beta), "bias": float(k)}
    if size % 2:
        return rec.emit("LRN", x, **given)
    # An even window reaches one channel further back here, forward there.
    turned = rec.emit("LRN", flipped(rec, x), **given)
    return flipped(rec, turned)


def flipped(rec: Recorder, x: Any) -> Standin:
    return rec.emit("Slice", x, [-1], [-(2**63) + 1], [1], [-1])


# -------------------------------------------------------------------------------------- activations


def _prelu(rec: Recorder, cls: Any, x: Any, w: Any) -> Standin:
    if int(np.prod(w.shape)) > 1 or len(w.shape) == 0:
        w = rec.emit("Reshape", w, [-1, *(1,) * (len(x.shape) - 2)])
    return rec.emit("PRelu", x, w)


def _scaled_tanh(rec: Recorder, cls: Any, x: Any) -> Standin:
    y = rec.emit("Tanh", rec.emit("Mul", x, number(TANH_SLOPE, x)))
    return rec.emit("Mul", y, number(TANH_AMPLITUDE, x))


def _piecewise(rec: Recorder, cls: Any, x: Any, f: Any, passes: Any) -> Standin:
    name, given = f.__qualname__.split(".")[0], {**nonlocals(f), **nonlocals(passes)}
    if name == "hardtanh":
        return rec.emit("Clip", x, number(given["min_val"], x), number(given["max_val"], x))
    if name in ("hardshrink", "softshrink"):
        bias = given["lambd"] if name == "softshrink" else None
        return rec.emit("Shrink", x, lambd=float(given["lambd"]), bias=bias)
    if name == "threshold":
        below = rec.emit("LessOrEqual", x, number(given["threshold"], x))
        return rec.emit("Where", below, number(given["value"], x), x)
    rec.refuse(f"calls {name}, which has no rule")


def _softplus(rec: Recorder, cls: Any, x: Any, beta: float, threshold: float) -> Standin:
    if beta == 1:
        return rec.emit("Softplus", x)
    y = rec.emit("Softplus", rec.emit("Mul", x, number(beta, x)))
    return rec.emit("Div", y, number(beta, x))


def _log_sigmoid(rec: Recorder, cls: Any, x: Any) -> Standin:
    return rec.emit("Neg", rec.emit("Softplus", rec.emit("Neg", x)))


# ------------------------------------------------------------------- tables, resampling and columns


def _embedding(rec: Recorder, cls: Any, w: Any, indices: Any, **settings: Any) -> Standin:
    return rec.emit("Gather", w, indices, axis=0)


def _resample(rec: Recorder, cls: Any, x: Any, along: tuple[AxisMap | Taps, ...]) -> Standin:
    if len(along) > 2:
        rec.refuse("resamples three axes, which has no rule")
    return by_matrices(rec, x, [_matrix(each) for each in along])


def _matrix(each: AxisMap | Taps) -> np.ndarray:
    """The matrix (outputs, inputs) of a resampling along an axis."""
    if isinstance(each, AxisMap):
        matrix, rows = np.zeros((len(each.lower), each.size)), np.arange(len(each.lower))
        share = 0 if each.t is None else each.t
        np.add.at(matrix, (rows, each.lower), 1 - share)
        if each.upper is not None:
            np.add.at(matrix, (rows, each.upper), share)
        return matrix
    matrix = np.zeros((each.places.shape[1], each.size))
    rows = np.arange(matrix.shape[0])
    for places, weights, used in zip(each.places, each.weights, each.used, strict=True):
        np.add.at(matrix, (rows, places), np.where(used, weights, 0))
    return matrix


def _one_hot(window: Window, channels: int, dtype: Any) -> np.ndarray:
    """Kernels (C KH KW, 1, KH, KW) that each pick one pixel of a window."""
    kh, kw = window.kernel
    return np.tile(np.eye(kh * kw, dtype=dtype).reshape(kh * kw, 1, kh, kw), (channels, 1, 1, 1))


def _unfold(rec: Recorder, cls: Any, x: Any, window: Window) -> Standin:
    channels = x.shape[1]
    kernels = _one_hot(window, channels, x.dtype)
    y = rec.emit("Conv", x, kernels, group=channels, **window_attributes(window))
    return rec.emit("Reshape", y, [y.shape[0], y.shape[1], y.shape[2] * y.shape[3]])


def _fold(rec: Recorder, cls: Any, x: Any, window: Window, size: Any) -> Standin:
    taps = int(np.prod(window.kernel))
    channels, out = x.shape[1] // taps, window.output_size(*size)
    maps = rec.emit("Reshape", x, [x.shape[0], x.shape[1], *out])
    extra = tuple(int(n - m) for n, m in zip(size, window.input_size(*out), strict=True))
    return rec.emit(
        "ConvTranspose", maps, _one_hot(window, channels, x.dtype), group=channels,
        output_padding=extra if any(extra) else None, **window_attributes(window),
    )  # fmt: skip


RULES: dict[type, Callable[..., Any]] = {
    Conv2d: _conv,
    ConvTranspose2d: _conv_transpose,
    Linear: _linear,
    MaxPool2d: _max_pool,
    AdaptiveMaxPool2d: _adaptive_max,
    AvgPool2d: _avg_pool,
    AdaptiveAvgPool2d: _adaptive_avg,
    BatchNorm: _batch_norm,
    ChannelAffine: _channel_affine,
    RMSNorm: _rms_norm,
    LocalResponseNorm: _lrn,
    PReLU: _prelu,
    ScaledTanh: _scaled_tanh,
    Piecewise: _piecewise,
    Softplus: _softplus,
    LogSigmoid: _log_sigmoid,
    Mish: plain("Mish"),
    Embedding: _embedding,
    Resample: _resample,
    Unfold: _unfold,
    Fold: _fold,
}
