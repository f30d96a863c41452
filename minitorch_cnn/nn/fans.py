"""The spread of random weights: fans, and gains for nonlinearities."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from ..spelling import one_of
from ..tensor.tensor import Tensor

FanMode = Literal["fan_in", "fan_out"]
Nonlinearity = Literal[
    "linear",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "sigmoid",
    "tanh",
    "relu",
    "selu",
    "leaky_relu",
]

GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def calculate_gain(nonlinearity: Nonlinearity, param: float | None = None) -> float:
    """The factor for weights before a nonlinearity that keeps the variance of a signal.

    `param` is the negative slope a of "leaky_relu" (0.01 if None): gain sqrt(2 / (1 + a^2)).

    Raises: ValueError for an unknown nonlinearity.
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in GAINS:
        rule = one_of(nonlinearity, [*GAINS, "leaky_relu"])
        raise ValueError(f"calculate_gain: nonlinearity={nonlinearity!r} {rule}")
    return GAINS[nonlinearity]


class Fans(NamedTuple):
    """The number of inputs to one output, and of outputs that one input reaches."""

    fan_in: int
    fan_out: int


def fans(tensor: Tensor, groups: int = 1) -> Fans:
    """The fans of a weight (O, C/groups, KH, KW) or (O, I).

    fan_in = C/groups * KH * KW, the inputs to one output; fan_out = O/groups * KH * KW, the outputs
    that one input reaches. PyTorch ignores `groups` in fan_out, which makes the variance of a
    depthwise filter of C channels C times too small under mode="fan_out"; here it counts.

    Raises: ValueError if the weight has fewer than two axes or groups does not divide O.
    """
    if tensor.ndim < 2:
        raise ValueError(f"fans: tensor of shape {tensor.shape} must have at least 2 axes")
    outputs, inputs, *window = tensor.shape
    if groups < 1 or outputs % groups:
        raise ValueError(
            f"fans: groups={groups} must be positive and divide the {outputs} output channels"
        )
    area = math.prod(window)
    return Fans(inputs * area, outputs // groups * area)


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> Fans:
    """`fans` with groups=1, under the name that layers written for PyTorch call."""
    return fans(tensor)


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    """fan_in or fan_out; ValueError for another mode."""
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"calculate_correct_fan: mode={mode!r} must be 'fan_in' or 'fan_out'")
    return getattr(fans(tensor), mode)
