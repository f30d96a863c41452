"""Steps of optimizers: update parameters p and state by the gradients g, in place.

All arrays of a step have the same shape; p and the state are written, g is not. State that only
some settings need is None without them. minitorch_cnn.optim documents formulas and sources;
loops.py has the formulas for one element.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..cuda.array import anywhere, with_floats
from ..dispatch import standard
from ..jit import can_compile
from . import loops, vectorised


class Case(NamedTuple):
    """The properties by which an implementation is chosen: array type, contiguity of all arrays."""

    array: type
    dtype: np.dtype
    contiguous: bool


def _compiles(case: Case) -> bool:
    return can_compile(case) and case.contiguous


def _in_order(where: Callable) -> Callable:
    return lambda case: case.contiguous and with_floats(where)(case)


def _compiled():
    from . import compiled

    return compiled


def _cuda():
    from . import cuda

    return cuda


OPERATOR = standard(
    "optimizer",
    loops,
    vectorised,
    _compiled,
    _cuda,
    numpy_can=anywhere,
    numba_can=_compiles,
    cuda_can=_in_order,
)


def sgd_step(
    p: np.ndarray,
    g: np.ndarray,
    v: np.ndarray | None,
    lr: float,
    momentum: float = 0.0,
    gain: float = 1.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> None:
    """v = momentum v + gain g, p -= lr v. Without momentum there is no v."""
    implementation = _implementation("sgd_step", p, g, v)
    implementation.sgd_step(p, g, v, lr, momentum, gain, weight_decay, nesterov)


def lars_step(
    p: np.ndarray, g: np.ndarray, v: np.ndarray, rate: float, momentum: float, weight_decay: float
) -> None:
    """v = momentum v + rate (g + weight_decay p), p -= v; the caller computes the rate."""
    _implementation("lars_step", p, g, v).lars_step(p, g, v, rate, momentum, weight_decay)


def rmsprop_step(
    p: np.ndarray,
    g: np.ndarray,
    s: np.ndarray,
    m: np.ndarray | None,
    b: np.ndarray | None,
    lr: float,
    alpha: float,
    eps: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> None:
    """s = alpha s + (1 - alpha) g^2, p -= lr g / (sqrt(s) + eps).

    m: the running mean of g, if centered; b: the running step, with momentum.
    """
    implementation = _implementation("rmsprop_step", p, g, s, m, b)
    implementation.rmsprop_step(p, g, s, m, b, lr, alpha, eps, momentum, weight_decay)


def adam_step(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    s: np.ndarray,
    largest: np.ndarray | None,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> None:
    """m and s are running means of g and g^2, p -= lr m^ / (sqrt(s^) + eps); step counts from 1.

    largest: the running maximum of s that replaces it, with amsgrad.
    decoupled: weight_decay as in AdamW.
    """
    rate = lr / (1 - betas[0] ** step)
    correction = math.sqrt(1 - betas[1] ** step)
    shrink = 1 - lr * weight_decay if decoupled else 1.0
    decay = 0.0 if decoupled else weight_decay
    implementation = _implementation("adam_step", p, g, m, s, largest)
    implementation.adam_step(p, g, m, s, largest, rate, *betas, eps, correction, decay, shrink)


def _implementation(name: str, p: np.ndarray, *others: np.ndarray | None):
    contiguous = p.flags.c_contiguous
    for array in others:
        if array is not None:
            if array.shape != p.shape:
                raise ValueError(f"{name}: an array has the shape {array.shape}, p {p.shape}")
            contiguous &= array.flags.c_contiguous
    return OPERATOR.choose(Case(type(p), p.dtype, contiguous))
