"""Notebook 4: checks of initialisations, of statistics through depth and of nonlinearities."""

import math

import numpy as np

from ..nn import init
from ..tensor import zeros
from .answer import No, check, compare

SEED = 4


@check
def fans(function) -> str:
    """function(shape) -> (fan_in, fan_out) of a weight (O, I) or (O, C, K, K)."""
    for shape in [(5, 7), (8, 3, 5, 5)]:
        mine, right = tuple(function(shape)), tuple(init.fans(zeros(*shape)))
        if mine != right:
            raise No(f"of a weight of shape {shape} they are not {mine}")
    return "of linear layers and of convolutions"


@check
def deviation(function) -> str:
    """function(rule, fan_in, fan_out) -> standard deviation of the weights."""
    n, m = 300, 100
    for rule, variance in [
        ("lecun", 1 / n),
        ("torch", 1 / (3 * n)),
        ("glorot", 2 / (n + m)),
        ("he", 2 / n),
    ]:
        mine = float(function(rule, n, m))
        if not math.isclose(mine, math.sqrt(variance)):
            ratio = mine**2 / variance
            raise No(f"the variance of rule {rule!r} is {ratio:.3g} times what it should be")
    return "the standard deviations of all four rules"


@check
def signals(function) -> str:
    """function(x, weights, activation) -> the outputs of all layers."""
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((6, 5))
    weights = [rng.standard_normal((5, 5)) for _ in range(4)]
    mine, y = list(function(x, weights, np.tanh)), x
    if len(mine) != 4:
        raise No(f"4 layers give 4 arrays, not {len(mine)}")
    for i, w in enumerate(weights):
        y = np.tanh(y @ w.T)
        compare(mine[i], y, f"the output of layer {i + 1}")
    return "the outputs of every layer"


@check
def gradients(function) -> str:
    """function(gy, weights, outputs, slope) -> gradients of all layers' outputs, first to last."""
    rng = np.random.default_rng(SEED)
    x, gy = rng.standard_normal((6, 5)), rng.standard_normal((6, 5))
    weights, outputs, y = [rng.standard_normal((5, 5)) for _ in range(3)], [], x
    for w in weights:
        y = np.tanh(y @ w.T)
        outputs.append(y)
    mine = list(function(gy, weights, outputs, lambda y: 1 - y**2))
    if len(mine) != 3:
        raise No(f"3 layers give 3 gradients, not {len(mine)}")
    right = [gy]
    for w, y in zip(weights[:0:-1], outputs[:0:-1], strict=True):
        right.insert(0, (right[0] * (1 - y**2)) @ w)
    for i, g in enumerate(right):
        compare(mine[i], g, f"the gradient of the output of layer {i + 1}")
    return "the gradient of every layer's output"


@check
def elu(function) -> str:
    """function(a) = a above 0, e^a - 1 below; arrays, without overflow."""
    a = np.array([-800.0, -2, -1e-9, 0, 1e-9, 3, 800])
    right = np.where(a > 0, a, np.expm1(np.minimum(a, 0)))
    with np.errstate(over="raise"):
        mine = function(a)
    swapped = np.where(a > 0, np.expm1(np.minimum(a, 5)), a)
    if np.allclose(np.asarray(mine)[[1, 5]], swapped[[1, 5]]):
        raise No("the two cases are exchanged, as on a slide that is well known for it")
    compare(mine, right, "elu(a)")
    return "both cases, and no overflow at 800"


@check
def dead(function) -> str:
    """function(y) -> the share of units (columns) that are zero for every sample (row)."""
    y = np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0], [0.0, 3.0, 0.0, 0.0]])
    mine = float(function(y))
    if mine == (y == 0).mean():
        raise No("that is the share of zeros: a dead unit is zero for every sample")
    if mine != 0.5:
        raise No(f"2 of 4 units are dead, not a share of {mine}")
    return "zero for every sample"
