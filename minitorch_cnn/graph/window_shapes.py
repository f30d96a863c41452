"""Shapes of operators with sliding windows: convolutions and pooling; auto_pad and ceil_mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .given import Given, Type, unknown
from .sizes import UNKNOWN, Free, Shape, Size, agree


def same_pads(
    size: int, span: int, stride: int, upper: bool, transposed: bool = False
) -> tuple[int, int]:
    """The padding of auto_pad SAME_UPPER or SAME_LOWER: outputs = ceil(size / stride)."""
    if transposed:  # outputs = size * stride
        total = max((size - 1) * stride + span - size * stride, 0)
    else:
        total = max((-(-size // stride) - 1) * stride + span - size, 0)
    return (total // 2, total - total // 2) if upper else (total - total // 2, total // 2)


def windows_along(size: Size, span: int, stride: int, pads: tuple[int, int], ceil: bool) -> Size:
    """The number of windows along an axis; with `ceil`, one may end beyond the padding."""
    space: Any = size + sum(pads) - span
    if not ceil:
        return space // stride + 1
    if isinstance(space, Free):
        return UNKNOWN if stride > 1 else space + 1
    count = -(-space // stride) + 1
    # A window that would start in the padding after the input is omitted.
    return count - 1 if (count - 1) * stride >= space + span - pads[1] else count


def settings_of(get: Any, spatial: int, kernel: Sequence[int]) -> tuple[list[int], list[int]]:
    """The strides, and the spans of the kernel with its dilations."""
    strides: list[int] = list(get("strides") or (1,) * spatial)
    dilations = get("dilations") or (1,) * spatial
    return strides, [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]


def pads_of(
    get: Any, sizes: Sequence[Any], strides: Sequence[int], spans: Sequence[int]
) -> list[tuple[int, int]]:
    """The padding before and after each spatial axis; auto_pad needs known sizes."""
    auto = get("auto_pad") or "NOTSET"
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        upper = auto == "SAME_UPPER"
        return [same_pads(n, k, s, upper) for n, k, s in zip(sizes, spans, strides, strict=True)]
    n = len(sizes)
    pads = get("pads") if auto == "NOTSET" else None
    pads = list(pads or (0,) * (2 * n))
    return list(zip(pads[:n], pads[n:], strict=True))


def _windows(g: Given, x: Shape, kernel: Sequence[int]) -> Shape:
    sizes = x[2:]
    strides, spans = settings_of(g.get, len(sizes), kernel)
    if (g.get("auto_pad") or "NOTSET").startswith("SAME"):
        return tuple(
            -(-n // s) if isinstance(n, int) else (n if s == 1 else UNKNOWN)
            for n, s in zip(sizes, strides, strict=True)
        )
    pads = pads_of(g.get, sizes, strides, spans)
    ceil = bool(g.get("ceil_mode"))
    out = tuple(
        windows_along(n, k, s, p, ceil)
        for n, k, s, p in zip(sizes, spans, strides, pads, strict=True)
    )
    if any(isinstance(n, int) and n < 1 for n in out):
        g.refuse(f"a window of {tuple(spans)} does not fit into an input of shape {x}")
    return out


def conv(g: Given) -> list[Type]:
    x, w = g.shape(0), g.shape(1)
    if x is None or w is None:
        return [Type(g.dtype(), None if x is None else unknown(len(x)))]
    group = g.get("group")
    if len(x) != len(w) or not agree(x[1], w[1] * group):
        g.refuse(f"weight of shape {w} with group={group} does not fit an input of shape {x}")
    kernel: Any = g.get("kernel_shape") or w[2:]
    return [Type(g.dtype(), (x[0], w[0], *_windows(g, x, kernel)))]


def conv_transpose(g: Given) -> list[Type]:
    x, w = g.shape(0), g.shape(1)
    if x is None or w is None:
        return [Type(g.dtype(), None if x is None else unknown(len(x)))]
    if len(x) != len(w) or not agree(x[1], w[0]):
        g.refuse(f"weight of shape {w} does not fit an input of shape {x}")
    spatial = len(x) - 2
    kernel: Any = g.get("kernel_shape") or w[2:]
    strides, spans = settings_of(g.get, spatial, kernel)
    auto, sizes = g.get("auto_pad") or "NOTSET", x[2:]
    if g.get("output_shape"):
        out = tuple(g.get("output_shape")[-spatial:])
    elif auto.startswith("SAME"):
        out = tuple(n * s for n, s in zip(sizes, strides, strict=True))
    else:
        extra = g.get("output_padding") or (0,) * spatial
        pads = pads_of(g.get, sizes, strides, spans)
        out = tuple(
            (n - 1) * s + k - sum(p) + e
            for n, s, k, p, e in zip(sizes, strides, spans, pads, extra, strict=True)
        )
    return [Type(g.dtype(), (x[0], w[1] * g.get("group"), *out))]


def pool(g: Given) -> list[Type]:
    x = g.shape()
    if x is None:
        return [Type(g.dtype(), None)]
    kernel = g.get("kernel_shape")
    if kernel is None or len(kernel) != len(x) - 2:
        g.refuse(f"kernel_shape={kernel} must have {len(x) - 2} sizes")
    shape = (*x[:2], *_windows(g, x, kernel))
    return [Type(g.dtype(), shape), Type(_int64(), shape)][: len(g.node.outputs)]


def global_pool(g: Given) -> list[Type]:
    x = g.shape()
    return [Type(g.dtype(), None if x is None else (*x[:2], *(1,) * (len(x) - 2)))]


def _int64() -> Any:
    from .. import dtypes

    return dtypes.int64
