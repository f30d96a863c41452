"""In-place activations: `relu_(x)` is x = relu(x), in the memory of x.

tensor/inplace.py documents which writes are refused and how the graph records them.
"""

from __future__ import annotations

from ..tensor.inplace import replace
from ..tensor.inplace_functions import relu_
from ..tensor.tensor import Tensor
from . import activation, composed, piecewise

__all__ = [
    "celu_",
    "elu_",
    "hardtanh_",
    "leaky_relu_",
    "relu_",
    "rrelu_",
    "selu_",
    "threshold_",
]


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """`leaky_relu`, in place."""
    return replace(input, "leaky_relu_", activation.leaky_relu, negative_slope=negative_slope)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`elu`, in place."""
    return replace(input, "elu_", activation.elu, alpha=alpha)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`celu`, in place."""
    return replace(input, "celu_", composed.celu, alpha=alpha)


def selu_(input: Tensor) -> Tensor:
    """`selu`, in place."""
    return replace(input, "selu_", activation.selu)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """`hardtanh`, in place."""
    return replace(input, "hardtanh_", piecewise.hardtanh, min_val=min_val, max_val=max_val)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """`threshold`, in place."""
    return replace(input, "threshold_", piecewise.threshold, threshold=threshold, value=value)


def rrelu_(
    input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False
) -> Tensor:
    """`rrelu`, in place."""
    settings = {"lower": lower, "upper": upper, "training": training}
    return replace(input, "rrelu_", piecewise.rrelu, **settings)
