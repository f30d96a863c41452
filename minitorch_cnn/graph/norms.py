"""Products and norms of a graph."""

from __future__ import annotations

import math
from typing import Any

from .. import functional as F
from ..tensor import Tensor, where
from .ir import Node

X = Tensor


def gemm(node: Node, a: X, b: X, c: X | None = None) -> X:
    a = a.t() if node.get("transA") else a
    alpha, beta = node.get("alpha"), node.get("beta")
    if node.get("transB") and alpha == beta == 1 and (c is None or c.shape == b.shape[:1]):
        return F.linear(a, b, c)
    y = a @ (b.t() if node.get("transB") else b)
    y = y if alpha == 1 else y * alpha
    return y if c is None else y + (c if beta == 1 else c * beta)


def batch_norm(node: Node, x: X, scale: X, b: X, mean: X, var: X) -> X:
    if node.get("training_mode"):
        raise ValueError(f"{node.name} (BatchNormalization): training_mode=1 is not supported")
    mean, var = mean.detach(), var.detach()
    return F.batch_norm(x, mean, var, scale, b, eps=node.get("epsilon"))


def batch_norm_in_training(node: Node, x: X, scale: X, b: X, mean: X, var: X) -> X:
    """By the statistics of x, which move the running ones, as nn.BatchNorm2d's do."""
    settings = {"momentum": 1 - node.get("momentum"), "eps": node.get("epsilon")}
    return F.batch_norm(x, mean, var, scale, b, training=True, **settings)


def standardised(x: X, axes: tuple[int, ...], eps: float) -> X:
    centred = x - x.mean(axes, keepdim=True)
    return centred / (centred.square().mean(axes, keepdim=True) + eps).sqrt()


def of_channels(w: X, ndim: int) -> X:
    return w.reshape((-1,) + (1,) * (ndim - 2))


def instance_norm(node: Node, x: X, scale: X, b: X) -> X:
    if math.prod(x.shape[2:]) > 1 and x.numel():
        return F.instance_norm(x, weight=scale, bias=b, eps=node.get("epsilon"))
    y = standardised(x, tuple(range(2, x.ndim)), node.get("epsilon"))
    return y * of_channels(scale, x.ndim) + of_channels(b, x.ndim)


def group_norm(node: Node, x: X, scale: X, b: X) -> X:
    groups, channels = node.get("num_groups"), x.shape[1]
    if scale.shape[0] == groups != channels:  # one for each group, as in opset 18
        scale, b = (t.repeat_interleave(channels // groups) for t in (scale, b))
    return F.group_norm(x, groups, scale, b, eps=node.get("epsilon"))


def layer_norm(node: Node, x: X, scale: X, b: X | None = None) -> Any:
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
    y = standardised(x, tuple(range(-len(shape), 0)), node.get("epsilon")) * scale
    return y if b is None else y + b


def rms_norm(node: Node, x: X, scale: X) -> X:
    shape = x.shape[node.get("axis") % x.ndim :]
    if scale.shape == shape:
        return F.rms_norm(x, shape, scale, eps=node.get("epsilon"))
    return F.rms_norm(x, shape, eps=node.get("epsilon")) * scale


def lrn(node: Node, x: X) -> X:
    size = node.get("size")
    settings = size, node.get("alpha"), node.get("beta"), node.get("bias")
    if size % 2:
        return F.local_response_norm(x, *settings)
    # An even window reaches further forward here, further back there.
    return F.local_response_norm(x.flip(1), *settings).flip(1)


def lp_norm(node: Node, x: X) -> X:
    axis = node.get("axis")
    size = x.abs().sum(axis, keepdim=True) if node.get("p") == 1 else x.norm(2, axis, keepdim=True)
    return where(size == 0, x * 0, x / where(size == 0, size + 1, size))
