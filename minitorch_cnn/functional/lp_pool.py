"""Power-average pooling: the p-norm of each window, between the sum and the maximum."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..tensor.arithmetic import where
from ..tensor.half import in_float32
from ..tensor.tensor import Tensor
from .avg_pool import avg_pool1d, avg_pool2d
from .checks import check_float
from .geometry import pair
from .max_pool import max_pool1d, max_pool2d

if TYPE_CHECKING:
    from ..tensor.types import Size1d, Size2d


@in_float32
def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Size2d,
    stride: Size2d | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Compute (sum of x^p)^(1/p) over each window, p = norm_type (Sermanet et al. 2012).

    x (N, C, H, W) or (C, H, W) -> y (N, C, OH, OW) or (C, OH, OW), the sizes of avg_pool2d
    p=inf is the maximum of |x|, p=-inf the minimum. Where the sum is 0 so is the gradient. As in
    PyTorch no absolute value is taken: for odd p a negative sum has no root and gives NaN, and a
    window that ceil_mode extends over the edge counts as if it were filled with its mean.

    Raises: ValueError for norm_type 0 or a shape or setting that does not fit, TypeError for dtypes
    other than floats.
    """
    pools = max_pool2d, avg_pool2d
    return _lp_pool("lp_pool2d", 2, pools, input, norm_type, kernel_size, stride, ceil_mode)


@in_float32
def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: Size1d,
    stride: Size1d | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Apply lp_pool2d to signals.    x (N, C, L) or (C, L) -> y (N, C, OL) or (C, OL)"""
    pools = max_pool1d, avg_pool1d
    return _lp_pool("lp_pool1d", 1, pools, input, norm_type, kernel_size, stride, ceil_mode)


def _lp_pool(
    name: str,
    spatial: int,
    pools: tuple[Callable[..., Any], Callable[..., Tensor]],
    input: Tensor,
    norm_type: float,
    kernel_size: Any,
    stride: Any,
    ceil_mode: bool,
) -> Tensor:
    check_float(name, input=input)
    if norm_type == 0 or math.isnan(norm_type):
        raise ValueError(f"{name}: norm_type={norm_type} must be a number other than 0")
    max_pool, avg_pool = pools
    window = {"kernel_size": kernel_size, "stride": stride, "ceil_mode": ceil_mode}
    if math.isinf(norm_type):
        sign = math.copysign(1, norm_type)
        return sign * max_pool(sign * input.abs(), **window)
    size = math.prod(pair(name, "kernel_size", kernel_size, 1, spatial))
    total = avg_pool(input**norm_type, **window) * size
    nothing = total == 0
    return where(nothing, 0.0, where(nothing, 1.0, total) ** (1 / norm_type))
