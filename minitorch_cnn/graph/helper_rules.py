"""Functions of the framework that a capture takes as a whole: norms, resampling, checks of values.

They lie between what users call and the operations: each is replaced in its module while a model
is captured, and calls the original for tensors that are not captured.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..functional.norm import check_dtypes, check_vectors
from ..tensor import Tensor
from .layer_rules import rectified
from .recorder import Recorder
from .standin import Standin

PACKAGE = __name__.partition(".")[0]


class Helper(NamedTuple):
    """The function `name` of a module is replaced by rule(recorder, original, *args, **named)."""

    place: str
    name: str
    rule: Callable[..., Any]

    @property
    def module(self) -> Any:
        """The module, which may have the name of a function beside it."""
        return importlib.import_module(f"{PACKAGE}.{self.place}")


def _batch_norm(
    rec: Recorder, original: Any, name: str, input: Tensor, running_mean: Any, running_var: Any,
    weight: Any, bias: Any, training: bool, momentum: float, eps: float, relu: bool = False,
    ceiling: float = math.inf,
) -> Tensor:  # fmt: skip
    if training or running_mean is None:
        given = running_mean, running_var, weight, bias, training, momentum, eps
        return original(name, input, *given, relu=relu, ceiling=ceiling)
    tensors = {"weight": weight, "bias": bias}
    running = {"running_mean": running_mean, "running_var": running_var}
    check_dtypes(name, input, **tensors, **running)
    if input.ndim < 2:
        raise ValueError(f"{name}: input of shape {input.shape} must be (N, C) or (N, C, *)")
    check_vectors(name, input.shape[1:2], **tensors, **running)
    channels = (input.shape[1],)
    weight = np.ones(channels, input.dtype) if weight is None else weight
    bias = np.zeros(channels, input.dtype) if bias is None else bias
    y = rec.emit("BatchNormalization", input, weight, bias, running_mean, running_var,
                 epsilon=float(eps))  # fmt: skip
    return Tensor(rectified(rec, y, ceiling) if relu else y)


def _standardised(rec: Recorder, original: Any, x: Tensor, rows: int, eps: float) -> Any:
    """x^ of each of `rows` equal parts: a layer norm, an instance norm, or that of groups."""
    shape = x.shape
    # The batch is an axis of rows also where it has one image.
    left, axis = (rows, 0) if rows % shape[0] else (rows // shape[0], 1)
    while axis < len(shape) and left > 1 and left % shape[axis] == 0:
        left //= shape[axis]
        axis += 1
    ndim = len(shape)
    if left == 1 and axis == 2 and ndim > 2:
        y = _instances(rec, x, shape[1], eps)
    elif left == 1 and 0 < axis < ndim:
        scale = np.ones(shape[axis:], x.dtype)
        y = rec.emit("LayerNormalization", x, scale, axis=axis - ndim, epsilon=float(eps))
    elif rows % shape[0] == 0 and shape[1] % (rows // shape[0]) == 0:
        groups = rows // shape[0]
        size = int(np.prod(shape[1:])) // groups
        parts = rec.emit("Reshape", x, [shape[0], groups, size])
        y = rec.emit("Reshape", _instances(rec, parts, groups, eps), list(shape))
    else:
        return original(x, rows, eps)
    return Tensor(y), None, None


def _instances(rec: Recorder, x: Any, channels: int, eps: float) -> Standin:
    one, zero = np.ones(channels, x.dtype), np.zeros(channels, x.dtype)
    return rec.emit("InstanceNormalization", x, one, zero, epsilon=float(eps))


def _resampled(
    rec: Recorder, original: Any, input: Tensor, axes: Any, mode: str, align_corners: bool,
    antialias: bool,
) -> Tensor:  # fmt: skip
    """Resize; averages and antialiased modes are products with the matrices of their weights."""
    if mode == "area" or antialias:
        return original(input, axes, mode, align_corners, antialias)
    kinds = {"nearest": "nearest", "nearest-exact": "nearest", "bicubic": "cubic"}
    given: dict[str, Any] = {"mode": kinds.get(mode, "linear")}
    if given["mode"] == "nearest":
        exact = mode == "nearest-exact"
        given["coordinate_transformation_mode"] = "half_pixel" if exact else "asymmetric"
        given["nearest_mode"] = "round_prefer_ceil" if exact else "floor"
    elif align_corners:
        given["coordinate_transformation_mode"] = "align_corners"
    scales = [scale for _, _, scale in axes]
    sizes = [int(out) for _, out, _ in axes]
    spatial = tuple(range(2, 2 + len(sizes)))
    if None not in scales and not align_corners:
        factors = np.asarray(scales, np.float32)
        return Tensor(rec.emit("Resize", input, None, factors, axes=spatial, **given))
    return Tensor(rec.emit("Resize", input, None, None, sizes, axes=spatial, **given))


def _check_indices(rec: Recorder, original: Any, name: str, indices: Any, *rest: Any) -> None:
    """Whether indices are in range is not known before the graph runs."""
    if not isinstance(indices, Standin):
        original(name, indices, *rest)


def _checked_index(
    rec: Recorder, original: Any, name: str, input: Tensor, dim: int, index: Tensor
) -> Any:
    if not isinstance(index.array, Standin):
        return original(name, input, dim, index)
    return index.array, dim % input.ndim


HELPERS = (
    Helper("functional.norm", "_batch_norm", _batch_norm),
    Helper("functional.norm", "standardised", _standardised),
    Helper("functional.instance_norm", "standardised", _standardised),
    Helper("functional.interpolate", "_resampled", _resampled),
    Helper("functional.embedding", "check_indices", _check_indices),
    Helper("tensor.gathering", "_checked_index", _checked_index),
)
